/* Any packets through an internet: each is out or counted, and a vector fares as its packets do. */
#include "net/internet.h"

#include "tests/unit/internet_fixture.h"

#include <string.h>

static void aim(uint64_t *random, struct fixture_headers *headers)
{
    size_t source = fixture_below(random, FIXTURE_NICS);
    size_t destination = fixture_below(random, FIXTURE_NICS + 1);
    uint8_t host = (uint8_t)fixture_below(random, 3);

    memcpy(headers->ipv4.source, (uint8_t[]){10, 0, (uint8_t)source, 2}, 4);
    memcpy(headers->ipv4.destination, (uint8_t[]){10, 0, (uint8_t)destination, host}, 4);
    memset(headers->ipv6.source, 0, 16);
    memset(headers->ipv6.destination, 0, 16);
    headers->ipv6.source[0] = headers->ipv6.destination[0] = 0xfd;
    headers->ipv6.source[3] = (uint8_t)source;
    headers->ipv6.destination[3] = (uint8_t)destination;
    headers->ipv6.source[15] = 2;
    headers->ipv6.destination[15] = host;
    headers->ipv4.hops = headers->ipv6.hops = (uint8_t)fixture_below(random, 5);
    headers->ethernet.destination[0] &= fixture_below(random, 8) ? 0xfe : 0xff;
}

/* A random packet; the same for the same state of `random`. */
static struct packet *make_any(struct internet_fixture *fixture, uint64_t *random)
{
    struct fixture_headers headers = fixture_random_headers(random);
    struct packet *packet;
    int length;

    aim(random, &headers);
    assert_int_equal(pool_take(&fixture->pool, &packet, 1), 1);
    packet->link = headers.has_ethernet ? PACKET_LINK_ETHERNET : PACKET_LINK_IP;
    length = fixture_build(&headers, packet->bytes, FIXTURE_ROOM);
    packet->length = (uint32_t)length;
    if (fixture_below(random, 20) == 0)
        packet->bytes[fixture_below(random, (size_t)length)] ^= 4;
    packet_parse(packet);
    return packet;
}

static uint64_t sum_of_drops(const struct internet_counters *counters)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < INTERNET_CAUSES; i++)
        sum += counters->dropped[i];
    return sum;
}

/* Every packet is out or counted once, and every one that is out is sound and has fewer hops. */
static void nothing_is_lost_without_a_cause(void **state)
{
    struct internet_fixture *fixture = *state;
    uint64_t random = 1, in = 0, out = 0, made = 0;

    for (int i = 0; i < 20000; i++) {
        struct packet *packet = make_any(fixture, &random);

        fixture->now_ns += 1000000;
        fixture_send(fixture, (uint16_t)fixture_below(&random, FIXTURE_NICS), packet);
        for (int nic = 0; nic < FIXTURE_NICS; nic++)
            while (internet_receive(fixture->internet, (uint16_t)nic, &packet, 1) > 0) {
                assert_true(packet_is_ip(packet));
                packet_parse(packet);
                assert_true(packet_is_ip(packet));
                pool_give(&fixture->pool, &packet, 1);
            }
    }
    for (int nic = 0; nic < FIXTURE_NICS; nic++) {
        const struct internet_counters *counters =
            internet_counters(fixture->internet, (uint16_t)nic);

        in += counters->packets_in - sum_of_drops(counters);
        out += counters->packets_out;
        made += counters->errors;
        assert_int_equal(counters->errors_limited, 0);
        assert_true(counters->echoes > 0 && counters->errors > 0);
    }
    assert_int_equal(in + made, out);
    assert_true(out > 5000);
}

/* -- Vectors ----------------------------------------------------------------------------------- */

enum { VECTOR = 150, VECTORS = 120 };

static void drain_alike(struct internet_fixture *one, struct internet_fixture *other)
{
    for (int nic = 0; nic < FIXTURE_NICS; nic++) {
        struct packet *a, *b;

        assert_int_equal(internet_waiting(one->internet, (uint16_t)nic),
                         internet_waiting(other->internet, (uint16_t)nic));
        while (internet_receive(one->internet, (uint16_t)nic, &a, 1) > 0) {
            assert_int_equal(internet_receive(other->internet, (uint16_t)nic, &b, 1), 1);
            assert_int_equal(a->length, b->length);
            assert_memory_equal(a->bytes, b->bytes, a->length);
            assert_int_equal(a->nic, b->nic);
            pool_give(&one->pool, &a, 1);
            pool_give(&other->pool, &b, 1);
        }
    }
}

/* Runs to the same NIC, errors in between, and a queue that is full at times. */
static void a_vector_fares_as_its_packets_do(void **state)
{
    struct internet_fixture *one = *state;
    struct internet_fixture other;
    uint64_t random = 2, again;

    fixture_open(&other, true);
    for (int i = 0; i < VECTORS; i++) {
        struct packet *vector[VECTOR];
        uint16_t nic = (uint16_t)fixture_below(&random, FIXTURE_NICS);

        again = random;
        for (size_t j = 0; j < VECTOR; j++)
            vector[j] = make_any(one, &random);
        internet_send(one->internet, nic, vector, VECTOR, (uint64_t)i);
        for (size_t j = 0; j < VECTOR; j++) {
            struct packet *packet = make_any(&other, &again);

            internet_send(other.internet, nic, &packet, 1, (uint64_t)i);
        }
        if (i % 40 == 39)
            drain_alike(one, &other);
    }
    drain_alike(one, &other);
    for (int nic = 0; nic < FIXTURE_NICS; nic++)
        assert_memory_equal(internet_counters(one->internet, (uint16_t)nic),
                            internet_counters(other.internet, (uint16_t)nic),
                            sizeof(struct internet_counters));
    assert_true(fixture_dropped(one, 0, INTERNET_FULL) > 0);
    internet_free(other.internet);
    pool_free(&other.pool);
}

#define WITH_NETWORKS(test)                                                                        \
    cmocka_unit_test_setup_teardown(test, internet_fixture_set_up, internet_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NETWORKS(nothing_is_lost_without_a_cause),
        WITH_NETWORKS(a_vector_fares_as_its_packets_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
