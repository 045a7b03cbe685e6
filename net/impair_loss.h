/* Which packets are lost: at random, by Gilbert-Elliott, or by Salsano's four states. */
#ifndef DUET_NET_IMPAIR_LOSS_H
#define DUET_NET_IMPAIR_LOSS_H

#include "net/impair_chance.h"

enum loss_place {
    LOSS_GOOD,       /* Gilbert-Elliott's good; state 1 */
    LOSS_BAD,        /* Gilbert-Elliott's bad; state 3: lost, in a burst */
    LOSS_BURST_GOOD, /* state 2: received, in a burst */
    LOSS_ALONE,      /* state 4: lost, outside of a burst */
};

struct loss {
    enum impair_loss_model model;
    enum loss_place place;
    struct chance random;
    uint64_t key, state_key;
    uint64_t p, r, bad_loss, good_loss; /* thresholds */
    uint64_t p13, p31, p32, p23, p14;   /* likewise */
    uint64_t limit, lost;               /* lost since that limit was set */
    bool active;
};

void loss_init(struct loss *loss, const struct draw_owner *owner);
/* The place stays, unless the model is another or loses nothing; so does how many were lost, unless
 * the limit is another. */
void loss_set(struct loss *loss, const struct impair_loss *settings);
/* Whether packet n is lost, by a model that loses any. Past the limit it goes on without a loss. */
bool loss_next_active(struct loss *loss, uint64_t n);

/* Whether packet n is lost. Call it for each n in turn. */
static inline bool loss_next(struct loss *loss, uint64_t n)
{
    return loss->active && loss_next_active(loss, n);
}

#endif
