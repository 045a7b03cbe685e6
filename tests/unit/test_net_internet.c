/* Delivery by destination: what goes where, what is refused, what is counted, what is bounded. */
#include "net/internet.h"

#include "net/checksum.h"
#include "tests/unit/internet_fixture.h"

#include <errno.h>
#include <string.h>

/* -- Delivery ---------------------------------------------------------------------------------- */

static void a_packet_comes_out_where_its_destination_is(void **state)
{
    static const struct {
        struct fixture_udp udp;
        uint16_t nic;
    } cases[] = {
        {{FROM_TO("10.0.0.2", "10.0.1.2"), .payload = 100}, 1},
        {{FROM_TO("10.0.0.2", "10.0.2.255"), .payload = 0}, 2},
        {{FROM_TO("fd00:0::2", "fd00:1::2"), .payload = 1452}, 1},
        {{FROM_TO("fd00:0::2", "fd00:2::ffff"), .payload = 10, .hops = 2}, 2},
        {{FROM_TO("10.0.0.2", "10.0.1.2"), .payload = 1472, .unfragmentable = true, .hops = 2}, 1},
        {{FROM_TO("10.0.0.2", "10.0.1.2"), .payload = 9, .has_frame = true}, 1},
    };
    struct internet_fixture *fixture = *state;

    for (size_t i = 0; i < array_size(cases); i++) {
        struct packet *packet = fixture_make(fixture, &cases[i].udp);
        const uint8_t *bytes = packet->bytes;
        uint8_t hops = packet_hops(packet);
        struct packet *out;

        fixture_send(fixture, 0, packet);
        out = fixture_take(fixture, cases[i].nic);
        /* The very same bytes: nothing was copied. */
        assert_ptr_equal(out, packet);
        assert_ptr_equal(out->bytes, bytes);
        assert_int_equal(out->nic, cases[i].nic);
        assert_int_equal(packet_hops(out), hops - 1);
        assert_int_equal(packet_parse(out), PACKET_SOUND);
        assert_true(checksum_right(out));
        assert_int_equal(packet_payload_length(out), cases[i].udp.payload);
    }
    assert_int_equal(internet_counters(fixture->internet, 0)->packets_in, array_size(cases));
    assert_int_equal(internet_counters(fixture->internet, 1)->packets_out, 4);
    assert_int_equal(internet_counters(fixture->internet, 1)->bytes_out, 128 + 1500 + 1500 + 37);
}

/* Gives an IPv4 header the identification with which its checksum is this one. */
static void aim_checksum(uint8_t *header, uint16_t checksum)
{
    uint32_t sum;

    bytes_store16(header + 4, 0);
    fixture_refresh_ipv4(header);
    sum = (uint16_t)~checksum + (uint32_t)bytes_load16(header + 10);
    bytes_store16(header + 4, (uint16_t)(sum + (sum >> 16)));
    fixture_refresh_ipv4(header);
}

/* Also for those at which the sum goes over its end: it is what is computed anew. */
static void every_hop_keeps_the_checksum(void **state)
{
    static const uint16_t edges[] = {0xfeff, 0xfefe, 0xff00, 0xfffe, 0, 1, 0xff};
    struct internet_fixture *fixture = *state;

    for (int i = 0; i < 2000; i++) {
        struct fixture_udp udp = {FROM_TO("10.0.0.2", "10.0.1.2"), .hops = (uint8_t)(2 + i % 254)};
        struct packet *packet = fixture_make(fixture, &udp);
        uint16_t updated;

        aim_checksum(packet->bytes,
                     i < 1000 ? edges[(size_t)i % array_size(edges)] : (uint16_t)(i * 33));
        packet_parse(packet);
        fixture_send(fixture, 0, packet);
        packet = fixture_take(fixture, 1);
        memcpy(&updated, packet->bytes + 10, sizeof updated);
        fixture_refresh_ipv4(packet->bytes);
        assert_memory_equal(&updated, packet->bytes + 10, sizeof updated);
    }
}

