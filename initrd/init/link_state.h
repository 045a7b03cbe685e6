/* What a link has done so far, as answers on ctl have it. Pure. */
#ifndef DUET_INIT_LINK_STATE_H
#define DUET_INIT_LINK_STATE_H

#include "base/buffer.h"
#include "net/impair_verdict.h"

#include <stdint.h>

/* Of one direction. Packets as the link has them: one that stands for many counts as these. */
struct link_way_state {
    uint64_t next;                   /* the number of the next packet of data */
    uint64_t packets_in, bytes_in;   /* from the sender */
    uint64_t packets_out, bytes_out; /* that the receiver took, duplicates included */
    uint64_t causes[IMPAIR_CAUSES];  /* as in struct impair_counters */
    uint64_t too_long;               /* lost: longer than the link's MTU, or no packet at all */
    uint64_t unread;                 /* lost: the receiver's device had no room */
    uint64_t dropped;                /* lost in tc netem, which does not tell why */
};

/* Appends the member "ways", by direction. Causes that did not happen are left out. */
void link_state_json(struct buffer *out, const struct link_way_state ways[static 2]);

#endif
