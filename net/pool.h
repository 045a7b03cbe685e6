/* Packets and the bytes for them, allocated once. */
#ifndef DUET_NET_POOL_H
#define DUET_NET_POOL_H

#include "net/packet.h"

enum {
    POOL_HEADROOM = 64, /* bytes before a packet's first, for the header of another link */
};

struct pool {
    struct packet *packets;
    struct packet **free; /* a stack: the packet given last is taken first and is in the cache */
    uint8_t *bytes;
    size_t free_count;
    size_t count;
    size_t stride;
    size_t room; /* bytes that a packet may have */
};

/* `count` packets of up to `room` bytes each. */
void pool_init(struct pool *pool, size_t count, size_t room);
void pool_free(struct pool *pool);
/* Takes up to `count` packets, of `room` bytes each with POOL_HEADROOM before them, without a
 * length. Returns how many there were. */
size_t pool_take(struct pool *pool, struct packet *packets[], size_t count);
/* Gives packets back; foreign ones are left alone. */
void pool_give(struct pool *pool, struct packet *const packets[], size_t count);
/* A packet of the pool with the same bytes, times and marks; NULL where the pool has none left, or
 * no room for so many bytes. */
struct packet *pool_copy(struct pool *pool, const struct packet *packet);

#endif
