/* A pipe is read only while little waits on io: a command that prints without an end is stopped by
 * its own full pipe. Streams that find no room queue up and are served in turn, one piece each, and
 * the others are asked by epoll, which goes round by itself. A stream that the host has given no
 * room is not watched at all. */
#include "initrd/init/stream.h"

#include "base/wire.h"
#include "initrd/init/fail.h"
#include "initrd/init/process.h"
#include "initrd/init/ready.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    PIECE_MAX = WIRE_IO_MAX - WIRE_IO_HEADER, /* bytes of one read */
    TERMINAL_PIECE = 4096,                    /* the kernel gives no more at once */
    BACKLOG_MAX = 128 << 10,                  /* bytes on io above which nothing is read */
};

/* What a terminal has cannot be counted: it is read until there is nothing. */
#define ALL_OF_IT UINT64_MAX

/* Within the limit of a frame, so this cannot fail. */
static void send_frame(const struct stream *stream, const void *bytes, size_t count)
{
    struct channel *io = &stream->agent->io;

    wire_io_write(channel_out(io), stream->number, bytes, count, NULL);
    channel_flush(io);
}

static void leave_queue(struct stream *stream)
{
    struct agent *agent = stream->agent;
    struct stream **at = &agent->stalled;

    if (!stream->queued)
        return;
    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    if (!stream->next)
        agent->stalled_end = at;
    stream->queued = false;
}

void stream_drop(struct stream *stream)
{
    if (stream->fd < 0)
        return;
    leave_queue(stream);
    watch_free(stream->watch);
    stream->watch = NULL;
    close(stream->fd);
    stream->fd = -1;
    stream->owed = 0;
}

void stream_end(const struct stream *stream)
{
    send_frame(stream, NULL, 0);
}

/* Whether a file's stream is closed for the host depends on how its errand ended. */
static void close_stream(struct stream *stream)
{
    stream_drop(stream);
    if (!stream->process || stream->process->is_command)
        stream_end(stream);
}

/* Reads straight into what waits for io, behind the place of the header. */
static ssize_t read_piece(struct stream *stream, size_t most)
{
    struct buffer *out = channel_out(&stream->agent->io);
    ssize_t n;

    buffer_reserve(out, WIRE_IO_HEADER + most);
    n = read(stream->fd, out->data + out->length + WIRE_IO_HEADER, most);
    if (n > 0) {
        wire_io_header(out->data + out->length, stream->number, (size_t)n);
        out->length += WIRE_IO_HEADER + (size_t)n;
    }
    return n;
}

static void count_piece(struct stream *stream, size_t count)
{
    stream->sent += count;
    stream->room -= count;
    if (stream->owed != ALL_OF_IT)
        stream->owed -= stream->owed < count ? stream->owed : count;
}

/* A terminal that nobody has open any more gives EIO. */
static void take_piece(struct stream *stream)
{
    const struct process *process = stream->process;
    struct channel *io = &stream->agent->io;
    size_t most = stream->terminal ? TERMINAL_PIECE : PIECE_MAX;
    ssize_t n = read_piece(stream, most < stream->room ? most : (size_t)stream->room);

    if (n < 0 && errno == EINTR)
        return;
    if (n == 0 || (n < 0 && errno == EIO))
        close_stream(stream);
    else if (n < 0)
        stream->owed = 0;
    if (n <= 0)
        return;
    count_piece(stream, (size_t)n);
    if (process && process->readiness)
        readiness_output(process->readiness, stream == &process->out,
                         io->out.data + io->out.length - n, (size_t)n);
    channel_flush(io);
}

static bool io_is_full(const struct stream *stream)
{
    return channel_backlog(&stream->agent->io) > BACKLOG_MAX;
}

static void enter_queue(struct stream *stream)
{
    struct agent *agent = stream->agent;

    if (stream->queued)
        return;
    stream->next = NULL;
    stream->queued = true;
    *agent->stalled_end = stream;
    agent->stalled_end = &stream->next;
}

static void progress(const struct stream *stream)
{
    if (stream->process)
        process_progress(stream->process);
}

/* Reads one piece and waits for the next. The process may be gone afterwards. */
static void serve_stream(struct stream *stream)
{
    do
        take_piece(stream);
    while (stream->owed == ALL_OF_IT && stream->room > 0 && !io_is_full(stream));
    if (stream->owed == ALL_OF_IT && stream->room > 0)
        enter_queue(stream);
    else if (stream->owed == ALL_OF_IT)
        stream->parked = true;
    else if (stream->fd >= 0)
        watch_events(stream->watch, EPOLLIN | EPOLLONESHOT);
    progress(stream);
}

static void serve_or_queue(struct stream *stream)
{
    if (io_is_full(stream))
        enter_queue(stream);
    else
        serve_stream(stream);
}

/* Without room only an end can be sent, which needs none. */
static void wait_for_room(struct stream *stream, uint32_t events)
{
    int waiting = 0;
    bool empty = !stream->terminal && ioctl(stream->fd, FIONREAD, &waiting) == 0 && waiting == 0;

    if (empty && events & EPOLLHUP) {
        close_stream(stream);
        progress(stream);
    } else if (empty) {
        watch_events(stream->watch, EPOLLIN | EPOLLONESHOT);
    } else {
        stream->parked = true;
    }
}

static void on_pipe(void *context, uint32_t events)
{
    struct stream *stream = context;

    if (stream->parked || stream->queued)
        return;
    if (stream->room == 0)
        wait_for_room(stream, events);
    else
        serve_or_queue(stream);
}

void stream_grant(struct stream *stream, uint64_t bytes)
{
    stream->room += bytes < WIRE_ID_MAX - stream->room ? bytes : WIRE_ID_MAX - stream->room;
    if (!stream->parked)
        return;
    stream->parked = false;
    serve_or_queue(stream);
}

void streams_resume(struct agent *agent)
{
    while (agent->stalled && channel_backlog(&agent->io) <= BACKLOG_MAX) {
        struct stream *stream = agent->stalled;

        leave_queue(stream);
        serve_stream(stream);
    }
}

void stream_open(struct stream *stream, struct process *process, uint64_t number, int fd,
                 bool terminal)
{
    *stream = (struct stream){.agent = process->agent,
                              .process = process,
                              .number = number,
                              .fd = fd,
                              .terminal = terminal,
                              .room = WIRE_WINDOW};
}

void stream_open_link(struct stream *stream, struct agent *agent, uint64_t number, int fd)
{
    *stream = (struct stream){.agent = agent, .number = number, .fd = fd, .room = WIRE_WINDOW};
}

void stream_start(struct stream *stream)
{
    struct error error = {0};

    if (stream->fd >= 0)
        must(loop_watch(stream->agent->loop, stream->fd, EPOLLIN | EPOLLONESHOT, on_pipe, stream,
                        &stream->watch, &error),
             &error);
}

void stream_owe(struct stream *stream)
{
    int waiting = 0;

    if (stream->fd < 0)
        return;
    if (stream->terminal) {
        stream->owed = ALL_OF_IT;
        if (!stream->parked)
            enter_queue(stream);
    } else if (ioctl(stream->fd, FIONREAD, &waiting) == 0) {
        stream->owed = (uint64_t)waiting;
    }
}

void stream_status(const struct stream *stream, int status)
{
    unsigned char byte = (unsigned char)status;

    send_frame(stream, &byte, 1);
}
