/* A router on two real wires. Frames are those that Linux 6 sent and received on a veth pair when
 * one end asked the other for its neighbour and pinged it, byte by byte. */
#include "net/checksum.h"
#include "net/headers.h"
#include "net/internet.h"
#include "net/neighbour.h"
#include "net/neighbour_message.h"
#include "tests/unit/net_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

enum { PACKETS = 200, FLIGHT = 100, ROOM = 2048, SMALL_MTU = 1280, PORT = 2000 };

/* Wire 0 is 10.0.0.0/24 and fd00::/64, the router is .1 and ::1, MAC …:01; the host .2, ::2, …:02.
 * Wire 1 is 10.0.1.0/24 and fd00:1::/64 with the router at …:11, and a smaller MTU. */
struct fixture {
    struct pool pool;
    struct internet *internet;
    uint64_t now_ns;
};

#define ROUTER_MAC "020000000001"
#define HOST_MAC   "020000000002"

static const uint8_t router_macs[2][PACKET_MAC_BYTES] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 0x11}};
static const uint8_t host_mac[PACKET_MAC_BYTES] = {2, 0, 0, 0, 0, 2};
static const uint8_t far_mac[PACKET_MAC_BYTES] = {2, 0, 0, 0, 0, 0x12};

static const char arp_request[] = "ffffffffffff" HOST_MAC "0806"
                                  "0001080006040001" HOST_MAC "0a000002"
                                  "000000000000"
                                  "0a000001";
static const char arp_reply[] =
    HOST_MAC ROUTER_MAC "0806"
                        "0001080006040002" ROUTER_MAC "0a000001" HOST_MAC "0a000002";
static const char ping[] = ROUTER_MAC HOST_MAC "0800"
                                               "45000024bd344000400169a20a0000020a000001"
                                               "08001709320d000082a42c4500000000";
static const char solicitation[] = "3333ff000001" HOST_MAC "86dd"
                                   "6000000000203aff"
                                   "fd000000000000000000000000000002"
                                   "ff0200000000000000000001ff000001"
                                   "87007d9700000000"
                                   "fd000000000000000000000000000001"
                                   "0101" HOST_MAC;
/* A kernel that does not forward leaves out that it is a router, which is 8 in the flags. */
static const char advertisement[] = HOST_MAC ROUTER_MAC "86dd"
                                                        "6000000000203aff"
                                                        "fd000000000000000000000000000001"
                                                        "fd000000000000000000000000000002"
                                                        "8800"
                                                        "9c9b"
                                                        "e0000000"
                                                        "fd000000000000000000000000000001"
                                                        "0201" ROUTER_MAC;
static const char ping6[] = ROUTER_MAC HOST_MAC "86dd"
                                                "600ce96d00103a40"
                                                "fd000000000000000000000000000002"
                                                "fd000000000000000000000000000001"
                                                "8000b9ab320e00006db12c4500000000";
/* Whether fd00::1 is free, with a nonce (RFC 7527). */
static const char is_free[] = "3333ff000001" ROUTER_MAC "86dd"
                              "6000000000203aff"
                              "00000000000000000000000000000000"
                              "ff0200000000000000000001ff000001"
                              "8700cd3600000000"
                              "fd000000000000000000000000000001"
                              "0e016ce54ca5e8da";
static const char router_solicitation[] = "333300000002" HOST_MAC "86dd"
                                          "6000000000103aff"
                                          "fe80000000000000"
                                          "0000"
                                          "00fffe000002"
                                          "ff020000000000000000000000000002"
                                          "85007b2a00000000"
                                          "0101" HOST_MAC;

