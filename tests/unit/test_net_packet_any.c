/* The view of any packet: what is built is read, a part of it is never read past, vectors and
 * flows.
 */
#include "net/packet.h"

#include "net/checksum.h"
#include "net/packet_flow.h"
#include "tests/unit/net_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RANDOM_PACKETS = 20000 };

/* -- Flows ------------------------------------------------------------------------------------- */

static struct packet_flow flow_of(const struct fixture_headers *headers)
{
    uint8_t bytes[700];
    int length = fixture_build(headers, bytes, sizeof bytes);
    struct packet packet = fixture_packet(
        headers->has_ethernet ? PACKET_LINK_ETHERNET : PACKET_LINK_IP, bytes, (size_t)length);
    struct packet_flow flow;

    assert_true(length > 0);
    packet_parse(&packet);
    packet_flow(&packet, &flow);
    return flow;
}

static void turn_around(struct fixture_headers *headers)
{
    struct fixture_headers turned = *headers;

    memcpy(turned.ipv4.source, headers->ipv4.destination, 4);
    memcpy(turned.ipv4.destination, headers->ipv4.source, 4);
    memcpy(turned.ipv6.source, headers->ipv6.destination, 16);
    memcpy(turned.ipv6.destination, headers->ipv6.source, 16);
    turned.udp.source_port = headers->udp.destination_port;
    turned.udp.destination_port = headers->udp.source_port;
    turned.tcp.source_port = headers->tcp.destination_port;
    turned.tcp.destination_port = headers->tcp.source_port;
    *headers = turned;
}

static void both_directions_are_one_flow_when_normalised(void **state)
{
    uint64_t random = 3;
    (void)state;

    for (int i = 0; i < 1000; i++) {
        struct fixture_headers headers = fixture_random_headers(&random);
        struct packet_flow there = flow_of(&headers);
        struct packet_flow back;

        turn_around(&headers);
        back = flow_of(&headers);
        assert_false(packet_flow_equal(&there, &back));
        assert_true(packet_flow_hash(&there, 1) != packet_flow_hash(&back, 1));
        packet_flow_normalise(&there);
        packet_flow_normalise(&back);
        assert_true(packet_flow_equal(&there, &back));
        assert_int_equal(packet_flow_hash(&there, 1), packet_flow_hash(&back, 1));
        assert_true(packet_flow_hash(&there, 1) != packet_flow_hash(&there, 2));
    }
}

/* What later fragments do not have is no part of the flow. */
static void fragments_of_a_datagram_are_one_flow(void **state)
{
    struct fixture_headers headers = {.network = PACKET_NETWORK_IPV4,
                                      .transport = PACKET_TRANSPORT_TCP,
                                      .ipv4 = {.source = {10}, .more_fragments = true},
                                      .tcp = {.source_port = 1, .destination_port = 2},
                                      .payload_length = 12};
    struct packet_flow first, later, whole;
    (void)state;

    first = flow_of(&headers);
    headers.transport = PACKET_TRANSPORT_NONE;
    headers.ipv4.protocol = IPPROTO_TCP;
    headers.ipv4.fragment_offset = 32;
    headers.ipv4.more_fragments = false;
    later = flow_of(&headers);
    assert_true(packet_flow_equal(&first, &later));
    headers.transport = PACKET_TRANSPORT_TCP;
    headers.ipv4.fragment_offset = 0;
    whole = flow_of(&headers);
    assert_int_equal(whole.destination_port, 2);
    assert_false(packet_flow_equal(&first, &whole));
}

/* 65536 flows that differ in a port alone, into as many places: how many places stay empty is e^-1
 * of them where the hash is a good one. */
