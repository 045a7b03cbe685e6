/* What is known of neighbours, and when somebody is asked: RFC 4861's states, one after the other,
 * and a table that is full. */
#include "net/neighbour.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define START  UINT64_C(5000000000)

enum { PLACES = 4 };

static const struct neighbour_news one = {.mac = {2, 0, 0, 0, 0, 1}, .override = true};
static const struct neighbour_news one_answers = {
    .mac = {2, 0, 0, 0, 0, 1}, .solicited = true, .override = true};
static const struct neighbour_news another = {.mac = {2, 0, 0, 0, 0, 2}, .override = true};
static const struct neighbour_news another_unsure = {.mac = {2, 0, 0, 0, 0, 2}};

static int set_up(void **state)
{
    static struct neighbours neighbours;

    neighbours_init(&neighbours, PLACES);
    *state = &neighbours;
    return 0;
}

static int tear_down(void **state)
{
    neighbours_free(*state);
    return 0;
}

static struct neighbour *add(struct neighbours *neighbours, uint8_t number, uint64_t now_ns)
{
    const uint8_t address[] = {10, 0, 0, number};

    return neighbour_add(neighbours, 0, PACKET_NETWORK_IPV4, address, now_ns);
}

static struct neighbour *find(struct neighbours *neighbours, uint8_t number)
{
    const uint8_t address[] = {10, 0, 0, number};

    return neighbour_find(neighbours, 0, PACKET_NETWORK_IPV4, address);
}

struct wants {
    unsigned all, it, given_up;
};

static void on_want(void *context, struct neighbour *neighbour, enum neighbour_want want)
{
    struct wants *wants = context;

    assert_int_equal(neighbour->address[0], 10);
    wants->all += want == NEIGHBOUR_ASK_ALL;
    wants->it += want == NEIGHBOUR_ASK_IT;
    wants->given_up += want == NEIGHBOUR_GIVE_UP;
}

/* What is wanted at that time, and not a nanosecond before. */
static struct wants tick(struct neighbours *neighbours, uint64_t now_ns)
{
    struct wants wants = {0}, early = {0};

    assert_int_equal(neighbours_next_ns(neighbours), now_ns);
    neighbours_tick(neighbours, now_ns - 1, on_want, &early);
    assert_true(early.all + early.it + early.given_up == 0);
    neighbours_tick(neighbours, now_ns, on_want, &wants);
    return wants;
}

/* -- States ------------------------------------------------------------------------------------ */

