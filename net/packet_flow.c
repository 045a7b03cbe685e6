#include "net/packet_flow.h"

#include "net/headers.h"

static bool is_echo(const struct packet *packet)
{
    uint8_t type;

    if (packet->transport != PACKET_TRANSPORT_ICMP && packet->transport != PACKET_TRANSPORT_ICMPV6)
        return false;
    type = packet_icmp_type(packet);
    if (packet->transport == PACKET_TRANSPORT_ICMP)
        return type == ICMP_TYPE_ECHO || type == ICMP_TYPE_ECHO_REPLY;
    return type == ICMPV6_TYPE_ECHO || type == ICMPV6_TYPE_ECHO_REPLY;
}

void packet_flow(const struct packet *packet, struct packet_flow *flow)
{
    *flow = (struct packet_flow){0};
    if (!packet_is_ip(packet))
        return;
    flow->network = packet->network;
    flow->protocol = packet->protocol;
    memcpy(flow->source, packet_source(packet), packet_address_bytes(packet));
    memcpy(flow->destination, packet_destination(packet), packet_address_bytes(packet));
    if (packet->flags & PACKET_FRAGMENT)
        return;
    if (packet_has_ports(packet)) {
        flow->source_port = packet_source_port(packet);
        flow->destination_port = packet_destination_port(packet);
    } else if (is_echo(packet)) {
        flow->source_port = flow->destination_port = bytes_load16(packet_transport(packet) + 4);
    }
}

void packet_flow_normalise(struct packet_flow *flow)
{
    int order = memcmp(flow->source, flow->destination, sizeof flow->source);
    struct packet_flow swapped = *flow;

    if (order < 0 || (order == 0 && flow->source_port <= flow->destination_port))
        return;
    memcpy(swapped.source, flow->destination, sizeof swapped.source);
    memcpy(swapped.destination, flow->source, sizeof swapped.destination);
    swapped.source_port = flow->destination_port;
    swapped.destination_port = flow->source_port;
    *flow = swapped;
}

bool packet_flow_equal(const struct packet_flow *a, const struct packet_flow *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static inline uint64_t load(const struct packet_flow *flow, size_t at)
{
    uint64_t word;

    memcpy(&word, (const uint8_t *)flow + at, sizeof word);
    return word;
}

/* Both halves of the product: each bit of either factor reaches most bits of the result. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t packet_flow_hash(const struct packet_flow *flow, uint64_t seed)
{
    /* Odd, and with as many ones as zeros: fractions of the square roots of 2, 3 and 5. */
    static const uint64_t a = 0x6a09e667f3bcc909, b = 0xbb67ae8584caa73b, c = 0x3c6ef372fe94f82b;
    uint64_t hash = seed ^ a;

    hash = mix(load(flow, 0) ^ b, load(flow, 16) ^ hash);
    hash = mix(load(flow, 8) ^ c, load(flow, 24) ^ hash);
    /* The last word overlaps the one before it: 38 bytes are not a multiple of 8. */
    hash = mix(load(flow, sizeof *flow - 8) ^ b, hash ^ c);
    return mix(hash ^ a, c);
}
