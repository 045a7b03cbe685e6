#include "base/loop.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_PER_WAIT = 32 };

struct watch {
    struct loop *loop;
    int fd;
    watch_fn call;
    void *context;
    bool dead; /* freed during a round of callbacks: an event of that round may still name it */
    struct watch *next_dead;
};

struct timer {
    struct loop *loop;
    timer_fn call;
    void *context;
    uint64_t deadline_ns; /* 0: not running */
    struct timer *next, **link;
};

struct post {
    post_fn call;
    void *context;
    struct post *next;
};

struct loop {
    int epoll;
    bool stopped;
    struct watch *dead;
    struct timer *timers; /* the first due first */
    uint64_t now_ns;      /* up to which they ran, or are running */
    int clock;            /* a timerfd: epoll's own timeouts have a slack of a thousandth or more */
    uint64_t armed_ns;    /* when the clock wakes the loop, or did */
    struct watch *clock_watch;

    pthread_mutex_t lock; /* guards the posts */
    struct post *posts, **posts_end;
    int wake;
    struct watch *wake_watch;

    int signals;
    sigset_t signal_set;
    struct watch *signal_watch;
    struct {
        signal_fn call;
        void *context;
    } signal_calls[NSIG];
};

uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void run_posts(void *context, uint32_t events)
{
    struct loop *loop = context;
    struct post *post;
    uint64_t count;

    (void)events;
    if (read(loop->wake, &count, sizeof count) < 0)
        return;
    pthread_mutex_lock(&loop->lock);
    post = loop->posts;
    loop->posts = NULL;
    loop->posts_end = &loop->posts;
    pthread_mutex_unlock(&loop->lock);
    while (post) {
        struct post *next = post->next;

        post->call(post->context);
        free(post);
        post = next;
    }
}

/* That the loop wakes is all that is wanted; watched for edges, nothing has to be read. */
static void on_clock(void *context, uint32_t events)
{
    (void)context;
    (void)events;
}

int loop_new(struct loop **out, struct error *error)
{
    struct loop *loop = xcalloc(1, sizeof *loop);
    int code;

    pthread_mutex_init(&loop->lock, NULL);
    loop->posts_end = &loop->posts;
    loop->signals = -1;
    sigemptyset(&loop->signal_set);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll < 0 || loop->wake < 0 || loop->clock < 0) {
        code = error_errno(error, "cannot make an event loop");
        loop_free(loop);
        return code;
    }
    code = loop_watch(loop, loop->wake, EPOLLIN, run_posts, loop, &loop->wake_watch, error);
    if (code == 0)
        code = loop_watch(loop, loop->clock, EPOLLIN | EPOLLET, on_clock, loop, &loop->clock_watch,
                          error);
    if (code < 0) {
        loop_free(loop);
        return code;
    }
    *out = loop;
    return 0;
}

static void free_dead(struct loop *loop)
{
    while (loop->dead) {
        struct watch *next = loop->dead->next_dead;

        free(loop->dead);
        loop->dead = next;
    }
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    watch_free(loop->wake_watch);
    watch_free(loop->clock_watch);
    watch_free(loop->signal_watch);
    free_dead(loop);
    while (loop->posts) {
        struct post *next = loop->posts->next;

        free(loop->posts);
        loop->posts = next;
    }
    if (loop->signals >= 0)
        close(loop->signals);
    if (loop->wake >= 0)
        close(loop->wake);
    if (loop->clock >= 0)
        close(loop->clock);
    if (loop->epoll >= 0)
        close(loop->epoll);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

int loop_watch(struct loop *loop, int fd, uint32_t events, watch_fn call, void *context,
               struct watch **out, struct error *error)
{
    struct watch *watch = xcalloc(1, sizeof *watch);
    struct epoll_event event = {.events = events, .data.ptr = watch};

    *watch = (struct watch){.loop = loop, .fd = fd, .call = call, .context = context};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(watch);
        return error_errno(error, "cannot watch file descriptor %d", fd);
    }
    *out = watch;
    return 0;
}