static void hashes_of_similar_flows_spread(void **state)
{
    static bool used[2][1 << 16];
    struct packet_flow flow = {.source = {10, 0, 0, 1}, .destination = {10, 0, 0, 2}};
    int places[2] = {0};
    (void)state;

    memset(used, 0, sizeof used);
    for (int port = 0; port < 1 << 16; port++) {
        uint64_t hash;

        flow.source_port = (uint16_t)port;
        hash = packet_flow_hash(&flow, 0);
        used[0][hash & 0xffff] = true;
        used[1][hash >> 48] = true;
    }
    for (int i = 0; i < 1 << 16; i++) {
        places[0] += used[0][i];
        places[1] += used[1][i];
    }
    assert_in_range(places[0], 41000, 41900);
    assert_in_range(places[1], 41000, 41900);
}

/* -- Any packet -------------------------------------------------------------------------------- */

static void check_ethernet(const struct packet *packet, const struct ethernet_header *expected)
{
    struct ethernet_header header;

    ethernet_read(packet, &header);
    assert_memory_equal(header.destination, expected->destination, PACKET_MAC_BYTES);
    assert_memory_equal(header.source, expected->source, PACKET_MAC_BYTES);
    assert_int_equal(header.vlan_count, expected->vlan_count);
    for (size_t i = 0; i < header.vlan_count; i++) {
        assert_int_equal(header.vlans[i].ethertype, expected->vlans[i].ethertype);
        assert_int_equal(header.vlans[i].control, expected->vlans[i].control);
    }
}

static void check_ipv4(const struct packet *packet, const struct ipv4_header *expected)
{
    struct ipv4_header header;

    ipv4_read(packet, &header);
    assert_memory_equal(header.source, expected->source, sizeof header.source);
    assert_memory_equal(header.destination, expected->destination, sizeof header.destination);
    assert_int_equal(header.service, expected->service);
    assert_int_equal(header.hops, expected->hops);
    assert_int_equal(header.protocol, packet->protocol);
    assert_int_equal(header.identification, expected->identification);
    assert_int_equal(header.unfragmentable, expected->unfragmentable);
    assert_false(header.more_fragments);
    assert_int_equal(header.fragment_offset, 0);
    assert_int_equal(header.options_length, expected->options_length);
    assert_memory_equal(header.options, expected->options, header.options_length);
}

static void check_ipv6(const struct packet *packet, const struct ipv6_header *expected)
{
    struct ipv6_header header;

    ipv6_read(packet, &header);
    assert_memory_equal(header.source, expected->source, sizeof header.source);
    assert_memory_equal(header.destination, expected->destination, sizeof header.destination);
    assert_int_equal(header.service, expected->service);
    assert_int_equal(header.flow_label, expected->flow_label);
    assert_int_equal(header.hops, expected->hops);
}

static void check_tcp(const struct packet *packet, const struct tcp_header *expected)
{
    struct tcp_header header;

    tcp_read(packet, &header);
    assert_int_equal(header.source_port, expected->source_port);
    assert_int_equal(header.destination_port, expected->destination_port);
    assert_int_equal(header.sequence, expected->sequence);
    assert_int_equal(header.acknowledgement, expected->acknowledgement);
    assert_int_equal(header.flags, expected->flags);
    assert_int_equal(header.window, expected->window);
    assert_int_equal(header.urgent, expected->urgent);
    assert_int_equal(header.options_length, expected->options_length);
    assert_memory_equal(header.options, expected->options, header.options_length);
}

static void check_icmp(const struct packet *packet, const struct icmp_header *expected)
{
    struct icmp_header header;

    icmp_read(packet, &header);
    assert_int_equal(header.type, expected->type);
    assert_int_equal(header.code, expected->code);
    assert_int_equal(header.rest, expected->rest);
}