static void an_attached_address_goes_before_any_route(void **state)
{
    struct internet_fixture *fixture = *state;
    struct fixture_udp udp = {FROM_TO("10.0.0.2", "10.0.1.7")};
    struct error error = {0};
    uint8_t address[16];

    fixture_address("10.0.1.7", address);
    assert_int_equal(internet_attach(fixture->internet, 2, PACKET_NETWORK_IPV4, address, &error),
                     0);
    fixture_send_udp(fixture, 0, &udp);
    assert_non_null(fixture_take(fixture, 2));
    assert_int_equal(internet_detach(fixture->internet, PACKET_NETWORK_IPV4, address, &error), 0);
    fixture_send_udp(fixture, 0, &udp);
    assert_non_null(fixture_take(fixture, 1));
}

static void packets_of_a_nic_keep_their_order(void **state)
{
    enum { COUNT = 300 };
    struct internet_fixture *fixture = *state;
    struct packet *packets[COUNT], *out[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        packets[i] = fixture_make(
            fixture, &(struct fixture_udp){FROM_TO("10.0.0.2", i % 3 ? "10.0.1.2" : "fd00:1::2")});
    internet_send(fixture->internet, 0, packets, COUNT, 1);
    for (size_t taken = 0; taken < COUNT; taken += 50)
        assert_int_equal(internet_receive(fixture->internet, 1, out + taken, 50), 50);
    assert_memory_equal(packets, out, sizeof out);
    pool_give(&fixture->pool, out, COUNT);
}

static void a_packet_goes_back_only_where_that_is_wanted(void **state)
{
    struct internet_fixture *fixture = *state;
    struct fixture_udp udp = {FROM_TO("10.0.9.2", "10.0.9.3")};
    struct route_prefix prefix = {
        .network = PACKET_NETWORK_IPV4, .address = {10, 0, 9, 0}, .length = 24};
    struct internet_options options = {.pool = &fixture->pool, .nics = 1};
    struct internet *plain = fixture->internet;
    struct error error = {0};
    uint16_t nic;

    assert_int_equal(internet_add_route(plain, 0, &prefix, &error), 0);
    fixture_send_udp(fixture, 0, &udp);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_SAME_NIC), 1);
    assert_int_equal(packet_icmp_type(fixture_take(fixture, 0)), ICMP_TYPE_UNREACHABLE);

    assert_int_equal(internet_new(&options, &fixture->internet, &error), 0);
    assert_int_equal(internet_add_nic(fixture->internet, 1500, true, &nic, &error), 0);
    assert_int_equal(internet_add_route(fixture->internet, nic, &prefix, &error), 0);
    fixture_send_udp(fixture, nic, &udp);
    assert_true(fixture_is_to(fixture_take(fixture, nic), "10.0.9.3"));
    internet_free(fixture->internet);
    fixture->internet = plain;
}

/* -- Mistakes in setting up -------------------------------------------------------------------- */

static void mistakes_are_errors(void **state)
{
    struct internet_fixture *fixture = *state;
    struct internet *internet = fixture->internet;
    struct internet *other = NULL;
    struct error error = {0};
    uint8_t address[16];
    uint16_t nic = 77;

    assert_int_equal(internet_new(&(struct internet_options){.nics = 0}, &other, &error), -EINVAL);
    assert_int_equal(
        internet_new(&(struct internet_options){.nics = 1, .flight = INTERNET_FLIGHT_MAX + 1},
                     &other, &error),
        -EINVAL);
    assert_null(other);
    assert_int_equal(internet_add_nic(internet, 1500, false, &nic, &error), -ENOSPC);
    assert_int_equal(internet_add_nic(internet, NET_MTU_MIN - 1, false, &nic, &error), -EINVAL);
    assert_int_equal(internet_add_nic(internet, NET_MTU_MAX + 1, false, &nic, &error), -EINVAL);
    assert_int_equal(nic, 77);
    assert_int_equal(internet_set_mtu(internet, 0, 0, &error), -EINVAL);
    assert_int_equal(internet_set_mtu(internet, 3, 1500, &error), -EINVAL);
    fixture_address("10.0.0.9", address);
    assert_int_equal(internet_attach(internet, 3, PACKET_NETWORK_IPV4, address, &error), -EINVAL);
    assert_int_equal(internet_attach(internet, 0, PACKET_NETWORK_ARP, address, &error), -EINVAL);
    assert_int_equal(internet_detach(internet, PACKET_NETWORK_IPV4, address, &error), -ENOENT);
}

