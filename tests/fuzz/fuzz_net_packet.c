/* Any bytes as a packet (the first byte says on which link, whether virtio's header is first, and
 * whether the checksum of IPv4's header is made right, which mutations nearly never leave it): all
 * that a view says lies within it, every accessor and walk can be used where its condition holds,
 * and what is read can be built again and reads the same. */
#include "net/build.h"
#include "net/checksum.h"
#include "net/offload.h"
#include "net/packet_flow.h"
#include "net/segment.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_offsets(const struct packet *packet)
{
    check(packet->flaw < PACKET_FLAWS && packet_flaw_name((enum packet_flaw)packet->flaw));
    check(packet->end <= packet->length);
    if (packet->flaw == PACKET_EMPTY || packet->flaw == PACKET_TOO_LONG)
        return;
    check(packet->network_at <= packet->transport_at || packet->network == PACKET_NETWORK_NONE);
    check(packet->transport_at <= packet->payload_at);
    check(packet->payload_at <= packet->end || packet->network == PACKET_NETWORK_NONE);
    if (packet->network == PACKET_NETWORK_NONE)
        check(packet->transport == PACKET_TRANSPORT_NONE);
}

/* A vector of one finds what the packet alone does. */
static void check_vector(const struct packet *packet)
{
    enum { FROM = offsetof(struct packet, end), TO = offsetof(struct packet, vlans) + 1 };
    struct packet again = *packet;
    struct packet *vector = &again;

    memset((uint8_t *)&again + FROM, 0x55, TO - FROM);
    packets_parse(&vector, 1);
    check(memcmp((uint8_t *)&again + FROM, (const uint8_t *)packet + FROM, TO - FROM) == 0);
}

static size_t walk(struct packet_options options)
{
    struct packet_option option;
    size_t sum = 0;

    while (packet_option_next(&options, &option))
        for (size_t i = 0; i < option.length; i++)
            sum += option.data[i];
    check(!options.malformed);
    return sum;
}

/* Builds the headers that were read; returns the length, or that the packet is none to build. */
static int build_again(const struct packet *packet, uint8_t *bytes, size_t capacity)
{
    struct ipv4_header ipv4;
    struct ipv6_header ipv6;
    struct tcp_header tcp;
    struct udp_header udp;
    struct build build;

    build_start(&build, bytes, capacity);
    if (packet->network == PACKET_NETWORK_IPV4) {
        ipv4_read(packet, &ipv4);
        build_ipv4(&build, &ipv4);
    } else {
        ipv6_read(packet, &ipv6);
        build_ipv6(&build, &ipv6);
    }
    if (packet->transport == PACKET_TRANSPORT_TCP) {
        tcp_read(packet, &tcp);
        build_tcp(&build, &tcp);
    } else {
        udp_read(packet, &udp);
        build_udp(&build, &udp);
    }
    build_bytes(&build, packet_payload(packet), packet_payload_length(packet));
    return build_finish(&build);
}

static void check_rebuilt(const struct packet *packet)
{
    struct packet_flow flow, again;
    size_t capacity = packet->length;
    uint8_t *bytes = malloc(capacity);
    int length = build_again(packet, bytes, capacity);
    struct packet rebuilt = {.bytes = bytes, .length = (uint32_t)length, .link = PACKET_LINK_IP};

    check(length == (int)packet_network_length(packet));
    check(packet_parse(&rebuilt) == PACKET_SOUND && checksum_right(&rebuilt));
    packet_flow(packet, &flow);
    packet_flow(&rebuilt, &again);
    check(packet_flow_equal(&flow, &again));
    check(packet_payload_length(packet) == packet_payload_length(&rebuilt));
    check(packet_hops(packet) == packet_hops(&rebuilt));
    free(bytes);
}

static void use_link(const struct packet *packet)
{
    struct ethernet_header ethernet;
    struct arp_header arp;

    if (packet->link == PACKET_LINK_ETHERNET && packet->network_at > 0)
        ethernet_read(packet, &ethernet);
    if (packet->network == PACKET_NETWORK_ARP)
        arp_read(packet, &arp);
}