static void add_address(struct fixture *fixture, uint16_t nic, const char *text, uint8_t length)
{
    struct route_prefix prefix = {
        .network = strchr(text, ':') ? PACKET_NETWORK_IPV6 : PACKET_NETWORK_IPV4, .length = length};
    uint8_t address[16];

    inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, address);
    memcpy(prefix.address, address, length / 8);
    assert_int_equal(internet_add_route(fixture->internet, nic, &prefix, NULL), 0);
    assert_int_equal(internet_set_router(fixture->internet, nic, prefix.network, address, NULL), 0);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct internet_options options = {
        .pool = &fixture.pool, .nics = 3, .flight = FLIGHT, .neighbours = 8};
    uint16_t nic;

    fixture = (struct fixture){.now_ns = SECOND};
    pool_init(&fixture.pool, PACKETS, ROOM);
    assert_int_equal(internet_new(&options, &fixture.internet, NULL), 0);
    assert_int_equal(
        internet_add_wire(fixture.internet, NET_MTU_ETHERNET, router_macs[0], &nic, NULL), 0);
    assert_int_equal(internet_add_wire(fixture.internet, SMALL_MTU, router_macs[1], &nic, NULL), 0);
    add_address(&fixture, 0, "10.0.0.1", 24);
    add_address(&fixture, 0, "fd00::1", 64);
    add_address(&fixture, 1, "10.0.1.1", 24);
    add_address(&fixture, 1, "fd00:1::1", 64);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    internet_free(fixture->internet);
    assert_int_equal(fixture->pool.free_count, PACKETS);
    pool_free(&fixture->pool);
    return 0;
}

/* -- Frames ------------------------------------------------------------------------------------ */

