#include "runner/flow.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a pipe or a terminal that can be written to takes without blocking, somebody else's writing
 * apart. */
enum { CAREFUL_BYTES = 256 };

int flow_reopen(int fd, int flags)
{
    char path[32];
    struct stat info;

    if (fstat(fd, &info) < 0 || !(S_ISFIFO(info.st_mode) || isatty(fd)))
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* An end of a stream that duet may use without blocking. */
struct flow {
    int fd;       /* `own`, or else the user's */
    int own;      /* -1: it could not be opened once more */
    bool careful; /* a blocking one */
    bool socket;
    bool at_once; /* a file, /dev/null: it is never waited for */
};

static void flow_open(struct flow *flow, int fd, int flags)
{
    struct stat info;
    int status = fcntl(fd, F_GETFL);

    *flow = (struct flow){.fd = fd, .own = flow_reopen(fd, flags)};
    if (flow->own >= 0)
        flow->fd = flow->own;
    flow->socket = fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
    flow->careful = flow->own < 0 && status >= 0 && !(status & O_NONBLOCK);
}

/* EPERM: epoll has no use for files. */
static int flow_watch(struct flow *flow, struct loop *loop, uint32_t events, watch_fn call,
                      void *context, struct watch **watch, struct error *error)
{
    struct error own = {0};
    int code = loop_watch(loop, flow->fd, events, call, context, watch, &own);

    flow->at_once = code == -EPERM;
    if (code < 0 && !flow->at_once)
        return error_set(error, own.code, "%s", own.message);
    return 0;
}

static bool is_ready(const struct flow *flow, short events)
{
    struct pollfd ready = {.fd = flow->fd, .events = events};

    return poll(&ready, 1, 0) == 1;
}

/* -- Out --------------------------------------------------------------------------------------- */

struct sink {
    struct loop *loop;
    struct flow flow;
    const struct sink_calls *calls;
    void *context;
    struct buffer kept;
    struct watch *watch;  /* while something is kept */
    struct timer *failed; /* fires at once */
    int failure;
    bool has_failed;
};

static void on_writable(void *context, uint32_t events);

static void on_failed(void *context)
{
    struct sink *sink = context;

    if (sink->calls->failed)
        sink->calls->failed(sink->context, sink->failure);
}

static void fail(struct sink *sink, int code)
{
    sink->has_failed = true;
    sink->failure = code;
    watch_free(steal_pointer(&sink->watch));
    timer_start(sink->failed, 0);
}

int sink_new(struct loop *loop, int fd, const struct sink_calls *calls, void *context,
             struct sink **out, struct error *error)
{
    struct sink *sink = xcalloc(1, sizeof *sink);
    int code;

    *sink = (struct sink){.loop = loop, .calls = calls, .context = context};
    flow_open(&sink->flow, fd, O_WRONLY);
    sink->failed = loop_timer(loop, on_failed, sink);
    code = flow_watch(&sink->flow, loop, EPOLLOUT, on_writable, sink, &sink->watch, error);
    if (code < 0) {
        sink_free(sink);
        return code;
    }
    watch_free(steal_pointer(&sink->watch));
    *out = sink;
    return 0;
}

static ssize_t write_some(const struct sink *sink, const char *bytes, size_t count)
{
    const struct flow *flow = &sink->flow;

    if (flow->socket)
        return send(flow->fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!flow->careful || flow->at_once)
        return write(flow->fd, bytes, count);
    if (is_ready(flow, POLLOUT))
        return write(flow->fd, bytes, count < CAREFUL_BYTES ? count : CAREFUL_BYTES);
    errno = EAGAIN;
    return -1;
}

/* How much was written before it would have blocked. */
static size_t write_now(struct sink *sink, const char *bytes, size_t count)
{
    size_t done = 0;

    while (done < count) {
        ssize_t n = write_some(sink, bytes + done, count - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            fail(sink, -errno);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static void keep(struct sink *sink, const char *bytes, size_t count)
{
    struct error error;

    buffer_append(&sink->kept, bytes, count);
    if (!sink->watch &&
        flow_watch(&sink->flow, sink->loop, EPOLLOUT, on_writable, sink, &sink->watch, &error) < 0)
        fail(sink, -error.code);
}

void sink_write(struct sink *sink, const char *bytes, size_t count)
{
    size_t done = 0;

    if (!sink->has_failed && sink->kept.length == 0)
        done = write_now(sink, bytes, count);
    if (done < count && !sink->has_failed)
        keep(sink, bytes + done, count - done);
    if (sink->has_failed)
        done = count;
    if (done > 0)
        sink->calls->taken(sink->context, done);
}

static void on_writable(void *context, uint32_t events)
{
    struct sink *sink = context;
    size_t done = write_now(sink, sink->kept.data, sink->kept.length);

    (void)events;
    if (sink->has_failed)
        done = sink->kept.length;
    buffer_consume(&sink->kept, done);
    if (sink->kept.length == 0)
        watch_free(steal_pointer(&sink->watch));
    if (done > 0)
        sink->calls->taken(sink->context, done);
}

bool sink_is_empty(const struct sink *sink)
{
    return sink->kept.length == 0;
}

void sink_free(struct sink *sink)
{
    if (!sink)
        return;
    watch_free(sink->watch);
    timer_free(sink->failed);
    if (sink->flow.own >= 0)
        close(sink->flow.own);
    buffer_free(&sink->kept);
    free(sink);
}

/* -- In ---------------------------------------------------------------------------------------- */

struct source {
    struct loop *loop;
    struct flow flow;
    const struct source_calls *calls;
    void *context;
    struct watch *watch;
    struct timer *next; /* of what is never waited for */
    bool going, has_ended;
};

static void finish(struct source *source, int code)
{
    source->has_ended = true;
    source_stop(source);
    source->calls->ended(source->context, code);
}

static ssize_t read_some(const struct source *source, char *bytes, size_t size)
{
    const struct flow *flow = &source->flow;

    if (flow->socket)
        return recv(flow->fd, bytes, size, MSG_DONTWAIT);
    if (!flow->careful || flow->at_once || is_ready(flow, POLLIN))
        return read(flow->fd, bytes, size);
    errno = EAGAIN;
    return -1;
}

/* A terminal that hung up is EIO. */
static void read_chunk(struct source *source)
{
    char bytes[FLOW_CHUNK];
    ssize_t n = read_some(source, bytes, sizeof bytes);

    if (n > 0)
        source->calls->bytes(source->context, bytes, (size_t)n);
    else if (n == 0 || (errno == EIO && isatty(source->flow.fd)))
        finish(source, 0);
    else if (errno != EAGAIN && errno != EINTR)
        finish(source, -errno);
}

static void on_readable(void *context, uint32_t events)
{
    (void)events;
    read_chunk(context);
}

/* The calls may free the source, so the timer is set before. */
static void on_next(void *context)
{
    struct source *source = context;

    timer_start(source->next, 0);
    read_chunk(source);
}

int source_new(struct loop *loop, int fd, const struct source_calls *calls, void *context,
               struct source **out, struct error *error)
{
    struct source *source = xcalloc(1, sizeof *source);
    int code;

    *source = (struct source){.loop = loop, .calls = calls, .context = context};
    flow_open(&source->flow, fd, O_RDONLY);
    source->next = loop_timer(loop, on_next, source);
    code = flow_watch(&source->flow, loop, EPOLLIN, on_readable, source, &source->watch, error);
    if (code < 0) {
        source_free(source);
        return code;
    }
    watch_free(steal_pointer(&source->watch));
    *out = source;
    return 0;
}

void source_go(struct source *source)
{
    struct error error;

    if (source->going || source->has_ended)
        return;
    source->going = true;
    if (source->flow.at_once || flow_watch(&source->flow, source->loop, EPOLLIN, on_readable,
                                           source, &source->watch, &error) < 0)
        timer_start(source->next, 0);
}

void source_stop(struct source *source)
{
    source->going = false;
    timer_stop(source->next);
    watch_free(steal_pointer(&source->watch));
}

void source_free(struct source *source)
{
    if (!source)
        return;
    watch_free(source->watch);
    timer_free(source->next);
    if (source->flow.own >= 0)
        close(source->flow.own);
    free(source);
}
