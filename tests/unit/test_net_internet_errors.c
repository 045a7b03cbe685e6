/* What a router says and does about packets that it cannot simply forward: ICMP errors, and about
 * what none may be sent; fragments; echo requests to the router. */
#include "net/internet.h"

#include "net/checksum.h"
#include "net/fragment.h"
#include "tests/unit/internet_fixture.h"

#include <errno.h>
#include <string.h>

/* -- ICMP errors ------------------------------------------------------------------------------- */

struct complaint {
    struct fixture_udp udp;
    const char *from; /* what address of the router's */
    uint8_t type, code;
    uint32_t rest;
    size_t length; /* of the error, as IP */
};

static const struct complaint complaints[] = {
    {{FROM_TO("10.0.0.2", "10.9.0.1"), .payload = 10}, "10.0.0.1", 3, 0, 0, 28 + 38},
    {{FROM_TO("10.0.0.2", "10.0.1.2"), .hops = 1, .payload = 10}, "10.0.0.1", 11, 0, 0, 28 + 38},
    {{FROM_TO("10.0.0.2", "10.0.2.2"), .payload = 1300, .unfragmentable = true},
     "10.0.0.1",
     3,
     4,
     1280,
     576},
    {{FROM_TO("10.0.0.2", "10.0.0.3"), .payload = 0}, "10.0.0.1", 3, 1, 0, 28 + 28},
    {{FROM_TO("fd00:0::2", "fd00:9::1"), .payload = 10}, "fd00:0::1", 1, 0, 0, 48 + 58},
    {{FROM_TO("fd00:0::2", "fd00:1::2"), .hops = 1, .payload = 10}, "fd00:0::1", 3, 0, 0, 48 + 58},
    {{FROM_TO("fd00:0::2", "fd00:2::2"), .payload = 1400}, "fd00:0::1", 2, 0, 1280, 1280},
    {{FROM_TO("fd00:0::2", "fd00:0::3"), .payload = 0}, "fd00:0::1", 1, 3, 0, 48 + 48},
    {{FROM_TO("fe80::2", "fd00:1::2"), .payload = 10}, "fd00:0::1", 1, 2, 0, 48 + 58},
};

static void the_sender_is_told_what_and_why(void **state)
{
    struct internet_fixture *fixture = *state;

    for (size_t i = 0; i < array_size(complaints); i++) {
        const struct complaint *complaint = &complaints[i];
        struct packet *about = fixture_make(fixture, &complaint->udp);
        uint8_t quoted[64];
        struct icmp_header icmp;
        struct packet *packet;

        memcpy(quoted, about->bytes, sizeof quoted);
        fixture_send(fixture, 0, about);
        packet = fixture_take(fixture, 0);
        if (!packet)
            fail_msg("complaint %zu does not come", i);
        assert_int_equal(packet_parse(packet), PACKET_SOUND);
        assert_true(checksum_right(packet));
        assert_true(fixture_is_from(packet, complaint->from));
        assert_true(fixture_is_to(packet, complaint->udp.source));
        assert_true(packet_icmp_is_error(packet));
        icmp_read(packet, &icmp);
        assert_int_equal(icmp.type, complaint->type);
        assert_int_equal(icmp.code, complaint->code);
        assert_int_equal(icmp.rest, complaint->rest);
        assert_int_equal(packet_network_length(packet), complaint->length);
        assert_memory_equal(packet_payload(packet), quoted, 28);
        assert_int_equal(packet_hops(packet), 64);
    }
    assert_int_equal(internet_counters(fixture->internet, 0)->errors, array_size(complaints));
}

static void send_icmp(struct internet_fixture *fixture, const struct fixture_udp *udp, uint8_t type)
{
    struct build build;
    struct packet *packet = fixture_begin(fixture, &build, udp);

    build_icmp(&build, &(struct icmp_header){.type = type});
    build_bytes(&build, &(uint8_t[64]){0}, 64);
    fixture_send(fixture, 0, fixture_finish(packet, &build));
}

/* A fragment of a datagram, `offset` times 8 bytes from its beginning. */
static void send_fragment(struct internet_fixture *fixture, const struct fixture_udp *udp,
                          uint8_t offset)
{
    struct packet *packet = fixture_make(fixture, udp);

    packet->bytes[6] = 0x20;
    packet->bytes[7] = offset;
    fixture_refresh_ipv4(packet->bytes);
    assert_int_equal(packet_parse(packet), PACKET_SOUND);
    fixture_send(fixture, 0, packet);
}