static size_t from_hex(const char *text, uint8_t *bytes)
{
    size_t length = strlen(text) / 2;

    for (size_t i = 0; i < length; i++) {
        unsigned byte;

        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    return length;
}

static struct packet *take(struct fixture *fixture)
{
    struct packet *packet;

    assert_int_equal(pool_take(&fixture->pool, &packet, 1), 1);
    packet->link = PACKET_LINK_ETHERNET;
    packet->time_ns = fixture->now_ns;
    return packet;
}

static void send_frame(struct fixture *fixture, uint16_t nic, struct packet *packet)
{
    packet_parse(packet);
    internet_send(fixture->internet, nic, &packet, 1, fixture->now_ns);
}

static void send_hex(struct fixture *fixture, uint16_t nic, const char *text)
{
    struct packet *packet = take(fixture);

    packet->length = (uint32_t)from_hex(text, packet->bytes);
    send_frame(fixture, nic, packet);
}

/* The next that goes out, parsed anew; NULL: there is none. Its bytes stay until the next is taken
 * from the pool. */
static struct packet *receive(struct fixture *fixture, uint16_t nic)
{
    struct packet *packet;

    if (internet_receive(fixture->internet, nic, &packet, 1) == 0)
        return NULL;
    assert_int_equal(packet->link, PACKET_LINK_ETHERNET);
    assert_int_equal(packet_parse(packet), PACKET_SOUND);
    assert_memory_equal(packet_mac_source(packet), router_macs[nic], PACKET_MAC_BYTES);
    pool_give(&fixture->pool, &packet, 1);
    return packet;
}

static void assert_frame(struct fixture *fixture, uint16_t nic, const char *text)
{
    const struct packet *packet = receive(fixture, nic);
    uint8_t bytes[256];
    size_t length = from_hex(text, bytes);

    assert_non_null(packet);
    assert_int_equal(packet->length, length);
    assert_memory_equal(packet->bytes, bytes, length);
}

static void assert_nothing(struct fixture *fixture)
{
    assert_null(receive(fixture, 0));
    assert_null(receive(fixture, 1));
}

struct datagram {
    const char *source, *destination;
    size_t payload;
    uint8_t hops;
    bool may_be_cut;
};

/* A datagram in a frame of the host on wire 0 to the router. */
static struct packet *make(struct fixture *fixture, const struct datagram *datagram)
{
    static const uint8_t payload[ROOM];
    struct ethernet_header ethernet;
    struct ipv4_header ipv4 = {.hops = datagram->hops ? datagram->hops : 64,
                               .unfragmentable = !datagram->may_be_cut};
    struct ipv6_header ipv6 = {.hops = ipv4.hops};
    struct packet *packet = take(fixture);
    struct build build;

    memset(&ethernet, 0, sizeof ethernet);
    memcpy(ethernet.destination, router_macs[0], PACKET_MAC_BYTES);
    memcpy(ethernet.source, host_mac, PACKET_MAC_BYTES);
    build_start(&build, packet->bytes, ROOM);
    build_ethernet(&build, &ethernet);
    if (strchr(datagram->source, ':')) {
        inet_pton(AF_INET6, datagram->source, ipv6.source);
        inet_pton(AF_INET6, datagram->destination, ipv6.destination);
        build_ipv6(&build, &ipv6);
    } else {
        inet_pton(AF_INET, datagram->source, ipv4.source);
        inet_pton(AF_INET, datagram->destination, ipv4.destination);
        build_ipv4(&build, &ipv4);
    }
    build_udp(&build, &(struct udp_header){.source_port = 1000, .destination_port = PORT});
    build_bytes(&build, payload, datagram->payload);
    packet->length = (uint32_t)build_finish(&build);
    return packet;
}

static void send_datagram(struct fixture *fixture, const struct datagram *datagram)
{
    send_frame(fixture, 0, make(fixture, datagram));
}

static const struct datagram over_ipv4 = {.source = "10.0.0.2", .destination = "10.0.1.2"};
static const struct datagram over_ipv6 = {.source = "fd00::2", .destination = "fd00:1::2"};

static uint64_t dropped(const struct fixture *fixture, enum internet_cause cause)
{
    return internet_counters(fixture->internet, 0)->dropped[cause];
}

/* What a question asks for, which goes out on the wire. */
static struct neighbour_message assert_question(struct fixture *fixture, uint16_t nic,
                                                const char *target)
{
    struct packet *packet = receive(fixture, nic);
    struct neighbour_message message;
    uint8_t address[16];
    bool is_ipv6 = strchr(target, ':') != NULL;

    assert_non_null(packet);
    assert_true(neighbour_message_read(packet, &message));
    assert_true(message.is_question && message.has_mac && message.has_sender);
    assert_memory_equal(message.mac, router_macs[nic], PACKET_MAC_BYTES);
    inet_pton(is_ipv6 ? AF_INET6 : AF_INET, target, address);
    assert_memory_equal(message.target, address, is_ipv6 ? 16 : 4);
    return message;
}

/* The answer of who is there to the question that goes out next. */
static void answer(struct fixture *fixture, uint16_t nic, const char *target, const uint8_t *mac)
{
    struct neighbour_message question = assert_question(fixture, nic, target);
    struct neighbour_own own = {.network = question.network, .address = question.target};
    struct packet *frame = take(fixture), *packet = take(fixture);

    memcpy(own.mac, mac, sizeof own.mac);
    neighbour_answer_build(packet, &own, &question, frame);
    pool_give(&fixture->pool, &frame, 1);
    send_frame(fixture, nic, packet);
}

static void assert_datagram(struct fixture *fixture, uint16_t nic, const uint8_t *mac)
{
    struct packet *packet = receive(fixture, nic);

    assert_non_null(packet);
    assert_memory_equal(packet_mac_destination(packet), mac, PACKET_MAC_BYTES);
    assert_int_equal(packet->transport, PACKET_TRANSPORT_UDP);
    assert_int_equal(packet_destination_port(packet), PORT);
    assert_int_equal(packet_hops(packet), 63);
    assert_int_equal(packet->length, packet->end);
}

/* -- What a real kernel asks ------------------------------------------------------------------- */

static void it_answers_as_a_kernel_does(void **state)
{
    struct fixture *fixture = *state;

    send_hex(fixture, 0, arp_request);
    assert_frame(fixture, 0, arp_reply);
    send_hex(fixture, 0, solicitation);
    assert_frame(fixture, 0, advertisement);
    assert_int_equal(internet_counters(fixture->internet, 0)->upkeep, 2);
    assert_int_equal(internet_counters(fixture->internet, 0)->answered, 2);
    assert_nothing(fixture);
}

/* Who has asked is known: nobody is asked back. */
static void a_ping_is_answered_to_who_asked(void **state)
{
    struct fixture *fixture = *state;
    const struct packet *reply;

    send_hex(fixture, 0, arp_request);
    receive(fixture, 0);
    send_hex(fixture, 0, ping);
    reply = receive(fixture, 0);
    assert_non_null(reply);
    assert_memory_equal(packet_mac_destination(reply), host_mac, PACKET_MAC_BYTES);
    assert_int_equal(packet_icmp_type(reply), ICMP_TYPE_ECHO_REPLY);
    assert_true(checksum_right(reply));
    send_hex(fixture, 0, solicitation);
    receive(fixture, 0);
    send_hex(fixture, 0, ping6);
    reply = receive(fixture, 0);
    assert_non_null(reply);
    assert_memory_equal(packet_mac_destination(reply), host_mac, PACKET_MAC_BYTES);
    assert_int_equal(packet_icmp_type(reply), ICMPV6_TYPE_ECHO_REPLY);
    assert_true(checksum_right(reply));
    assert_nothing(fixture);
}

static void who_wants_its_address_hears_of_it(void **state)
{
    struct fixture *fixture = *state;
    struct neighbour_message message;
    struct packet *packet;

    send_hex(fixture, 0, is_free);
    packet = receive(fixture, 0);
    assert_non_null(packet);
    assert_true(packet->flags & PACKET_GROUP_FRAME);
    assert_true(neighbour_message_read(packet, &message));
    assert_true(!message.is_question && !message.solicited && message.override);
    assert_int_equal(packet_destination(packet)[0], 0xff);
}

static void what_is_not_for_it_gets_no_answer(void **state)
{
    struct fixture *fixture = *state;
    char text[sizeof arp_request];

    send_hex(fixture, 0, router_solicitation);
    assert_int_equal(dropped(fixture, INTERNET_MULTICAST) + dropped(fixture, INTERNET_LINK_LOCAL),
                     1);
    send_hex(fixture, 1, arp_request); /* the address is on the other wire */
    memcpy(text, arp_request, sizeof text);
    memcpy(text, HOST_MAC, 12); /* to another host */
    send_hex(fixture, 0, text);
    assert_int_equal(dropped(fixture, INTERNET_OTHER_HOST), 1);
    assert_nothing(fixture);
}

/* RFC 4861, 7.1: what may come from elsewhere, or was changed on its way. */
static void discovery_that_is_not_sound_is_not_heeded(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } mistakes[] = {
        {21, 254}, /* hop limit */
        {55, 1},   /* code */
        {57, 0},   /* checksum */
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct packet *packet = take(fixture);

        packet->length = (uint32_t)from_hex(solicitation, packet->bytes);
        packet->bytes[mistakes[i].at] = mistakes[i].value;
        send_frame(fixture, 0, packet);
    }
    assert_nothing(fixture);
    assert_int_equal(internet_counters(fixture->internet, 0)->upkeep, 0);
}

