/* tc netem's values of an impairment, and what it cannot do. */
#include "net/impair_netem.h"
#include "tests/unit/impair_fixture.h"

#include <errno.h>

static void refused(const struct impair_settings *settings, const char *name, const char *message)
{
    struct impair_mistake mistake = {.rule = 9};
    struct error error = {0};

    assert_int_equal(impair_check(settings, UINT16_MAX, NULL, &error), 0);
    assert_int_equal(impair_netem_check(settings, &mistake, &error), -EINVAL);
    assert_string_equal(mistake.field, name);
    assert_int_equal(mistake.rule, 0);
    if (!strstr(error.message, message) || strstr(error.message, name) != error.message)
        fail_msg("%s: \"%s\" is not in \"%s\"", name, message, error.message);
}

static struct impair_netem made(const struct impair_settings *settings)
{
    struct impair_netem netem;
    struct error error = {0};

    if (impair_check(settings, UINT16_MAX, NULL, &error) != 0 ||
        impair_netem_check(settings, NULL, &error) != 0)
        fail_msg("%s", error.message);
    impair_netem_make(settings, &netem);
    return netem;
}

#define REFUSED(name, message, ...) refused(&(struct impair_settings){__VA_ARGS__}, name, message)
#define MADE(...)                   made(&(struct impair_settings){__VA_ARGS__})

static void what_netem_has_not_is_refused(void **state)
{
    static const struct impair_rule rule = {.action = IMPAIR_ACT_DROP};
    (void)state;

    REFUSED("mtu", "carrier: guest", .mtu = 1400);
    REFUSED("rules", "carrier: host", .rules = &rule, .rule_count = 1);
    REFUSED("loss.limit", "nothing", .loss = {.random.ppb = percent(1), .limit = 1});
    REFUSED("corrupt.bits", "nothing like it", .corrupt = {{percent(1), 0}, .flips = 2});
    REFUSED("corrupt.range", "nothing", .corrupt = {{percent(1), 0}, .first_bit = 8});
    REFUSED("corrupt.range", "nothing", .corrupt = {{percent(1), 0}, .bit_count = 8});
    REFUSED("burst", "nothing", .rate = {.bps = 1000000, .burst_bytes = 1});
    REFUSED("queue.bytes", "nothing", .rate.bps = 1000000, .queue.limit_bytes = 100000);
    REFUSED("queue.time", "nothing", .rate.bps = 1000000000, .queue.limit_ns = FIXTURE_S);
    REFUSED("queue.codel", "nothing", .rate.bps = 1000000, .queue.codel = true);
    REFUSED("slot.correlation", "nothing",
            .slot.interval = {.mean_ns = 2, .jitter_ns = 1, .correlation_ppb = 1});
    MADE(.corrupt = {{percent(1), 0}, .flips = 1});
}

static void what_is_beyond_its_numbers_is_refused(void **state)
{
    static const int16_t table[IMPAIR_TABLE_MAX];
    const uint64_t ns = INT32_MAX;
    (void)state;

    MADE(.delay = {.mean_ns = ns + 1, .jitter_ns = ns});
    REFUSED("jitter", "found 2147483648 ns, expected at most 2147483647 ns",
            .delay = {.mean_ns = ns + 1, .jitter_ns = ns + 1});
    REFUSED("slot.jitter", "found 2147483648 ns",
            .slot.interval = {.mean_ns = ns + 1, .jitter_ns = ns + 1});
    REFUSED("rate", "found 7 bit/s, expected at least 8", .rate.bps = 7);
    REFUSED("rate.overhead", "found -35, expected at least -34",
            .rate = {.bps = 1000, .overhead_bytes = -35});
    MADE(.rate = {.bps = 1000, .overhead_bytes = -34});
    REFUSED("slot.packets", "at most 2147483647",
            .slot = {.interval.mean_ns = 1, .packets = UINT32_MAX});
    REFUSED("slot.bytes", "found 2147483648",
            .slot = {.interval.mean_ns = 1, .bytes = UINT64_C(1) << 31});
    REFUSED("slot.distribution", "tables of 16384 and 16384",
            .delay = {2, 1, 0, IMPAIR_TABLE, table, IMPAIR_TABLE_MAX},
            .slot.interval = {2, 1, 0, IMPAIR_TABLE, table, IMPAIR_TABLE_MAX});
}

