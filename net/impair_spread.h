/* Times that vary: distributions by their quantiles.
 *
 * A draw is turned into a time by the inverse of the distribution's function, computed from sums,
 * products and quotients of doubles and one integer root alone, so that every compiler makes the
 * same of the same draw. */
#ifndef DUET_NET_IMPAIR_SPREAD_H
#define DUET_NET_IMPAIR_SPREAD_H

#include "net/impair_chance.h"

struct spread {
    struct impair_spread set;
    struct draws draws;
};

/* How many jitters the quantile at `draw` of 2^64 lies from the mean; 0 for IMPAIR_TABLE. */
double spread_quantile(enum impair_distribution distribution, uint64_t draw);
/* The time at that quantile. */
uint64_t spread_time(const struct impair_spread *set, uint64_t draw);

/* Integer square root, rounded down. */
uint64_t spread_root(uint64_t value);

static inline void spread_set(struct spread *spread, const struct impair_spread *set)
{
    spread->set = *set;
    spread->draws.keep = random_threshold(set->correlation_ppb);
}

/* For packet n, in turn. */
static inline uint64_t spread_next(struct spread *spread, uint64_t n)
{
    if (!spread->set.jitter_ns)
        return spread->set.mean_ns;
    return spread_time(&spread->set, draws_next(&spread->draws, n));
}

#endif
