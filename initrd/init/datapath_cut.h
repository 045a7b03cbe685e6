/* Cuts a packet that stands for many into these, also where its TCP is inside another packet: a
 * kernel bundles what comes through IPIP, SIT and GRE, too. */
#ifndef DUET_INIT_DATAPATH_CUT_H
#define DUET_INIT_DATAPATH_CUT_H

#include "net/segment.h"

#include <stdbool.h>

/* Whether it can be cut, and so may be counted in pieces: `packet`, parsed, has segment_bytes. Then
 * where the bytes of its TCP begin and how many there are: each piece has segment_bytes of them,
 * the last what is left, behind all that is before them. */
bool cut_is_possible(const struct packet *packet, size_t *payload_at, size_t *payload);
/* As segment_tcp, for what cut_is_possible. */
int cut(struct pool *pool, const struct packet *packet,
        struct packet *segments[static SEGMENTS_MAX]);

#endif
