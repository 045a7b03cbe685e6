#include "net/build.h"

#include "net/checksum.h"

#include <errno.h>

void build_start(struct build *build, void *buffer, size_t capacity)
{
    *build = (struct build){.bytes = buffer, .capacity = capacity};
}

/* Room for `count` bytes, all zero, or NULL. */
static uint8_t *add(struct build *build, size_t count)
{
    uint8_t *at;

    if (build->code == 0 && count > build->capacity - build->length)
        build->code = -ENOSPC;
    if (build->code != 0)
        return NULL;
    at = build->bytes + build->length;
    memset(at, 0, count);
    build->length += count;
    return at;
}

/* As `add`, for a header that makes sense only where `fits`. */
static uint8_t *add_header(struct build *build, bool fits, size_t count)
{
    if (build->code == 0 && !fits)
        build->code = -EINVAL;
    return add(build, count);
}

/* Has the header before say what follows it, and notes where the new one, at `at`, does. */
static void chain(struct build *build, uint16_t type, const uint8_t *at, size_t size)
{
    if (build->next_size == 2)
        bytes_store16(build->bytes + build->next_at, type);
    else if (build->next_size == 1)
        build->bytes[build->next_at] = (uint8_t)type;
    build->next_size = size;
    build->next_at = size > 0 ? (size_t)(at - build->bytes) : 0;
}

void build_ethernet(struct build *build, const struct ethernet_header *header)
{
    bool fits = build->length == 0 && header->vlan_count <= PACKET_VLANS_MAX;
    uint8_t *at = add_header(build, fits, 14 + 4 * header->vlan_count);

    if (!at)
        return;
    memcpy(at, header->destination, PACKET_MAC_BYTES);
    memcpy(at + PACKET_MAC_BYTES, header->source, PACKET_MAC_BYTES);
    at += 12;
    for (size_t i = 0; i < header->vlan_count; i++, at += 4) {
        bytes_store16(at, header->vlans[i].ethertype);
        bytes_store16(at + 2, header->vlans[i].control);
    }
    bytes_store16(at, header->ethertype);
    chain(build, 0, at, 2);
}

void build_arp(struct build *build, const struct arp_header *header)
{
    uint8_t *at = add_header(build, build->next_size == 2, 28);

    if (!at)
        return;
    bytes_store16(at, 1);
    bytes_store16(at + 2, ETHERTYPE_OF_IPV4);
    at[4] = PACKET_MAC_BYTES;
    at[5] = sizeof header->sender;
    bytes_store16(at + 6, header->operation);
    memcpy(at + 8, header->sender_mac, PACKET_MAC_BYTES);
    memcpy(at + 14, header->sender, sizeof header->sender);
    memcpy(at + 18, header->target_mac, PACKET_MAC_BYTES);
    memcpy(at + 24, header->target, sizeof header->target);
    chain(build, ETHERTYPE_OF_ARP, NULL, 0);
}

static bool can_begin_ip(const struct build *build)
{
    return build->length == 0 || build->next_size == 2;
}

static void begin_ip(struct build *build, const uint8_t *at, uint8_t version)
{
    build->network_at = (size_t)(at - build->bytes);
    build->version = version;
}

void build_ipv4(struct build *build, const struct ipv4_header *header)
{
    bool fits = can_begin_ip(build) && header->options_length <= sizeof header->options &&
                header->options_length % 4 == 0 && header->fragment_offset % 8 == 0;
    uint8_t *at = add_header(build, fits, 20 + header->options_length);

    if (!at)
        return;
    at[0] = (uint8_t)(4 << 4 | (5 + header->options_length / 4));
    at[1] = header->service;
    bytes_store16(at + 4, header->identification);
    bytes_store16(at + 6, (uint16_t)(header->fragment_offset / 8 | header->unfragmentable << 14 |
                                     header->more_fragments << 13));
    at[8] = header->hops;
    at[9] = header->protocol;
    memcpy(at + 12, header->source, sizeof header->source);
    memcpy(at + 16, header->destination, sizeof header->destination);
    memcpy(at + 20, header->options, header->options_length);
    build->fragment = header->more_fragments || header->fragment_offset > 0;
    chain(build, ETHERTYPE_OF_IPV4, at + 9, 1);
    begin_ip(build, at, 4);
}

void build_ipv6(struct build *build, const struct ipv6_header *header)
{
    uint8_t *at = add_header(build, can_begin_ip(build) && header->flow_label <= 0xfffff, 40);

    if (!at)
        return;
    bytes_store32(at, 6u << 28 | (uint32_t)header->service << 20 | header->flow_label);
    at[6] = header->protocol;
    at[7] = header->hops;
    memcpy(at + 8, header->source, sizeof header->source);
    memcpy(at + 24, header->destination, sizeof header->destination);
    chain(build, ETHERTYPE_OF_IPV6, at + 6, 1);
    begin_ip(build, at, 6);
}

static bool can_extend(const struct build *build)
{
    return build->version == 6 && build->protocol == 0;
}

void build_ipv6_extension(struct build *build, uint8_t type, const void *bytes, size_t count)
{
    size_t units = (2 + count + 7) / 8;
    uint8_t *at = add_header(build, can_extend(build) && units <= 256, units * 8);

    if (!at)
        return;
    at[0] = IPPROTO_NONE;
    at[1] = (uint8_t)(units - 1);
    if (count > 0)
        memcpy(at + 2, bytes, count);
    chain(build, type, at, 1);
}

