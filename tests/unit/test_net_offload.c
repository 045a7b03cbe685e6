/* The header of packets that a kernel has not finished, and the segments of large ones. */
#include "net/offload.h"

#include "net/checksum.h"
#include "net/segment.h"
#include "tests/unit/net_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LARGE = 40000 };

struct large {
    uint8_t bytes[LARGE + 200];
    struct packet packet;
};

/* As a kernel hands it over: `payload` bytes in segments of `each`, and no checksum yet. */
static void make_large(struct large *large, bool is_ipv6, bool has_frame, size_t payload,
                       uint16_t each)
{
    static uint8_t data[LARGE];
    struct tcp_header tcp = {.source_port = 1,
                             .destination_port = 2,
                             .sequence = UINT32_MAX - 5000,
                             .flags = 0x01 | 0x08 | 0x10 | 0x80,
                             .options = {1, 1, 8, 10},
                             .options_length = 12};
    uint64_t random = payload;
    struct build build;
    int length;

    fixture_fill(&random, data, payload);
    build_start(&build, large->bytes, sizeof large->bytes);
    if (has_frame)
        build_ethernet(
            &build, &(struct ethernet_header){.vlan_count = 1, .vlans = {{ETHERTYPE_OF_VLAN, 7}}});
    if (is_ipv6)
        build_ipv6(&build, &(struct ipv6_header){.source = {0xfd}, .hops = 64});
    else
        build_ipv4(&build, &(struct ipv4_header){
                               .source = {10}, .hops = 64, .identification = UINT16_MAX - 3});
    build_tcp(&build, &tcp);
    build_bytes(&build, data, payload);
    length = build_finish(&build);
    assert_true(length > 0);
    large->packet = fixture_packet(has_frame ? PACKET_LINK_ETHERNET : PACKET_LINK_IP, large->bytes,
                                   (size_t)length);
    assert_int_equal(packet_parse(&large->packet), PACKET_SOUND);
    large->packet.checksum = PACKET_CHECKSUM_PARTIAL;
    large->packet.checksum_start = large->packet.transport_at;
    large->packet.checksum_at = large->packet.transport_at + 16;
    large->packet.segment_bytes = each;
}

static void a_header_comes_back_as_it_was_written(void **state)
{
    struct large *large = xmalloc(sizeof *large);
    (void)state;

    for (int i = 0; i < 16; i++) {
        uint8_t header[OFFLOAD_BYTES];
        struct packet again;

        make_large(large, i & 1, i & 2, 5000, i & 4 ? 1448 : 0);
        if (i & 8 && !(i & 4))
            large->packet.checksum = PACKET_CHECKSUM_VALID;
        offload_write(&large->packet, header);
        again = large->packet;
        again.checksum = PACKET_CHECKSUM_WHOLE;
        again.segment_bytes = 99;
        assert_int_equal(offload_read(&again, header), 0);
        assert_int_equal(again.checksum, large->packet.checksum);
        assert_int_equal(again.segment_bytes, large->packet.segment_bytes);
        assert_int_equal(again.checksum_at, large->packet.checksum_at);
    }
    free(large);
}

static void a_header_has_the_bytes_of_virtio(void **state)
{
    /* flags, type, header length, segment size, start and offset of the checksum */
    static const uint8_t expected[] = {1, 0x81, 52, 0, 0xa8, 5, 20, 0, 16, 0};
    struct large *large = xmalloc(sizeof *large);
    uint8_t header[OFFLOAD_BYTES];
    (void)state;

    make_large(large, false, false, 5000, 1448);
    offload_write(&large->packet, header);
    assert_memory_equal(header, expected, sizeof expected);
    free(large);
}

