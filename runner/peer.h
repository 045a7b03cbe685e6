/* One connected stream socket: bytes come in as calls, bytes go out through a bounded queue. */
#ifndef DUET_RUNNER_PEER_H
#define DUET_RUNNER_PEER_H

#include "base/error.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct peer;

struct peer_calls {
    void (*data)(void *context, const char *bytes, size_t count);
    /* All that was queued is sent, after some of it had to wait; or NULL. */
    void (*drained)(void *context);
    /* The other end has gone, or reads so little that it was given up: once, from the loop. */
    void (*gone)(void *context);
};

/* Takes `fd` over, on failure too. More than `queue_max` bytes that wait give the peer up. */
int peer_new(struct loop *loop, int fd, size_t queue_max, const struct peer_calls *calls,
             void *context, struct peer **peer, struct error *error);
/* Nothing where the peer is gone, or was given up. */
void peer_send(struct peer *peer, const void *bytes, size_t count);
/* Bytes that wait. */
size_t peer_waiting(const struct peer *peer);
/* Reads no more until false: `data` comes no more, and `gone` only where both ways are closed. */
void peer_hold(struct peer *peer, bool hold);
/* No more is read; `gone` follows when all that waits is sent. */
void peer_finish(struct peer *peer);
/* Gives it up: `gone` follows. */
void peer_drop(struct peer *peer);
/* At any moment, inside of the calls too. NULL is fine. */
void peer_free(struct peer *peer);

#endif
