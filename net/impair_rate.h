/* A sender of limited rate, and when it can send what waits for it. */
#ifndef DUET_NET_IMPAIR_RATE_H
#define DUET_NET_IMPAIR_RATE_H

#include "net/impair_settings.h"

/* A virtual clock (ITU-T I.371's, as in the generic cell rate algorithm): `busy_ns` is when all
 * that was sent would have been at the rate; a packet can go as soon as that is at most the
 * burst's time ahead. Without a burst that is when the packet before it is out. */
struct rate {
    struct impair_rate set;
    uint64_t burst_ns;
    uint64_t busy_ns;
    uint64_t remainder; /* of the division that gave busy_ns: no fraction is lost */
};

/* The packet that is being sent at `now_ns` ends as it would have; without a rate the sender is
 * free from `now_ns` on. */
void rate_set(struct rate *rate, const struct impair_rate *set, uint64_t now_ns);

/* What the rate counts for a packet of so many bytes. */
uint32_t rate_cost(const struct impair_rate *set, uint32_t bytes);

/* How long so many bytes take; 0 without a rate. */
uint64_t rate_time_ns(const struct rate *rate, uint64_t bytes);

/* When the sender can begin with a packet that came at `in_ns`. */
static inline uint64_t rate_start_ns(const struct rate *rate, uint64_t in_ns)
{
    uint64_t free_ns = rate->busy_ns > rate->burst_ns ? rate->busy_ns - rate->burst_ns : 0;

    return free_ns > in_ns ? free_ns : in_ns;
}

/* Sends a packet at `start_ns`, which rate_start_ns gave. Returns when it is out. */
uint64_t rate_send(struct rate *rate, uint64_t start_ns, uint32_t cost);

#endif
