/* The view of a packet: known packets, and every way in which one can be wrong. */
#include "net/packet.h"

#include "net/checksum.h"
#include "tests/unit/net_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A ping from 10.0.0.1 to 10.0.0.2; both checksums are computed by hand. */
static const uint8_t ping[] = {
    0x52, 0x54, 0x00, 0x00, 0x00, 0x02, 0x52, 0x54, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45, 0x00,
    0x00, 0x20, 0x12, 0x34, 0x40, 0x00, 0x40, 0x01, 0x14, 0xa7, 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00,
    0x00, 0x02, 0x08, 0x00, 0x2e, 0x0e, 0x00, 0x07, 0x00, 0x01, 'd',  'u',  'e',  't'};

static void a_known_packet_is_what_it_is(void **state)
{
    uint8_t bytes[sizeof ping];
    struct packet packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, sizeof bytes);
    (void)state;

    memcpy(bytes, ping, sizeof bytes);
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_int_equal(packet.network, PACKET_NETWORK_IPV4);
    assert_int_equal(packet.transport, PACKET_TRANSPORT_ICMP);
    assert_int_equal(packet.protocol, IPPROTO_ICMP);
    assert_int_equal(packet.flags, 0);
    assert_int_equal(packet_ethertype(&packet), ETHERTYPE_OF_IPV4);
    assert_int_equal(packet_hops(&packet), 64);
    assert_true(packet_unfragmentable(&packet));
    assert_memory_equal(packet_source(&packet), "\x0a\0\0\x01", 4);
    assert_memory_equal(packet_destination(&packet), "\x0a\0\0\x02", 4);
    assert_int_equal(packet_icmp_type(&packet), ICMP_TYPE_ECHO);
    assert_int_equal(packet_payload_length(&packet), 4);
    assert_memory_equal(packet_payload(&packet), "duet", 4);
    assert_true(checksum_right(&packet));
    assert_false(packet_icmp_is_error(&packet));
}

static void padding_of_the_link_is_no_payload(void **state)
{
    uint8_t bytes[60] = {0};
    struct packet packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, sizeof bytes);
    (void)state;

    memcpy(bytes, ping, sizeof ping);
    memset(bytes + sizeof ping, 0xff, sizeof bytes - sizeof ping);
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_int_equal(packet_payload_length(&packet), 4);
    assert_int_equal(packet_network_length(&packet), 32);
    assert_true(checksum_right(&packet));
}

/* -- Flaws ------------------------------------------------------------------------------------- */

enum { UDP4, TCP4, UDP6, ND6, ARP4 };

/* One packet of each kind, without an Ethernet header but for ARP. */
static size_t build_kind(int kind, uint8_t *bytes, size_t capacity)
{
    static const uint8_t options[8] = {2, 4, 5, 0xb4, 1, 1, 1, 0};
    struct build build;

    build_start(&build, bytes, capacity);
    if (kind == ARP4) {
        build_ethernet(&build, &(struct ethernet_header){.destination = {255, 255, 255}});
        build_arp(&build, &(struct arp_header){.operation = ARP_REQUEST});
        return (size_t)build_finish(&build);
    }
    if (kind == UDP4 || kind == TCP4)
        build_ipv4(&build, &(struct ipv4_header){.options = {7, 3, 4, 0}, .options_length = 4});
    else
        build_ipv6(&build, &(struct ipv6_header){.hops = 255});
    if (kind == UDP6)
        build_ipv6_extension(&build, IPPROTO_HOPOPTS, NULL, 0);
    if (kind == TCP4) {
        struct tcp_header tcp = {.options_length = sizeof options};

        memcpy(tcp.options, options, sizeof options);
        build_tcp(&build, &tcp);
    } else if (kind == ND6) {
        build_icmp(&build, &(struct icmp_header){.type = ICMPV6_TYPE_NEIGHBOUR_SOLICITATION});
        build_nd_neighbour(&build, &(struct nd_neighbour){.has_mac = true});
    } else {
        build_udp(&build, &(struct udp_header){.source_port = 1});
        build_bytes(&build, "0123456789", 10);
    }
    return (size_t)build_finish(&build);
}

