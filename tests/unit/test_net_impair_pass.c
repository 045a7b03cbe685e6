/* The straight way of a link that does no more than lose packets at random and that nobody watches:
 * it comes to what a watched one does, and settings that come later find the same state. */
#include "net/impair.h"

#include "net/random.h"
#include "tests/unit/net_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { VECTOR = 64, ROUNDS = 12000 };

struct side {
    struct pool pool;
    struct impair *impair;
    size_t noted;
};

static void count_note(void *context, const struct impair_verdict *verdict,
                       const struct packet *packet)
{
    size_t *noted = context;
    (void)verdict;
    (void)packet;

    (*noted)++;
}

static void side_init(struct side *side, bool is_watched)
{
    struct impair_options options = {.seed = 7,
                                     .pool = &side->pool,
                                     .note = is_watched ? count_note : NULL,
                                     .context = &side->noted};

    *side = (struct side){.noted = 0};
    pool_init(&side->pool, 4 * VECTOR, 128);
    side->impair = impair_init(xmalloc(impair_size(&options)), &options);
}

static void side_free(struct side *side, uint64_t now_ns)
{
    impair_flush(side->impair, now_ns);
    assert_int_equal(side->pool.free_count, side->pool.count);
    free(side->impair);
    pool_free(&side->pool);
}

/* Mostly what goes the straight way, and now and then what leaves state behind. */
static struct impair_settings choose(uint64_t *random)
{
    static const struct impair_settings choices[] = {
        {.loss.random.ppb = 0},
        {.loss.random.ppb = 300000000},
        {.loss = {.random.ppb = 300000000, .limit = 200}},
        {.loss.random.ppb = RANDOM_PPB},
        {.loss.random = {.ppb = 300000000, .correlation_ppb = 500000000}},
        {.loss = {.model = IMPAIR_LOSS_GEMODEL,
                  .gemodel = {.p = 100000000, .r = 300000000, .bad_loss_ppb = 900000000}}},
        {.down = true},
        {.blackhole = true},
        {.mtu = 50},
        {.loss.random.ppb = 10000000, .corrupt.chance.ppb = 300000000},
        {.reorder.gap = 5}, /* counts for those that come later with a delay */
        {.loss.random.ppb = 10000000, .reorder.gap = 5, .delay.mean_ns = 1},
    };
    size_t choice = fixture_below(random, 2 * array_size(choices));

    return choices[choice < array_size(choices) ? choice : choice % 3];
}

/* Hands packets through; `passed` tells which, by their marks. Returns how many. */
static size_t pass(struct side *side, uint64_t now_ns, size_t count, uint64_t random,
                   struct packet *passed[static 2 * VECTOR])
{
    static uint8_t payload[60];

    assert_int_equal(pool_take(&side->pool, passed, count), count);
    for (size_t i = 0; i < count; i++) {
        struct build build;

        build_start(&build, passed[i]->bytes, 128);
        build_ipv4(&build, &(struct ipv4_header){.hops = 1});
        build_udp(&build, &(struct udp_header){.source_port = (uint16_t)i});
        build_bytes(&build, payload, fixture_below(&random, sizeof payload));
        passed[i]->length = (uint32_t)build_finish(&build);
        passed[i]->link = PACKET_LINK_IP;
        passed[i]->mark = (uint32_t)i;
        passed[i]->time_ns = fixture_below(&random, 2) ? now_ns - fixture_below(&random, 900) : 0;
        packet_parse(passed[i]);
    }
    return impair_pass(side->impair, now_ns, passed, count, (size_t)2 * VECTOR);
}

static void compare(struct packet *const a[], struct packet *const b[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(a[i]->mark, b[i]->mark);
        assert_int_equal(a[i]->due_ns, b[i]->due_ns);
        assert_int_equal(a[i]->length, b[i]->length);
        assert_memory_equal(a[i]->bytes, b[i]->bytes, a[i]->length);
    }
}

static void an_unwatched_link_does_what_a_watched_one_does(void **state)
{
    struct side watched, alone;
    uint64_t random = 1, now_ns = 1000;
    size_t total = 0;
    (void)state;

    side_init(&watched, true);
    side_init(&alone, false);
    for (int i = 0; i < ROUNDS; i++, now_ns += 1000) {
        struct packet *a[2 * VECTOR], *b[2 * VECTOR];
        size_t count = fixture_below(&random, VECTOR + 1), passed;
        uint64_t seed = fixture_random(&random);

        if (i % 3 == 0) {
            struct impair_settings settings = choose(&random);

            impair_set(watched.impair, now_ns, &settings);
            impair_set(alone.impair, now_ns, &settings);
        }
        passed = pass(&watched, now_ns, count, seed, a);
        assert_int_equal(pass(&alone, now_ns, count, seed, b), passed);
        compare(a, b, passed);
        pool_give(&watched.pool, a, passed);
        pool_give(&alone.pool, b, passed);
        total += passed;
    }
    assert_memory_equal(impair_counters(watched.impair), impair_counters(alone.impair),
                        sizeof(struct impair_counters));
    assert_in_range(total, ROUNDS, ROUNDS * VECTOR);
    assert_in_range(watched.noted, total, ROUNDS * VECTOR);
    side_free(&watched, now_ns);
    side_free(&alone, now_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unwatched_link_does_what_a_watched_one_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
