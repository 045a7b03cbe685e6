/* Sums against the RFCs' examples and against the definition, two bytes at a time; and what
 * building refuses. */
#include "net/checksum.h"

#include "tests/unit/net_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* In the host's order, as RFC 1071 defines it. */
static uint16_t defined_sum(const uint8_t *bytes, size_t count)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void the_example_of_rfc_1071(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    (void)state;

    assert_int_equal(be16toh(checksum_fold(checksum_add(0, bytes, sizeof bytes))),
                     (uint16_t)~0xddf2);
}

static void the_example_of_rfc_1624(void **state)
{
    uint8_t checksum[] = {0xdd, 0x2f};
    (void)state;

    checksum_update(checksum, "\x55\x55", "\x32\x85", 2);
    assert_memory_equal(checksum, "\0\0", 2);
}

static void any_bytes_anywhere_sum_as_defined(void **state)
{
    uint64_t random = 1;
    uint8_t bytes[2048];
    (void)state;

    for (int i = 0; i < 20000; i++) {
        size_t at = fixture_below(&random, 64);
        size_t count = fixture_below(&random, i % 10 ? 100 : sizeof bytes - 64);

        fixture_fill(&random, bytes + at, count);
        assert_int_equal(be16toh(checksum_fold(checksum_add(0, bytes + at, count))),
                         defined_sum(bytes + at, count));
    }
}

static void the_largest_sum_does_not_overflow(void **state)
{
    cleanup_free uint8_t *bytes = xmalloc(1 << 20);
    checksum_sum sum = 0;
    (void)state;

    memset(bytes, 0xff, 1 << 20);
    for (int i = 0; i < 64; i++)
        sum = checksum_add(sum, bytes, 1 << 20);
    assert_int_equal(checksum_fold(sum), 0);
}

static void an_update_gives_what_the_whole_does(void **state)
{
    uint64_t random = 2;
    (void)state;

    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[40], changed[8];
        size_t at = 2 * (1 + fixture_below(&random, 15));
        size_t count = 2 * fixture_below(&random, 5);
        uint16_t sum;

        fixture_fill(&random, bytes, sizeof bytes);
        bytes[2] |= 1; /* all zero is no header, and has two sums */
        memset(bytes, 0, 2);
        sum = checksum_fold(checksum_add(0, bytes, sizeof bytes));
        memcpy(bytes, &sum, sizeof sum);
        fixture_fill(&random, changed, sizeof changed);
        if (i % 4 == 0)
            memset(changed, i % 8 ? 0xff : 0, sizeof changed);
        changed[0] |= at == 2;
        checksum_update(bytes, bytes + at, changed, count);
        memcpy(bytes + at, changed, count);
        assert_int_equal(defined_sum(bytes, sizeof bytes), 0);
        memcpy(&sum, bytes, sizeof sum);
        memset(bytes, 0, sizeof sum);
        assert_int_equal(sum, checksum_fold(checksum_add(0, bytes, sizeof bytes)));
    }
}

/* -- In packets -------------------------------------------------------------------------------- */

static void one_bit_anywhere_in_what_is_summed_is_seen(void **state)
{
    uint64_t random = 3;
    (void)state;

    for (int i = 0; i < 2000; i++) {
        struct fixture_headers headers = fixture_random_headers(&random);
        uint8_t bytes[700];
        struct packet packet;
        size_t at;

        headers.has_ethernet = false;
        if (headers.transport == PACKET_TRANSPORT_NONE || headers.payload_length == 0)
            continue;
        packet = fixture_packet(PACKET_LINK_IP, bytes,
                                (size_t)fixture_build(&headers, bytes, sizeof bytes));
        packet_parse(&packet);
        assert_true(checksum_right(&packet));
        at = packet.payload_at + fixture_below(&random, headers.payload_length);
        bytes[at] ^= (uint8_t)(1u << fixture_below(&random, 8));
        assert_false(checksum_right(&packet));
        checksum_write(&packet);
        assert_true(checksum_right(&packet));
    }
}

static struct packet udp_packet(uint8_t *bytes, size_t capacity, bool is_ipv6)
{
    struct packet packet;
    struct build build;

