#include "tests/mock/mock_internal.h"

#include "base/memory.h"
#include "base/unix_socket.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 16,
    READS_PER_EVENT = 16,
    BACKLOG = 8,
    REPLIES_MAX = 1 << 20, /* bytes that wait on ctl before the host has to wait */
};

size_t mock_port_backlog(const struct mock_port *port)
{
    return port->out.length - port->sent;
}

void mock_port_drop(struct mock_port *port)
{
    watch_free(port->watch);
    port->watch = NULL;
    if (port->fd >= 0)
        close(port->fd);
    port->fd = -1;
    buffer_clear(&port->in);
    buffer_clear(&port->out);
    port->sent = 0;
    port->framing = (struct framing){0};
    if (port->listening)
        watch_events(port->listening, EPOLLIN);
}

void mock_port_free(struct mock_port *port)
{
    mock_port_drop(port);
    watch_free(port->listening);
    if (port->listener >= 0)
        close(port->listener);
    if (port->path)
        unlink(port->path);
    free(port->path);
    buffer_free(&port->in);
    buffer_free(&port->out);
}

/* -- Out --------------------------------------------------------------------------------------- */

bool mock_is_stalled(const struct mock_agent *mock)
{
    return mock_port_backlog(&mock->ctl) >= REPLIES_MAX;
}

static void watch_port(struct mock_port *port)
{
    uint32_t events = (mock_port_backlog(port) > 0 ? EPOLLOUT : 0u) |
                      (mock_is_stalled(port->mock) ? 0u : EPOLLIN);

    if (events != port->events)
        watch_events(port->watch, events);
    port->events = events;
}

void mock_port_flush(struct mock_port *port)
{
    while (port->fd >= 0 && mock_port_backlog(port) > 0) {
        ssize_t n = send(port->fd, port->out.data + port->sent, mock_port_backlog(port),
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        port->sent = n < 0 ? port->out.length : port->sent + (size_t)n; /* reading shows the end */
    }
    if (mock_port_backlog(port) == 0) {
        buffer_clear(&port->out);
        port->sent = 0;
    } else if (port->sent > port->out.length / 2) {
        buffer_consume(&port->out, port->sent);
        port->sent = 0;
    }
    if (port->fd >= 0)
        watch_port(port);
}

/* -- In ---------------------------------------------------------------------------------------- */

static void record_impossible(struct mock_port *port, uint64_t number, const char *length_at)
{
    uint32_t length;

    memcpy(&length, length_at, sizeof length);
    if (!port->mock->options.forgetful)
        mock_record_add(&port->mock->record, port->is_io, number, be32toh(length), NULL);
}

/* Each returns 0 where there is no frame yet. */
static int take_ctl(struct mock_port *port, const char *bytes, size_t count, size_t *taken)
{
    struct wire_ctl frame;
    struct error error;
    int code = framing_ctl(&port->framing, bytes, count, &frame, taken, &error);

    if (code > 0) {
        mock_take_ctl(port->mock, &frame);
    } else if (code < 0) {
        record_impossible(port, frame.code, bytes + *taken - sizeof(uint32_t));
        reply_error(&port->out, frame.code, 0, error.message);
    }
    return code;
}

static int take_io(struct mock_port *port, const char *bytes, size_t count, size_t *taken)
{
    struct wire_io frame;
    struct error error;
    int code = framing_io(&port->framing, bytes, count, &frame, taken, &error);

    if (code > 0) {
        mock_take_io(port->mock, &frame);
    } else if (code < 0) {
        record_impossible(port, frame.stream, bytes + *taken - sizeof(uint32_t));
        mock_stream_refuse(port->mock, frame.stream, error.message);
    }
    return code;
}

void mock_port_take(struct mock_port *port)
{
    struct mock_agent *mock = port->mock;
    size_t taken = 0, n = 0;
    int code = 1;

    while (code != 0 && taken < port->in.length && !mock->closing && !mock_is_stalled(mock)) {
        code = (port->is_io ? take_io : take_ctl)(port, port->in.data + taken,
                                                  port->in.length - taken, &n);
        taken += n;
    }
    buffer_consume(&port->in, mock->closing ? port->in.length : taken);
}

/* 1: there may be more; 0: not now; negative: the connection is at its end. */
static int read_once(struct mock_port *port)
{
    ssize_t n;

    buffer_reserve(&port->in, CHUNK);
    n = recv(port->fd, port->in.data + port->in.length, CHUNK, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
        return 1;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n <= 0)
        return -EPIPE;
    port->in.length += (size_t)n;
    mock_port_take(port);
    return 1;
}

/* What the other socket still holds was said before the end. */
static void on_end(struct mock_port *port)
{
    struct mock_agent *mock = port->mock;
    struct mock_port *other = port->is_io ? &mock->ctl : &mock->io;

    while (other->fd >= 0 && !mock->closing && !mock_is_stalled(mock) && read_once(other) > 0)
        ;
    mock_disconnect(mock);
}

static void on_connection(void *context, uint32_t events)
{
    struct mock_port *port = context;
    int more = 1;

    mock_flush(port->mock);
    for (int i = 0; i < READS_PER_EVENT && more > 0 && port->fd >= 0; i++) {
        if (mock_is_stalled(port->mock) && !(events & (EPOLLHUP | EPOLLERR)))
            break;
        more = read_once(port);
        if (more > 0)
            mock_flush(port->mock);
    }
    if (more < 0)
        on_end(port);
}

/* -- Connecting -------------------------------------------------------------------------------- */

int mock_port_connect(struct mock_port *port, int fd, struct error *error)
{
    int code;

    port->fd = fd;
    port->events = EPOLLIN;
    code =
        loop_watch(port->mock->options.loop, fd, EPOLLIN, on_connection, port, &port->watch, error);
    if (code == 0 && port->listening)
        watch_events(port->listening, 0);
    if (code < 0)
        mock_port_drop(port);
    return code;
}

static void on_listener(void *context, uint32_t events)
{
    struct mock_port *port = context;
    int fd = accept4(port->listener, NULL, NULL, SOCK_CLOEXEC);

    (void)events;
    if (fd < 0 || mock_port_connect(port, fd, NULL) < 0)
        return;
    if (!port->is_io)
        mock_connected(port->mock);
    mock_flush(port->mock);
}

int mock_port_listen(struct mock_port *port, const char *path, struct error *error)
{
    int code = unix_listen(path, BACKLOG, &port->listener, error);

    if (code < 0)
        return code;
    port->path = xstrdup(path); /* from here on the file is this port's to remove */
    return loop_watch(port->mock->options.loop, port->listener, EPOLLIN, on_listener, port,
                      &port->listening, error);
}
