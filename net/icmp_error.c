#include "net/icmp_error.h"

#include "net/build.h"
#include "net/scope.h"

enum {
    HOPS = 64,
    SERVICE_CONTROL = 0xc0,  /* precedence 6, internetwork control: RFC 1812, 4.3.2.5 */
    IPV4_ERROR_BYTES = 576,  /* RFC 1812, 4.3.2.3 */
    IPV6_ERROR_BYTES = 1280, /* RFC 4443, 2.4 (c) */
};

/* From one host, which can be told, to one host. */
static bool addresses_are_plain(const struct packet *about, enum icmp_error error)
{
    enum packet_network network = (enum packet_network)about->network;
    enum scope source = scope_of(network, packet_source(about));

    if (scope_of(network, packet_destination(about)) != SCOPE_GLOBAL)
        return false;
    if (error == ICMP_ERROR_BEYOND_SCOPE)
        return network == PACKET_NETWORK_IPV6 && source == SCOPE_LINK;
    return source == SCOPE_GLOBAL;
}

bool icmp_error_may_be_sent(const struct packet *about, enum icmp_error error)
{
    if (!packet_is_ip(about) || about->flags & (PACKET_FRAGMENT_LATER | PACKET_GROUP_FRAME) ||
        !addresses_are_plain(about, error))
        return false;
    /* What is ICMP but was not understood might be an error. */
    if ((about->protocol == IPPROTO_ICMP || about->protocol == IPPROTO_ICMPV6) &&
        about->transport == PACKET_TRANSPORT_NONE)
        return false;
    return !packet_icmp_is_error(about);
}

static struct icmp_header header_of(bool is_ipv4, enum icmp_error error, uint32_t mtu)
{
    switch (error) {
    case ICMP_ERROR_HOPS:
        return (struct icmp_header){.type = is_ipv4 ? ICMP_TYPE_TIME_EXCEEDED
                                                    : ICMPV6_TYPE_TIME_EXCEEDED};
    case ICMP_ERROR_TOO_BIG:
        if (!is_ipv4)
            return (struct icmp_header){.type = ICMPV6_TYPE_TOO_BIG, .rest = mtu};
        return (struct icmp_header){
            .type = ICMP_TYPE_UNREACHABLE, .code = ICMP_CODE_TOO_BIG, .rest = mtu & 0xffff};
    case ICMP_ERROR_HOST_UNREACHABLE:
        return (struct icmp_header){
            .type = is_ipv4 ? ICMP_TYPE_UNREACHABLE : ICMPV6_TYPE_UNREACHABLE,
            .code = is_ipv4 ? ICMP_CODE_HOST_UNREACHABLE : ICMPV6_CODE_ADDRESS_UNREACHABLE};
    case ICMP_ERROR_BEYOND_SCOPE:
        return (struct icmp_header){.type = ICMPV6_TYPE_UNREACHABLE,
                                    .code = ICMPV6_CODE_BEYOND_SCOPE};
    default:
        return (struct icmp_header){
            .type = is_ipv4 ? ICMP_TYPE_UNREACHABLE : ICMPV6_TYPE_UNREACHABLE,
            .code = is_ipv4 ? ICMP_CODE_NET_UNREACHABLE : ICMPV6_CODE_NO_ROUTE};
    }
}

static void build_network(struct build *build, const struct packet *about, const uint8_t *source)
{
    struct ipv4_header ipv4 = {.service = SERVICE_CONTROL, .hops = HOPS, .unfragmentable = true};
    struct ipv6_header ipv6 = {.hops = HOPS};

    if (about->network == PACKET_NETWORK_IPV4) {
        memcpy(ipv4.source, source, sizeof ipv4.source);
        memcpy(ipv4.destination, packet_source(about), sizeof ipv4.destination);
        build_ipv4(build, &ipv4);
        return;
    }
    memcpy(ipv6.source, source, sizeof ipv6.source);
    memcpy(ipv6.destination, packet_source(about), sizeof ipv6.destination);
    build_ipv6(build, &ipv6);
}

void icmp_error_build(struct packet *packet, const struct packet *about, const uint8_t *source,
                      enum icmp_error error, uint32_t mtu, size_t most)
{
    bool is_ipv4 = about->network == PACKET_NETWORK_IPV4;
    size_t allowed = is_ipv4 ? IPV4_ERROR_BYTES : IPV6_ERROR_BYTES;
    struct icmp_header header = header_of(is_ipv4, error, mtu);
    size_t quoted = packet_network_length(about);
    struct build build;
    size_t room;

    build_start(&build, packet->bytes, most < allowed ? most : allowed);
    build_network(&build, about, source);
    build_icmp(&build, &header);
    room = build.capacity - build.length;
    build_bytes(&build, packet_network(about), quoted < room ? quoted : room);
    packet->length = (uint32_t)build_finish(&build);
    packet->link = PACKET_LINK_IP;
    packet->checksum = PACKET_CHECKSUM_WHOLE;
    packet_parse(packet);
}