static void check_headers(const struct packet *packet, const struct fixture_headers *headers)
{
    struct udp_header udp;

    if (headers->has_ethernet)
        check_ethernet(packet, &headers->ethernet);
    if (headers->network == PACKET_NETWORK_IPV4)
        check_ipv4(packet, &headers->ipv4);
    else
        check_ipv6(packet, &headers->ipv6);
    if (headers->transport == PACKET_TRANSPORT_TCP) {
        check_tcp(packet, &headers->tcp);
    } else if (headers->transport == PACKET_TRANSPORT_UDP) {
        udp_read(packet, &udp);
        assert_int_equal(udp.source_port, headers->udp.source_port);
        assert_int_equal(udp.destination_port, headers->udp.destination_port);
    } else if (headers->transport != PACKET_TRANSPORT_NONE) {
        check_icmp(packet, &headers->icmp);
    }
}

static void what_is_built_is_read(void **state)
{
    uint64_t random = 1;
    (void)state;

    for (int i = 0; i < RANDOM_PACKETS; i++) {
        struct fixture_headers headers = fixture_random_headers(&random);
        uint8_t bytes[700];
        int length = fixture_build(&headers, bytes, sizeof bytes);
        cleanup_free uint8_t *exact = xmalloc(sizeof bytes);
        struct packet packet;

        assert_true(length > 0);
        exact = xrealloc(exact, (size_t)length);
        memcpy(exact, bytes, (size_t)length);
        packet = fixture_packet(headers.has_ethernet ? PACKET_LINK_ETHERNET : PACKET_LINK_IP, exact,
                                (size_t)length);
        assert_int_equal(packet_parse(&packet), PACKET_SOUND);
        assert_int_equal(packet.network, headers.network);
        assert_int_equal(packet.transport, headers.transport);
        check_headers(&packet, &headers);
        assert_int_equal(packet_payload_length(&packet), headers.payload_length);
        assert_memory_equal(packet_payload(&packet), headers.payload, headers.payload_length);
        assert_true(checksum_right(&packet));
    }
}

/* Every prefix of a packet of its own size: the sanitizers see a read past it. */
static void a_part_of_a_packet_is_never_read_past(void **state)
{
    uint64_t random = 2;
    (void)state;

    for (int i = 0; i < 200; i++) {
        struct fixture_headers headers = fixture_random_headers(&random);
        uint8_t bytes[700];
        int length = fixture_build(&headers, bytes, sizeof bytes);

        for (int count = 0; count < length; count++) {
            cleanup_free uint8_t *part = xmalloc((size_t)count);
            struct packet packet = fixture_packet(
                headers.has_ethernet ? PACKET_LINK_ETHERNET : PACKET_LINK_IP, part, (size_t)count);

            memcpy(part, bytes, (size_t)count);
            assert_int_not_equal(packet_parse(&packet), PACKET_SOUND);
            assert_int_equal(packet.transport, PACKET_TRANSPORT_NONE);
        }
    }
}

static void a_vector_is_parsed_as_its_packets_are(void **state)
{
    enum { COUNT = 37 };
    static uint8_t bytes[COUNT][700];
    struct packet packets[COUNT], *vector[COUNT];
    uint64_t random = 4;
    (void)state;

    for (size_t i = 0; i < COUNT; i++) {
        struct fixture_headers headers = fixture_random_headers(&random);
        int length = fixture_build(&headers, bytes[i], sizeof bytes[i]);

        packets[i] = fixture_packet(headers.has_ethernet ? PACKET_LINK_ETHERNET : PACKET_LINK_IP,
                                    bytes[i], (size_t)length - i % 3);
        vector[i] = &packets[i];
    }
    packets_parse(vector, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct packet alone =
            fixture_packet((enum packet_link)packets[i].link, packets[i].bytes, packets[i].length);

        packet_parse(&alone);
        assert_memory_equal(&alone, &packets[i], sizeof alone);
    }
}

/* What most packets are, as far as packets_parse has a way of its own for them. */
static struct fixture_headers usual_headers(uint64_t *random)
{
    struct fixture_headers headers = fixture_random_headers(random);

