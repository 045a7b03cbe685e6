/* What a router says about a packet that it does not forward (RFC 792, RFC 1812, RFC 4443). */
#ifndef DUET_NET_ICMP_ERROR_H
#define DUET_NET_ICMP_ERROR_H

#include "net/packet.h"

enum icmp_error {
    ICMP_ERROR_NO_ROUTE,
    ICMP_ERROR_HOST_UNREACHABLE,
    ICMP_ERROR_BEYOND_SCOPE, /* IPv6 only; of IPv4 there is none */
    ICMP_ERROR_HOPS,         /* time exceeded in transit */
    ICMP_ERROR_TOO_BIG,      /* fragmentation needed, packet too big */
};

enum { ICMP_ERROR_BYTES_MAX = 1280 }; /* of an error */

/* Whether an error may be sent about the packet, which was parsed: not about one that is an error
 * itself or might be, came to many, is a fragment other than the first, or has a source that is not
 * one host (RFC 1812, 4.3.2.7; RFC 4443, 2.4). */
bool icmp_error_may_be_sent(const struct packet *about, enum icmp_error error);

/* Builds the error into `packet`, which has room for ICMP_ERROR_BYTES_MAX at `bytes`, and parses
 * it. `about` is IP; `source` an address of its family; `mtu` that of the next link, for TOO_BIG.
 * The error quotes as much of `about` as it may and as `most` bytes (68 at least) have room for. */
void icmp_error_build(struct packet *packet, const struct packet *about, const uint8_t *source,
                      enum icmp_error error, uint32_t mtu, size_t most);

#endif