static void nobody_is_told_about_errors_or_pieces_or_groups(void **state)
{
    static const struct fixture_udp ipv4 = {FROM_TO("10.0.0.2", "10.9.0.1"), .payload = 8};
    static const struct fixture_udp ipv6 = {FROM_TO("fd00:0::2", "fd00:9::1")};
    static const uint8_t types4[] = {3, 4, 5, 11, 12}, types6[] = {1, 2, 3, 4, 100, 127};
    struct internet_fixture *fixture = *state;
    uint64_t sent = 0;

    for (size_t i = 0; i < array_size(types4); i++, sent++)
        send_icmp(fixture, &ipv4, types4[i]);
    for (size_t i = 0; i < array_size(types6); i++, sent++)
        send_icmp(fixture, &ipv6, types6[i]);
    send_fragment(fixture, &ipv4, 1);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_NO_ROUTE), sent + 1);
    fixture_send_udp(fixture, 0,
                     &(struct fixture_udp){FROM_TO("10.0.0.2", "10.9.0.1"), .has_frame = true,
                                           .frame_destination = 0xff});
    fixture_send_udp(fixture, 0, &(struct fixture_udp){FROM_TO("fe80::2", "ff02::1")});
    fixture_send_udp(fixture, 0, &(struct fixture_udp){FROM_TO("fe80::2", "fe80::3")});
    fixture_send_udp(fixture, 0, &(struct fixture_udp){FROM_TO("224.0.0.9", "10.0.1.2")});
    assert_int_equal(internet_in_flight(fixture->internet), 0);
    assert_int_equal(internet_counters(fixture->internet, 0)->errors, 0);
    /* But about an echo request, and about the first fragment. */
    send_icmp(fixture, &ipv4, ICMP_TYPE_ECHO);
    assert_non_null(fixture_take(fixture, 0));
    send_fragment(fixture, &ipv4, 0);
    assert_non_null(fixture_take(fixture, 0));
}

/* A message of ICMP that is cut might be an error. */
static void nobody_is_told_about_what_might_be_an_error(void **state)
{
    struct internet_fixture *fixture = *state;
    struct fixture_udp udp = {FROM_TO("10.0.0.2", "10.9.0.1")};
    struct build build;
    struct packet *packet = fixture_begin(fixture, &build, &udp);

    build.bytes[9] = IPPROTO_ICMP;
    build_bytes(&build, "\x03\0\0\0", 4);
    fixture_send(fixture, 0, fixture_finish(packet, &build));
    assert_int_equal(internet_counters(fixture->internet, 0)->flaws[PACKET_ICMP_SHORT], 1);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_NO_ROUTE), 1);
    assert_null(fixture_take(fixture, 0));
}

static void errors_have_a_rate(void **state)
{
    struct internet_fixture *fixture = *state;
    const struct internet_counters *counters = internet_counters(fixture->internet, 0);
    struct fixture_udp udp = {FROM_TO("10.0.0.2", "10.9.0.1")};
    const uint64_t each_ns = 1000000000 / INTERNET_ERRORS_PER_S;

    for (int i = 0; i < INTERNET_ERRORS_BURST + 20; i++)
        fixture_send_udp(fixture, 0, &udp);
    assert_int_equal(counters->errors, INTERNET_ERRORS_BURST);
    assert_int_equal(counters->errors_limited, 20);
    fixture->now_ns += each_ns - 1;
    fixture_send_udp(fixture, 0, &udp);
    assert_int_equal(counters->errors, INTERNET_ERRORS_BURST);
    fixture->now_ns += 1;
    fixture_send_udp(fixture, 0, &udp);
    fixture_send_udp(fixture, 0, &udp);
    assert_int_equal(counters->errors, INTERNET_ERRORS_BURST + 1);
    /* Time saves up for no more than a burst, and does not run backwards. */
    fixture->now_ns = UINT64_MAX;
    for (int i = 0; i < INTERNET_ERRORS_BURST + 20; i++) {
        fixture_send_udp(fixture, 0, &udp);
        fixture->now_ns = 5;
    }
    assert_int_equal(counters->errors, 2 * INTERNET_ERRORS_BURST + 1);
}

static void an_error_that_cannot_be_sent_is_counted(void **state)
{
    struct internet_fixture *fixture = *state;
    const struct internet_counters *counters = internet_counters(fixture->internet, 0);
    struct packet *rest[FIXTURE_PACKETS];
    struct packet *about;
    size_t count;

    /* There is no way back to this source. */
    fixture_send_udp(fixture, 0, &(struct fixture_udp){FROM_TO("10.7.0.2", "10.9.0.1")});
    assert_int_equal(counters->errors_lost, 1);
    about = fixture_make(fixture, &(struct fixture_udp){FROM_TO("10.0.0.2", "10.9.0.1")});
    count = pool_take(&fixture->pool, rest, FIXTURE_PACKETS);
    fixture_send(fixture, 0, about);
    pool_give(&fixture->pool, rest, count);
    assert_int_equal(counters->errors_lost, 2);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_NO_ROUTE), 2);
}