/* The packet of `kind` with one byte changed, and, where `length` is not 0, cut. */
struct mistake {
    enum packet_flaw flaw;
    int kind;
    size_t at;
    uint8_t value;
    size_t length;
    enum packet_network network; /* that is understood nevertheless */
};

static const struct mistake mistakes[] = {
    {PACKET_ETHERNET_SHORT, ARP4, 0, 0, 13, PACKET_NETWORK_NONE},
    {PACKET_ARP_SHORT, ARP4, 0, 0, 41, PACKET_NETWORK_NONE},
    {PACKET_ARP_FORMAT, ARP4, 18, 8, 0, PACKET_NETWORK_NONE},
    {PACKET_VLAN_SHORT, ARP4, 13, 0, 16, PACKET_NETWORK_NONE}, /* and byte 12 is 0x81, below */
    {PACKET_IP_VERSION, UDP4, 0, 0x56, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV4_SHORT, UDP4, 0, 0x46, 19, PACKET_NETWORK_NONE},
    {PACKET_IPV4_HEADER_LENGTH, UDP4, 0, 0x44, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV4_HEADER_LENGTH, UDP4, 0, 0x4f, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV4_LENGTH, UDP4, 3, 23, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV4_LENGTH, UDP4, 3, 43, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV4_CHECKSUM, UDP4, 10, 0xee, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV4_OPTIONS, UDP4, 21, 5, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV4_OPTIONS, UDP4, 21, 1, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV4_FRAGMENT, UDP4, 6, 0x1f, 0, PACKET_NETWORK_IPV4},
    {PACKET_IPV4_FRAGMENT, UDP4, 6, 0x20, 0, PACKET_NETWORK_IPV4},
    {PACKET_UDP_SHORT, UDP4, 3, 31, 0, PACKET_NETWORK_IPV4},
    {PACKET_UDP_LENGTH, UDP4, 29, 7, 0, PACKET_NETWORK_IPV4},
    {PACKET_UDP_LENGTH, UDP4, 29, 19, 0, PACKET_NETWORK_IPV4},
    {PACKET_TCP_SHORT, TCP4, 3, 43, 0, PACKET_NETWORK_IPV4},
    {PACKET_TCP_OFFSET, TCP4, 36, 0x40, 0, PACKET_NETWORK_IPV4},
    {PACKET_TCP_OFFSET, TCP4, 36, 0x80, 0, PACKET_NETWORK_IPV4},
    {PACKET_TCP_OPTIONS, TCP4, 45, 9, 0, PACKET_NETWORK_IPV4},
    {PACKET_TCP_OPTIONS, TCP4, 51, 8, 0, PACKET_NETWORK_IPV4},
    {PACKET_ICMP_SHORT, UDP4, 9, IPPROTO_ICMP, 0, PACKET_NETWORK_IPV4}, /* and cut, below */
    {PACKET_IPV6_SHORT, UDP6, 0, 0x60, 39, PACKET_NETWORK_NONE},
    {PACKET_IPV6_LENGTH, UDP6, 5, 27, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV6_LENGTH, UDP6, 5, 0, 0, PACKET_NETWORK_NONE},
    {PACKET_IPV6_EXTENSION_SHORT, UDP6, 41, 3, 0, PACKET_NETWORK_IPV6},
    {PACKET_IPV6_EXTENSION_SHORT, UDP6, 5, 7, 0, PACKET_NETWORK_IPV6},
    {PACKET_IPV6_EXTENSION_ORDER, UDP6, 40, IPPROTO_HOPOPTS, 0, PACKET_NETWORK_IPV6},
    {PACKET_UDP_SHORT, UDP6, 5, 15, 0, PACKET_NETWORK_IPV6},
    {PACKET_ICMP_SHORT, ND6, 5, 7, 0, PACKET_NETWORK_IPV6},
    {PACKET_ICMP_SHORT, ND6, 5, 23, 0, PACKET_NETWORK_IPV6},
    {PACKET_ND_OPTIONS, ND6, 65, 0, 0, PACKET_NETWORK_IPV6},
    {PACKET_ND_OPTIONS, ND6, 65, 2, 0, PACKET_NETWORK_IPV6},
    {PACKET_ND_OPTIONS, ND6, 5, 25, 0, PACKET_NETWORK_IPV6},
};