/* -- Through it -------------------------------------------------------------------------------- */

static void packets_wait_for_the_neighbour_and_go_in_order(void **state)
{
    static const struct datagram *const datagrams[] = {&over_ipv4, &over_ipv6};
    static const char *const hosts[] = {"10.0.1.2", "fd00:1::2"};
    struct fixture *fixture = *state;

    for (int family = 0; family < 2; family++) {
        for (size_t i = 0; i < 5; i++) {
            struct datagram datagram = *datagrams[family];

            datagram.payload = i;
            send_datagram(fixture, &datagram);
        }
        answer(fixture, 1, hosts[family], far_mac);
        assert_int_equal(internet_waiting(fixture->internet, 1), 5);
        for (size_t i = 0; i < 5; i++) {
            struct packet *packet;

            assert_int_equal(internet_receive(fixture->internet, 1, &packet, 1), 1);
            packet_parse(packet);
            assert_int_equal(packet_payload_length(packet), i);
            pool_give(&fixture->pool, &packet, 1);
        }
        send_datagram(fixture, datagrams[family]);
        assert_datagram(fixture, 1, far_mac);
        assert_nothing(fixture);
    }
    assert_int_equal(internet_in_flight(fixture->internet), 0);
}

static void a_gateway_is_asked_for_and_not_who_is_behind_it(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t gateway[] = {10, 0, 1, 7}, nowhere[] = {10, 9, 9, 9};
    uint8_t gateway6[16];
    const struct route_prefix prefix = {PACKET_NETWORK_IPV4, {172, 16}, 12};
    const struct route_prefix all = {PACKET_NETWORK_IPV6, {0}, 0};
    struct datagram datagram = {.source = "10.0.0.2", .destination = "172.16.3.4"};
    struct datagram datagram6 = {.source = "fd00::2", .destination = "2001:db8::4"};

    inet_pton(AF_INET6, "fd00:1::7", gateway6);
    assert_int_equal(internet_add_route_via(fixture->internet, &prefix, nowhere, NULL),
                     -EHOSTUNREACH);
    assert_int_equal(internet_add_route_via(fixture->internet, &prefix, gateway, NULL), 0);
    assert_int_equal(internet_add_route_via(fixture->internet, &prefix, gateway, NULL), -EEXIST);
    assert_int_equal(internet_add_route_via(fixture->internet, &all, gateway6, NULL), 0);
    send_datagram(fixture, &datagram);
    answer(fixture, 1, "10.0.1.7", far_mac);
    assert_datagram(fixture, 1, far_mac);
    send_datagram(fixture, &datagram6);
    answer(fixture, 1, "fd00:1::7", far_mac);
    assert_datagram(fixture, 1, far_mac);
    assert_int_equal(internet_remove_route(fixture->internet, &prefix, NULL), 0);
    send_datagram(fixture, &datagram);
    assert_int_equal(dropped(fixture, INTERNET_NO_ROUTE), 1);
}

