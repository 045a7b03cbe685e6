#include "net/offload.h"

#include <errno.h>

enum {
    NEEDS_CSUM = 1,
    DATA_VALID = 2,
    GSO_NONE = 0,
    GSO_TCPV4 = 1,
    GSO_TCPV6 = 4,
    GSO_ECN = 0x80,
};

static uint16_t load_little(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static void store_little(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

int offload_read(struct packet *packet, const uint8_t header[static OFFLOAD_BYTES])
{
    uint8_t gso = header[1] & (uint8_t)~GSO_ECN;
    uint16_t size = load_little(header + 4);
    size_t start = load_little(header + 6), at = start + load_little(header + 8);
    bool partial = header[0] & NEEDS_CSUM;

    if (partial && (at > UINT16_MAX || at + 2 > packet->length))
        return -EBADMSG;
    if (gso != GSO_NONE && ((gso != GSO_TCPV4 && gso != GSO_TCPV6) || size == 0 || !partial))
        return -EBADMSG;
    packet->checksum = PACKET_CHECKSUM_WHOLE;
    packet->segment_bytes = gso == GSO_NONE ? 0 : size;
    if (partial) {
        packet->checksum = PACKET_CHECKSUM_PARTIAL;
        packet->checksum_start = (uint16_t)start;
        packet->checksum_at = (uint16_t)at;
    } else if (header[0] & DATA_VALID) {
        packet->checksum = PACKET_CHECKSUM_VALID;
    }
    return 0;
}

void offload_write(const struct packet *packet, uint8_t header[static OFFLOAD_BYTES])
{
    memset(header, 0, OFFLOAD_BYTES);
    if (packet->checksum == PACKET_CHECKSUM_VALID)
        header[0] = DATA_VALID;
    if (packet->checksum != PACKET_CHECKSUM_PARTIAL)
        return;
    header[0] = NEEDS_CSUM;
    store_little(header + 6, packet->checksum_start);
    store_little(header + 8, (uint16_t)(packet->checksum_at - packet->checksum_start));
    if (packet->segment_bytes == 0 || packet->transport != PACKET_TRANSPORT_TCP)
        return;
    header[1] = packet->network == PACKET_NETWORK_IPV4 ? GSO_TCPV4 : GSO_TCPV6;
    /* CWR is for the first of the segments only (RFC 3168, 6.1.2). */
    if (packet_tcp_flags(packet) & 0x80)
        header[1] |= GSO_ECN;
    store_little(header + 2, packet->payload_at);
    store_little(header + 4, packet->segment_bytes);
}
