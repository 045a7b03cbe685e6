/* Time that passes only when nothing else can happen: clock_ns and the loop's waiting go through
 * the functions below instead of the C library's, so that minutes take no time, and a busy
 * machine decides no test. Include it in one file of a program. */
#ifndef DUET_TESTS_VIRTUAL_TIME_H
#define DUET_TESTS_VIRTUAL_TIME_H

#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    uint64_t now_ns;
    uint64_t per_wait_ns; /* passes at each wait that something ends */
    uint64_t clock_ns;    /* when the loop's clock wakes it */
    size_t real_waits;    /* so many more waits must be ended by something real */
} virtual_time = {.now_ns = 1000 * NS_PER_S};

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec = (time_t)(virtual_time.now_ns / NS_PER_S);
    now->tv_nsec = (long)(virtual_time.now_ns % NS_PER_S);
    return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *before)
{
    (void)fd;
    (void)before;
    assert_int_equal(flags, TFD_TIMER_ABSTIME);
    virtual_time.clock_ns =
        (uint64_t)at->it_value.tv_sec * NS_PER_S + (uint64_t)at->it_value.tv_nsec;
    return 0;
}

/* A thread that works beside the loop tells it by an eventfd when it is done: something real. The
 * loop's own, for signals, is one that does not block. */
int eventfd(unsigned count, int flags)
{
    virtual_time.real_waits += !(flags & EFD_NONBLOCK);
    return (int)syscall(SYS_eventfd2, count, flags);
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    int count = epoll_pwait(fd, events, max, virtual_time.real_waits > 0 ? -1 : 0, NULL);

    if (count > 0) {
        virtual_time.now_ns += virtual_time.per_wait_ns;
        virtual_time.real_waits -= virtual_time.real_waits > 0;
    } else if (timeout_ms < 0 && virtual_time.clock_ns <= virtual_time.now_ns) {
        fail_msg("the loop waits for ever");
    } else if (timeout_ms < 0) {
        virtual_time.now_ns = virtual_time.clock_ns;
    }
    return count;
}

static inline void virtual_time_stop(void *context)
{
    loop_stop(context);
}

/* Lets time pass, and what is due in it happen. */
static inline void virtual_time_pass(struct loop *loop, uint64_t duration_ns)
{
    struct timer *end = loop_timer(loop, virtual_time_stop, loop);

    timer_start(end, duration_ns);
    loop_run(loop);
    timer_free(end);
}

#endif