static void an_address_is_attached_once(void **state)
{
    static const char *const addresses[] = {"10.0.1.9", "fd00:1::9"};
    struct internet_fixture *fixture = *state;
    struct internet *internet = fixture->internet;

    for (size_t i = 0; i < array_size(addresses); i++) {
        struct error error = {0};
        uint8_t address[16];
        enum packet_network network = fixture_address(addresses[i], address);

        assert_int_equal(internet_attach(internet, 0, network, address, &error), 0);
        assert_int_equal(internet_attach(internet, 0, network, address, &error), -EEXIST);
        assert_non_null(strstr(error.message, addresses[i]));
        assert_int_equal(internet_attach(internet, 1, network, address, &error), -EEXIST);
        assert_int_equal(internet_detach(internet, network, address, &error), 0);
        assert_int_equal(internet_attach(internet, 1, network, address, &error), 0);
    }
}

static void the_router_has_one_address_of_a_family_on_a_nic(void **state)
{
    struct internet_fixture *fixture = *state;
    struct internet *internet = fixture->internet;
    struct route_prefix prefix = {
        .network = PACKET_NETWORK_IPV4, .address = {10, 0, 0, 1}, .length = 32};
    struct error error = {0};
    uint8_t address[16] = {10, 0, 0, 3};

    assert_int_equal(internet_set_router(internet, 0, PACKET_NETWORK_IPV4, address, &error),
                     -EEXIST);
    assert_int_equal(internet_attach(internet, 0, PACKET_NETWORK_IPV4, prefix.address, &error),
                     -EEXIST);
    /* As a route it can be removed, too, and then another can be set. */
    assert_int_equal(internet_remove_route(internet, &prefix, &error), 0);
    assert_int_equal(internet_set_router(internet, 0, PACKET_NETWORK_IPV4, address, &error), 0);
}

static void addresses_that_no_host_has_are_refused(void **state)
{
    static const char *const addresses[] = {
        "0.0.0.0",         "127.0.0.1", "169.254.1.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::",        "::1",         "fe80::1",   "ff02::1"};
    struct internet_fixture *fixture = *state;

    for (size_t i = 0; i < array_size(addresses); i++) {
        struct error error = {0};
        uint8_t address[16];
        enum packet_network network = fixture_address(addresses[i], address);

        assert_int_equal(internet_attach(fixture->internet, 0, network, address, &error), -EINVAL);
        assert_non_null(strstr(error.message, addresses[i]));
    }
}

/* -- What is not forwarded --------------------------------------------------------------------- */

static void what_a_router_must_refuse_is_refused(void **state)
{
    static const struct {
        enum internet_cause cause;
        struct fixture_udp udp;
    } cases[] = {
        {INTERNET_UNSPECIFIED, {FROM_TO("0.0.0.0", "10.0.1.2")}},
        {INTERNET_UNSPECIFIED, {FROM_TO("10.0.0.2", "0.1.2.3")}},
        {INTERNET_UNSPECIFIED, {FROM_TO("::", "fd00:1::2")}},
        {INTERNET_UNSPECIFIED, {FROM_TO("fd00:0::2", "::")}},
        {INTERNET_LOOPBACK, {FROM_TO("127.0.0.1", "10.0.1.2")}},
        {INTERNET_LOOPBACK, {FROM_TO("10.0.0.2", "127.1.2.3")}},
        {INTERNET_LOOPBACK, {FROM_TO("::1", "fd00:1::2")}},
        {INTERNET_LOOPBACK, {FROM_TO("fd00:0::2", "::1")}},
        {INTERNET_LINK_LOCAL, {FROM_TO("169.254.1.1", "10.0.1.2")}},
        {INTERNET_LINK_LOCAL, {FROM_TO("10.0.0.2", "169.254.1.1")}},
        {INTERNET_LINK_LOCAL, {FROM_TO("fd00:0::2", "fe80::1")}},
        {INTERNET_LINK_LOCAL, {FROM_TO("fe80::1", "febf::1")}},
        {INTERNET_MULTICAST, {FROM_TO("224.0.0.1", "10.0.1.2")}},
        {INTERNET_MULTICAST, {FROM_TO("10.0.0.2", "239.1.2.3")}},
        {INTERNET_MULTICAST, {FROM_TO("fd00:0::2", "ff0e::1")}},
        {INTERNET_MULTICAST,
         {FROM_TO("10.0.0.2", "10.0.1.2"), .has_frame = true, .frame_destination = 1}},
        {INTERNET_MULTICAST,
         {FROM_TO("10.0.0.2", "10.0.1.2"), .has_frame = true, .frame_destination = 0xff}},
        {INTERNET_RESERVED, {FROM_TO("10.0.0.2", "255.255.255.255")}},
        {INTERNET_RESERVED, {FROM_TO("240.0.0.1", "10.0.1.2")}},
        {INTERNET_TOO_LONG, {FROM_TO("10.0.0.2", "10.0.1.2"), .payload = 1473}},
        {INTERNET_TOO_LONG, {FROM_TO("fd00:0::2", "fd00:1::2"), .payload = 1453}},
        {INTERNET_LOCAL, {FROM_TO("10.0.0.2", "10.0.0.1")}},
        {INTERNET_LOCAL, {FROM_TO("fd00:0::2", "fd00:2::1")}},
    };
    struct internet_fixture *fixture = *state;

    for (size_t i = 0; i < array_size(cases); i++) {
        uint64_t before = fixture_dropped(fixture, 0, cases[i].cause);

        fixture_send_udp(fixture, 0, &cases[i].udp);
        if (fixture_dropped(fixture, 0, cases[i].cause) != before + 1)
            fail_msg("case %zu is not refused as %s", i, internet_cause_name(cases[i].cause));
        assert_int_equal(internet_in_flight(fixture->internet), 0);
    }
}

