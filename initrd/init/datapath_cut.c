#include "initrd/init/datapath_cut.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

enum {
    GRE_HEADER = 4,
    GRE_KEY = 0x2000, /* RFC 2890; with any other flag a kernel does not bundle, or sums the GRE */
    GRE_KEY_BYTES = 4,
    GRE_BRIDGED = 0x6558, /* Ethernet frames */
};

/* Where the packet inside begins that a GRE header is before; 0: it is not understood. */
static size_t inside_gre(const struct packet *packet, uint8_t *link)
{
    const uint8_t *header = packet_transport(packet);
    size_t at = packet->transport_at + (size_t)GRE_HEADER;
    unsigned flags, type;

    if (at > packet->end)
        return 0;
    flags = bytes_load16(header);
    type = bytes_load16(header + 2);
    if (flags & ~(unsigned)GRE_KEY)
        return 0;
    *link = type == GRE_BRIDGED ? PACKET_LINK_ETHERNET : PACKET_LINK_IP;
    return type == GRE_BRIDGED || type == ETH_P_IP || type == ETH_P_IPV6
               ? at + (flags & GRE_KEY ? GRE_KEY_BYTES : 0)
               : 0;
}

/* The packet inside; its network_at counts from there. False: there is none with TCP. */
static bool unwrap(const struct packet *packet, struct packet *inner, size_t *at)
{
    uint8_t link = PACKET_LINK_IP;

    *at = 0;
    if (!packet_is_ip(packet) || packet->flags & PACKET_FRAGMENT)
        return false;
    if (packet->protocol == IPPROTO_IPIP || packet->protocol == IPPROTO_IPV6)
        *at = packet->transport_at;
    else if (packet->protocol == IPPROTO_GRE)
        *at = inside_gre(packet, &link);
    if (*at == 0 || *at >= packet->end || packet->checksum_start < *at)
        return false;
    *inner = *packet;
    inner->bytes += *at;
    inner->length = packet->end - (uint32_t)*at;
    inner->link = link;
    packet_parse(inner);
    return inner->transport == PACKET_TRANSPORT_TCP && !(inner->flags & PACKET_FRAGMENT);
}

bool cut_is_possible(const struct packet *packet, size_t *payload_at, size_t *payload)
{
    struct packet inner = *packet;
    size_t at = 0;

    if (packet->transport != PACKET_TRANSPORT_TCP && !unwrap(packet, &inner, &at))
        return false;
    *payload_at = at + inner.payload_at;
    *payload = packet_payload_length(&inner);
    return true;
}

static void wrap(struct packet *segment, const struct packet *packet, size_t at, size_t index)
{
    memmove(segment->bytes + at, segment->bytes, segment->length);
    memcpy(segment->bytes, packet->bytes, at);
    segment->length += (uint32_t)at;
    segment->link = packet->link;
    segment->checksum_start = (uint16_t)(segment->checksum_start + at);
    segment->checksum_at = (uint16_t)(segment->checksum_at + at);
    segment_finish_network(segment, packet, index);
    packet_parse(segment);
}

int cut(struct pool *pool, const struct packet *packet,
        struct packet *segments[static SEGMENTS_MAX])
{
    struct packet inner;
    size_t at;
    int count;

    if (packet->transport == PACKET_TRANSPORT_TCP)
        return segment_tcp(pool, packet, segments);
    if (!unwrap(packet, &inner, &at))
        return -EBADMSG;
    if (at + inner.payload_at + packet->segment_bytes > pool->room)
        return -EMSGSIZE;
    count = segment_tcp(pool, &inner, segments);
    for (int i = 0; i < count; i++)
        wrap(segments[i], packet, at, (size_t)i);
    return count;
}
