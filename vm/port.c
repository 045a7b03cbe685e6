#include "vm/port.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 16,
    READS_PER_EVENT = 16, /* so that one flooding guest leaves the loop to the others */
    QUEUE_MAX = 4 << 20,
};

struct port {
    struct loop *loop;
    char *path;
    struct port_calls calls;
    void *context;
    int listener, fd;
    struct watch *watch;
    struct buffer queue;
    bool closed;
    char chunk[CHUNK];
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
}

/* False when there is nothing more to read now. */
static bool read_once(struct port *port)
{
    ssize_t n = recv(port->fd, port->chunk, sizeof port->chunk, MSG_DONTWAIT);

    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (n <= 0) {
        port_close(port);
        return false;
    }
    port->calls.data(port->context, port->chunk, (size_t)n);
    return !port->closed;
}

static void flush(struct port *port)
{
    while (port->queue.length > 0) {
        ssize_t n =
            send(port->fd, port->queue.data, port->queue.length, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0) {
            buffer_clear(&port->queue); /* the end shows when reading */
            break;
        }
        buffer_consume(&port->queue, (size_t)n);
    }
    watch_events(port->watch, EPOLLIN | (port->queue.length > 0 ? EPOLLOUT : 0u));
}

static void on_connection(void *context, uint32_t events)
{
    struct port *port = context;

    if (events & EPOLLOUT) {
        flush(port);
        if (port->queue.length == 0 && port->calls.drained)
            port->calls.drained(port->context);
        if (port->closed)
            return;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    for (int i = 0; i < READS_PER_EVENT; i++)
        if (!read_once(port))
            return;
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
    if (loop_watch(port->loop, port->fd, EPOLLIN, on_connection, port, &port->watch, NULL) < 0)
        port_close(port);
    else
        flush(port);
}

static int bind_path(const char *path, int *out, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int fd = -1;

    if (strlen(path) >= sizeof address.sun_path)
        return error_set(error, ENAMETOOLONG,
                         "the socket path %s has %zu bytes, unix sockets take %zu: set "
                         "XDG_RUNTIME_DIR to a shorter directory",
                         path, strlen(path), sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(error, "cannot make a unix socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return error_errno(error, "cannot listen on %s", path);
    if (chmod(path, 0600) < 0 || listen(fd, 1) < 0) {
        int code = error_errno(error, "cannot listen on %s", path);

        unlink(path);
        return code;
    }
    *out = steal_fd(&fd);
    return 0;
}

int port_listen(struct loop *loop, const char *path, const struct port_calls *calls, void *context,
                struct port **out, struct error *error)
{
    struct port *port = xcalloc(1, sizeof *port);
    int code;

    *port = (struct port){.loop = loop, .calls = *calls, .context = context, .fd = -1};
    port->listener = -1;
    code = bind_path(path, &port->listener, error);
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

int port_send(struct port *port, const void *bytes, size_t count, struct error *error)
{
    if (port->closed)
        return error_set(error, EPIPE, "the guest's port is closed");
    if (port->queue.length + count > QUEUE_MAX)
        return error_set(error, ENOBUFS, "the guest does not read its port: %zu bytes wait",
                         port->queue.length);
    buffer_append(&port->queue, bytes, count);
    if (port->fd >= 0 && port->queue.length == count)
        flush(port); /* what waits behind something goes when that does, and is told then */
    return 0;
}

size_t port_waiting(const struct port *port)
{
    return port->queue.length;
}

/* A peer that is not dead after all can add nothing once the socket is shut down for reading: what
 * is read here is bounded by what the socket holds. */
void port_finish(struct port *port)
{
    if (!port->closed && port->fd < 0)
        accept_one(port);
    if (port->fd >= 0)
        shutdown(port->fd, SHUT_RD);
    while (!port->closed && port->fd >= 0 && read_once(port))
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
    free(port);
}
