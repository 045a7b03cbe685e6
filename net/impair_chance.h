/* Yes-or-no decisions, one a packet, each with draws of its own. */
#ifndef DUET_NET_IMPAIR_CHANCE_H
#define DUET_NET_IMPAIR_CHANCE_H

#include "net/impair_settings.h"
#include "net/impair_verdict.h"
#include "net/random.h"

/* What a draw is for. Verdicts depend on these numbers: new ones go to the end. */
enum draw {
    DRAW_LOSS,
    DRAW_LOSS_KEEP,
    DRAW_LOSS_STATE,
    DRAW_DUPLICATE,
    DRAW_DUPLICATE_KEEP,
    DRAW_REORDER,
    DRAW_REORDER_KEEP,
    DRAW_CORRUPT,
    DRAW_CORRUPT_KEEP,
    DRAW_CORRUPT_COPY,
    DRAW_CORRUPT_BIT,
    DRAW_DELAY,
    DRAW_DELAY_KEEP,
    DRAW_DELAY_COPY,
    DRAW_SLOT,
    DRAW_SLOT_KEEP,
    DRAW_RULE,   /* and IMPAIR_RULES_MAX - 1 more, and one of the table of flows */
    DRAWS = 256, /* of a class, with room for more */
};

/* Whose draws: what random_key takes. */
struct draw_owner {
    uint64_t seed, link;
    unsigned direction;
    enum impair_class class;
};

static inline uint64_t draw_key(const struct draw_owner *owner, unsigned purpose)
{
    return random_key(owner->seed, owner->link, owner->direction, owner->class * DRAWS + purpose);
}

/* The draw of packet n, which with a correlation may be that of packet n - 1. */
struct draws {
    uint64_t key, keep_key;
    uint64_t keep; /* threshold */
    uint64_t last;
    bool has_last;
};

static inline void draws_init(struct draws *draws, const struct draw_owner *owner,
                              enum draw purpose, enum draw keep)
{
    *draws = (struct draws){.key = draw_key(owner, purpose), .keep_key = draw_key(owner, keep)};
}

/* Call it for each n in turn. */
static inline uint64_t draws_next(struct draws *draws, uint64_t n)
{
    uint64_t draw;

    if (!draws->keep)
        return random_at(draws->key, n);
    draw = draws->has_last && random_chance(random_at(draws->keep_key, n), draws->keep)
               ? draws->last
               : random_at(draws->key, n);
    draws->last = draw;
    draws->has_last = true;
    return draw;
}

struct chance {
    struct draws draws;
    uint64_t share; /* threshold; 0: never */
};

static inline void chance_set(struct chance *chance, uint32_t ppb, uint32_t correlation_ppb)
{
    chance->share = random_threshold(ppb);
    chance->draws.keep = random_threshold(correlation_ppb);
}

static inline bool chance_next(struct chance *chance, uint64_t n)
{
    return chance->share && random_chance(draws_next(&chance->draws, n), chance->share);
}

#endif