    headers.network = PACKET_NETWORK_IPV4;
    headers.transport = fixture_below(random, 3) ? PACKET_TRANSPORT_TCP : PACKET_TRANSPORT_UDP;
    headers.ethernet.vlan_count = 0;
    headers.ethernet.destination[0] &= 0xfe;
    headers.ipv4.options_length = 0;
    headers.payload_length = fixture_below(random, 20);
    headers.tcp.options_length = fixture_below(random, 2) ? 12 : 0;
    memcpy(headers.tcp.options, "\1\1\x08\x0a", 4);
    return headers;
}

/* One byte or the end of it is another; the checksum of IP's header is right, mostly. */
static void spoil(uint64_t *random, struct packet *packet)
{
    size_t at = packet->link == PACKET_LINK_ETHERNET ? 14 : 0;

    if (fixture_below(random, 2) == 0)
        packet->bytes[fixture_below(random, at + 40)] = (uint8_t)fixture_random(random);
    if (fixture_below(random, 4) == 0)
        packet->bytes[at + fixture_below(random, 4)] ^= (uint8_t)(1u << fixture_below(random, 8));
    if (fixture_below(random, 4) > 0)
        fixture_refresh_ipv4(packet->bytes + at);
    if (fixture_below(random, 8) == 0)
        packet->length = (uint32_t)fixture_below(random, packet->length + 1);
}

static void the_straight_way_finds_what_the_other_does(void **state)
{
    uint64_t random = 5;
    int usual = 0;
    (void)state;

    for (int i = 0; i < 5 * RANDOM_PACKETS; i++) {
        struct fixture_headers headers = usual_headers(&random);
        uint8_t bytes[700] = {0};
        int length = fixture_build(&headers, bytes, sizeof bytes);
        struct packet alone, *packet = &alone;
        struct packet straight;

        alone = fixture_packet(headers.has_ethernet ? PACKET_LINK_ETHERNET : PACKET_LINK_IP, bytes,
                               (size_t)length + fixture_below(&random, 3));
        spoil(&random, packet);
        memset(&packet->end, 0x55, sizeof *packet - offsetof(struct packet, end));
        straight = *packet;
        packet_parse(packet);
        packet = &straight;
        packets_parse(&packet, 1);
        assert_memory_equal(&alone, &straight, sizeof alone);
        usual += alone.flaw == PACKET_SOUND;
    }
    assert_in_range(usual, RANDOM_PACKETS, 5 * RANDOM_PACKETS);
}

/* Words whose sums are all ones but for the last, or carry at once: every checksum is right or
 * wrong for both ways. */
static void sums_that_carry_to_the_end_are_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture_headers headers = {.network = PACKET_NETWORK_IPV4,
                                          .transport = PACKET_TRANSPORT_UDP,
                                          .ipv4 = {.source = {255, 255, i ? 255 : 191, 255},
                                                   .destination = {255, 255, 255, 255},
                                                   .hops = 1,
                                                   .unfragmentable = true}};
        uint8_t bytes[64];
        int length = fixture_build(&headers, bytes, sizeof bytes);

        for (uint32_t sum = 0; sum <= UINT16_MAX; sum++) {
            struct packet alone = fixture_packet(PACKET_LINK_IP, bytes, (size_t)length);
            struct packet straight = alone, *vector = &straight;

            bytes_store16(bytes + 10, (uint16_t)sum);
            packet_parse(&alone);
            packets_parse(&vector, 1);
            assert_int_equal(alone.flaw, straight.flaw);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_are_one_flow_when_normalised),
        cmocka_unit_test(fragments_of_a_datagram_are_one_flow),
        cmocka_unit_test(hashes_of_similar_flows_spread),
        cmocka_unit_test(what_is_built_is_read),
        cmocka_unit_test(a_part_of_a_packet_is_never_read_past),
        cmocka_unit_test(a_vector_is_parsed_as_its_packets_are),
        cmocka_unit_test(the_straight_way_finds_what_the_other_does),
        cmocka_unit_test(sums_that_carry_to_the_end_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
