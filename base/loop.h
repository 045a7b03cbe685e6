/* The event loop: one thread, epoll, absolute monotonic deadlines, signals as events.
 *
 * Everything that duet waits for is a watch, a timer, a signal or a posted call; nothing polls.
 * Only loop_post may be called from another thread. A callback may free any watch or timer, its
 * own included, and may stop the loop. */
#ifndef DUET_BASE_LOOP_H
#define DUET_BASE_LOOP_H

#include "base/error.h"

#include <stdint.h>

struct loop;
struct watch;
struct timer;

typedef void (*watch_fn)(void *context, uint32_t events); /* events as in epoll(7) */
typedef void (*timer_fn)(void *context);
typedef void (*signal_fn)(void *context, int signal_number);
typedef void (*post_fn)(void *context);

int loop_new(struct loop **loop, struct error *error);
/* Every watch and timer must have been freed; calls still posted are dropped. NULL is fine. */
void loop_free(struct loop *loop);

/* Watches `fd`, which stays the caller's, for `events` (EPOLLIN, …). */
int loop_watch(struct loop *loop, int fd, uint32_t events, watch_fn call, void *context,
               struct watch **watch, struct error *error);
void watch_events(struct watch *watch, uint32_t events);
/* NULL is fine. Free the watch before closing its fd. */
void watch_free(struct watch *watch);

/* A timer that is not running. */
struct timer *loop_timer(struct loop *loop, timer_fn call, void *context);
/* Fires once, `delay_ns` from now, never earlier, and as soon after it as the kernel runs the loop;
 * replaces an earlier setting. */
void timer_start(struct timer *timer, uint64_t delay_ns);
/* The same, when clock_ns() gets there. */
void timer_start_at(struct timer *timer, uint64_t deadline_ns);
void timer_stop(struct timer *timer);
/* NULL is fine. */
void timer_free(struct timer *timer);

/* Blocks the signal in the calling thread (so call it before making others) and delivers it as a
 * call from the loop. Once per signal number. */
int loop_signal(struct loop *loop, int signal_number, signal_fn call, void *context,
                struct error *error);

/* Has `call(context)` run by the loop's thread, in the order of the posts. From any thread. */
void loop_post(struct loop *loop, post_fn call, void *context);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC: time in which the host is suspended does not count against a deadline. */
uint64_t clock_ns(void);

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

#endif