/* RFC 7600: a router that has no address speaks as 192.0.0.8. IPv6 knows no such address. */
static void a_router_without_an_address_uses_the_dummy(void **state)
{
    struct internet_fixture *fixture = *state;
    struct route_prefix ipv4 = {.network = PACKET_NETWORK_IPV4, .address = {10}, .length = 8};
    struct route_prefix ipv6 = {.network = PACKET_NETWORK_IPV6, .address = {0xfd}, .length = 8};
    struct error error = {0};

    assert_int_equal(internet_add_route(fixture->internet, 0, &ipv4, &error), 0);
    assert_int_equal(internet_add_route(fixture->internet, 0, &ipv6, &error), 0);
    fixture_send_udp(fixture, 0, &(struct fixture_udp){FROM_TO("10.0.0.2", "11.0.0.1")});
    assert_true(fixture_is_from(fixture_take(fixture, 0), "192.0.0.8"));
    fixture_send_udp(fixture, 0, &(struct fixture_udp){FROM_TO("fd00::2", "fe00::1")});
    assert_null(fixture_take(fixture, 0));
    assert_int_equal(internet_counters(fixture->internet, 0)->errors_lost, 1);
}

/* Takes the checksum away again, as a kernel leaves it to the device. */
static void make_partial(struct packet *packet, size_t at)
{
    size_t length = packet->end - packet->transport_at;
    uint16_t pseudo = 0;

    if (packet->transport != PACKET_TRANSPORT_ICMP)
        pseudo = (uint16_t)~checksum_fold(checksum_pseudo(packet, packet->protocol, length));
    memcpy(packet->bytes + packet->transport_at + at, &pseudo, sizeof pseudo);
    packet->checksum = PACKET_CHECKSUM_PARTIAL;
    packet->checksum_start = packet->transport_at;
    packet->checksum_at = (uint16_t)(packet->transport_at + at);
}

/* -- Fragments --------------------------------------------------------------------------------- */

/* Puts the payload of what waits for the NIC together; returns how many packets that were. */
static int collect(struct internet_fixture *fixture, uint16_t nic, uint8_t *datagram, size_t *end)
{
    struct packet *packet;
    bool more = true;
    int count = 0;

    *end = 0;
    for (; internet_receive(fixture->internet, nic, &packet, 1) > 0; count++) {
        size_t length = packet->end - packet->transport_at;
        size_t offset = packet_fragment_offset(packet);

        assert_int_equal(packet_parse(packet), PACKET_SOUND);
        assert_in_range(packet_network_length(packet), 21, NET_MTU_IPV6_MIN);
        assert_true(packet->flags & PACKET_FRAGMENT);
        assert_true(more);
        assert_int_equal(offset, *end);
        assert_int_equal(bytes_load16(packet_network(packet) + 4), 7);
        assert_int_equal(packet_hops(packet), 63);
        memcpy(datagram + offset, packet_transport(packet), length);
        *end = offset + length;
        more = packet_fragment_more(packet);
        pool_give(&fixture->pool, &packet, 1);
    }
    assert_false(more);
    return count;
}

static void what_may_be_cut_is_cut_and_fits_together(void **state)
{
    struct internet_fixture *fixture = *state;
    struct error error = {0};
    int cut = 0;

    assert_int_equal(internet_set_mtu(fixture->internet, 0, NET_MTU_JUMBO, &error), 0);
    for (size_t payload = 1253; payload < 8900; payload += 1 + payload / 9) {
        struct fixture_udp udp = {FROM_TO("10.0.0.2", "10.0.2.2"), .payload = payload,
                                  .has_frame = payload % 2};
        struct packet *packet = fixture_make(fixture, &udp);
        static uint8_t whole[9000], datagram[9000];
        size_t length = packet->end - packet->transport_at;
        size_t end;

        memcpy(whole, packet_transport(packet), length);
        if (cut % 3 == 0)
            make_partial(packet, 6);
        fixture_send(fixture, 0, packet);
        assert_int_equal(collect(fixture, 2, datagram, &end), (length + 1255) / 1256);
        assert_int_equal(end, length);
        assert_memory_equal(whole, datagram, length);
        cut++;
    }
    assert_int_equal(internet_counters(fixture->internet, 0)->fragmented, cut);
}

