#include "net/headers.h"

void ethernet_read(const struct packet *packet, struct ethernet_header *header)
{
    *header = (struct ethernet_header){.vlan_count = packet->vlans,
                                       .ethertype = packet_ethertype(packet)};
    memcpy(header->destination, packet_mac_destination(packet), PACKET_MAC_BYTES);
    memcpy(header->source, packet_mac_source(packet), PACKET_MAC_BYTES);
    for (size_t i = 0; i < header->vlan_count; i++) {
        header->vlans[i].ethertype = bytes_load16(packet->bytes + 12 + 4 * i);
        header->vlans[i].control = packet_vlan(packet, i);
    }
}

void arp_read(const struct packet *packet, struct arp_header *header)
{
    const uint8_t *at = packet_network(packet);

    header->operation = bytes_load16(at + 6);
    memcpy(header->sender_mac, at + 8, PACKET_MAC_BYTES);
    memcpy(header->sender, at + 14, sizeof header->sender);
    memcpy(header->target_mac, at + 18, PACKET_MAC_BYTES);
    memcpy(header->target, at + 24, sizeof header->target);
}

void ipv4_read(const struct packet *packet, struct ipv4_header *header)
{
    const uint8_t *at = packet_network(packet);

    *header = (struct ipv4_header){
        .service = at[1],
        .hops = at[8],
        .protocol = at[9],
        .identification = bytes_load16(at + 4),
        .unfragmentable = packet_unfragmentable(packet),
        .more_fragments = packet_fragment_more(packet),
        .fragment_offset = (uint16_t)packet_fragment_offset(packet),
        .options_length = (size_t)(packet->transport_at - packet->network_at - 20),
    };
    memcpy(header->source, packet_source(packet), sizeof header->source);
    memcpy(header->destination, packet_destination(packet), sizeof header->destination);
    memcpy(header->options, at + 20, header->options_length);
}

void ipv6_read(const struct packet *packet, struct ipv6_header *header)
{
    const uint8_t *at = packet_network(packet);
    uint32_t first = bytes_load32(at);

    header->service = (uint8_t)(first >> 20);
    header->flow_label = first & 0xfffff;
    header->hops = at[7];
    header->protocol = at[6];
    memcpy(header->source, packet_source(packet), sizeof header->source);
    memcpy(header->destination, packet_destination(packet), sizeof header->destination);
}

void ipv6_fragment_read(const struct packet *packet, struct ipv6_fragment *fragment)
{
    const uint8_t *at = packet->bytes + packet->fragment_at;

    *fragment = (struct ipv6_fragment){.protocol = at[0],
                                       .offset = (uint16_t)(bytes_load16(at + 2) & 0xfff8u),
                                       .more = at[3] & 1,
                                       .identification = bytes_load32(at + 4)};
}

void udp_read(const struct packet *packet, struct udp_header *header)
{
    *header = (struct udp_header){.source_port = packet_source_port(packet),
                                  .destination_port = packet_destination_port(packet)};
}

void tcp_read(const struct packet *packet, struct tcp_header *header)
{
    const uint8_t *at = packet_transport(packet);

    *header = (struct tcp_header){
        .source_port = packet_source_port(packet),
        .destination_port = packet_destination_port(packet),
        .sequence = packet_tcp_sequence(packet),
        .acknowledgement = packet_tcp_acknowledgement(packet),
        .flags = packet_tcp_flags(packet),
        .window = bytes_load16(at + 14),
        .urgent = bytes_load16(at + 18),
        .options_length = (size_t)(packet->payload_at - packet->transport_at - 20),
    };
    memcpy(header->options, at + 20, header->options_length);
}

void icmp_read(const struct packet *packet, struct icmp_header *header)
{
    *header = (struct icmp_header){.type = packet_icmp_type(packet),
                                   .code = packet_icmp_code(packet),
                                   .rest = bytes_load32(packet_transport(packet) + 4)};
}

void nd_neighbour_read(const struct packet *packet, struct nd_neighbour *neighbour)
{
    /* Source link-layer address of a solicitation, target's of an advertisement: RFC 4861, 4.6.1 */
    uint8_t wanted = packet_icmp_type(packet) == ICMPV6_TYPE_NEIGHBOUR_SOLICITATION ? 1 : 2;
    struct packet_options options = packet_nd_options(packet);
    struct packet_option option;

    *neighbour = (struct nd_neighbour){0};
    memcpy(neighbour->target, packet_payload(packet), sizeof neighbour->target);
    while (packet_option_next(&options, &option)) {
        if (option.type != wanted)
            continue;
        neighbour->has_mac = true;
        memcpy(neighbour->mac, option.data, PACKET_MAC_BYTES);
    }
}
