#include "vm/port.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 17,
    READS_PER_EVENT = 8, /* so that one flooding guest leaves the loop to the others */
    QUEUE_MAX = 4 << 20,
};

struct port {
    struct loop *loop;
    char *path;
    struct port_calls calls;
    void *context;
    int listener, fd;
    struct watch *watch;
    uint32_t events;     /* that are watched for */
    struct buffer input; /* what `data` was not done with */
    struct buffer queue;
    size_t sent; /* bytes of it */
    bool closed;
};

static void drop_fds(struct port *port)
{
    watch_free(port->watch);
    port->watch = NULL;
    if (port->listener >= 0)
        close(port->listener);
    if (port->fd >= 0)
        close(port->fd);
    port->listener = port->fd = -1;
}

void port_close(struct port *port)
{
    port->closed = true;
    drop_fds(port);
    buffer_free(&port->queue);
    port->sent = 0;
}

/* How many bytes came, at most CHUNK; 0 when there are none now, or never again. The input stays
 * where it is when `data` closes the port, whose frames may lie in it. */
static size_t read_once(struct port *port)
{
    struct buffer *input = &port->input;
    ssize_t n;

    buffer_reserve(input, CHUNK);
    do
        n = recv(port->fd, input->data + input->length, CHUNK, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n <= 0) {
        port_close(port);
        return 0;
    }
    input->length += (size_t)n;
    buffer_consume(input, port->calls.data(port->context, input->data, input->length));
    return port->closed ? 0 : (size_t)n;
}

/* Until there is a connection the watch is the listener's. */
static void watch_connection(struct port *port)
{
    uint32_t events = EPOLLIN | (port->queue.length > 0 ? EPOLLOUT : 0u);

    if (port->fd < 0 || !port->watch || events == port->events)
        return;
    watch_events(port->watch, events);
    port->events = events;
}

/* Forgets what was sent, seldom enough that moving the rest costs nothing. */
static void tidy(struct port *port)
{
    if (port->sent == port->queue.length)
        buffer_clear(&port->queue);
    else if (port->sent > port->queue.length / 2)
        buffer_consume(&port->queue, port->sent);
    else
        return;
    port->sent = 0;
}

static void flush(struct port *port)
{
    while (port_waiting(port) > 0) {
        ssize_t n = send(port->fd, port->queue.data + port->sent, port_waiting(port),
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        /* The end shows when reading. */
        port->sent = n < 0 ? port->queue.length : port->sent + (size_t)n;
    }
    tidy(port);
    watch_connection(port);
}

/* Sends from where the bytes lie as much as the socket takes. What waits behind something goes when
 * that does, and is told then. */
static size_t send_at_once(const struct port *port, struct iovec parts[static 2])
{
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n;

    if (port->fd < 0 || port_waiting(port) > 0)
        return 0;
    do
        n = sendmsg(port->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? 0 : (size_t)n;
}

static void on_connection(void *context, uint32_t events)
{
    struct port *port = context;

    if (events & EPOLLOUT) {
        flush(port);
        if (port_waiting(port) == 0 && port->calls.drained)
            port->calls.drained(port->context);
        if (port->closed)
            return;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    for (int i = 0; i < READS_PER_EVENT && read_once(port) == CHUNK; i++)
        continue;
}

static bool accept_one(struct port *port)
{
    int fd = accept4(port->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    drop_fds(port);
    port->fd = fd;
    return true;
}

static void on_listener(void *context, uint32_t events)
{
    struct port *port = context;

    (void)events;
    if (!accept_one(port))
        return;
    port->events = EPOLLIN;
    if (loop_watch(port->loop, port->fd, port->events, on_connection, port, &port->watch, NULL) < 0)
        port_close(port);
    else
        flush(port);
}

static int listen_on(const char *path, int *fd, struct error *error)
{
    struct error found;
    int code = unix_listen(path, 1, fd, &found);

    if (code == -ENAMETOOLONG)
        return error_set(error, ENAMETOOLONG, "%s: set XDG_RUNTIME_DIR to a shorter directory",
                         found.message);
    return code < 0 ? error_set(error, -code, "%s", found.message) : 0;
}

int port_listen(struct loop *loop, const char *path, const struct port_calls *calls, void *context,
                struct port **out, struct error *error)
{
    struct port *port = xcalloc(1, sizeof *port);
    int code;

    *port = (struct port){.loop = loop, .calls = *calls, .context = context, .fd = -1};
    port->listener = -1;
    code = listen_on(path, &port->listener, error);
    if (code == 0) {
        port->path = xstrdup(path); /* from here on the file is this port's to remove */
        code = loop_watch(loop, port->listener, EPOLLIN, on_listener, port, &port->watch, error);
    }
    if (code < 0) {
        port_free(port);
        return code;
    }
    *out = port;
    return 0;
}

int port_send_frame(struct port *port, const void *header, size_t header_count, const void *bytes,
                    size_t count, struct error *error)
{
    struct iovec parts[] = {{(void *)header, header_count}, {(void *)bytes, count}};
    size_t sent;

    if (port->closed)
        return error_set(error, EPIPE, "the guest's port is closed");
    if (port_waiting(port) + header_count + count > QUEUE_MAX)
        return error_set(error, ENOBUFS, "the guest does not read its port: %zu bytes wait",
                         port_waiting(port));
    sent = send_at_once(port, parts);
    for (size_t i = 0; i < array_size(parts); i++) {
        size_t part = sent < parts[i].iov_len ? sent : parts[i].iov_len;

        buffer_append(&port->queue, (const char *)parts[i].iov_base + part,
                      parts[i].iov_len - part);
        sent -= part;
    }
    watch_connection(port);
    return 0;
}

int port_send(struct port *port, const void *bytes, size_t count, struct error *error)
{
    return port_send_frame(port, NULL, 0, bytes, count, error);
}

size_t port_waiting(const struct port *port)
{
    return port->queue.length - port->sent;
}

/* A peer that is not dead after all can add nothing once the socket is shut down for reading: what
 * is read here is bounded by what the socket holds. */
void port_finish(struct port *port)
{
    if (!port->closed && port->fd < 0)
        accept_one(port);
    if (port->fd >= 0)
        shutdown(port->fd, SHUT_RD);
    while (!port->closed && port->fd >= 0 && read_once(port) > 0)
        ;
    port_close(port);
}

void port_free(struct port *port)
{
    if (!port)
        return;
    port_close(port);
    if (port->path)
        unlink(port->path);
    free(port->path);
    buffer_free(&port->input);
    free(port);
}