static size_t make_mistake(const struct mistake *mistake, uint8_t *bytes, size_t capacity)
{
    size_t length = build_kind(mistake->kind, bytes, capacity);

    bytes[mistake->at] = mistake->value;
    if (mistake->flaw == PACKET_VLAN_SHORT)
        bytes[12] = 0x81;
    if (mistake->flaw == PACKET_IPV4_FRAGMENT)
        bytes[7] = 0xff;
    if (mistake->flaw == PACKET_ICMP_SHORT && mistake->kind == UDP4)
        bytes[3] = 24 + 7;
    if (mistake->network == PACKET_NETWORK_IPV4 || mistake->flaw == PACKET_IPV4_OPTIONS)
        fixture_refresh_ipv4(bytes);
    return mistake->length ? mistake->length : length;
}

static void each_flaw_has_its_own_name_and_cause(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_size(mistakes); i++) {
        const struct mistake *mistake = &mistakes[i];
        uint8_t bytes[128];
        size_t length = make_mistake(mistake, bytes, sizeof bytes);
        cleanup_free uint8_t *exact = xmalloc(length);
        struct packet packet = fixture_packet(
            mistake->kind == ARP4 ? PACKET_LINK_ETHERNET : PACKET_LINK_IP, exact, length);

        memcpy(exact, bytes, length);
        if (packet_parse(&packet) != mistake->flaw)
            fail_msg("mistake %zu: %s, not %s", i, packet_flaw_name(packet.flaw),
                     packet_flaw_name(mistake->flaw));
        assert_int_equal(packet.flaw, mistake->flaw);
        assert_int_equal(packet.network, mistake->network);
        assert_int_equal(packet.transport, PACKET_TRANSPORT_NONE);
    }
}

static void nothing_and_too_much_are_flaws(void **state)
{
    cleanup_free uint8_t *bytes = xcalloc(1, PACKET_BYTES_MAX + 1);
    struct packet packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, 0);
    (void)state;

    assert_int_equal(packet_parse(&packet), PACKET_EMPTY);
    packet.length = PACKET_BYTES_MAX + 1;
    assert_int_equal(packet_parse(&packet), PACKET_TOO_LONG);
    packet.length = PACKET_BYTES_MAX;
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
}

static void more_tags_or_extensions_than_are_walked_are_flaws(void **state)
{
    uint8_t bytes[256] = {0};
    struct packet packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, sizeof bytes);
    struct build build;
    (void)state;

    for (size_t i = 0; i <= PACKET_VLANS_MAX; i++)
        bytes_store16(bytes + 12 + 4 * i, ETHERTYPE_OF_VLAN);
    assert_int_equal(packet_parse(&packet), PACKET_VLAN_DEPTH);
    build_start(&build, bytes, sizeof bytes);
    build_ipv6(&build, &(struct ipv6_header){.hops = 1});
    for (size_t i = 0; i < PACKET_EXTENSIONS_MAX; i++)
        build_ipv6_extension(&build, IPPROTO_DSTOPTS, NULL, 0);
    packet = fixture_packet(PACKET_LINK_IP, bytes, (size_t)build_finish(&build));
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_int_equal(packet.protocol, IPPROTO_NONE);
    build_ipv6_extension(&build, IPPROTO_DSTOPTS, NULL, 0);
    packet.length = (uint32_t)build_finish(&build);
    assert_int_equal(packet_parse(&packet), PACKET_IPV6_EXTENSION_COUNT);
}

