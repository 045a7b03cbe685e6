/* Makes the packets that one large one stands for (TCP segmentation offload). */
#ifndef DUET_NET_SEGMENT_H
#define DUET_NET_SEGMENT_H

#include "net/pool.h"

enum { SEGMENTS_MAX = 128 }; /* of one packet: 65535 bytes in segments of 536 (RFC 9293, 3.7.1) */

/* `packet`, parsed, is TCP, no fragment, and has segment_bytes. Its segments are of the pool and go
 * into `segments`, parsed, with partial checksums; the packet itself stays the caller's. Returns
 * how many. -EMSGSIZE where these are more than SEGMENTS_MAX or longer than the pool's packets may
 * be, -ENOBUFS where the pool has too few. */
int segment_tcp(struct pool *pool, const struct packet *packet,
                struct packet *segments[static SEGMENTS_MAX]);

#endif
