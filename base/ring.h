/* A bounded ring of bytes that keeps the newest: writing never fails and never grows. */
#ifndef DUET_BASE_RING_H
#define DUET_BASE_RING_H

#include <stddef.h>
#include <stdint.h>

struct buffer;

struct ring {
    char *data;
    size_t capacity;  /* bytes, fixed at ring_init */
    uint64_t written; /* bytes ever written; the ring holds the last min(written, capacity) */
};

/* `capacity` is at least 1. */
void ring_init(struct ring *ring, size_t capacity);
void ring_free(struct ring *ring);
void ring_write(struct ring *ring, const void *bytes, size_t count);
/* Bytes held. */
size_t ring_length(const struct ring *ring);
/* Bytes that were overwritten. */
uint64_t ring_lost(const struct ring *ring);
/* Appends at most `max` of the bytes that were written after the first *position, and moves that
 * behind them. Returns how many bytes before these were overwritten already, and are passed over.
 */
uint64_t ring_read(const struct ring *ring, uint64_t *position, size_t max, struct buffer *out);
/* Appends the last `lines` lines that the ring holds (all of it where it holds fewer). */
void ring_tail(const struct ring *ring, size_t lines, struct buffer *out);

#endif
