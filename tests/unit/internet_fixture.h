/* An internet of three NICs for tests, and packets through it.
 *
 * NIC 0: 10.0.0.0/24 and fd00:0::/64, the router is .1 and ::1; NIC 1: likewise with 10.0.1 and
 * fd00:1; NIC 2: the same with 10.0.2 and fd00:2, but its MTU is the least that IPv6 allows. */
#ifndef DUET_TESTS_INTERNET_FIXTURE_H
#define DUET_TESTS_INTERNET_FIXTURE_H

#include "net/internet.h"
#include "tests/unit/net_fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum {
    FIXTURE_NICS = 3,
    FIXTURE_PACKETS = 1400, /* in the pool: more than may be in flight */
    FIXTURE_ROOM = 9100,
};

struct internet_fixture {
    struct pool pool;
    struct internet *internet;
    uint64_t now_ns;
};

/* What fixture_make builds. */
struct fixture_udp {
    const char *source, *destination;
    uint8_t hops; /* 0: 64 */
    size_t payload;
    bool unfragmentable;
    bool has_frame;
    uint8_t frame_destination; /* first byte of it */
};

#define FROM_TO(from, to) .source = (from), .destination = (to)

static inline enum packet_network fixture_address(const char *text, uint8_t address[static 16])
{
    bool is_ipv6 = strchr(text, ':') != NULL;

    assert_int_equal(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, address), 1);
    return is_ipv6 ? PACKET_NETWORK_IPV6 : PACKET_NETWORK_IPV4;
}

static inline void fixture_network(struct internet *internet, uint16_t nic, const char *prefix,
                                   uint8_t length, const char *router)
{
    struct route_prefix route = {.length = length};
    struct error error = {0};
    uint8_t address[16];
    enum packet_network network;

    route.network = fixture_address(prefix, route.address);
    assert_int_equal(internet_add_route(internet, nic, &route, &error), 0);
    network = fixture_address(router, address);
    assert_int_equal(internet_set_router(internet, nic, network, address, &error), 0);
}

static inline void fixture_open(struct internet_fixture *fixture, bool has_networks)
{
    struct internet_options options = {.pool = &fixture->pool, .nics = FIXTURE_NICS};
    struct error error = {0};

    *fixture = (struct internet_fixture){.now_ns = 1};
    pool_init(&fixture->pool, FIXTURE_PACKETS, FIXTURE_ROOM);
    assert_int_equal(internet_new(&options, &fixture->internet, &error), 0);
    for (int i = 0; i < FIXTURE_NICS; i++) {
        char prefix[64], router[64];
        uint16_t nic;

        assert_int_equal(internet_add_nic(fixture->internet,
                                          i == 2 ? NET_MTU_IPV6_MIN : NET_MTU_ETHERNET, false, &nic,
                                          &error),
                         0);
        assert_int_equal(nic, i);
        if (!has_networks)
            continue;
        snprintf(prefix, sizeof prefix, "10.0.%d.0", i);
        snprintf(router, sizeof router, "10.0.%d.1", i);
        fixture_network(fixture->internet, nic, prefix, 24, router);
        snprintf(prefix, sizeof prefix, "fd00:%d::", i);
        snprintf(router, sizeof router, "fd00:%d::1", i);
        fixture_network(fixture->internet, nic, prefix, 64, router);
    }
}

static inline int internet_fixture_set_up(void **state)
{
    static struct internet_fixture fixture;

    fixture_open(&fixture, true);
    *state = &fixture;
    return 0;
}

static inline int internet_fixture_set_up_bare(void **state)
{
    static struct internet_fixture fixture;

    fixture_open(&fixture, false);
    *state = &fixture;
    return 0;
}

/* Every packet has come back, whatever the test did. */
static inline int internet_fixture_tear_down(void **state)
{
    struct internet_fixture *fixture = *state;

    internet_free(fixture->internet);
    assert_int_equal(fixture->pool.free_count, FIXTURE_PACKETS);
    pool_free(&fixture->pool);
    return 0;
}