static void a_second_fragment_header_is_a_flaw(void **state)
{
    uint8_t bytes[128];
    struct packet packet;
    struct build build;
    (void)state;

    build_start(&build, bytes, sizeof bytes);
    build_ipv6(&build, &(struct ipv6_header){.hops = 1});
    build_ipv6_fragment(&build, &(struct ipv6_fragment){.more = true});
    build_ipv6_fragment(&build, &(struct ipv6_fragment){.more = false});
    packet = fixture_packet(PACKET_LINK_IP, bytes, (size_t)build_finish(&build));
    assert_int_equal(packet_parse(&packet), PACKET_IPV6_EXTENSION_ORDER);
    assert_true(packet_fragment_more(&packet));
}

static void names_are_all_there_and_all_different(void **state)
{
    (void)state;
    for (int i = 0; i < PACKET_FLAWS; i++) {
        assert_non_null(packet_flaw_name((enum packet_flaw)i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(packet_flaw_name((enum packet_flaw)i),
                                    packet_flaw_name((enum packet_flaw)j));
    }
}

/* -- What is understood ------------------------------------------------------------------------ */

static void fragments_are_recognised(void **state)
{
    uint8_t bytes[128];
    struct ipv4_header ipv4 = {.more_fragments = true};
    struct ipv6_fragment later = {.protocol = IPPROTO_UDP, .offset = 1480, .identification = 9};
    struct ipv6_fragment read;
    struct packet packet;
    struct build build;
    (void)state;

    build_start(&build, bytes, sizeof bytes);
    build_ipv4(&build, &ipv4);
    build_udp(&build, &(struct udp_header){.source_port = 53});
    build_bytes(&build, "01234567", 8);
    packet = fixture_packet(PACKET_LINK_IP, bytes, (size_t)build_finish(&build));
    bytes_store16(bytes + 24, 1000); /* the datagram's length */
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_int_equal(packet.flags, PACKET_FRAGMENT);
    assert_int_equal(packet.transport, PACKET_TRANSPORT_UDP);
    assert_int_equal(packet_source_port(&packet), 53);

    build_start(&build, bytes, sizeof bytes);
    build_ipv6(&build, &(struct ipv6_header){.hops = 1});
    build_ipv6_fragment(&build, &later);
    build_bytes(&build, "tail", 4);
    packet = fixture_packet(PACKET_LINK_IP, bytes, (size_t)build_finish(&build));
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_int_equal(packet.flags, PACKET_FRAGMENT | PACKET_FRAGMENT_LATER | PACKET_IP_OPTIONS);
    assert_int_equal(packet.transport, PACKET_TRANSPORT_NONE);
    assert_int_equal(packet.protocol, IPPROTO_UDP);
    assert_int_equal(packet_fragment_offset(&packet), 1480);
    ipv6_fragment_read(&packet, &read);
    assert_int_equal(read.protocol, IPPROTO_UDP);
    assert_int_equal(read.offset, 1480);
    assert_false(read.more);
    assert_int_equal(read.identification, 9);
}

static void other_protocols_are_no_flaw(void **state)
{
    uint8_t bytes[60] = {[12] = 0x88, [13] = 0xcc};
    struct packet packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, sizeof bytes);
    (void)state;

    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_int_equal(packet.network, PACKET_NETWORK_NONE);
    assert_int_equal(packet_ethertype(&packet), 0x88cc);
    assert_int_equal(packet_payload_length(&packet), 46);
}

static void arp_and_discovery_are_read_as_they_were_built(void **state)
{
    uint8_t bytes[128];
    struct arp_header arp = {.operation = ARP_REPLY,
                             .sender_mac = {2, 3, 4, 5, 6, 7},
                             .sender = {10, 0, 0, 1},
                             .target_mac = {1, 2, 3, 4, 5, 6},
                             .target = {10, 0, 0, 2}};
    struct nd_neighbour neighbour = {
        .target = {0xfe, 0x80, [15] = 1}, .has_mac = true, .mac = {2, 3, 4, 5, 6, 7}};
    struct arp_header arp_again;
    struct nd_neighbour again;
    struct packet packet;
    struct build build;
    (void)state;

    build_start(&build, bytes, sizeof bytes);
    build_ethernet(&build, &(struct ethernet_header){.vlan_count = 0});
    build_arp(&build, &arp);
    packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, (size_t)build_finish(&build));
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_int_equal(packet.network, PACKET_NETWORK_ARP);
    arp_read(&packet, &arp_again);
    assert_memory_equal(&arp, &arp_again, sizeof arp);

    build_start(&build, bytes, sizeof bytes);
    build_ipv6(&build, &(struct ipv6_header){.hops = 255});
    build_icmp(&build, &(struct icmp_header){.type = ICMPV6_TYPE_NEIGHBOUR_ADVERTISEMENT});
    build_nd_neighbour(&build, &neighbour);
    packet = fixture_packet(PACKET_LINK_IP, bytes, (size_t)build_finish(&build));
    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_true(checksum_right(&packet));
    nd_neighbour_read(&packet, &again);
    assert_memory_equal(&neighbour, &again, sizeof again);
}

