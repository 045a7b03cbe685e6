#include "base/ring.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <string.h>

void ring_init(struct ring *ring, size_t capacity)
{
    *ring = (struct ring){.data = xmalloc(capacity), .capacity = capacity};
}

void ring_free(struct ring *ring)
{
    free(ring->data);
    *ring = (struct ring){0};
}

void ring_write(struct ring *ring, const void *bytes, size_t count)
{
    const char *from = bytes;
    size_t at, first;

    if (count > ring->capacity) {
        ring->written += count - ring->capacity;
        from += count - ring->capacity;
        count = ring->capacity;
    }
    at = (size_t)(ring->written % ring->capacity);
    first = ring->capacity - at < count ? ring->capacity - at : count;
    memcpy(ring->data + at, from, first);
    memcpy(ring->data, from + first, count - first);
    ring->written += count;
}

size_t ring_length(const struct ring *ring)
{
    return ring->written < ring->capacity ? (size_t)ring->written : ring->capacity;
}

uint64_t ring_lost(const struct ring *ring)
{
    return ring->written - ring_length(ring);
}

static void append(const struct ring *ring, uint64_t position, size_t count, struct buffer *out)
{
    size_t start = (size_t)(position % ring->capacity);
    size_t first = ring->capacity - start < count ? ring->capacity - start : count;

    buffer_append(out, ring->data + start, first);
    buffer_append(out, ring->data, count - first);
}

uint64_t ring_read(const struct ring *ring, uint64_t *position, size_t max, struct buffer *out)
{
    uint64_t oldest = ring_lost(ring);
    uint64_t lost = *position < oldest ? oldest - *position : 0;
    uint64_t left;

    *position += lost;
    left = ring->written - *position;
    if (left < max)
        max = (size_t)left;
    if (max > 0)
        append(ring, *position, max, out);
    *position += max;
    return lost;
}

static char byte_from_end(const struct ring *ring, size_t distance)
{
    return ring->data[(ring->written - distance) % ring->capacity];
}

void ring_tail(const struct ring *ring, size_t lines, struct buffer *out)
{
    size_t length = ring_length(ring);
    size_t take = 0;

    if (length == 0)
        return;
    /* A newline at the very end closes the last line and opens none. */
    while (take < length && lines > 0) {
        take++;
        if (take < length && byte_from_end(ring, take + 1) == '\n')
            lines--;
    }
    append(ring, ring->written - take, take, out);
}
