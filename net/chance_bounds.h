/* How often something left to chance may happen before that is not believed any more.
 *
 * What decides from packet to packet (struct chain) is a Markov chain of up to four states, in each
 * of which a packet is hit with some probability: independent decisions have one state, correlated
 * ones and Gilbert-Elliott's two, Salsano's model four. For the number S of hits, Markov's
 * inequality gives P(S >= k) <= E[exp(t S)] / exp(t k) for every t > 0 (Chernoff's bound), and the
 * expectation is a power of the chain's matrix: no assumption about sample sizes, and a bound that
 * holds, for every model, every length, and for settings that change on the way (the exponents
 * of one stretch after the other add up). It is as wide as the exact binomial bounds but for a few
 * per cent. t runs over a grid that is fine enough to lose two per cent at most. */
#ifndef DUET_NET_CHANCE_BOUNDS_H
#define DUET_NET_CHANCE_BOUNDS_H

#include "net/impair_settings.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CHAIN_STATES = 4,
    BOUNDS_POINTS = 36, /* of the grid */
};

/* A correct network is outside of one bound once in e^25 = 7e10 times: in a case with twenty of
 * them, less than once in 10^9. */
#define BOUNDS_DOUBT 25.0

struct chain {
    unsigned states;
    double move[CHAIN_STATES][CHAIN_STATES]; /* from, to */
    double hit[CHAIN_STATES];                /* the probability of it in that state */
    bool moves_first; /* the state after the move decides, not that before it */
    int start;        /* the state before the first packet; -1: any */
};

/* `ppb` of packets, of which neighbours correlate. The start is any. */
void chain_of_chance(struct chain *chain, uint32_t ppb, uint32_t correlation_ppb);
/* The model's, from its good state on. */
void chain_of_loss(struct chain *chain, const struct impair_loss *loss);
/* The share of packets that are hit in the long run. */
double chain_share(const struct chain *chain);

/* What is expected of all trials so far. Zero-initialised is none. */
struct bounds {
    uint64_t trials;
    double expected;                                   /* hits */
    double upper[BOUNDS_POINTS], lower[BOUNDS_POINTS]; /* log E[exp(+-t S)] */
};

/* `trials` more, which the chain decides. */
void bounds_add(struct bounds *bounds, const struct chain *chain, uint64_t trials);
/* The least and the most hits that are believed. */
void bounds_range(const struct bounds *bounds, uint64_t *least, uint64_t *most);

#endif