static void options_are_walked_to_their_end(void **state)
{
    uint8_t bytes[128];
    size_t length = build_kind(TCP4, bytes, sizeof bytes);
    struct packet packet = fixture_packet(PACKET_LINK_IP, bytes, length);
    struct packet_options options;
    struct packet_option option;
    (void)state;

    assert_int_equal(packet_parse(&packet), PACKET_SOUND);
    assert_true(packet.flags & PACKET_IP_OPTIONS);
    options = packet_tcp_options(&packet);
    assert_true(packet_option_next(&options, &option));
    assert_int_equal(option.type, 2);
    assert_int_equal(option.length, 2);
    assert_int_equal(bytes_load16(option.data), 1460);
    assert_false(packet_option_next(&options, &option));
    assert_false(options.malformed);
    options = packet_ipv4_options(&packet);
    assert_true(packet_option_next(&options, &option));
    assert_int_equal(option.type, 7);
    assert_false(packet_option_next(&options, &option));
}

static void icmp_errors_are_told_from_questions(void **state)
{
    static const struct {
        int version, type;
        bool is_error;
    } cases[] = {{4, 3, true},   {4, 5, true},    {4, 11, true},  {4, 12, true},
                 {4, 8, false},  {4, 0, false},   {6, 1, true},   {6, 2, true},
                 {6, 127, true}, {6, 128, false}, {6, 137, true}, {6, 135, false}};
    (void)state;

    for (size_t i = 0; i < array_size(cases); i++) {
        uint8_t bytes[128];
        struct packet packet;
        struct build build;
        size_t discovery;

        build_start(&build, bytes, sizeof bytes);
        if (cases[i].version == 4)
            build_ipv4(&build, &(struct ipv4_header){.hops = 1});
        else
            build_ipv6(&build, &(struct ipv6_header){.hops = 1});
        build_icmp(&build, &(struct icmp_header){.type = (uint8_t)cases[i].type});
        discovery = packet_nd_bytes((uint8_t)cases[i].type);
        build_bytes(&build, &(uint8_t[32]){0}, discovery > 0 ? discovery - 8 : 32);
        packet = fixture_packet(PACKET_LINK_IP, bytes, (size_t)build_finish(&build));
        assert_int_equal(packet_parse(&packet), PACKET_SOUND);
        assert_int_equal(packet_icmp_is_error(&packet), cases[i].is_error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_packet_is_what_it_is),
        cmocka_unit_test(padding_of_the_link_is_no_payload),
        cmocka_unit_test(each_flaw_has_its_own_name_and_cause),
        cmocka_unit_test(nothing_and_too_much_are_flaws),
        cmocka_unit_test(more_tags_or_extensions_than_are_walked_are_flaws),
        cmocka_unit_test(a_second_fragment_header_is_a_flaw),
        cmocka_unit_test(names_are_all_there_and_all_different),
        cmocka_unit_test(fragments_are_recognised),
        cmocka_unit_test(other_protocols_are_no_flaw),
        cmocka_unit_test(arp_and_discovery_are_read_as_they_were_built),
        cmocka_unit_test(options_are_walked_to_their_end),
        cmocka_unit_test(icmp_errors_are_told_from_questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