static inline void fixture_build_ip(struct build *build, const struct fixture_udp *udp)
{
    struct ipv4_header ipv4 = {.hops = udp->hops ? udp->hops : 64,
                               .identification = 7,
                               .unfragmentable = udp->unfragmentable};
    struct ipv6_header ipv6 = {.hops = udp->hops ? udp->hops : 64};

    if (strchr(udp->destination, ':')) {
        fixture_address(udp->source, ipv6.source);
        fixture_address(udp->destination, ipv6.destination);
        build_ipv6(build, &ipv6);
        return;
    }
    inet_pton(AF_INET, udp->source, ipv4.source);
    inet_pton(AF_INET, udp->destination, ipv4.destination);
    build_ipv4(build, &ipv4);
}

/* Has the pool's packet be what was built. */
static inline struct packet *fixture_finish(struct packet *packet, struct build *build)
{
    int length = build_finish(build);

    assert_true(length >= 0);
    packet->length = (uint32_t)length;
    packet_parse(packet);
    return packet;
}

static inline struct packet *fixture_begin(struct internet_fixture *fixture, struct build *build,
                                           const struct fixture_udp *udp)
{
    struct packet *packet;

    assert_int_equal(pool_take(&fixture->pool, &packet, 1), 1);
    packet->link = udp->has_frame ? PACKET_LINK_ETHERNET : PACKET_LINK_IP;
    build_start(build, packet->bytes, FIXTURE_ROOM);
    if (udp->has_frame)
        build_ethernet(build, &(struct ethernet_header){.destination = {udp->frame_destination}});
    fixture_build_ip(build, udp);
    return packet;
}

static inline struct packet *fixture_make(struct internet_fixture *fixture,
                                          const struct fixture_udp *udp)
{
    static uint8_t payload[FIXTURE_ROOM];
    uint64_t random = udp->payload;
    struct build build;
    struct packet *packet = fixture_begin(fixture, &build, udp);

    fixture_fill(&random, payload, udp->payload);
    build_udp(&build, &(struct udp_header){.source_port = 1000, .destination_port = 2000});
    build_bytes(&build, payload, udp->payload);
    return fixture_finish(packet, &build);
}

static inline void fixture_send(struct internet_fixture *fixture, uint16_t nic,
                                struct packet *packet)
{
    internet_send(fixture->internet, nic, &packet, 1, fixture->now_ns);
}

static inline void fixture_send_udp(struct internet_fixture *fixture, uint16_t nic,
                                    const struct fixture_udp *udp)
{
    fixture_send(fixture, nic, fixture_make(fixture, udp));
}

/* The only packet that waits for the NIC; goes back to the pool, where its bytes stay for the rest
 * of the test's statement. NULL where none waits. */
static inline struct packet *fixture_take(struct internet_fixture *fixture, uint16_t nic)
{
    struct packet *packet;

    assert_in_range(internet_waiting(fixture->internet, nic), 0, 1);
    if (internet_receive(fixture->internet, nic, &packet, 1) == 0)
        return NULL;
    pool_give(&fixture->pool, &packet, 1);
    return packet;
}

static inline uint64_t fixture_dropped(const struct internet_fixture *fixture, uint16_t nic,
                                       enum internet_cause cause)
{
    return internet_counters(fixture->internet, nic)->dropped[cause];
}

static inline bool fixture_is_from(const struct packet *packet, const char *text)
{
    uint8_t address[16];

    return fixture_address(text, address) == (enum packet_network)packet->network &&
           memcmp(packet_source(packet), address, packet_address_bytes(packet)) == 0;
}

static inline bool fixture_is_to(const struct packet *packet, const char *text)
{
    uint8_t address[16];

    return fixture_address(text, address) == (enum packet_network)packet->network &&
           memcmp(packet_destination(packet), address, packet_address_bytes(packet)) == 0;
}

#endif