static void a_header_that_lies_is_refused(void **state)
{
    static const uint8_t lies[][OFFLOAD_BYTES] = {
        {1, 0, 0, 0, 0, 0, 90, 0, 9, 0},            /* the sum would end behind the packet */
        {1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, /* nor does the place wrap around */
        {1, 1, 52, 0, 0, 0, 20, 0, 16, 0},          /* segments of nothing */
        {0, 1, 52, 0, 100, 0, 20, 0, 16, 0},        /* segments whose sums nobody computes */
        {1, 3, 52, 0, 100, 0, 20, 0, 16, 0},        /* fragments of UDP */
    };
    uint8_t bytes[100] = {0};
    (void)state;

    for (size_t i = 0; i < array_size(lies); i++) {
        struct packet packet = fixture_packet(PACKET_LINK_IP, bytes, sizeof bytes);
        struct packet before = packet;

        assert_int_equal(offload_read(&packet, lies[i]), -EBADMSG);
        assert_memory_equal(&packet, &before, sizeof packet);
    }
}

static void check_segment(const struct large *large, struct packet *segment, size_t offset,
                          bool is_last)
{
    const struct packet *packet = &large->packet;
    size_t index = offset / packet->segment_bytes;

    assert_int_equal(segment->flaw, PACKET_SOUND);
    assert_int_equal(segment->checksum, PACKET_CHECKSUM_PARTIAL);
    checksum_finish(segment);
    assert_true(checksum_right(segment));
    assert_int_equal(packet_tcp_sequence(segment), (uint32_t)(UINT32_MAX - 5000 + offset));
    assert_int_equal(packet_tcp_flags(segment) & 0x09, is_last ? 0x09 : 0);
    assert_int_equal(packet_tcp_flags(segment) & 0x80, offset == 0 ? 0x80 : 0);
    assert_int_equal(packet_tcp_flags(segment) & 0x10, 0x10);
    assert_int_equal(segment->vlans, packet->vlans);
    assert_int_equal(segment->end, segment->length);
    assert_memory_equal(packet_payload(segment), packet_payload(packet) + offset,
                        packet_payload_length(segment));
    if (packet->network == PACKET_NETWORK_IPV4)
        assert_int_equal(bytes_load16(packet_network(segment) + 4),
                         (uint16_t)(UINT16_MAX - 3 + index));
}

static void segments_are_what_the_packet_stands_for(void **state)
{
    static const size_t payloads[] = {0, 1, 1447, 1448, 1449, 10000, LARGE};
    struct large *large = xmalloc(sizeof *large);
    struct packet *segments[SEGMENTS_MAX];
    struct pool pool;
    (void)state;

    pool_init(&pool, 64, 1540);
    for (size_t i = 0; i < 4 * array_size(payloads); i++) {
        size_t payload = payloads[i / 4], offset = 0;
        int count;

        make_large(large, i & 1, i & 2, payload, 1448);
        count = segment_tcp(&pool, &large->packet, segments);
        assert_int_equal(count, payload ? (payload + 1447) / 1448 : 1);
        for (int j = 0; j < count; j++) {
            check_segment(large, segments[j], offset, j == count - 1);
            offset += packet_payload_length(segments[j]);
        }
        assert_int_equal(offset, payload);
        pool_give(&pool, segments, (size_t)count);
    }
    pool_free(&pool);
    free(large);
}

/* And one more. */
static void as_many_segments_as_there_may_be(void **state)
{
    enum { EACH = 78, MOST = SEGMENTS_MAX * EACH };
    struct large *large = xmalloc(sizeof *large);
    struct packet *segments[SEGMENTS_MAX];
    struct pool pool;
    (void)state;

    pool_init(&pool, SEGMENTS_MAX, 200);
    make_large(large, false, false, MOST, EACH);
    assert_int_equal(segment_tcp(&pool, &large->packet, segments), SEGMENTS_MAX);
    for (size_t i = 0; i < SEGMENTS_MAX; i++)
        check_segment(large, segments[i], i * EACH, i == SEGMENTS_MAX - 1);
    pool_give(&pool, segments, SEGMENTS_MAX);
    make_large(large, false, false, MOST + 1, EACH);
    assert_int_equal(segment_tcp(&pool, &large->packet, segments), -EMSGSIZE);
    assert_int_equal(pool.free_count, SEGMENTS_MAX);
    pool_free(&pool);
    free(large);
}

static void what_cannot_be_segmented_takes_nothing(void **state)
{
    struct large *large = xmalloc(sizeof *large);
    struct packet *segments[SEGMENTS_MAX];
    struct pool pool;
    (void)state;

    pool_init(&pool, 20, 1400);
    make_large(large, false, false, 20000, 1448);
    assert_int_equal(segment_tcp(&pool, &large->packet, segments), -EMSGSIZE);
    make_large(large, false, false, 20000, 900);
    assert_int_equal(segment_tcp(&pool, &large->packet, segments), -ENOBUFS);
    assert_int_equal(pool.free_count, 20);
    pool_free(&pool);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_comes_back_as_it_was_written),
        cmocka_unit_test(a_header_has_the_bytes_of_virtio),
        cmocka_unit_test(a_header_that_lies_is_refused),
        cmocka_unit_test(segments_are_what_the_packet_stands_for),
        cmocka_unit_test(as_many_segments_as_there_may_be),
        cmocka_unit_test(what_cannot_be_segmented_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