/* Back out of the wire that it came from, to the gateway that the host did not know. */
static void a_packet_may_go_back_to_its_wire(void **state)
{
    struct fixture *fixture = *state;
    const struct datagram datagram = {.source = "10.0.0.2", .destination = "10.0.0.9"};

    send_datagram(fixture, &datagram);
    answer(fixture, 0, "10.0.0.9", far_mac);
    assert_datagram(fixture, 0, far_mac);
}

static void who_is_not_there_is_asked_for_thrice_and_the_sender_told(void **state)
{
    static const struct datagram *const datagrams[] = {&over_ipv4, &over_ipv6};
    static const char *const requests[] = {arp_request, solicitation};
    static const char *const hosts[] = {"10.0.1.2", "fd00:1::2"};
    struct fixture *fixture = *state;

    for (int family = 0; family < 2; family++) {
        struct packet *error;

        send_hex(fixture, 0, requests[family]);
        receive(fixture, 0);
        send_datagram(fixture, datagrams[family]);
        send_datagram(fixture, datagrams[family]);
        for (int i = 0; i < NEIGHBOUR_SOLICITS; i++) {
            assert_question(fixture, 1, hosts[family]);
            assert_nothing(fixture);
            fixture->now_ns += SECOND;
            assert_int_equal(internet_next_ns(fixture->internet), fixture->now_ns);
            internet_tick(fixture->internet, fixture->now_ns);
        }
        for (int i = 0; i < 2; i++) {
            error = receive(fixture, 0);
            assert_non_null(error);
            assert_memory_equal(packet_mac_destination(error), host_mac, PACKET_MAC_BYTES);
            assert_true(packet_icmp_is_error(error));
            assert_int_equal(packet_icmp_code(error),
                             family ? ICMPV6_CODE_ADDRESS_UNREACHABLE : ICMP_CODE_HOST_UNREACHABLE);
        }
        /* At once, as long as nobody is asked again. */
        send_datagram(fixture, datagrams[family]);
        assert_true(packet_icmp_is_error(receive(fixture, 0)));
        assert_nothing(fixture);
    }
    assert_int_equal(dropped(fixture, INTERNET_NO_NEIGHBOUR), 6);
    assert_int_equal(internet_in_flight(fixture->internet), 0);
}

static void only_so_many_wait_for_one_neighbour(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < NEIGHBOUR_WAITING + 3; i++)
        send_datagram(fixture, &over_ipv4);
    assert_int_equal(dropped(fixture, INTERNET_UNRESOLVED), 3);
    answer(fixture, 1, "10.0.1.2", far_mac);
    assert_int_equal(internet_waiting(fixture->internet, 1), NEIGHBOUR_WAITING);
}

/* Whoever scans a network has the router ask for a few of it at a time, and loses it nobody. */
static void a_scan_drives_out_nobody_who_is_there(void **state)
{
    struct fixture *fixture = *state;

    send_datagram(fixture, &over_ipv4);
    answer(fixture, 1, "10.0.1.2", far_mac);
    assert_datagram(fixture, 1, far_mac);
    for (int i = 100; i < 200; i++) {
        char destination[32];
        struct datagram datagram = {.source = "10.0.0.2", .destination = destination};

        snprintf(destination, sizeof destination, "10.0.1.%d", i);
        send_datagram(fixture, &datagram);
        if (i % 10 == 9) /* it is used all the time */
            send_datagram(fixture, &over_ipv4);
        while (receive(fixture, 1))
            continue;
    }
    assert_true(dropped(fixture, INTERNET_UNRESOLVED) > 80);
    assert_int_equal(internet_counters(fixture->internet, 1)->asked, 8);
    assert_int_equal(internet_counters(fixture->internet, 1)->packets_out, 8 + 1 + 10);
}

/* -- Errors ------------------------------------------------------------------------------------ */