    build_start(&build, bytes, capacity);
    if (is_ipv6)
        build_ipv6(&build, &(struct ipv6_header){.hops = 1});
    else
        build_ipv4(&build, &(struct ipv4_header){.hops = 1});
    build_udp(&build, &(struct udp_header){.source_port = 9});
    build_bytes(&build, "payload", 7);
    packet = fixture_packet(PACKET_LINK_IP, bytes, (size_t)build_finish(&build));
    packet_parse(&packet);
    return packet;
}

static void udp_without_a_checksum_is_right_over_ipv4_only(void **state)
{
    uint8_t bytes[128];
    struct packet packet = udp_packet(bytes, sizeof bytes, false);
    (void)state;

    memset(bytes + packet.transport_at + 6, 0, 2);
    assert_true(checksum_right(&packet));
    checksum_write(&packet);
    assert_int_equal(bytes_load16(packet_transport(&packet) + 6), 0);
    packet = udp_packet(bytes, sizeof bytes, true);
    memset(bytes + packet.transport_at + 6, 0, 2);
    assert_false(checksum_right(&packet));
    checksum_write(&packet);
    assert_true(checksum_right(&packet));
}

/* A sum of zero must be sent as its other form (RFC 768). */
static void udp_never_gets_a_checksum_of_zero(void **state)
{
    uint8_t bytes[128];
    struct packet packet = udp_packet(bytes, sizeof bytes, true);
    uint16_t sum;
    (void)state;

    /* The checksum goes into the payload, so that the rest sums to zero without it. */
    memcpy(&sum, bytes + packet.transport_at + 6, sizeof sum);
    memset(bytes + packet.payload_at, 0, 2);
    checksum_write(&packet);
    memcpy(&sum, bytes + packet.transport_at + 6, sizeof sum);
    memcpy(bytes + packet.payload_at, &sum, sizeof sum);
    checksum_write(&packet);
    assert_int_equal(bytes_load16(packet_transport(&packet) + 6), 0xffff);
    assert_true(checksum_right(&packet));
}

/* What a kernel hands over with VIRTIO_NET_HDR_F_NEEDS_CSUM. */
static void a_partial_checksum_is_finished(void **state)
{
    uint8_t bytes[128], whole[128];
    struct packet packet = udp_packet(bytes, sizeof bytes, true);
    uint16_t pseudo;
    (void)state;

    memcpy(whole, bytes, packet.length);
    pseudo = (uint16_t)~checksum_fold(
        checksum_pseudo(&packet, IPPROTO_UDP, packet.end - packet.transport_at));
    memcpy(bytes + packet.transport_at + 6, &pseudo, sizeof pseudo);
    assert_false(checksum_right(&packet));
    packet.checksum = PACKET_CHECKSUM_PARTIAL;
    packet.checksum_start = packet.transport_at;
    packet.checksum_at = packet.transport_at + 6;
    assert_true(checksum_right(&packet));
    checksum_finish(&packet);
    assert_int_equal(packet.checksum, PACKET_CHECKSUM_WHOLE);
    assert_memory_equal(bytes, whole, packet.length);
}

static void a_partial_checksum_in_a_wrong_place_is_left_alone(void **state)
{
    uint8_t bytes[128], before[128];
    struct packet packet = udp_packet(bytes, sizeof bytes, true);
    (void)state;

    memcpy(before, bytes, sizeof bytes);
    packet.checksum = PACKET_CHECKSUM_PARTIAL;
    packet.checksum_start = 40;
    packet.checksum_at = (uint16_t)(packet.length - 1);
    checksum_finish(&packet);
    packet.checksum = PACKET_CHECKSUM_PARTIAL;
    packet.checksum_start = (uint16_t)(packet.length + 1);
    packet.checksum_at = 46;
    checksum_finish(&packet);
    /* In the packet, but over UDP's length, which was checked. */
    packet.checksum = PACKET_CHECKSUM_PARTIAL;
    packet.checksum_start = 40;
    packet.checksum_at = 44;
    checksum_finish(&packet);
    assert_int_equal(packet.checksum, PACKET_CHECKSUM_WHOLE);
    assert_memory_equal(bytes, before, sizeof bytes);
}

