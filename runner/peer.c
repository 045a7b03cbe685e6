#include "runner/peer.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 16,
    READS_PER_EVENT = 4, /* so that a peer that floods leaves the loop to others */
};

struct peer {
    struct loop *loop;
    int fd;
    size_t queue_max;
    struct peer_calls calls;
    void *context;
    struct watch *watch;
    struct timer *tell; /* of its end: outside of everybody's calls */
    struct buffer queue;
    bool held, finishing, dropped;
    bool *freed; /* of the read that is under way */
};

static void on_tell(void *context)
{
    struct peer *peer = context;

    peer->calls.gone(peer->context);
}

void peer_drop(struct peer *peer)
{
    if (peer->dropped)
        return;
    peer->dropped = true;
    watch_free(steal_pointer(&peer->watch));
    buffer_free(&peer->queue);
    shutdown(peer->fd, SHUT_RDWR);
    timer_start(peer->tell, 0);
}

static void watch_again(struct peer *peer)
{
    bool reads = !peer->held && !peer->finishing;

    if (peer->watch)
        watch_events(peer->watch, (reads ? EPOLLIN : 0u) | (peer->queue.length ? EPOLLOUT : 0u));
}

/* -- Out --------------------------------------------------------------------------------------- */

static void flush(struct peer *peer)
{
    while (peer->queue.length > 0) {
        ssize_t n =
            send(peer->fd, peer->queue.data, peer->queue.length, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0) {
            peer_drop(peer);
            return;
        }
        buffer_consume(&peer->queue, (size_t)n);
    }
    if (peer->finishing && peer->queue.length == 0)
        peer_drop(peer);
    else
        watch_again(peer);
}

void peer_send(struct peer *peer, const void *bytes, size_t count)
{
    if (peer->dropped || peer->finishing)
        return;
    if (peer->queue.length + count > peer->queue_max) {
        peer_drop(peer);
        return;
    }
    buffer_append(&peer->queue, bytes, count);
    if (peer->queue.length == count)
        flush(peer);
}

size_t peer_waiting(const struct peer *peer)
{
    return peer->queue.length;
}

void peer_finish(struct peer *peer)
{
    if (peer->dropped || peer->finishing)
        return;
    peer->finishing = true;
    flush(peer);
}

/* -- In ---------------------------------------------------------------------------------------- */

void peer_hold(struct peer *peer, bool hold)
{
    if (peer->held == hold)
        return;
    peer->held = hold;
    watch_again(peer);
}

/* False when there is nothing more to read now, or nobody to read it. */
static bool read_once(struct peer *peer)
{
    char chunk[CHUNK];
    ssize_t n = recv(peer->fd, chunk, sizeof chunk, MSG_DONTWAIT);
    bool freed = false;

    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (n <= 0) {
        peer_drop(peer);
        return false;
    }
    peer->freed = &freed;
    peer->calls.data(peer->context, chunk, (size_t)n);
    if (freed)
        return false;
    peer->freed = NULL;
    return !peer->dropped && !peer->held && !peer->finishing;
}

static void on_event(void *context, uint32_t events)
{
    struct peer *peer = context;
    bool reads = !peer->held && !peer->finishing;

    if (events & EPOLLOUT) {
        bool waited = peer->queue.length > 0;

        flush(peer);
        if (waited && !peer->dropped && peer->queue.length == 0 && peer->calls.drained) {
            peer->calls.drained(peer->context);
            return; /* which may have freed it; what is to be read shows again */
        }
    }
    if (!reads && (events & (EPOLLHUP | EPOLLERR)))
        peer_drop(peer);
    for (int i = 0; reads && i < READS_PER_EVENT && !peer->dropped; i++)
        if (!read_once(peer))
            return;
}

/* -- Life -------------------------------------------------------------------------------------- */

int peer_new(struct loop *loop, int fd, size_t queue_max, const struct peer_calls *calls,
             void *context, struct peer **out, struct error *error)
{
    struct peer *peer = xcalloc(1, sizeof *peer);
    int code;

    *peer = (struct peer){
        .loop = loop, .fd = fd, .queue_max = queue_max, .calls = *calls, .context = context};
    peer->tell = loop_timer(loop, on_tell, peer);
    code = loop_watch(loop, fd, EPOLLIN, on_event, peer, &peer->watch, error);
    if (code < 0)
        peer_free(peer);
    else
        *out = peer;
    return code;
}

void peer_free(struct peer *peer)
{
    if (!peer)
        return;
    if (peer->freed)
        *peer->freed = true;
    watch_free(peer->watch);
    timer_free(peer->tell);
    buffer_free(&peer->queue);
    close(peer->fd);
    free(peer);
}
