/* One virtio-serial port: a file descriptor that must never block init, and what waits to be
 * written to it. */
#ifndef DUET_INIT_CHANNEL_H
#define DUET_INIT_CHANNEL_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/loop.h"

#include <stddef.h>

/* Called for everything that woke the port: there may be input, or room for output. */
typedef void (*channel_fn)(void *context);

struct channel {
    int fd; /* -1: there is no such port */
    struct watch *watch;
    struct buffer out;
    size_t written; /* bytes of `out` that the port has taken */
    channel_fn call;
    void *context;
};

/* Takes over `fd`, which is non-blocking, or -1 for a channel that swallows what it is given. */
int channel_open(struct channel *channel, struct loop *loop, int fd, channel_fn call, void *context,
                 struct error *error);
/* The buffer to append frames to; channel_flush sends them. */
struct buffer *channel_out(struct channel *channel);
/* Bytes that wait. */
size_t channel_backlog(const struct channel *channel);
/* Writes what the port takes now; the rest goes when the port has room. */
void channel_flush(struct channel *channel);
/* Writes everything and waits until the host has it, at most a second for each time that the port
 * is full; not at all where no host listens. For the end: the port is closed to events after it. */
void channel_finish(struct channel *channel);

#endif