/* -- Building ---------------------------------------------------------------------------------- */

static void what_does_not_fit_is_refused_and_nothing_is_written_behind(void **state)
{
    uint64_t random = 4;
    (void)state;

    for (int i = 0; i < 200; i++) {
        struct fixture_headers headers = fixture_random_headers(&random);
        uint8_t bytes[700];
        int length = fixture_build(&headers, bytes, sizeof bytes);

        assert_true(length > 0);
        for (int room = 0; room < length; room += 1 + room / 16) {
            cleanup_free uint8_t *exact = xmalloc((size_t)room);

            assert_int_equal(fixture_build(&headers, exact, (size_t)room), -ENOSPC);
        }
        assert_int_equal(fixture_build(&headers, bytes, (size_t)length), length);
    }
}

static void headers_that_do_not_fit_into_each_other_are_refused(void **state)
{
    uint8_t bytes[256];
    struct build build;
    (void)state;

    build_start(&build, bytes, sizeof bytes);
    build_udp(&build, &(struct udp_header){.source_port = 1});
    assert_int_equal(build_finish(&build), -EINVAL);
    build_start(&build, bytes, sizeof bytes);
    build_ipv4(&build, &(struct ipv4_header){.hops = 1});
    build_ipv6_fragment(&build, &(struct ipv6_fragment){.offset = 8});
    assert_int_equal(build_finish(&build), -EINVAL);
    build_start(&build, bytes, sizeof bytes);
    build_ipv4(&build, &(struct ipv4_header){.options_length = 3});
    assert_int_equal(build_finish(&build), -EINVAL);
    build_start(&build, bytes, sizeof bytes);
    build_ipv4(&build, &(struct ipv4_header){.hops = 1});
    build_ethernet(&build, &(struct ethernet_header){.vlan_count = 0});
    assert_int_equal(build_finish(&build), -EINVAL);
    build_start(&build, bytes, sizeof bytes);
    build_ipv6(&build, &(struct ipv6_header){.hops = 1});
    build_udp(&build, &(struct udp_header){.source_port = 1});
    build_tcp(&build, &(struct tcp_header){.source_port = 1});
    assert_int_equal(build_finish(&build), -EINVAL);
}

static void no_more_than_ip_can_say_is_built(void **state)
{
    cleanup_free uint8_t *bytes = xcalloc(2, 65536);
    cleanup_free uint8_t *payload = xcalloc(1, 65536);
    struct packet packet;
    struct build build;
    (void)state;

    build_start(&build, bytes, 131072);
    build_ipv4(&build, &(struct ipv4_header){.hops = 1});
    build_udp(&build, &(struct udp_header){.source_port = 1});
    build_bytes(&build, payload, PACKET_IP_MAX - 28);
    assert_int_equal(build_finish(&build), PACKET_IP_MAX);
    packet = fixture_packet(PACKET_LINK_IP, bytes, PACKET_IP_MAX);
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_true(checksum_right(&packet));
    build_bytes(&build, payload, 1);
    assert_int_equal(build_finish(&build), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_1071),
        cmocka_unit_test(the_example_of_rfc_1624),
        cmocka_unit_test(any_bytes_anywhere_sum_as_defined),
        cmocka_unit_test(the_largest_sum_does_not_overflow),
        cmocka_unit_test(an_update_gives_what_the_whole_does),
        cmocka_unit_test(one_bit_anywhere_in_what_is_summed_is_seen),
        cmocka_unit_test(udp_without_a_checksum_is_right_over_ipv4_only),
        cmocka_unit_test(udp_never_gets_a_checksum_of_zero),
        cmocka_unit_test(a_partial_checksum_is_finished),
        cmocka_unit_test(a_partial_checksum_in_a_wrong_place_is_left_alone),
        cmocka_unit_test(what_does_not_fit_is_refused_and_nothing_is_written_behind),
        cmocka_unit_test(headers_that_do_not_fit_into_each_other_are_refused),
        cmocka_unit_test(no_more_than_ip_can_say_is_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