static void times_are_said_in_ticks_and_in_nanoseconds(void **state)
{
    struct impair_netem netem = MADE(.delay = {.mean_ns = 25 * FIXTURE_MS,
                                               .jitter_ns = 5 * FIXTURE_MS,
                                               .correlation_ppb = percent(25)});
    (void)state;

    assert_int_equal(netem.latency_ns, 25000000);
    assert_int_equal(netem.jitter_ns, 5000000);
    assert_int_equal(netem.options.latency, 390625);
    assert_int_equal(netem.options.jitter, 78125);
    assert_int_equal(netem.correlations.delay_corr, UINT32_MAX / 4);
    /* More than the ticks can say is their most: 64 ns times 2^32, some 275 s. */
    assert_int_equal(MADE(.delay.mean_ns = IMPAIR_NS_MAX).options.latency, UINT32_MAX);
    assert_int_equal(MADE(.delay.mean_ns = IMPAIR_NS_MAX).latency_ns, IMPAIR_NS_MAX);
}

static void shares_are_of_32_bits(void **state)
{
    struct impair_netem netem = MADE(.loss.random = {percent(1), percent(10)},
                                     .duplicate = {RANDOM_PPB, 0}, .corrupt.chance = {1, 0});
    (void)state;

    assert_int_equal(netem.loss_model, IMPAIR_LOSS_RANDOM);
    assert_int_equal(netem.options.loss, UINT32_MAX / 100);
    assert_int_equal(netem.correlations.loss_corr, UINT32_MAX / 10);
    assert_int_equal(netem.options.duplicate, UINT32_MAX);
    assert_int_equal(netem.corrupt.probability, 4);
    assert_int_equal(netem.options.limit, IMPAIR_NETEM_LIMIT);
}

static void loss_models_are_the_kernels(void **state)
{
    struct impair_netem netem =
        MADE(.loss = {IMPAIR_LOSS_GEMODEL,
                      .gemodel = {percent(1), percent(20), RANDOM_PPB, percent(0)}});
    (void)state;

    assert_int_equal(netem.loss_model, IMPAIR_LOSS_GEMODEL);
    assert_int_equal(netem.options.loss, 0);
    assert_int_equal(netem.gemodel.p, UINT32_MAX / 100);
    assert_int_equal(netem.gemodel.r, UINT32_MAX / 5);
    assert_int_equal(netem.gemodel.h, 0); /* all are lost that come in the bad state */
    assert_int_equal(netem.gemodel.k1, 0);

    netem = MADE(.loss = {IMPAIR_LOSS_STATE,
                          .state = {percent(50), percent(50), percent(50), 1, percent(50)}});
    assert_int_equal(netem.loss_model, IMPAIR_LOSS_STATE);
    assert_int_equal(netem.state.p23, 4);
    /* The kernel adds these in 32 bits. */
    assert_true((uint64_t)netem.state.p13 + netem.state.p14 <= UINT32_MAX);
    assert_true((uint64_t)netem.state.p31 + netem.state.p32 <= UINT32_MAX);
}

/* A packet that is both lost and duplicated would pass. */
static void a_link_that_is_down_loses_all(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct impair_netem netem =
            MADE(.down = i == 0, .blackhole = i == 1, .duplicate = {RANDOM_PPB, 0},
                 .loss = {IMPAIR_LOSS_GEMODEL, .random.correlation_ppb = percent(50)},
                 .delay.mean_ns = 64);

        assert_int_equal(netem.loss_model, IMPAIR_LOSS_RANDOM);
        assert_int_equal(netem.options.loss, UINT32_MAX);
        assert_int_equal(netem.options.duplicate, 0);
        assert_int_equal(netem.correlations.loss_corr, 0);
        assert_int_equal(netem.options.latency, 1);
    }
    (void)state;
}

static void reordering_has_a_gap(void **state)
{
    struct impair_netem netem =
        MADE(.delay.mean_ns = 1, .reorder.chance = {percent(25), percent(50)});
    (void)state;

    assert_int_equal(netem.options.gap, 1);
    assert_int_equal(netem.reorder.probability, UINT32_MAX / 4);
    assert_int_equal(netem.reorder.correlation, UINT32_MAX / 2);
    netem = MADE(.delay.mean_ns = 1, .reorder.gap = 5);
    assert_int_equal(netem.options.gap, 5);
    assert_int_equal(netem.reorder.probability, UINT32_MAX);
    netem = MADE(.delay.mean_ns = 1);
    assert_int_equal(netem.options.gap, 0);
    assert_int_equal(netem.reorder.probability, 0);
}

