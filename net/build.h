/* Builds a packet into a caller's buffer, header by header from the outside in:
 *
 *     struct build build;
 *
 *     build_start(&build, buffer, sizeof buffer);
 *     build_ipv4(&build, &ipv4);
 *     build_udp(&build, &udp);
 *     build_bytes(&build, "payload", 7);
 *     length = build_finish(&build);
 *
 * Lengths and checksums are filled in at the end. What does not fit is remembered, nothing is
 * written behind the buffer, and build_finish says so: there is one place to check. */
#ifndef DUET_NET_BUILD_H
#define DUET_NET_BUILD_H

#include "net/headers.h"

struct build {
    uint8_t *bytes;
    size_t capacity, length;
    size_t network_at, transport_at; /* SIZE_MAX: there is none yet */
    uint8_t version;                 /* of IP: 4 or 6; 0: there is none */
    uint8_t protocol;                /* of the transport, where one was built */
    bool failed;                     /* it did not fit, or a header made no sense there */
};

void build_start(struct build *build, void *buffer, size_t capacity);
void build_ethernet(struct build *build, const struct ethernet_header *header);
void build_arp(struct build *build, const struct arp_header *header);
void build_ipv4(struct build *build, const struct ipv4_header *header);
void build_ipv6(struct build *build, const struct ipv6_header *header);
/* An extension header other than a fragment's: `count` bytes (padded with zeros, which are Pad1, to
 * a multiple of 8 with the two before them) behind `next`, the protocol of what follows it. */
void build_ipv6_extension(struct build *build, uint8_t next, const void *bytes, size_t count);
void build_ipv6_fragment(struct build *build, const struct ipv6_fragment *fragment);
void build_udp(struct build *build, const struct udp_header *header);
void build_tcp(struct build *build, const struct tcp_header *header);
/* ICMP behind IPv4, ICMPv6 behind IPv6. */
void build_icmp(struct build *build, const struct icmp_header *header);
/* Behind an ICMPv6 header of ICMPV6_TYPE_NEIGHBOUR_…, whose type decides the option's. */
void build_nd_neighbour(struct build *build, const struct nd_neighbour *neighbour);
void build_bytes(struct build *build, const void *bytes, size_t count);
/* Fills in lengths and checksums. Returns the packet's bytes, or -ENOSPC where it did not fit, or
 * what IP's length field cannot say, or -EINVAL where headers were not one inside the other. */
int build_finish(struct build *build);

#endif