static void neighbours_of_refused_addresses_are_forwarded(void **state)
{
    static const struct fixture_udp cases[] = {
        {FROM_TO("1.0.0.1", "10.0.1.2")},     {FROM_TO("126.255.255.255", "10.0.1.2")},
        {FROM_TO("128.0.0.0", "10.0.1.2")},   {FROM_TO("169.253.0.1", "10.0.1.2")},
        {FROM_TO("169.255.0.1", "10.0.1.2")}, {FROM_TO("223.255.255.255", "10.0.1.2")},
        {FROM_TO("::2", "fd00:1::2")},        {FROM_TO("::1:0:1", "fd00:1::2")},
        {FROM_TO("fe40::1", "fd00:1::2")},    {FROM_TO("fec0::1", "fd00:1::2")},
    };
    struct internet_fixture *fixture = *state;

    for (size_t i = 0; i < array_size(cases); i++) {
        fixture_send_udp(fixture, 0, &cases[i]);
        assert_non_null(fixture_take(fixture, 1));
    }
}

static void each_flaw_is_counted_by_itself(void **state)
{
    struct internet_fixture *fixture = *state;
    const struct internet_counters *counters = internet_counters(fixture->internet, 0);

    for (int flaw = 0; flaw < 3; flaw++) {
        struct packet *packet =
            fixture_make(fixture, &(struct fixture_udp){FROM_TO("10.0.0.2", "10.0.1.2")});

        if (flaw == 0)
            packet->length = 0;
        else if (flaw == 1)
            packet->length = 27;
        else
            packet->bytes[10] ^= 1;
        packet_parse(packet);
        fixture_send(fixture, 0, packet);
    }
    assert_int_equal(counters->dropped[INTERNET_FLAWED], 3);
    assert_int_equal(counters->flaws[PACKET_EMPTY], 1);
    assert_int_equal(counters->flaws[PACKET_IPV4_LENGTH], 1);
    assert_int_equal(counters->flaws[PACKET_IPV4_CHECKSUM], 1);
}

/* What is wrong behind IP's header is for the receiver to find. */
static void a_flaw_of_the_transport_is_counted_and_forwarded(void **state)
{
    struct internet_fixture *fixture = *state;
    struct packet *packet =
        fixture_make(fixture, &(struct fixture_udp){FROM_TO("10.0.0.2", "10.0.1.2")});

    bytes_store16(packet->bytes + packet->transport_at + 4, 999);
    assert_int_equal(packet_parse(packet), PACKET_UDP_LENGTH);
    fixture_send(fixture, 0, packet);
    assert_non_null(fixture_take(fixture, 1));
    assert_int_equal(internet_counters(fixture->internet, 0)->flaws[PACKET_UDP_LENGTH], 1);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_FLAWED), 0);
}

static void what_is_not_ip_is_dropped(void **state)
{
    struct internet_fixture *fixture = *state;
    struct packet *packet;
    struct build build;

    assert_int_equal(pool_take(&fixture->pool, &packet, 1), 1);
    packet->link = PACKET_LINK_ETHERNET;
    build_start(&build, packet->bytes, FIXTURE_ROOM);
    build_ethernet(&build, &(struct ethernet_header){.vlan_count = 0});
    build_arp(&build, &(struct arp_header){.operation = ARP_REQUEST});
    fixture_send(fixture, 0, fixture_finish(packet, &build));
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_NOT_IP), 1);
}

