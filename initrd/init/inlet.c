#include "initrd/init/inlet.h"

#include "base/memory.h"
#include "initrd/init/fail.h"
#include "initrd/init/process.h"
#include "initrd/init/terminal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { GRANT = WIRE_WINDOW / 2 }; /* bytes: room is given back in steps as large */

static void inlet_free(struct inlet *inlet)
{
    struct inlet **at = &inlet->agent->inlets;

    while (*at != inlet)
        at = &(*at)->next;
    *at = inlet->next;
    if (inlet->process)
        inlet->process->in = NULL;
    buffer_free(&inlet->queue);
    free(inlet);
}

static void close_pipe(struct inlet *inlet)
{
    if (inlet->fd < 0)
        return;
    watch_free(inlet->watch);
    inlet->watch = NULL;
    close(inlet->fd);
    inlet->fd = -1;
    buffer_free(&inlet->queue);
    inlet->at = 0;
}

static void grant(struct inlet *inlet, uint64_t bytes)
{
    struct channel *ctl = &inlet->agent->ctl;

    inlet->granted = true;
    inlet->room += bytes;
    reply_next(channel_out(ctl), inlet->number, bytes);
    channel_flush(ctl);
}

/* `count` bytes need no more room here. */
static void count_taken(struct inlet *inlet, size_t count)
{
    inlet->taken += count;
    if (inlet->taken < GRANT || inlet->closed)
        return;
    grant(inlet, inlet->taken);
    inlet->taken = 0;
}

/* How many bytes the pipe takes now; all of them where nobody reads it any more. */
static size_t push(struct inlet *inlet, const char *bytes, size_t count)
{
    size_t pushed = 0;

    while (inlet->fd >= 0 && pushed < count) {
        ssize_t n = write(inlet->fd, bytes + pushed, count - pushed);

        if (n < 0 && errno == EAGAIN)
            return pushed;
        if (n >= 0)
            pushed += (size_t)n;
        else if (errno != EINTR)
            close_pipe(inlet);
    }
    return count;
}

static void on_room(void *context, uint32_t events);

static void await_room(struct inlet *inlet)
{
    struct error error = {0};

    if (inlet->watch)
        watch_events(inlet->watch, EPOLLOUT | EPOLLONESHOT);
    else
        must(loop_watch(inlet->agent->loop, inlet->fd, EPOLLOUT | EPOLLONESHOT, on_room, inlet,
                        &inlet->watch, &error),
             &error);
}

/* The host has closed it, and everything is in the pipe. */
static void finish(struct inlet *inlet)
{
    close_pipe(inlet);
    inlet_free(inlet);
}

static void on_room(void *context, uint32_t events)
{
    struct inlet *inlet = context;
    size_t pushed = push(inlet, inlet->queue.data + inlet->at, inlet->queue.length - inlet->at);

    (void)events;
    inlet->at += inlet->fd < 0 ? 0 : pushed;
    count_taken(inlet, pushed);
    if (inlet->fd >= 0 && inlet->at < inlet->queue.length) {
        await_room(inlet);
        return;
    }
    buffer_clear(&inlet->queue);
    inlet->at = 0;
    if (inlet->closed)
        finish(inlet);
}

static void take_bytes(struct inlet *inlet, const char *bytes, size_t count)
{
    size_t pushed = 0;

    inlet->room -= count;
    inlet->last = bytes[count - 1];
    if (inlet->queue.length == 0)
        pushed = push(inlet, bytes, count);
    if (pushed < count) {
        buffer_append(&inlet->queue, bytes + pushed, count - pushed);
        if (inlet->queue.length == count - pushed)
            await_room(inlet);
    }
    count_taken(inlet, pushed);
}

static void take_end(struct inlet *inlet)
{
    inlet->closed = true;
    if (inlet->terminal && inlet->fd >= 0) {
        terminal_end(inlet->fd, inlet->last, &inlet->queue);
        on_room(inlet, 0);
    } else if (inlet->queue.length == 0) {
        finish(inlet);
    }
}

/* The input ends here, whatever else the host still sends. */
static void refuse(struct inlet *inlet, const char *reason)
{
    struct process *process = inlet->process;

    if (process && !process->is_command)
        process_abort(process, reason);
    close_pipe(inlet);
    inlet->over = true;
}

void inlets_refuse(struct agent *agent, uint64_t number, const char *reason)
{
    struct inlet *inlet = inlets_find(agent, number);

    reply_stream_error(channel_out(&agent->ctl), number, reason);
    channel_flush(&agent->ctl);
    if (inlet)
        refuse(inlet, reason);
}

void inlets_take(struct agent *agent, const struct wire_io *frame)
{
    struct inlet *inlet = inlets_find(agent, frame->stream);

    if (!inlet)
        inlets_refuse(agent, frame->stream, "there is no such stream to the guest");
    else if (frame->length == 0)
        take_end(inlet);
    else if (inlet->over)
        return;
    else if (frame->length > inlet->room)
        inlets_refuse(agent, frame->stream, "more bytes came than there is room for");
    else
        take_bytes(inlet, frame->data, frame->length);
}

struct inlet *inlets_find(const struct agent *agent, uint64_t number)
{
    struct inlet *inlet = agent->inlets;

    while (inlet && (inlet->closed || inlet->number != number))
        inlet = inlet->next;
    return inlet;
}

struct inlet *inlet_new(struct process *process, uint64_t number, int fd, bool terminal)
{
    struct agent *agent = process->agent;
    struct inlet *inlet = xcalloc(1, sizeof *inlet);

    *inlet = (struct inlet){.next = agent->inlets,
                            .agent = agent,
                            .process = process,
                            .number = number,
                            .fd = fd,
                            .terminal = terminal,
                            .last = '\n'};
    agent->inlets = inlet;
    return inlet;
}

void inlet_start(struct inlet *inlet)
{
    grant(inlet, WIRE_WINDOW);
}

void inlet_leave(struct inlet *inlet)
{
    close_pipe(inlet);
    inlet->process = NULL;
    inlet->over = true;
    if (inlet->closed || !inlet->granted)
        inlet_free(inlet);
}
