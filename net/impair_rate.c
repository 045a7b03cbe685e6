#include "net/impair_rate.h"

#include "net/impair_time.h"

#define NS_BITS UINT64_C(8000000000) /* bits of a byte times nanoseconds of a second */

void rate_set(struct rate *rate, const struct impair_rate *set, uint64_t now_ns)
{
    bool was_limited = rate->set.bps;

    if (rate->set.bps != set->bps)
        rate->remainder = 0;
    rate->set = *set;
    rate->burst_ns = rate_time_ns(rate, set->burst_bytes);
    if (!set->bps || !was_limited)
        rate->busy_ns = now_ns;
}

uint32_t rate_cost(const struct impair_rate *set, uint32_t bytes)
{
    int64_t cost = (int64_t)bytes + set->overhead_bytes;

    if (cost > 0 && set->cell_bytes) {
        int64_t cells = (cost + set->cell_bytes - 1) / set->cell_bytes;

        cost = cells * ((int64_t)set->cell_bytes + set->cell_overhead_bytes);
    }
    if (cost < 0)
        return 0;
    /* So that its bits times a second's nanoseconds are a number of 64 bits. */
    return cost < INT32_MAX ? (uint32_t)cost : INT32_MAX;
}

uint64_t rate_time_ns(const struct rate *rate, uint64_t bytes)
{
    if (!rate->set.bps)
        return 0;
    return (uint64_t)((unsigned __int128)bytes * NS_BITS / rate->set.bps);
}

uint64_t rate_send(struct rate *rate, uint64_t start_ns, uint32_t cost)
{
    uint64_t total, out_ns;

    if (!rate->set.bps)
        return start_ns;
    if (rate->busy_ns < start_ns) {
        rate->busy_ns = start_ns;
        rate->remainder = 0;
    }
    total = cost * NS_BITS + rate->remainder;
    rate->busy_ns = impair_later(rate->busy_ns, total / rate->set.bps);
    rate->remainder = total % rate->set.bps;
    out_ns = rate->busy_ns > rate->burst_ns ? rate->busy_ns - rate->burst_ns : 0;
    return out_ns > start_ns ? out_ns : start_ns;
}
