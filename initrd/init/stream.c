/* A pipe is read only while little waits on io: a command that prints without an end is stopped by
 * its own full pipe. Streams that find no room queue up and are served in turn, one piece each, and
 * the others are asked by epoll, which goes round by itself. */
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
    PIECE_MAX = 16384,      /* bytes of one read */
    BACKLOG_MAX = 256 << 10 /* bytes on io above which nothing is read */
};

/* Within the limit of a frame by PIECE_MAX, so this cannot fail. */
static void send_frame(const struct stream *stream, const void *bytes, size_t count)
{
    struct channel *io = &stream->process->agent->io;

    wire_io_write(channel_out(io), stream->number, bytes, count, NULL);
    channel_flush(io);
}

static void close_stream(struct stream *stream)
{
    watch_free(stream->watch);
    close(stream->fd);
    stream->fd = -1;
    stream->owed = 0;
    send_frame(stream, NULL, 0);
}

static void take_piece(struct stream *stream)
{
    char bytes[PIECE_MAX];
    ssize_t n = read(stream->fd, bytes, sizeof bytes);

    if (n < 0 && errno == EINTR)
        n = 0;
    else if (n < 0)
        stream->owed = 0;
    else if (n == 0)
        close_stream(stream);
    if (n <= 0)
        return;
    stream->sent += (uint64_t)n;
    stream->owed -= stream->owed < (uint64_t)n ? stream->owed : (uint64_t)n;
    send_frame(stream, bytes, (size_t)n);
    if (stream->process->readiness)
        readiness_output(stream->process->readiness, stream == &stream->process->out, bytes,
                         (size_t)n);
}

/* Reads one piece and waits for the next. The process may be gone afterwards. */
static void serve_stream(struct stream *stream)
{
    take_piece(stream);
    if (stream->fd >= 0)
        watch_events(stream->watch, EPOLLIN | EPOLLONESHOT);
    process_progress(stream->process);
}

static void on_pipe(void *context, uint32_t events)
{
    struct stream *stream = context;
    struct agent *agent = stream->process->agent;

    (void)events;
    if (channel_backlog(&agent->io) <= BACKLOG_MAX) {
        serve_stream(stream);
        return;
    }
    stream->next = NULL;
    *agent->stalled_end = stream;
    agent->stalled_end = &stream->next;
}

void streams_resume(struct agent *agent)
{
    while (agent->stalled && channel_backlog(&agent->io) <= BACKLOG_MAX) {
        struct stream *stream = agent->stalled;

        agent->stalled = stream->next;
        if (!agent->stalled)
            agent->stalled_end = &agent->stalled;
        serve_stream(stream);
    }
}

void stream_open(struct stream *stream, struct process *process, uint64_t number, int fd)
{
    struct error error = {0};

    *stream = (struct stream){.process = process, .number = number, .fd = fd};
    must(loop_watch(process->agent->loop, fd, EPOLLIN | EPOLLONESHOT, on_pipe, stream,
                    &stream->watch, &error),
         &error);
}

void stream_owe(struct stream *stream)
{
    int waiting = 0;

    if (stream->fd >= 0 && ioctl(stream->fd, FIONREAD, &waiting) == 0)
        stream->owed = (uint64_t)waiting;
}

void stream_status(const struct stream *stream, int status)
{
    unsigned char byte = (unsigned char)status;

    send_frame(stream, &byte, 1);
}
