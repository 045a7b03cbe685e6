/* A histogram of times with a bounded relative error: each power of two is cut into as many steps.
 *
 * A value comes back as the middle of its step, which is off by less than one per cent; below
 * HISTOGRAM_STEPS it is exact. Memory is fixed, and adding one takes a few instructions. */
#ifndef DUET_NET_HISTOGRAM_H
#define DUET_NET_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 6,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS, /* of a power of two */
    HISTOGRAM_VALUE_BITS = 42,                  /* up to 73 minutes in ns; what is more is that */
    HISTOGRAM_SLOTS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS,
};

/* Zero-initialised is empty. */
struct histogram {
    uint64_t count, max;
    uint64_t slots[HISTOGRAM_SLOTS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The value that a share of `per_mille` does not exceed; 0 for an empty one. */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned per_mille);

#endif
