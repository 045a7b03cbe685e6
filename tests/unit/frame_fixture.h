/* Frames of TCP as a TAP has them. */
#ifndef DUET_TESTS_FRAME_FIXTURE_H
#define DUET_TESTS_FRAME_FIXTURE_H

#include "net/offload.h"
#include "tests/unit/net_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Writes one with virtio's header before it: `payload` bytes of `data`, which stand for packets of
 * `segment_bytes` each, 0: for none but itself. Returns its length, header included. */
static inline size_t fixture_tcp_frame(uint8_t *frame, size_t room, const void *data,
                                       size_t payload, uint16_t segment_bytes,
                                       enum packet_checksum checksum)
{
    uint8_t *bytes = frame + OFFLOAD_BYTES;
    struct packet packet;
    struct build build;
    int length;

    build_start(&build, bytes, room - OFFLOAD_BYTES);
    build_ethernet(&build, &(struct ethernet_header){.ethertype = ETHERTYPE_OF_IPV4});
    build_ipv4(&build, &(struct ipv4_header){.source = {10, 1}, .hops = 64});
    build_tcp(&build, &(struct tcp_header){.source_port = 1, .destination_port = 2});
    build_bytes(&build, data, payload);
    length = build_finish(&build);
    assert_true(length > 0);
    packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, (size_t)length);
    packet_parse(&packet);
    packet.segment_bytes = segment_bytes;
    packet.checksum = checksum;
    packet.checksum_start = packet.transport_at;
    packet.checksum_at = (uint16_t)(packet.transport_at + 16);
    offload_write(&packet, frame);
    return OFFLOAD_BYTES + (size_t)length;
}

#endif