void watch_events(struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    epoll_ctl(watch->loop->epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

void watch_free(struct watch *watch)
{
    if (!watch || watch->dead)
        return;
    epoll_ctl(watch->loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->dead = true;
    watch->next_dead = watch->loop->dead;
    watch->loop->dead = watch;
}

struct timer *loop_timer(struct loop *loop, timer_fn call, void *context)
{
    struct timer *timer = xcalloc(1, sizeof *timer);

    *timer = (struct timer){.loop = loop, .call = call, .context = context};
    return timer;
}

void timer_stop(struct timer *timer)
{
    if (!timer->deadline_ns)
        return;
    timer->deadline_ns = 0;
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
}

void timer_start(struct timer *timer, uint64_t delay_ns)
{
    timer_start_at(timer, clock_ns() + delay_ns);
}

/* A run has some tens of timers: a sorted list is enough. */
void timer_start_at(struct timer *timer, uint64_t deadline_ns)
{
    struct timer **at = &timer->loop->timers;

    timer_stop(timer);
    /* One that is due already waits all the same until all that is watched had its turn. */
    timer->deadline_ns = deadline_ns > timer->loop->now_ns ? deadline_ns : timer->loop->now_ns + 1;
    while (*at && (*at)->deadline_ns <= timer->deadline_ns)
        at = &(*at)->next;
    timer->next = *at;
    timer->link = at;
    if (timer->next)
        timer->next->link = &timer->next;
    *at = timer;
}

void timer_free(struct timer *timer)
{
    if (!timer)
        return;
    timer_stop(timer);
    free(timer);
}

static void read_signals(void *context, uint32_t events)
{
    struct loop *loop = context;
    struct signalfd_siginfo info;

    (void)events;
    while (read(loop->signals, &info, sizeof info) == sizeof info)
        loop->signal_calls[info.ssi_signo].call(loop->signal_calls[info.ssi_signo].context,
                                                (int)info.ssi_signo);
}

int loop_signal(struct loop *loop, int signal_number, signal_fn call, void *context,
                struct error *error)
{
    int fd;

    sigaddset(&loop->signal_set, signal_number);
    pthread_sigmask(SIG_BLOCK, &loop->signal_set, NULL);
    fd = signalfd(loop->signals, &loop->signal_set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_errno(error, "cannot receive signal %d", signal_number);
    loop->signals = fd;
    loop->signal_calls[signal_number].call = call;
    loop->signal_calls[signal_number].context = context;
    if (loop->signal_watch)
        return 0;
    return loop_watch(loop, fd, EPOLLIN, read_signals, loop, &loop->signal_watch, error);
}

void loop_post(struct loop *loop, post_fn call, void *context)
{
    struct post *post = xcalloc(1, sizeof *post);
    uint64_t one = 1;

    post->call = call;
    post->context = context;
    pthread_mutex_lock(&loop->lock);
    *loop->posts_end = post;
    loop->posts_end = &post->next;
    pthread_mutex_unlock(&loop->lock);
    /* EAGAIN means the counter is full, so the loop is about to wake anyway. */
    if (write(loop->wake, &one, sizeof one) < 0)
        return;
}

static void run_timers(struct loop *loop)
{
    if (loop->timers)
        loop->now_ns = clock_ns();
    while (!loop->stopped && loop->timers && loop->timers->deadline_ns <= loop->now_ns) {
        struct timer *timer = loop->timers;

        timer_stop(timer);
        timer->call(timer->context);
    }
}

/* Has the clock wake the loop for its first timer. Returns how long epoll may wait: for ever, or
 * not at all. Where the clock wakes it earlier, for a timer that was stopped, that does no harm. */
static int arm(struct loop *loop)
{
    uint64_t deadline_ns, now_ns;
    struct itimerspec at = {0};

    if (!loop->timers)
        return -1;
    now_ns = clock_ns();
    deadline_ns = loop->timers->deadline_ns;
    if (deadline_ns <= now_ns)
        return 0;
    if (loop->armed_ns > now_ns && loop->armed_ns <= deadline_ns)
        return -1;
    at.it_value.tv_sec = (time_t)(deadline_ns / NS_PER_S);
    at.it_value.tv_nsec = (long)(deadline_ns % NS_PER_S);
    timerfd_settime(loop->clock, TFD_TIMER_ABSTIME, &at, NULL);
    loop->armed_ns = deadline_ns;
    return -1;
}

void loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_PER_WAIT];

    loop->stopped = false;
    while (!loop->stopped) {
        int count = epoll_wait(loop->epoll, events, EVENTS_PER_WAIT, arm(loop));

        for (int i = 0; i < count && !loop->stopped; i++) {
            struct watch *watch = events[i].data.ptr;

            if (!watch->dead)
                watch->call(watch->context, events[i].events);
        }
        run_timers(loop);
        free_dead(loop);
    }
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