static void a_fragment_is_cut_again(void **state)
{
    struct internet_fixture *fixture = *state;
    struct fixture_udp udp = {FROM_TO("10.0.0.2", "10.0.2.2"), .payload = 1400};
    struct packet *packet = fixture_make(fixture, &udp);
    struct packet *out[3];

    /* In the middle of a datagram: 800 bytes before it, more behind it. */
    bytes_store16(packet->bytes + 6, 0x2000 | 100);
    fixture_refresh_ipv4(packet->bytes);
    assert_int_equal(packet_parse(packet), PACKET_SOUND);
    fixture_send(fixture, 0, packet);
    assert_int_equal(internet_receive(fixture->internet, 2, out, 3), 2);
    assert_int_equal(packet_fragment_offset(out[0]), 800);
    assert_int_equal(packet_fragment_offset(out[1]), 800 + 1256);
    assert_true(packet_fragment_more(out[0]) && packet_fragment_more(out[1]));
    pool_give(&fixture->pool, out, 2);
}

static void fragments_carry_the_options_that_say_so(void **state)
{
    struct internet_fixture *fixture = *state;
    /* Timestamps are not copied; a strict route is, and the padding comes anew. */
    struct ipv4_header ipv4 = {.source = {10, 0, 0, 2},
                               .destination = {10, 0, 2, 2},
                               .hops = 9,
                               .options = {68, 8, 5, 0, 0, 0, 0, 0, 137, 7, 4, 10, 0, 2, 2, 0},
                               .options_length = 16};
    struct packet *packet, *out[3];
    struct ipv4_header later;
    struct build build;

    assert_int_equal(pool_take(&fixture->pool, &packet, 1), 1);
    packet->link = PACKET_LINK_IP;
    build_start(&build, packet->bytes, FIXTURE_ROOM);
    build_ipv4(&build, &ipv4);
    build_bytes(&build, &(uint8_t[1400]){0}, 1400);
    fixture_send(fixture, 0, fixture_finish(packet, &build));
    assert_int_equal(internet_receive(fixture->internet, 2, out, 3), 2);
    ipv4_read(out[0], &later);
    assert_int_equal(later.options_length, 16);
    ipv4_read(out[1], &later);
    assert_int_equal(later.options_length, 8);
    assert_memory_equal(later.options, "\x89\x07\x04\x0a\0\x02\x02\0", 8);
    pool_give(&fixture->pool, out, 2);
}

static void a_datagram_is_cut_wholly_or_not_at_all(void **state)
{
    struct internet_fixture *fixture = *state;
    struct fixture_udp udp = {FROM_TO("10.0.0.2", "10.0.2.2"), .payload = 1400};
    struct packet *packet = fixture_make(fixture, &udp);
    struct packet *rest[FIXTURE_PACKETS];
    size_t count = pool_take(&fixture->pool, rest, FIXTURE_PACKETS);
    struct error error = {0};

    fixture_send(fixture, 0, packet);
    pool_give(&fixture->pool, rest, count);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_NO_ROOM), 1);
    for (int i = 0; i < INTERNET_FLIGHT_DEFAULT - 1; i++)
        fixture_send_udp(fixture, 0, &(struct fixture_udp){FROM_TO("10.0.0.2", "10.0.1.2")});
    fixture_send_udp(fixture, 0, &udp);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_FULL), 1);
    assert_int_equal(internet_counters(fixture->internet, 2)->crowded_out, 2);
    assert_int_equal(internet_in_flight(fixture->internet), INTERNET_FLIGHT_DEFAULT - 1);
    /* More fragments than one packet may become. */
    assert_int_equal(internet_set_mtu(fixture->internet, 2, NET_MTU_MIN, &error), 0);
    assert_int_equal(internet_set_mtu(fixture->internet, 0, NET_MTU_JUMBO, &error), 0);
    udp.payload = 8000;
    count = internet_receive(fixture->internet, 1, rest, 1000);
    pool_give(&fixture->pool, rest, count);
    fixture_send_udp(fixture, 0, &udp);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_NO_ROOM), 2);
    assert_int_equal(internet_waiting(fixture->internet, 2), 0);
}

/* -- The router itself ------------------------------------------------------------------------- */

