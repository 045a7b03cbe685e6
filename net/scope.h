/* How far an address reaches: what must not be forwarded, from or to it (RFC 1812, 5.3.7; RFC 4291;
 * RFC 3927, 7; RFC 6890). */
#ifndef DUET_NET_SCOPE_H
#define DUET_NET_SCOPE_H

#include "net/packet.h"

enum scope {
    SCOPE_GLOBAL,      /* or private: one host, of any network */
    SCOPE_UNSPECIFIED, /* 0.0.0.0/8, :: */
    SCOPE_LOOPBACK,    /* 127.0.0.0/8, ::1 */
    SCOPE_LINK,        /* 169.254.0.0/16, fe80::/10 */
    SCOPE_MULTICAST,   /* 224.0.0.0/4, ff00::/8 */
    SCOPE_RESERVED,    /* 240.0.0.0/4, the limited broadcast with it */
};

/* By the first byte: whether an address that begins so is SCOPE_GLOBAL whatever follows. */
extern const bool scope_is_plain_ipv4[256], scope_is_plain_ipv6[256];

enum scope scope_of(enum packet_network network, const uint8_t *address);

/* Whether source and destination are both SCOPE_GLOBAL; nearly all are by their first byte. */
static inline bool scope_is_global(const struct packet *packet)
{
    const uint8_t *header = packet_network(packet);

    if (packet->network == PACKET_NETWORK_IPV4
            ? scope_is_plain_ipv4[header[12]] && scope_is_plain_ipv4[header[16]]
            : scope_is_plain_ipv6[header[8]] && scope_is_plain_ipv6[header[24]])
        return true;
    return scope_of((enum packet_network)packet->network, packet_source(packet)) == SCOPE_GLOBAL &&
           scope_of((enum packet_network)packet->network, packet_destination(packet)) ==
               SCOPE_GLOBAL;
}

#endif
