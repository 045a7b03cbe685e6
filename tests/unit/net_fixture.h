/* Packets for tests of net/: one that is known byte by byte, and any number of random ones, the
 * same ones for the same seed. */
#ifndef DUET_TESTS_NET_FIXTURE_H
#define DUET_TESTS_NET_FIXTURE_H

#include "base/memory.h"
#include "net/build.h"
#include "net/checksum.h"

/* splitmix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t fixture_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline size_t fixture_below(uint64_t *state, size_t limit)
{
    return (size_t)(fixture_random(state) % limit);
}

static inline void fixture_fill(uint64_t *state, void *bytes, size_t count)
{
    uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++)
        at[i] = (uint8_t)fixture_random(state);
}

/* What a random packet was built of. */
struct fixture_headers {
    bool has_ethernet;
    enum packet_network network;
    enum packet_transport transport; /* NONE: bytes of protocol 253 (RFC 3692) */
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct ipv6_header ipv6;
    bool has_fragment;
    struct ipv6_fragment fragment;
    size_t extensions;
    struct udp_header udp;
    struct tcp_header tcp;
    struct icmp_header icmp;
    uint8_t payload[300];
    size_t payload_length;
};

static inline void fixture_random_options(uint64_t *state, uint8_t options[static 40],
                                          size_t *length)
{
    size_t at = 0;

    *length = fixture_below(state, 11) * 4;
    memset(options, 0, 40);
    while (at < *length && fixture_below(state, 4) > 0) {
        size_t most = *length - at;
        size_t size = 2 + fixture_below(state, 9);

        if (size > most || fixture_below(state, 4) == 0) {
            options[at++] = 1;
            continue;
        }
        fixture_fill(state, options + at, size);
        options[at] = (uint8_t)(2 + fixture_below(state, 250));
        options[at + 1] = (uint8_t)size;
        at += size;
    }
}

static inline void fixture_random_ethernet(uint64_t *state, struct ethernet_header *header)
{
    fixture_fill(state, header->destination, sizeof header->destination);
    fixture_fill(state, header->source, sizeof header->source);
    header->vlan_count = fixture_below(state, PACKET_VLANS_MAX + 1);
    for (size_t i = 0; i < header->vlan_count; i++)
        header->vlans[i] = (struct vlan_tag){
            .ethertype = fixture_below(state, 2) ? ETHERTYPE_OF_VLAN : ETHERTYPE_OF_SERVICE,
            .control = (uint16_t)fixture_random(state)};
}

static inline void fixture_random_ip(uint64_t *state, struct fixture_headers *headers)
{
    struct ipv4_header *ipv4 = &headers->ipv4;
    struct ipv6_header *ipv6 = &headers->ipv6;

    fixture_fill(state, ipv4->source, sizeof ipv4->source);
    fixture_fill(state, ipv4->destination, sizeof ipv4->destination);
    ipv4->service = (uint8_t)fixture_random(state);
    ipv4->hops = (uint8_t)fixture_random(state);
    ipv4->identification = (uint16_t)fixture_random(state);
    ipv4->unfragmentable = fixture_below(state, 2);
    fixture_random_options(state, ipv4->options, &ipv4->options_length);
    fixture_fill(state, ipv6->source, sizeof ipv6->source);
    fixture_fill(state, ipv6->destination, sizeof ipv6->destination);
    ipv6->service = (uint8_t)fixture_random(state);
    ipv6->hops = (uint8_t)fixture_random(state);
    ipv6->flow_label = (uint32_t)fixture_random(state) & 0xfffff;
    headers->extensions = fixture_below(state, 4);
    headers->has_fragment = fixture_below(state, 4) == 0;
    headers->fragment = (struct ipv6_fragment){.identification = (uint32_t)fixture_random(state)};
}

