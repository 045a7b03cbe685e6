#include "net/histogram.h"

static unsigned slot_of(uint64_t value)
{
    unsigned shift;

    if (value >> HISTOGRAM_VALUE_BITS)
        return HISTOGRAM_SLOTS - 1;
    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    shift = 63 - HISTOGRAM_STEP_BITS - (unsigned)__builtin_clzll(value);
    return shift * HISTOGRAM_STEPS + (unsigned)(value >> shift);
}

/* The middle of what falls into a slot. */
static uint64_t value_of(unsigned slot)
{
    unsigned shift;

    if (slot < 2 * HISTOGRAM_STEPS)
        return slot;
    shift = slot / HISTOGRAM_STEPS - 1;
    return ((uint64_t)(slot % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift) +
           (UINT64_C(1) << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->slots[slot_of(value)]++;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t histogram_quantile(const struct histogram *histogram, unsigned per_mille)
{
    uint64_t below = 0;
    unsigned slot = 0;

    if (histogram->count == 0)
        return 0;
    while (slot < HISTOGRAM_SLOTS - 1) {
        below += histogram->slots[slot];
        if (below > 0 && (double)below * 1000 >= (double)histogram->count * per_mille)
            break;
        slot++;
    }
    return value_of(slot) < histogram->max ? value_of(slot) : histogram->max;
}