static struct packet *make_ping(struct internet_fixture *fixture, const char *from, const char *to,
                                size_t payload)
{
    static uint8_t bytes[FIXTURE_ROOM];
    struct fixture_udp udp = {.source = from, .destination = to, .hops = 1};
    struct build build;
    struct packet *packet = fixture_begin(fixture, &build, &udp);

    build_icmp(&build,
               &(struct icmp_header){.type = strchr(to, ':') ? ICMPV6_TYPE_ECHO : ICMP_TYPE_ECHO,
                                     .rest = 0x12340001});
    build_bytes(&build, bytes, payload);
    return fixture_finish(packet, &build);
}

static void the_router_answers_pings(void **state)
{
    static const struct {
        const char *from, *to;
        uint16_t nic, back;
        uint8_t type;
    } pings[] = {{"10.0.0.2", "10.0.0.1", 0, 0, ICMP_TYPE_ECHO_REPLY},
                 {"10.0.0.2", "10.0.2.1", 0, 0, ICMP_TYPE_ECHO_REPLY},
                 {"10.0.1.2", "10.0.2.1", 0, 1, ICMP_TYPE_ECHO_REPLY},
                 {"fd00:0::2", "fd00:0::1", 0, 0, ICMPV6_TYPE_ECHO_REPLY}};
    struct internet_fixture *fixture = *state;

    for (size_t i = 0; i < array_size(pings); i++) {
        struct icmp_header icmp;
        struct packet *packet;

        fixture_send(fixture, pings[i].nic, make_ping(fixture, pings[i].from, pings[i].to, i));
        packet = fixture_take(fixture, pings[i].back);
        assert_non_null(packet);
        assert_int_equal(packet_parse(packet), PACKET_SOUND);
        assert_true(checksum_right(packet));
        assert_true(fixture_is_from(packet, pings[i].to));
        assert_true(fixture_is_to(packet, pings[i].from));
        icmp_read(packet, &icmp);
        assert_int_equal(icmp.type, pings[i].type);
        assert_int_equal(icmp.rest, 0x12340001);
        assert_int_equal(packet_hops(packet), 64);
    }
    assert_int_equal(internet_counters(fixture->internet, 0)->echoes, array_size(pings));
}

static void an_answer_to_an_unfinished_ping_is_as_unfinished(void **state)
{
    struct internet_fixture *fixture = *state;

    for (int i = 0; i < 2; i++) {
        struct packet *packet =
            make_ping(fixture, i ? "fd00:0::2" : "10.0.0.2", i ? "fd00:0::1" : "10.0.0.1", 9);

        make_partial(packet, 2);
        fixture_send(fixture, 0, packet);
        packet = fixture_take(fixture, 0);
        assert_int_equal(packet->checksum, PACKET_CHECKSUM_PARTIAL);
        checksum_finish(packet);
        assert_true(checksum_right(packet));
    }
}

static void the_router_answers_nothing_else(void **state)
{
    struct internet_fixture *fixture = *state;
    struct packet *packet = make_ping(fixture, "10.0.0.2", "10.0.0.1", 8);

    packet->bytes[packet->payload_at] ^= 1; /* its checksum is wrong now */
    fixture_send(fixture, 0, packet);
    /* There is no way back to this one, and the answer to that is too long for it. */
    fixture_send(fixture, 0, make_ping(fixture, "10.7.0.2", "10.0.0.1", 8));
    fixture_send(fixture, 0, make_ping(fixture, "10.0.2.2", "10.0.0.1", 1400));
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_LOCAL), 3);
    assert_int_equal(internet_in_flight(fixture->internet), 0);
}

#define WITH_NETWORKS(test)                                                                        \
    cmocka_unit_test_setup_teardown(test, internet_fixture_set_up, internet_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NETWORKS(the_sender_is_told_what_and_why),
        WITH_NETWORKS(nobody_is_told_about_errors_or_pieces_or_groups),
        WITH_NETWORKS(nobody_is_told_about_what_might_be_an_error),
        WITH_NETWORKS(errors_have_a_rate),
        WITH_NETWORKS(an_error_that_cannot_be_sent_is_counted),
        cmocka_unit_test_setup_teardown(a_router_without_an_address_uses_the_dummy,
                                        internet_fixture_set_up_bare, internet_fixture_tear_down),
        WITH_NETWORKS(what_may_be_cut_is_cut_and_fits_together),
        WITH_NETWORKS(a_fragment_is_cut_again),
        WITH_NETWORKS(fragments_carry_the_options_that_say_so),
        WITH_NETWORKS(a_datagram_is_cut_wholly_or_not_at_all),
        WITH_NETWORKS(the_router_answers_pings),
        WITH_NETWORKS(an_answer_to_an_unfinished_ping_is_as_unfinished),
        WITH_NETWORKS(the_router_answers_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