static const struct packet *assert_error(struct fixture *fixture, uint8_t type, uint8_t code)
{
    const struct packet *error = receive(fixture, 0);

    assert_non_null(error);
    assert_memory_equal(packet_mac_destination(error), host_mac, PACKET_MAC_BYTES);
    assert_int_equal(packet_icmp_type(error), type);
    assert_int_equal(packet_icmp_code(error), code);
    assert_true(checksum_right(error));
    return error;
}

static void senders_are_told_over_the_wire(void **state)
{
    struct fixture *fixture = *state;
    const struct packet *error;
    struct icmp_header icmp;
    struct datagram datagram = over_ipv4;

    /* The sender itself is asked for first. */
    datagram.hops = 1;
    send_datagram(fixture, &datagram);
    answer(fixture, 0, "10.0.0.2", host_mac);
    assert_error(fixture, ICMP_TYPE_TIME_EXCEEDED, 0);
    datagram = over_ipv4;
    datagram.payload = SMALL_MTU;
    send_datagram(fixture, &datagram);
    error = assert_error(fixture, ICMP_TYPE_UNREACHABLE, ICMP_CODE_TOO_BIG);
    icmp_read(error, &icmp);
    assert_int_equal(icmp.rest, SMALL_MTU);
    datagram = over_ipv6;
    datagram.payload = SMALL_MTU;
    send_datagram(fixture, &datagram);
    answer(fixture, 0, "fd00::2", host_mac);
    error = assert_error(fixture, ICMPV6_TYPE_TOO_BIG, 0);
    icmp_read(error, &icmp);
    assert_int_equal(icmp.rest, SMALL_MTU);
    datagram.payload = 0;
    datagram.hops = 1;
    send_datagram(fixture, &datagram);
    assert_error(fixture, ICMPV6_TYPE_TIME_EXCEEDED, 0);
    assert_nothing(fixture);
}

static void fragments_wait_and_go_as_frames(void **state)
{
    struct fixture *fixture = *state;
    struct datagram datagram = over_ipv4;
    struct packet *packet;

    datagram.may_be_cut = true;
    datagram.payload = SMALL_MTU;
    send_datagram(fixture, &datagram);
    answer(fixture, 1, "10.0.1.2", far_mac);
    for (int i = 0; i < 2; i++) {
        packet = receive(fixture, 1);
        assert_non_null(packet);
        assert_memory_equal(packet_mac_destination(packet), far_mac, PACKET_MAC_BYTES);
        assert_true(packet->flags & PACKET_FRAGMENT);
        assert_in_range(packet_network_length(packet), 28, SMALL_MTU);
    }
    assert_nothing(fixture);
}

/* -- Who may say what -------------------------------------------------------------------------- */

static void a_mac_that_moved_is_followed(void **state)
{
    static const char announcement[] = "ffffffffffff"
                                       "020000000099"
                                       "0806"
                                       "0001080006040001"
                                       "020000000099"
                                       "0a000102"
                                       "000000000000"
                                       "0a000102";
    static const uint8_t moved[PACKET_MAC_BYTES] = {2, 0, 0, 0, 0, 0x99};
    struct fixture *fixture = *state;

    send_datagram(fixture, &over_ipv4);
    answer(fixture, 1, "10.0.1.2", far_mac);
    assert_datagram(fixture, 1, far_mac);
    /* Of nobody else than it is about, and not on another wire. */
    send_hex(fixture, 0, announcement);
    send_datagram(fixture, &over_ipv4);
    assert_datagram(fixture, 1, far_mac);
    send_hex(fixture, 1, announcement);
    send_datagram(fixture, &over_ipv4);
    assert_datagram(fixture, 1, moved);
    assert_nothing(fixture);
}

/* A host that says it has the router's own address, or one of another wire. */
static void claims_are_not_believed(void **state)
{
    static const char claim[] = "ffffffffffff" HOST_MAC "0806"
                                "0001080006040001" HOST_MAC "0a000001"
                                "000000000000"
                                "0a000001";
    static const char other[] = "ffffffffffff" HOST_MAC "0806"
                                "0001080006040001" HOST_MAC "0a000102"
                                "000000000000"
                                "0a000001";
    struct fixture *fixture = *state;

    send_hex(fixture, 0, claim);
    send_hex(fixture, 0, other);
    while (receive(fixture, 0))
        continue;
    send_datagram(fixture, &over_ipv4);
    assert_question(fixture, 1, "10.0.1.2");
    assert_nothing(fixture);
}

