/* Cuts an IPv4 packet that is too long for the next link (RFC 791, 3.2; RFC 1812, 4.2.2.7). */
#ifndef DUET_NET_FRAGMENT_H
#define DUET_NET_FRAGMENT_H

#include "net/pool.h"

enum {
    FRAGMENTS_MAX = 64, /* that one packet becomes besides itself */
};

/* How many fragments the packet, as below, would become, itself included. */
size_t fragment_count(const struct packet *packet, size_t mtu);

/* `packet` is IPv4, may be fragmented, and longer than `mtu` (at least 68). It becomes the first
 * fragment itself; the others are of the pool and go into `rest`, parsed. Returns how many these
 * are. -ENOBUFS where the pool has too few or too small ones, -EMSGSIZE where it would be more than
 * FRAGMENTS_MAX; then the packet's bytes are as they were. */
int fragment_ipv4(struct pool *pool, struct packet *packet, size_t mtu,
                  struct packet *rest[static FRAGMENTS_MAX]);

#endif
