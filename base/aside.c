#include "base/aside.h"

#include "base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct aside {
    aside_work_fn work;
    aside_done_fn done;
    void *context;
    pthread_t thread;
    bool has_thread;
    int event; /* the thread has ended */
    struct watch *watch;
    int code; /* the thread's, until then, as the next */
    struct error error;
};

static void *run(void *context)
{
    struct aside *aside = context;

    aside->code = aside->work(aside->context, &aside->error);
    eventfd_write(aside->event, 1);
    return NULL;
}

static void join(struct aside *aside)
{
    if (aside->has_thread)
        pthread_join(aside->thread, NULL);
    aside->has_thread = false;
}

static void on_event(void *context, uint32_t events)
{
    struct aside *aside = context;
    struct error error;
    (void)events;

    join(aside);
    watch_free(steal_pointer(&aside->watch));
    error = aside->error;
    aside->done(aside->context, aside->code, &error);
}

static int start_thread(struct aside *aside, struct error *error)
{
    sigset_t all, before;
    int status;

    /* Signals are for the thread that handles them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&aside->thread, NULL, run, aside);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0)
        return error_set(error, status, "cannot start a thread: %s", strerror(status));
    aside->has_thread = true;
    return 0;
}

int aside_start(struct loop *loop, aside_work_fn work, aside_done_fn done, void *context,
                struct aside **out, struct error *error)
{
    struct aside *aside = xcalloc(1, sizeof *aside);
    int code = 0;

    *aside = (struct aside){.work = work, .done = done, .context = context};
    aside->event = eventfd(0, EFD_CLOEXEC);
    if (aside->event < 0)
        code = error_errno(error, "cannot make an eventfd");
    if (code == 0)
        code = loop_watch(loop, aside->event, EPOLLIN, on_event, aside, &aside->watch, error);
    if (code == 0)
        code = start_thread(aside, error);
    if (code < 0) {
        aside_free(aside);
        return code;
    }
    *out = aside;
    return 0;
}

void aside_free(struct aside *aside)
{
    if (!aside)
        return;
    join(aside);
    watch_free(aside->watch);
    if (aside->event >= 0)
        close(aside->event);
    free(aside);
}