static inline void fixture_random_transport(uint64_t *state, struct fixture_headers *headers)
{
    struct tcp_header *tcp = &headers->tcp;

    fixture_fill(state, &headers->udp, sizeof headers->udp);
    tcp->source_port = (uint16_t)fixture_random(state);
    tcp->destination_port = (uint16_t)fixture_random(state);
    tcp->sequence = (uint32_t)fixture_random(state);
    tcp->acknowledgement = (uint32_t)fixture_random(state);
    tcp->flags = (uint8_t)fixture_random(state);
    tcp->window = (uint16_t)fixture_random(state);
    tcp->urgent = (uint16_t)fixture_random(state);
    fixture_random_options(state, tcp->options, &tcp->options_length);
    headers->icmp = (struct icmp_header){
        .type = headers->network == PACKET_NETWORK_IPV6 ? ICMPV6_TYPE_ECHO : ICMP_TYPE_ECHO,
        .code = (uint8_t)fixture_random(state),
        .rest = (uint32_t)fixture_random(state)};
    headers->payload_length = fixture_below(state, sizeof headers->payload + 1);
    fixture_fill(state, headers->payload, headers->payload_length);
}

static inline struct fixture_headers fixture_random_headers(uint64_t *state)
{
    static const enum packet_transport transports[] = {PACKET_TRANSPORT_NONE, PACKET_TRANSPORT_ICMP,
                                                       PACKET_TRANSPORT_UDP, PACKET_TRANSPORT_TCP};
    struct fixture_headers headers = {0};

    headers.has_ethernet = fixture_below(state, 2);
    headers.network = fixture_below(state, 2) ? PACKET_NETWORK_IPV4 : PACKET_NETWORK_IPV6;
    headers.transport = transports[fixture_below(state, array_size(transports))];
    if (headers.transport == PACKET_TRANSPORT_ICMP && headers.network == PACKET_NETWORK_IPV6)
        headers.transport = PACKET_TRANSPORT_ICMPV6;
    fixture_random_ethernet(state, &headers.ethernet);
    fixture_random_ip(state, &headers);
    fixture_random_transport(state, &headers);
    headers.ipv4.protocol = headers.ipv6.protocol = headers.fragment.protocol = 253;
    return headers;
}

static inline void fixture_build_network(struct build *build, const struct fixture_headers *headers)
{
    if (headers->network == PACKET_NETWORK_IPV4) {
        build_ipv4(build, &headers->ipv4);
        return;
    }
    build_ipv6(build, &headers->ipv6);
    for (size_t i = 0; i < headers->extensions; i++)
        build_ipv6_extension(build, i == 0 ? IPPROTO_HOPOPTS : IPPROTO_DSTOPTS, headers->payload,
                             i * 7);
    if (headers->has_fragment)
        build_ipv6_fragment(build, &headers->fragment);
}

/* Returns what build_finish does. */
static inline int fixture_build(const struct fixture_headers *headers, void *buffer,
                                size_t capacity)
{
    struct build build;

    build_start(&build, buffer, capacity);
    if (headers->has_ethernet)
        build_ethernet(&build, &headers->ethernet);
    fixture_build_network(&build, headers);
    switch (headers->transport) {
    case PACKET_TRANSPORT_ICMP:
    case PACKET_TRANSPORT_ICMPV6:
        build_icmp(&build, &headers->icmp);
        break;
    case PACKET_TRANSPORT_UDP:
        build_udp(&build, &headers->udp);
        break;
    case PACKET_TRANSPORT_TCP:
        build_tcp(&build, &headers->tcp);
        break;
    default:
        break;
    }
    build_bytes(&build, headers->payload, headers->payload_length);
    return build_finish(&build);
}

/* Makes the checksum of an IPv4 header that was changed right again. */
static inline void fixture_refresh_ipv4(uint8_t *header)
{
    uint16_t sum = 0;

    memcpy(header + 10, &sum, sizeof sum);
    sum = checksum_fold(checksum_add(0, header, (size_t)(header[0] & 15) * 4));
    memcpy(header + 10, &sum, sizeof sum);
}

/* A view of `count` bytes that were not parsed yet. */
static inline struct packet fixture_packet(enum packet_link link, void *bytes, size_t count)
{
    return (struct packet){.bytes = bytes, .length = (uint32_t)count, .link = (uint8_t)link};
}

#endif