/* RFC 826's padding to Ethernet's 60 bytes, and IP's, which is cut. */
static void padding_is_no_part_of_anything(void **state)
{
    struct fixture *fixture = *state;
    struct packet *packet = take(fixture);

    packet->length = (uint32_t)from_hex(arp_request, packet->bytes);
    memset(packet->bytes + packet->length, 0, 60 - packet->length);
    packet->length = 60;
    send_frame(fixture, 0, packet);
    assert_frame(fixture, 0, arp_reply);
    packet = make(fixture, &over_ipv4);
    memset(packet->bytes + packet->length, 0x55, 18);
    packet->length += 18;
    send_frame(fixture, 0, packet);
    answer(fixture, 1, "10.0.1.2", far_mac);
    assert_datagram(fixture, 1, far_mac);
}

/* Virtual NICs and wires in one router. */
static void what_comes_without_a_frame_gets_one(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t address[] = {10, 0, 2, 2};
    struct datagram datagram = {.source = "10.0.2.2", .destination = "10.0.1.2"};
    struct packet *packet;
    uint16_t nic;

    assert_int_equal(internet_add_nic(fixture->internet, NET_MTU_ETHERNET, false, &nic, NULL), 0);
    assert_int_equal(internet_attach(fixture->internet, nic, PACKET_NETWORK_IPV4, address, NULL),
                     0);
    packet = make(fixture, &datagram);
    memmove(packet->bytes, packet->bytes + 14, packet->length - 14);
    packet->length -= 14;
    packet->link = PACKET_LINK_IP;
    send_frame(fixture, nic, packet);
    answer(fixture, 1, "10.0.1.2", far_mac);
    assert_datagram(fixture, 1, far_mac);
}

/* A checksum that is left to somebody else is right where the packet has another header, too. */
static void a_partial_checksum_stays_one(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t address[] = {10, 0, 2, 2};
    struct datagram datagram = {.source = "10.0.2.2", .destination = "10.0.1.2", .payload = 33};
    uint16_t sum;
    struct packet *packet;
    uint16_t nic;

    assert_int_equal(internet_add_nic(fixture->internet, NET_MTU_ETHERNET, false, &nic, NULL), 0);
    assert_int_equal(internet_attach(fixture->internet, nic, PACKET_NETWORK_IPV4, address, NULL),
                     0);
    packet = make(fixture, &datagram);
    memmove(packet->bytes, packet->bytes + 14, packet->length - 14);
    packet->length -= 14;
    packet->link = PACKET_LINK_IP;
    packet->checksum = PACKET_CHECKSUM_PARTIAL;
    packet->checksum_start = 20;
    packet->checksum_at = 26;
    /* The pseudo-header's, as a kernel leaves it: addresses, protocol, length. */
    sum = (uint16_t)~checksum_fold(
        checksum_add(checksum_add(0, packet->bytes + 12, 8), (const uint8_t[]){0, 17, 0, 41}, 4));
    memcpy(packet->bytes + 26, &sum, sizeof sum);
    send_frame(fixture, nic, packet);
    answer(fixture, 1, "10.0.1.2", far_mac);
    packet = receive(fixture, 1);
    assert_non_null(packet);
    assert_int_equal(packet->checksum, PACKET_CHECKSUM_PARTIAL);
    checksum_finish(packet);
    packet->checksum = PACKET_CHECKSUM_WHOLE;
    assert_true(checksum_right(packet));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_answers_as_a_kernel_does),
        TEST(a_ping_is_answered_to_who_asked),
        TEST(who_wants_its_address_hears_of_it),
        TEST(what_is_not_for_it_gets_no_answer),
        TEST(discovery_that_is_not_sound_is_not_heeded),
        TEST(packets_wait_for_the_neighbour_and_go_in_order),
        TEST(a_gateway_is_asked_for_and_not_who_is_behind_it),
        TEST(a_packet_may_go_back_to_its_wire),
        TEST(who_is_not_there_is_asked_for_thrice_and_the_sender_told),
        TEST(only_so_many_wait_for_one_neighbour),
        TEST(a_scan_drives_out_nobody_who_is_there),
        TEST(senders_are_told_over_the_wire),
        TEST(fragments_wait_and_go_as_frames),
        TEST(a_mac_that_moved_is_followed),
        TEST(claims_are_not_believed),
        TEST(padding_is_no_part_of_anything),
        TEST(what_comes_without_a_frame_gets_one),
        TEST(a_partial_checksum_stays_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
