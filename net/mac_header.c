#include "net/mac_header.h"

#include "net/headers.h"

void ethernet_put(struct packet *packet, const uint8_t destination[static PACKET_MAC_BYTES],
                  const uint8_t source[static PACKET_MAC_BYTES])
{
    /* How much further from the first byte everything is then; in arithmetic that wraps. */
    uint16_t shift = (uint16_t)(ETHERNET_HEADER - packet->network_at);
    uint8_t *header = packet->bytes + packet->network_at - ETHERNET_HEADER;

    memcpy(header, destination, PACKET_MAC_BYTES);
    memcpy(header + PACKET_MAC_BYTES, source, PACKET_MAC_BYTES);
    bytes_store16(header + 2 * PACKET_MAC_BYTES,
                  packet->network == PACKET_NETWORK_IPV6 ? ETHERTYPE_OF_IPV6 : ETHERTYPE_OF_IPV4);
    packet->end = packet->end - packet->network_at + ETHERNET_HEADER;
    packet->length = packet->end;
    packet->bytes = header;
    packet->network_at = ETHERNET_HEADER;
    packet->transport_at += shift;
    packet->payload_at += shift;
    if (packet->fragment_at)
        packet->fragment_at += shift;
    packet->checksum_start += shift;
    packet->checksum_at += shift;
    packet->link = PACKET_LINK_ETHERNET;
    packet->vlans = 0;
    packet->flags &= (uint8_t)~PACKET_GROUP_FRAME;
    if (destination[0] & 1)
        packet->flags |= PACKET_GROUP_FRAME;
}