static void causes_have_different_names(void **state)
{
    (void)state;
    for (int i = 0; i < INTERNET_CAUSES; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(internet_cause_name((enum internet_cause)i),
                                    internet_cause_name((enum internet_cause)j));
}

/* -- Bounds ------------------------------------------------------------------------------------ */

static void no_more_than_1024_packets_are_in_flight(void **state)
{
    struct internet_fixture *fixture = *state;
    struct packet *out[INTERNET_FLIGHT_DEFAULT];

    for (int i = 0; i < INTERNET_FLIGHT_DEFAULT + 10; i++)
        fixture_send_udp(
            fixture, 0,
            &(struct fixture_udp){FROM_TO("10.0.0.2", i % 2 ? "10.0.1.2" : "10.0.2.2")});
    assert_int_equal(internet_in_flight(fixture->internet), INTERNET_FLIGHT_DEFAULT);
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_FULL), 10);
    assert_int_equal(internet_counters(fixture->internet, 1)->crowded_out, 5);
    assert_int_equal(internet_counters(fixture->internet, 2)->crowded_out, 5);
    assert_int_equal(internet_receive(fixture->internet, 1, out, 100), 100);
    pool_give(&fixture->pool, out, 100);
    for (int i = 0; i < 101; i++)
        fixture_send_udp(fixture, 0, &(struct fixture_udp){FROM_TO("10.0.0.2", "10.0.1.2")});
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_FULL), 11);
    assert_int_equal(internet_counters(fixture->internet, 1)->crowded_out, 6);
    assert_int_equal(internet_waiting(fixture->internet, 1), 512 - 100 + 100);
}

static void an_mtu_counts_from_the_next_packet_on(void **state)
{
    struct internet_fixture *fixture = *state;
    struct fixture_udp udp = {FROM_TO("fd00:0::2", "fd00:1::2"), .payload = 1300};
    struct error error = {0};

    fixture_send_udp(fixture, 0, &udp);
    assert_non_null(fixture_take(fixture, 1));
    assert_int_equal(internet_set_mtu(fixture->internet, 1, NET_MTU_IPV6_MIN, &error), 0);
    fixture_send_udp(fixture, 0, &udp);
    assert_null(fixture_take(fixture, 1));
    assert_int_equal(fixture_dropped(fixture, 0, INTERNET_TOO_BIG), 1);
    assert_non_null(fixture_take(fixture, 0));
    assert_int_equal(internet_set_mtu(fixture->internet, 1, NET_MTU_JUMBO, &error), 0);
    fixture_send_udp(fixture, 0, &udp);
    assert_non_null(fixture_take(fixture, 1));
}

#define WITH_NETWORKS(test)                                                                        \
    cmocka_unit_test_setup_teardown(test, internet_fixture_set_up, internet_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NETWORKS(a_packet_comes_out_where_its_destination_is),
        WITH_NETWORKS(every_hop_keeps_the_checksum),
        WITH_NETWORKS(an_attached_address_goes_before_any_route),
        WITH_NETWORKS(packets_of_a_nic_keep_their_order),
        WITH_NETWORKS(a_packet_goes_back_only_where_that_is_wanted),
        WITH_NETWORKS(mistakes_are_errors),
        WITH_NETWORKS(an_address_is_attached_once),
        WITH_NETWORKS(the_router_has_one_address_of_a_family_on_a_nic),
        WITH_NETWORKS(addresses_that_no_host_has_are_refused),
        WITH_NETWORKS(what_a_router_must_refuse_is_refused),
        WITH_NETWORKS(neighbours_of_refused_addresses_are_forwarded),
        WITH_NETWORKS(each_flaw_is_counted_by_itself),
        WITH_NETWORKS(a_flaw_of_the_transport_is_counted_and_forwarded),
        WITH_NETWORKS(what_is_not_ip_is_dropped),
        cmocka_unit_test(causes_have_different_names),
        WITH_NETWORKS(no_more_than_1024_packets_are_in_flight),
        WITH_NETWORKS(an_mtu_counts_from_the_next_packet_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