void build_ipv6_fragment(struct build *build, const struct ipv6_fragment *fragment)
{
    uint8_t *at = add_header(build, can_extend(build) && fragment->offset % 8 == 0, 8);

    if (!at)
        return;
    at[0] = fragment->protocol;
    bytes_store16(at + 2, fragment->offset | fragment->more);
    bytes_store32(at + 4, fragment->identification);
    build->fragment = fragment->offset > 0 || fragment->more;
    chain(build, IPPROTO_FRAGMENT, at, 1);
}

static uint8_t *add_transport(struct build *build, uint8_t protocol, size_t count)
{
    size_t at = build->length;
    uint8_t *bytes = add_header(build, build->version != 0 && build->protocol == 0, count);

    if (!bytes)
        return NULL;
    if (at > UINT16_MAX) {
        build->code = -ENOSPC;
        return NULL;
    }
    build->transport_at = at;
    build->protocol = protocol;
    chain(build, protocol, NULL, 0);
    return bytes;
}

void build_udp(struct build *build, const struct udp_header *header)
{
    uint8_t *at = add_transport(build, IPPROTO_UDP, 8);

    if (!at)
        return;
    bytes_store16(at, header->source_port);
    bytes_store16(at + 2, header->destination_port);
}

void build_tcp(struct build *build, const struct tcp_header *header)
{
    bool fits = header->options_length <= sizeof header->options && header->options_length % 4 == 0;
    uint8_t *at;

    if (build->code == 0 && !fits)
        build->code = -EINVAL;
    at = add_transport(build, IPPROTO_TCP, 20 + header->options_length);
    if (!at)
        return;
    bytes_store16(at, header->source_port);
    bytes_store16(at + 2, header->destination_port);
    bytes_store32(at + 4, header->sequence);
    bytes_store32(at + 8, header->acknowledgement);
    at[12] = (uint8_t)((5 + header->options_length / 4) << 4);
    at[13] = header->flags;
    bytes_store16(at + 14, header->window);
    bytes_store16(at + 18, header->urgent);
    memcpy(at + 20, header->options, header->options_length);
}

void build_icmp(struct build *build, const struct icmp_header *header)
{
    uint8_t *at = add_transport(build, build->version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 8);

    if (!at)
        return;
    at[0] = header->type;
    at[1] = header->code;
    bytes_store32(at + 4, header->rest);
}

void build_nd_neighbour(struct build *build, const struct nd_neighbour *neighbour)
{
    bool fits = build->protocol == IPPROTO_ICMPV6 && build->length == build->transport_at + 8;
    uint8_t *at = add_header(build, fits, 16 + (neighbour->has_mac ? 8 : 0));

    if (!at)
        return;
    memcpy(at, neighbour->target, sizeof neighbour->target);
    if (!neighbour->has_mac)
        return;
    at[16] = build->bytes[build->transport_at] == ICMPV6_TYPE_NEIGHBOUR_SOLICITATION ? 1 : 2;
    at[17] = 1;
    memcpy(at + 18, neighbour->mac, PACKET_MAC_BYTES);
}

void build_bytes(struct build *build, const void *bytes, size_t count)
{
    uint8_t *at = add(build, count);

    if (at && count > 0)
        memcpy(at, bytes, count);
}

/* The length of IP's packet goes into its header, and the header's checksum. */
static void finish_network(struct build *build)
{
    uint8_t *at = build->bytes + build->network_at;
    size_t length = build->length - build->network_at;
    uint16_t sum;

    if (length - (build->version == 6 ? 40 : 0) > PACKET_IP_MAX) {
        build->code = -ENOSPC;
        return;
    }
    if (build->version == 6) {
        bytes_store16(at + 4, (uint16_t)(length - 40));
        return;
    }
    bytes_store16(at + 2, (uint16_t)length);
    sum = checksum_fold(checksum_add(0, at, (size_t)(at[0] & 15) * 4));
    memcpy(at + 10, &sum, sizeof sum);
}

static uint8_t transport_of(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_UDP:
        return PACKET_TRANSPORT_UDP;
    case IPPROTO_TCP:
        return PACKET_TRANSPORT_TCP;
    case IPPROTO_ICMPV6:
        return PACKET_TRANSPORT_ICMPV6;
    default:
        return PACKET_TRANSPORT_ICMP;
    }
}

static void finish_transport(struct build *build)
{
    struct packet packet = {
        .bytes = build->bytes,
        .length = (uint32_t)build->length,
        .end = (uint32_t)build->length,
        .network_at = (uint16_t)build->network_at,
        .transport_at = (uint16_t)build->transport_at,
        .network = build->version == 6 ? PACKET_NETWORK_IPV6 : PACKET_NETWORK_IPV4,
        .transport = transport_of(build->protocol),
        .protocol = build->protocol,
    };
    uint8_t *at = build->bytes + build->transport_at;

    if (packet.transport == PACKET_TRANSPORT_UDP) {
        bytes_store16(at + 4, (uint16_t)(build->length - build->transport_at));
        /* Anything but 0, which is none over IPv4. */
        at[6] = 1;
    }
    checksum_write(&packet);
}

int build_finish(struct build *build)
{
    if (build->code == 0 && build->version != 0)
        finish_network(build);
    if (build->code == 0 && build->protocol != 0 && !build->fragment)
        finish_transport(build);
    return build->code != 0 ? build->code : (int)build->length;
}