static void nobody_answers(void **state)
{
    struct neighbours *neighbours = *state;
    struct neighbour *neighbour = add(neighbours, 1, START);

    assert_int_equal(neighbours_next_ns(neighbours), NEIGHBOUR_NEVER);
    assert_int_equal(neighbour_use(neighbours, neighbour, START), NEIGHBOUR_ASK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(neighbour_use(neighbours, neighbour, START + 1), NEIGHBOUR_WAIT);
    assert_int_equal(tick(neighbours, START + 1 * SECOND).all, 1);
    assert_int_equal(tick(neighbours, START + 2 * SECOND).all, 1);
    assert_int_equal(tick(neighbours, START + 3 * SECOND).given_up, 1);
    assert_int_equal(neighbours_next_ns(neighbours), NEIGHBOUR_NEVER);
    /* A question a second is what it costs whoever is not there. */
    assert_int_equal(neighbour_use(neighbours, neighbour, START + 4 * SECOND - 1),
                     NEIGHBOUR_UNREACHABLE);
    assert_int_equal(neighbour_use(neighbours, neighbour, START + 4 * SECOND), NEIGHBOUR_ASK);
}

static void who_answers_is_reachable_then_stale_then_asked(void **state)
{
    struct neighbours *neighbours = *state;
    struct neighbour *neighbour = add(neighbours, 1, START);
    uint64_t at = START + SECOND / 2;

    neighbour_use(neighbours, neighbour, START);
    neighbour_hear(neighbours, neighbour, &one_answers, at);
    assert_int_equal(neighbour->state, NEIGHBOUR_REACHABLE);
    assert_memory_equal(neighbour->mac, one.mac, sizeof one.mac);
    neighbours_tick(neighbours, START + 20 * SECOND, on_want, &(struct wants){0});
    assert_int_equal(neighbours_next_ns(neighbours), NEIGHBOUR_NEVER);
    assert_int_equal(neighbour_use(neighbours, neighbour, at + NEIGHBOUR_REACHABLE_NS - 1),
                     NEIGHBOUR_SEND);
    assert_int_equal(neighbour->state, NEIGHBOUR_REACHABLE);
    at += NEIGHBOUR_REACHABLE_NS;
    assert_int_equal(neighbour_use(neighbours, neighbour, at), NEIGHBOUR_SEND);
    assert_int_equal(neighbour->state, NEIGHBOUR_DELAY);
    at += NEIGHBOUR_DELAY_NS;
    assert_int_equal(tick(neighbours, at).it, 1);
    assert_int_equal(neighbour_use(neighbours, neighbour, at), NEIGHBOUR_SEND);
    neighbour_hear(neighbours, neighbour, &one_answers, at + 1);
    assert_int_equal(neighbour->state, NEIGHBOUR_REACHABLE);
}

static void who_does_not_answer_again_is_given_up(void **state)
{
    struct neighbours *neighbours = *state;
    struct neighbour *neighbour = add(neighbours, 1, START);
    uint64_t at = START + NEIGHBOUR_DELAY_NS;

    neighbour_hear(neighbours, neighbour, &one, START);
    assert_int_equal(neighbour->state, NEIGHBOUR_STALE);
    assert_int_equal(neighbour_use(neighbours, neighbour, START), NEIGHBOUR_SEND);
    for (int i = 0; i < NEIGHBOUR_SOLICITS; i++, at += SECOND) {
        assert_int_equal(tick(neighbours, at).it, 1);
        /* What it says to others is no answer. */
        neighbour_hear(neighbours, neighbour, &one, at + 1);
        assert_int_equal(neighbour->state, NEIGHBOUR_PROBE);
    }
    assert_int_equal(tick(neighbours, at).given_up, 1);
    assert_int_equal(neighbour_use(neighbours, neighbour, at), NEIGHBOUR_UNREACHABLE);
}

static void an_announcement_ends_the_wait(void **state)
{
    struct neighbours *neighbours = *state;
    struct neighbour *neighbour = add(neighbours, 1, START);

    neighbour_use(neighbours, neighbour, START);
    neighbour_hear(neighbours, neighbour, &another_unsure, START + 1);
    assert_int_equal(neighbour->state, NEIGHBOUR_STALE);
    assert_int_equal(neighbour_use(neighbours, neighbour, START + 2), NEIGHBOUR_SEND);
}

static void another_mac_counts_where_it_overrides(void **state)
{
    struct neighbours *neighbours = *state;
    struct neighbour *neighbour = add(neighbours, 1, START);

    neighbour_hear(neighbours, neighbour, &one_answers, START);
    neighbour_hear(neighbours, neighbour, &another_unsure, START);
    assert_memory_equal(neighbour->mac, one.mac, sizeof one.mac);
    assert_int_equal(neighbour->state, NEIGHBOUR_STALE);
    neighbour_hear(neighbours, neighbour, &one_answers, START);
    neighbour_hear(neighbours, neighbour, &another, START);
    assert_memory_equal(neighbour->mac, another.mac, sizeof another.mac);
    assert_int_equal(neighbour->state, NEIGHBOUR_STALE);
    neighbour_hear(neighbours, neighbour, &one_answers, START);
    assert_memory_equal(neighbour->mac, one.mac, sizeof one.mac);
    assert_int_equal(neighbour->state, NEIGHBOUR_REACHABLE);
}

/* -- The table --------------------------------------------------------------------------------- */

static void nics_and_families_are_told_apart(void **state)
{
    static const uint8_t address[16] = {10, 0, 0, 1};
    struct neighbours *neighbours = *state;
    struct neighbour *ipv4 = add(neighbours, 1, START);

    assert_null(neighbour_find(neighbours, 1, PACKET_NETWORK_IPV4, address));
    assert_null(neighbour_find(neighbours, 0, PACKET_NETWORK_IPV6, address));
    assert_ptr_not_equal(neighbour_add(neighbours, 0, PACKET_NETWORK_IPV6, address, START), ipv4);
    assert_ptr_equal(find(neighbours, 1), ipv4);
}

static void who_was_not_used_longest_gives_way(void **state)
{
    struct neighbours *neighbours = *state;

    for (int i = 0; i < PLACES; i++)
        neighbour_hear(neighbours, add(neighbours, (uint8_t)i, START + (uint64_t)i), &one,
                       START + (uint64_t)i);
    neighbour_use(neighbours, find(neighbours, 0), START + 10);
    assert_non_null(add(neighbours, 20, START + 11));
    assert_null(find(neighbours, 1));
    assert_non_null(find(neighbours, 0));
    /* 20 is nothing yet, and goes before anybody who has answered. */
    assert_non_null(add(neighbours, 21, START + 12));
    assert_null(find(neighbours, 20));
    assert_non_null(find(neighbours, 2));
}

static void those_who_are_asked_for_stay(void **state)
{
    struct neighbours *neighbours = *state;
    uint64_t at = START;

    for (int i = 0; i < PLACES; i++)
        neighbour_use(neighbours, add(neighbours, (uint8_t)i, START), START);
    assert_null(add(neighbours, 20, START));
    for (int i = 0; i < NEIGHBOUR_SOLICITS; i++)
        neighbours_tick(neighbours, at += SECOND, on_want, &(struct wants){0});
    assert_non_null(add(neighbours, 20, at));
    assert_null(find(neighbours, 0));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nobody_answers),
        TEST(who_answers_is_reachable_then_stale_then_asked),
        TEST(who_does_not_answer_again_is_given_up),
        TEST(an_announcement_ends_the_wait),
        TEST(another_mac_counts_where_it_overrides),
        TEST(nics_and_families_are_told_apart),
        TEST(who_was_not_used_longest_gives_way),
        TEST(those_who_are_asked_for_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
