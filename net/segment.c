#include "net/segment.h"

#include "net/checksum.h"

#include <errno.h>

enum {
    TCP_FIN_PSH = 0x01 | 0x08,
    TCP_CWR = 0x80,
    TCP_CHECKSUM = 16,
};

void segment_finish_network(struct packet *segment, const struct packet *packet, size_t index)
{
    uint8_t *header = segment->bytes + packet->network_at;
    size_t length = segment->length - packet->network_at;
    uint16_t sum = 0;

    if (packet->network == PACKET_NETWORK_IPV6) {
        bytes_store16(header + 4, (uint16_t)(length - 40));
        return;
    }
    bytes_store16(header + 2, (uint16_t)length);
    bytes_store16(header + 4, (uint16_t)(bytes_load16(header + 4) + index));
    memcpy(header + 10, &sum, sizeof sum);
    sum = checksum_fold(checksum_add(0, header, (size_t)(header[0] & 15) * 4));
    memcpy(header + 10, &sum, sizeof sum);
}

static void finish_tcp(struct packet *segment, const struct packet *packet, size_t offset,
                       bool is_last)
{
    uint8_t *header = segment->bytes + packet->transport_at;
    size_t length = segment->length - packet->transport_at;
    uint16_t pseudo = (uint16_t)~checksum_fold(checksum_pseudo(packet, packet->protocol, length));

    bytes_store32(header + 4, (uint32_t)(packet_tcp_sequence(packet) + offset));
    if (!is_last)
        header[13] &= (uint8_t)~TCP_FIN_PSH;
    if (offset > 0)
        header[13] &= (uint8_t)~TCP_CWR;
    memcpy(header + TCP_CHECKSUM, &pseudo, sizeof pseudo);
    segment->checksum = PACKET_CHECKSUM_PARTIAL;
    segment->checksum_start = packet->transport_at;
    segment->checksum_at = packet->transport_at + TCP_CHECKSUM;
}

int segment_tcp(struct pool *pool, const struct packet *packet,
                struct packet *segments[static SEGMENTS_MAX])
{
    size_t total = packet_payload_length(packet), each = packet->segment_bytes;
    size_t count = total > each ? (total + each - 1) / each : 1;

    if (count > SEGMENTS_MAX || packet->payload_at + (total < each ? total : each) > pool->room)
        return -EMSGSIZE;
    if (count > pool->free_count)
        return -ENOBUFS;
    pool_take(pool, segments, count);
    for (size_t i = 0; i < count; i++) {
        struct packet *segment = segments[i];
        size_t offset = i * each;
        size_t length = total - offset < each ? total - offset : each;

        memcpy(segment->bytes, packet->bytes, packet->payload_at);
        memcpy(segment->bytes + packet->payload_at, packet_payload(packet) + offset, length);
        segment->length = (uint32_t)(packet->payload_at + length);
        segment->link = packet->link;
        segment->time_ns = packet->time_ns;
        segment->nic = packet->nic;
        segment_finish_network(segment, packet, i);
        finish_tcp(segment, packet, offset, i + 1 == count);
        packet_parse(segment);
    }
    return (int)count;
}
