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
 * Lengths, checksums and what each header says of the next are filled in; `ethertype` and
 * `protocol` of a header count only where build_bytes follows it. In a fragment, UDP's length and
 * the transport's checksum stay 0, for they are of the whole datagram. What does not fit is
 * remembered, nothing is written behind the buffer, and build_finish says so: there is one place to
 * check. */
#ifndef DUET_NET_BUILD_H
#define DUET_NET_BUILD_H

#include "net/headers.h"

struct build {
    uint8_t *bytes;
    size_t capacity, length;
    size_t next_at;    /* where the header before says what follows it, in next_size bytes */
    size_t next_size;  /* 2: an EtherType; 1: a protocol; 0: nowhere */
    size_t network_at; /* of the header of IP, where `version` is not 0 */
    uint8_t version;
    size_t transport_at; /* where `protocol` is not 0, the transport's */
    uint8_t protocol;
    bool fragment;
    int code; /* what went wrong, as build_finish returns it; 0: nothing */
};

void build_start(struct build *build, void *buffer, size_t capacity);
void build_ethernet(struct build *build, const struct ethernet_header *header);
void build_arp(struct build *build, const struct arp_header *header);
void build_ipv4(struct build *build, const struct ipv4_header *header);
void build_ipv6(struct build *build, const struct ipv6_header *header);
/* An extension header of `type` (IPPROTO_HOPOPTS, …) other than a fragment's: `bytes` are what
 * follows its first two, padded with zeros, which are Pad1, to a multiple of 8 with these. */
void build_ipv6_extension(struct build *build, uint8_t type, const void *bytes, size_t count);
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