static void rates_are_of_bytes(void **state)
{
    struct impair_netem netem = MADE(.rate = {.bps = 2000000,
                                              .overhead_bytes = 24,
                                              .cell_bytes = 48,
                                              .cell_overhead_bytes = 5},
                                     .queue.limit_packets = 20);
    (void)state;

    assert_int_equal(netem.rate.rate, 250000);
    assert_int_equal(netem.rate_bytes, 250000);
    assert_int_equal(netem.rate.packet_overhead, 24);
    assert_int_equal(netem.rate.cell_size, 48);
    assert_int_equal(netem.rate.cell_overhead, 5);
    assert_int_equal(netem.options.limit, 20);
    netem = MADE(.rate.bps = IMPAIR_BPS_MAX);
    assert_int_equal(netem.rate.rate, UINT32_MAX);
    assert_true(netem.rate_bytes == IMPAIR_BPS_MAX / 8);
}

static void slots_have_both_forms(void **state)
{
    struct impair_netem netem =
        MADE(.slot = {.interval = {.mean_ns = 20 * FIXTURE_MS, .jitter_ns = 5 * FIXTURE_MS},
                      .packets = 8,
                      .bytes = 9000});
    (void)state;

    assert_int_equal(netem.slot.min_delay, 15000000);
    assert_int_equal(netem.slot.max_delay, 25000000);
    assert_int_equal(netem.slot.dist_delay, 20000000);
    assert_int_equal(netem.slot.dist_jitter, 5000000);
    assert_int_equal(netem.slot.max_packets, 8);
    assert_int_equal(netem.slot.max_bytes, 9000);
}

/* As tc's tables: quantiles in steps, a scale of 8192 a jitter. */
static void tables_are_the_distributions(void **state)
{
    static const int16_t own[] = {-5, 0, 7};
    static int16_t table[IMPAIR_TABLE_MAX];
    const size_t half = IMPAIR_NETEM_TABLE / 2;
    const struct {
        enum impair_distribution distribution;
        double first, median, last; /* in jitters */
    } expected[] = {
        {IMPAIR_UNIFORM, -1, 0, 1},
        {IMPAIR_NORMAL, -3.67, 0, 3.67},
        {IMPAIR_PARETO, -2.0 / 3, -0.32, 4},
        {IMPAIR_PARETONORMAL, -1.42, -0.24, 3.92},
    };
    (void)state;

    for (size_t i = 0; i < array_size(expected); i++) {
        struct impair_spread spread = {
            .mean_ns = 2, .jitter_ns = 1, .distribution = expected[i].distribution};

        assert_int_equal(impair_netem_table(&spread, table), IMPAIR_NETEM_TABLE);
        assert_float_equal(table[0] / 8192.0, expected[i].first, 0.01);
        assert_float_equal(table[half] / 8192.0, expected[i].median, 0.01);
        assert_float_equal(table[IMPAIR_NETEM_TABLE - 1] / 8192.0, expected[i].last, 0.01);
        for (size_t j = 1; j < IMPAIR_NETEM_TABLE; j++)
            assert_true(table[j - 1] <= table[j]);
    }
    assert_int_equal(
        impair_netem_table(&(struct impair_spread){2, 1, 0, IMPAIR_TABLE, own, 3}, table), 3);
    assert_memory_equal(table, own, sizeof own);
    assert_int_equal(impair_netem_table(&(struct impair_spread){.mean_ns = 5}, table), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_netem_has_not_is_refused),
        cmocka_unit_test(what_is_beyond_its_numbers_is_refused),
        cmocka_unit_test(times_are_said_in_ticks_and_in_nanoseconds),
        cmocka_unit_test(shares_are_of_32_bits),
        cmocka_unit_test(loss_models_are_the_kernels),
        cmocka_unit_test(a_link_that_is_down_loses_all),
        cmocka_unit_test(reordering_has_a_gap),
        cmocka_unit_test(rates_are_of_bytes),
        cmocka_unit_test(slots_have_both_forms),
        cmocka_unit_test(tables_are_the_distributions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
