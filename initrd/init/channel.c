/* Why the watch is edge-triggered: while no host has the port open, it reports EPOLLHUP without an
 * end, and becomes writable later without another sign than the edge. */
#include "initrd/init/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { FINISH_WAIT_MS = 1000 };

static void on_event(void *context, uint32_t events)
{
    struct channel *channel = context;

    (void)events;
    channel_flush(channel);
    channel->call(channel->context);
}

int channel_open(struct channel *channel, struct loop *loop, int fd, channel_fn call, void *context,
                 struct error *error)
{
    *channel = (struct channel){.fd = fd, .call = call, .context = context};
    if (fd < 0)
        return 0;
    return loop_watch(loop, fd, EPOLLIN | EPOLLOUT | EPOLLET, on_event, channel, &channel->watch,
                      error);
}

struct buffer *channel_out(struct channel *channel)
{
    return &channel->out;
}

size_t channel_backlog(const struct channel *channel)
{
    return channel->out.length - channel->written;
}

/* Forgets what was written, seldom enough that moving the rest costs nothing. */
static void tidy(struct channel *channel)
{
    if (channel->written == channel->out.length)
        buffer_clear(&channel->out);
    else if (channel->written > channel->out.length / 2)
        buffer_consume(&channel->out, channel->written);
    else
        return;
    channel->written = 0;
}

/* 1 when something was written, 0 when all was, -errno otherwise. */
static int write_some(struct channel *channel)
{
    ssize_t n;

    if (channel_backlog(channel) == 0)
        return 0;
    n = write(channel->fd, channel->out.data + channel->written, channel_backlog(channel));
    if (n < 0)
        return errno == EINTR ? 1 : -errno;
    channel->written += (size_t)n;
    tidy(channel);
    return 1;
}

void channel_flush(struct channel *channel)
{
    if (channel->fd < 0) {
        buffer_clear(&channel->out);
        return;
    }
    /* EAGAIN brings an edge later; on any other error the port is gone, and the machine with it. */
    while (write_some(channel) > 0)
        continue;
}

static int wait_writable(const struct channel *channel)
{
    struct pollfd poll_fd = {.fd = channel->fd, .events = POLLOUT};

    if (poll(&poll_fd, 1, FINISH_WAIT_MS) != 1 || poll_fd.revents & POLLHUP)
        return -ETIMEDOUT;
    return poll_fd.revents & POLLOUT ? 0 : -EIO;
}

/* A blocking write to a virtio port returns when the host has taken the buffer: only then may the
 * machine end. Waiting for room first keeps it from blocking on a host that takes nothing. */
void channel_finish(struct channel *channel)
{
    int flags = channel->fd < 0 ? -1 : fcntl(channel->fd, F_GETFL);

    if (flags < 0 || fcntl(channel->fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return;
    while (channel_backlog(channel) > 0 && wait_writable(channel) == 0)
        if (write_some(channel) < 0)
            return;
}
