/* Makes the packets that one large one stands for (TCP segmentation offload). */
#ifndef DUET_NET_SEGMENT_H
#define DUET_NET_SEGMENT_H

#include "net/pool.h"

/* Of one packet: 65535 bytes in segments of 128. Segments may be shorter, with a small MTU or by
 * TCP_MAXSEG: a device is told how many it may be given at once (IFLA_GSO_MAX_SEGS). */
enum { SEGMENTS_MAX = 512 };

/* `packet`, parsed, is TCP, no fragment, and has segment_bytes. Its segments are of the pool and go
 * into `segments`, parsed, with partial checksums; the packet itself stays the caller's. Returns
 * how many. -EMSGSIZE where these are more than SEGMENTS_MAX or longer than the pool's packets may
 * be, -ENOBUFS where the pool has too few. */
int segment_tcp(struct pool *pool, const struct packet *packet,
                struct packet *segments[static SEGMENTS_MAX]);

/* Makes the network's header of a segment its own, which was copied from `packet`, parsed: length,
 * identification and checksum of the one number `index`, from 0. */
void segment_finish_network(struct packet *segment, const struct packet *packet, size_t index);

#endif
