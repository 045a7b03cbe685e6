#include "net/pool.h"

#include "base/memory.h"

enum { LINE = 64 };

static void *lines(size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total) || __builtin_add_overflow(total, LINE, &total))
        return xchecked(NULL);
    return xchecked(aligned_alloc(LINE, (total + LINE - 1) / LINE * LINE));
}

void pool_init(struct pool *pool, size_t count, size_t room)
{
    size_t in_lines = (POOL_HEADROOM + room + LINE - 1) / LINE;

    /* An odd number of lines: the packets' headers then spread over all sets of the cache. */
    *pool = (struct pool){.count = count, .room = room, .stride = (in_lines | 1) * LINE};
    pool->packets = lines(count, sizeof *pool->packets);
    pool->bytes = lines(count, pool->stride);
    pool->free = xcalloc(count, sizeof(struct packet *));
    memset(pool->packets, 0, count * sizeof *pool->packets);
    for (size_t i = count; i-- > 0;)
        pool->free[pool->free_count++] = &pool->packets[i];
}

void pool_free(struct pool *pool)
{
    free(pool->packets);
    free(pool->bytes);
    free(pool->free);
    *pool = (struct pool){0};
}

static inline size_t index_of(const struct pool *pool, const struct packet *packet)
{
    return ((uintptr_t)packet - (uintptr_t)pool->packets) / sizeof *packet;
}

size_t pool_take(struct pool *pool, struct packet *packets[], size_t count)
{
    if (count > pool->free_count)
        count = pool->free_count;
    for (size_t i = 0; i < count; i++) {
        struct packet *packet = pool->free[--pool->free_count];

        packet->bytes = pool->bytes + index_of(pool, packet) * pool->stride + POOL_HEADROOM;
        packet->length = 0;
        packet->checksum = PACKET_CHECKSUM_WHOLE;
        packet->segment_bytes = 0;
        packets[i] = packet;
    }
    return count;
}

void pool_give(struct pool *pool, struct packet *const packets[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (index_of(pool, packets[i]) < pool->count)
            pool->free[pool->free_count++] = packets[i];
}

struct packet *pool_copy(struct pool *pool, const struct packet *packet)
{
    struct packet *copy;
    uint8_t *bytes;

    if (packet->length > pool->room || pool_take(pool, &copy, 1) == 0)
        return NULL;
    bytes = copy->bytes;
    *copy = *packet;
    copy->bytes = bytes;
    memcpy(copy->bytes, packet->bytes, packet->length);
    return copy;
}
