/* The memory of packets: all of it is there once, and comes back. */
#include "net/pool.h"

#include "tests/unit/net_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 9, ROOM = 1500 };

/* Every byte of every packet is its own, with the room before it: writing all of one changes no
 * other, which the sanitizers see, too. */
static void packets_do_not_overlap(void **state)
{
    struct packet *packets[COUNT];
    struct pool pool;
    (void)state;

    pool_init(&pool, COUNT, ROOM);
    assert_int_equal(pool_take(&pool, packets, COUNT), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        memset(packets[i]->bytes - POOL_HEADROOM, (int)i, POOL_HEADROOM + ROOM);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(packets[i]->bytes[-POOL_HEADROOM], i);
        assert_int_equal(packets[i]->bytes[ROOM - 1], i);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(packets[i], packets[j]);
    }
    pool_free(&pool);
}

static void no_more_are_taken_than_there_are(void **state)
{
    struct packet *packets[COUNT + 1];
    struct pool pool;
    (void)state;

    pool_init(&pool, COUNT, ROOM);
    assert_int_equal(pool_take(&pool, packets, COUNT + 1), COUNT);
    assert_int_equal(pool_take(&pool, packets + COUNT, 1), 0);
    pool_give(&pool, packets + 3, 2);
    assert_int_equal(pool_take(&pool, packets + 3, COUNT), 2);
    pool_free(&pool);
}

static void a_packet_that_comes_back_is_taken_as_new(void **state)
{
    struct packet *packet, *again;
    struct pool pool;
    uint8_t *bytes;
    (void)state;

    pool_init(&pool, COUNT, ROOM);
    pool_take(&pool, &packet, 1);
    bytes = packet->bytes;
    packet->bytes -= 14;
    packet->length = 100;
    packet->checksum = PACKET_CHECKSUM_PARTIAL;
    packet->segment_bytes = 7;
    pool_give(&pool, &packet, 1);
    pool_take(&pool, &again, 1);
    assert_ptr_equal(again, packet);
    assert_ptr_equal(again->bytes, bytes);
    assert_int_equal(again->length, 0);
    assert_int_equal(again->checksum, PACKET_CHECKSUM_WHOLE);
    assert_int_equal(again->segment_bytes, 0);
    pool_free(&pool);
}

static void packets_of_others_stay_theirs(void **state)
{
    uint8_t bytes[4] = "abc";
    struct packet mine = fixture_packet(PACKET_LINK_IP, bytes, sizeof bytes);
    struct packet *packet = &mine;
    struct pool pool, other;
    (void)state;

    pool_init(&pool, COUNT, ROOM);
    pool_init(&other, 1, ROOM);
    pool_give(&pool, &packet, 1);
    pool_take(&other, &packet, 1);
    pool_give(&pool, &packet, 1);
    assert_int_equal(pool.free_count, COUNT);
    pool_free(&pool);
    pool_free(&other);
}

static void a_copy_is_the_same_packet_elsewhere(void **state)
{
    uint8_t bytes[ROOM + 1] = "abc";
    struct packet packet = fixture_packet(PACKET_LINK_IP, bytes, ROOM);
    struct packet *copies[COUNT];
    struct pool pool;
    (void)state;

    packet.time_ns = 5;
    packet.flags = PACKET_FRAGMENT;
    pool_init(&pool, COUNT, ROOM);
    for (size_t i = 0; i < COUNT; i++) {
        copies[i] = pool_copy(&pool, &packet);
        assert_non_null(copies[i]);
        assert_ptr_not_equal(copies[i]->bytes, bytes);
        assert_memory_equal(copies[i]->bytes, bytes, ROOM);
        assert_int_equal(copies[i]->length, ROOM);
        assert_int_equal(copies[i]->time_ns, 5);
        assert_int_equal(copies[i]->flags, PACKET_FRAGMENT);
    }
    assert_null(pool_copy(&pool, &packet));
    pool_give(&pool, copies, COUNT);
    packet.length = ROOM + 1;
    assert_null(pool_copy(&pool, &packet));
    assert_int_equal(pool.free_count, COUNT);
    pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_do_not_overlap),
        cmocka_unit_test(no_more_are_taken_than_there_are),
        cmocka_unit_test(a_packet_that_comes_back_is_taken_as_new),
        cmocka_unit_test(packets_of_others_stay_theirs),
        cmocka_unit_test(a_copy_is_the_same_packet_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