static void use_transport(const struct packet *packet)
{
    struct icmp_header icmp;
    struct nd_neighbour neighbour;
    uint8_t type;

    packet_icmp_is_error(packet);
    if (packet->transport == PACKET_TRANSPORT_TCP)
        walk(packet_tcp_options(packet));
    if (packet->transport != PACKET_TRANSPORT_ICMP && packet->transport != PACKET_TRANSPORT_ICMPV6)
        return;
    icmp_read(packet, &icmp);
    type = packet_icmp_type(packet);
    if (packet->transport != PACKET_TRANSPORT_ICMPV6 || packet_nd_bytes(type) == 0)
        return;
    walk(packet_nd_options(packet));
    if (type == ICMPV6_TYPE_NEIGHBOUR_SOLICITATION || type == ICMPV6_TYPE_NEIGHBOUR_ADVERTISEMENT)
        nd_neighbour_read(packet, &neighbour);
}

static void use_ip(struct packet *packet)
{
    struct packet_flow flow;
    struct ipv6_fragment fragment;

    packet_flow(packet, &flow);
    packet_flow_normalise(&flow);
    packet_flow_hash(&flow, 1);
    if (packet->network == PACKET_NETWORK_IPV4)
        walk(packet_ipv4_options(packet));
    if (packet->flags & PACKET_FRAGMENT)
        check(packet_fragment_offset(packet) > 0 || packet_fragment_more(packet));
    if (packet->fragment_at)
        ipv6_fragment_read(packet, &fragment);
    if (packet_has_ports(packet) && !(packet->flags & PACKET_FRAGMENT) &&
        !(packet->network == PACKET_NETWORK_IPV6 && packet->flags & PACKET_IP_OPTIONS))
        check_rebuilt(packet);
    checksum_write(packet);
    check(checksum_right(packet));
}

static void make_ipv4_checksum_right(const struct packet *packet)
{
    size_t at = packet->link == PACKET_LINK_IP ? 0 : 14;
    uint8_t *header = packet->bytes + at;
    uint16_t sum = 0;

    if (packet->length < at + 20 || packet->length < at + (size_t)(header[0] & 15) * 4)
        return;
    memcpy(header + 10, &sum, sizeof sum);
    sum = checksum_fold(checksum_add(0, header, (size_t)(header[0] & 15) * 4));
    memcpy(header + 10, &sum, sizeof sum);
}

/* What a kernel says of it is refused, or can be done. */
static void use_offload(struct packet *packet, const uint8_t *header)
{
    uint8_t again[OFFLOAD_BYTES];
    struct packet *segments[SEGMENTS_MAX];
    struct pool pool;
    int count;

    if (offload_read(packet, header) < 0)
        return;
    offload_write(packet, again);
    if (packet->segment_bytes && packet->transport == PACKET_TRANSPORT_TCP &&
        !(packet->flags & PACKET_FRAGMENT)) {
        pool_init(&pool, 8, 512);
        count = segment_tcp(&pool, packet, segments);
        for (int i = 0; i < count; i++) {
            check(segments[i]->transport == PACKET_TRANSPORT_TCP);
            checksum_finish(segments[i]);
            check(checksum_right(segments[i]));
        }
        pool_free(&pool);
    }
    checksum_finish(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet packet = {0};
    uint8_t header[OFFLOAD_BYTES] = {0};
    uint8_t flags, *bytes;

    if (size < 1)
        return 0;
    flags = *data++;
    size--;
    if (flags & 2 && size >= sizeof header) {
        memcpy(header, data, sizeof header);
        data += sizeof header;
        size -= sizeof header;
    }
    bytes = malloc(size ? size : 1);
    memcpy(bytes, data, size);
    packet =
        (struct packet){.bytes = bytes, .length = (uint32_t)size, .link = flags & PACKET_LINK_IP};
    if (flags & 4)
        make_ipv4_checksum_right(&packet);
    packet_parse(&packet);
    check_offsets(&packet);
    check_vector(&packet);
    use_link(&packet);
    use_transport(&packet);
    use_offload(&packet, header);
    if (packet_is_ip(&packet))
        use_ip(&packet);
    free(bytes);
    return 0;
}
