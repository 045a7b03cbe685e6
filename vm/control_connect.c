/* A channel over two unix sockets of the process's own. */
#include "base/memory.h"
#include "base/unix_socket.h"
#include "vm/control_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 16,
    READS_PER_EVENT = 16, /* so that one peer that floods leaves the loop to the others */
    READS_AT_END = 256,   /* more than a socket holds */
    QUEUE_MAX = 64 << 20,
};

struct side {
    struct sockets *sockets;
    int fd;
    struct watch *watch;
    uint32_t events; /* that are watched for */
    struct buffer in, out;
    size_t sent; /* bytes of `out` */
    int (*take)(struct side *side, size_t *taken, struct error *error);
};

struct sockets {
    struct control *control;
    struct control_options user; /* link is not used */
    struct side ctl, io;
    bool taking; /* frames: what they make the host say goes out together, after the last */
};

/* -- Frames out -------------------------------------------------------------------------------- */

static void watch_side(struct side *side)
{
    uint32_t events = EPOLLIN | (side->out.length > 0 ? EPOLLOUT : 0u);

    if (side->watch && events != side->events)
        watch_events(side->watch, events);
    side->events = events;
}

static void flush(struct side *side)
{
    while (side->sent < side->out.length) {
        ssize_t n = send(side->fd, side->out.data + side->sent, side->out.length - side->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* EAGAIN, or the end, which shows when reading */
        side->sent += (size_t)n;
    }
    if (side->sent == side->out.length) {
        buffer_clear(&side->out);
        side->sent = 0;
    } else if (side->sent > side->out.length / 2) {
        buffer_consume(&side->out, side->sent);
        side->sent = 0;
    }
    watch_side(side);
}

static int check_room(const struct side *side, struct error *error)
{
    if (side->out.length - side->sent > QUEUE_MAX)
        return error_set(error, ENOBUFS, "the node does not read its channel: %zu bytes wait",
                         side->out.length - side->sent);
    return 0;
}

static int send_ctl(void *context, uint32_t code, const void *payload, size_t count,
                    struct error *error)
{
    struct sockets *sockets = context;
    int result = check_room(&sockets->ctl, error);

    if (result == 0)
        result = wire_ctl_write(&sockets->ctl.out, code, payload, count, error);
    if (result == 0 && !sockets->taking)
        flush(&sockets->ctl);
    return result;
}

static int send_io(void *context, uint64_t stream, const void *bytes, size_t count,
                   struct error *error)
{
    struct sockets *sockets = context;
    int result = check_room(&sockets->io, error);

    if (result == 0)
        result = wire_io_write(&sockets->io.out, stream, bytes, count, error);
    if (result == 0 && !sockets->taking)
        flush(&sockets->io);
    return result;
}

/* -- Frames in --------------------------------------------------------------------------------- */

static int take_ctl(struct side *side, size_t *taken, struct error *error)
{
    struct wire_ctl frame;
    int n = wire_ctl_read(side->in.data + *taken, side->in.length - *taken, &frame, error);

    if (n > 0)
        control_take_ctl(side->sockets->control, &frame);
    return n;
}

static int take_io(struct side *side, size_t *taken, struct error *error)
{
    struct wire_io frame;
    int n = wire_io_read(side->in.data + *taken, side->in.length - *taken, &frame, error);

    if (n > 0)
        control_take_io(side->sockets->control, &frame);
    return n;
}

static void take_frames(struct side *side)
{
    struct control *control = side->sockets->control;
    struct error error;
    size_t taken = 0;
    int n;

    while (!control->broken && (n = side->take(side, &taken, &error)) != 0) {
        if (n < 0)
            control_break(control, n, "the guest broke the control channel: %s", error.message);
        else
            taken += (size_t)n;
    }
    buffer_consume(&side->in, taken);
}

/* 1: there may be more; 0: not now; negative: the connection is at its end. */
static int read_some(struct side *side)
{
    struct sockets *sockets = side->sockets;
    ssize_t n;

    buffer_reserve(&side->in, CHUNK);
    n = recv(side->fd, side->in.data + side->in.length, CHUNK, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
        return 1;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n <= 0)
        return -EPIPE;
    side->in.length += (size_t)n;
    sockets->taking = true;
    take_frames(side);
    sockets->taking = false;
    flush(&sockets->ctl);
    flush(&sockets->io);
    return sockets->control->broken ? 0 : 1;
}

static void unwatch(struct sockets *sockets)
{
    watch_free(sockets->ctl.watch);
    watch_free(sockets->io.watch);
    sockets->ctl.watch = sockets->io.watch = NULL;
}

/* What the other socket still holds was said before the end; a peer that goes on to fill it was not
 * at its end. */
static void on_end(struct sockets *sockets)
{
    for (int i = 0; i < READS_AT_END && read_some(&sockets->ctl) > 0; i++)
        ;
    for (int i = 0; i < READS_AT_END && read_some(&sockets->io) > 0; i++)
        ;
    unwatch(sockets);
    control_break(sockets->control, -EPIPE, "the connection to the node has ended");
}

static void on_socket(void *context, uint32_t events)
{
    struct side *side = context;
    int more = 1;

    if (events & EPOLLOUT)
        flush(side);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    for (int i = 0; i < READS_PER_EVENT && more > 0; i++)
        more = read_some(side);
    if (more < 0)
        on_end(side->sockets);
    else if (side->sockets->control->broken)
        unwatch(side->sockets);
}

/* -- The user's calls -------------------------------------------------------------------------- */

static void on_ready(void *context, const struct control_ready *ready)
{
    const struct sockets *sockets = context;

    if (sockets->user.calls.ready)
        sockets->user.calls.ready(sockets->user.context, ready);
}

static void on_broken(void *context, int code, const char *message)
{
    const struct sockets *sockets = context;

    if (sockets->user.calls.broken)
        sockets->user.calls.broken(sockets->user.context, code, message);
}

/* -- Life -------------------------------------------------------------------------------------- */

static void side_free(struct side *side)
{
    watch_free(side->watch);
    if (side->fd >= 0)
        close(side->fd);
    buffer_free(&side->in);
    buffer_free(&side->out);
}

void control_sockets_free(struct sockets *sockets)
{
    if (!sockets)
        return;
    side_free(&sockets->ctl);
    side_free(&sockets->io);
    free(sockets);
}

static int side_open(struct sockets *sockets, struct side *side, int fd,
                     int (*take)(struct side *side, size_t *taken, struct error *error),
                     struct error *error)
{
    *side = (struct side){.sockets = sockets, .fd = fd, .take = take, .events = EPOLLIN};
    return loop_watch(sockets->user.loop, fd, EPOLLIN, on_socket, side, &side->watch, error);
}

int control_connect_fds(const struct control_options *options, int ctl, int io,
                        struct control **out, struct error *error)
{
    struct sockets *sockets = xcalloc(1, sizeof *sockets);
    struct control_options own = {.loop = options->loop,
                                  .link = {.send_ctl = send_ctl, .send_io = send_io},
                                  .calls = {.ready = on_ready, .broken = on_broken},
                                  .context = sockets};
    int code, io_code;

    sockets->user = *options;
    code = side_open(sockets, &sockets->ctl, ctl, take_ctl, error);
    io_code = side_open(sockets, &sockets->io, io, take_io, error);
    if (code < 0 || io_code < 0) {
        control_sockets_free(sockets);
        return code < 0 ? code : io_code;
    }
    sockets->control = control_new(&own);
    sockets->control->sockets = sockets;
    *out = sockets->control;
    return 0;
}

int control_connect(const struct control_options *options, const char *ctl_path,
                    const char *io_path, struct control **control, struct error *error)
{
    cleanup_fd int ctl = -1;
    cleanup_fd int io = -1;
    int code = unix_connect(ctl_path, 0, &ctl, error);

    if (code == 0)
        code = unix_connect(io_path, 0, &io, error);
    return code < 0 ? code
                    : control_connect_fds(options, steal_fd(&ctl), steal_fd(&io), control, error);
}
