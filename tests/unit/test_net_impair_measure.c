/* Measures of impaired directions: a correct one is believed, whatever its seed; another is not. */
#include "net/impair_measure.h"

#include "tests/unit/impair_fixture.h"

enum { LATE_MS = 50, BYTES = 200, GAP_US = 500 };

static const struct impair_settings none;

static const struct impair_settings lossy = {.loss.random.ppb = 20000000};

/* One of each kind, and all that can be told together. */
static const struct impair_settings kinds[] = {
    {0},
    {.loss.random = {.ppb = 300000000}},
    {.loss.random = {.ppb = 50000000, .correlation_ppb = 900000000}},
    {.loss = {.model = IMPAIR_LOSS_GEMODEL,
              .gemodel = {.p = 20000000, .r = 200000000, .bad_loss_ppb = RANDOM_PPB}}},
    {.loss = {.model = IMPAIR_LOSS_STATE,
              .state = {.p13 = 50000000, .p31 = 300000000, .p32 = 200000000, .p23 = 500000000}}},
    {.duplicate = {.ppb = 200000000, .correlation_ppb = 500000000},
     .corrupt.chance.ppb = 100000000},
    {.delay = {.mean_ns = 20 * FIXTURE_MS}, .reorder.chance.ppb = 200000000},
    {.delay = {.mean_ns = 20 * FIXTURE_MS, .jitter_ns = 10 * FIXTURE_MS}},
    {.delay = {.mean_ns = 10 * FIXTURE_MS,
               .jitter_ns = 10 * FIXTURE_MS,
               .distribution = IMPAIR_NORMAL,
               .correlation_ppb = 500000000}},
    {.delay = {.mean_ns = 10 * FIXTURE_MS,
               .jitter_ns = 5 * FIXTURE_MS,
               .distribution = IMPAIR_PARETONORMAL},
     .loss.random.ppb = 100000000,
     .duplicate.ppb = 100000000,
     .reorder = {.chance.ppb = 100000000, .gap = 5},
     .corrupt.chance.ppb = 100000000},
    {.rate.bps = 2000000, .queue.limit_packets = 20, .loss.random.ppb = 10000000},
    {.rate.bps = 2000000, .delay = {.mean_ns = 5 * FIXTURE_MS, .jitter_ns = FIXTURE_MS}},
    {.slot = {.interval = {.mean_ns = 5 * FIXTURE_MS}, .packets = 3}},
    {.down = true, .loss.random.ppb = 500000000},
    {.mtu = 100, .loss.random.ppb = 500000000},
    {.loss = {.random.ppb = 500000000, .limit = 20}},
};

/* What fixtures noted since, into the measure. */
static void feed(struct impair_measure *measure, const struct fixture *fixture, size_t from)
{
    for (size_t i = from; i < fixture->count; i++)
        impair_measure_add(measure, &fixture->verdicts[i]);
}

/* `packets` through `made`, while `asked` was to be made; the link ends so long after the last. */
static struct impair_measure *run_for(uint64_t seed, const struct impair_settings *made,
                                      const struct impair_settings *asked, size_t packets,
                                      uint64_t rest_ns)
{
    struct impair_measure *measure = xmalloc(sizeof *measure);
    struct fixture fixture;

    fixture_init(&fixture, seed);
    fixture_set(&fixture, made);
    fixture_stream(&fixture, packets, BYTES, GAP_US * 1000);
    fixture_run(&fixture, fixture.now_ns + rest_ns);
    impair_flush(fixture.impair, fixture.now_ns);
    impair_measure_init(measure, LATE_MS * FIXTURE_MS);
    impair_measure_set(measure, 0, asked);
    feed(measure, &fixture, 0);
    impair_measure_end(measure);
    assert_int_equal(measure->packets, packets);
    fixture_free(&fixture);
    return measure;
}

static struct impair_measure *run(uint64_t seed, const struct impair_settings *made,
                                  const struct impair_settings *asked, size_t packets)
{
    return run_for(seed, made, asked, packets, 3600 * FIXTURE_S);
}

static bool believes(const struct impair_measure *measure, enum measure what)
{
    struct measured measured;

    impair_measure_say(measure, what, &measured);
    return measured.believed;
}

static void assert_all_believed(const struct impair_measure *measure)
{
    struct measured_rate rate;

    for (unsigned what = 0; what < MEASURES; what++) {
        struct measured measured;

        impair_measure_say(measure, what, &measured);
        if (!measured.believed)
            fail_msg("%s: %llu of %llu, believed %llu to %llu", measure_name(what),
                     (unsigned long long)measured.hits, (unsigned long long)measured.trials,
                     (unsigned long long)measured.least, (unsigned long long)measured.most);
    }
    impair_measure_say_rate(measure, &rate);
    if (!rate.believed)
        fail_msg("rate %g, believed %g to %g", rate.bps, rate.least_bps, rate.most_bps);
}

/* Each kind, with 200 seeds; over all of these the counts are what they should be, so
 * that a bound that is never reached is not so for want of trials. */
static void a_network_that_does_as_asked_is_believed(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < array_size(kinds); kind++) {
        double hits[MEASURES] = {0}, expected[MEASURES] = {0};

        for (uint64_t seed = 0; seed < 200; seed++) {
            struct impair_measure *measure = run(seed, &kinds[kind], &kinds[kind], 200);

            assert_all_believed(measure);
            for (unsigned what = 0; what < MEASURES; what++) {
                hits[what] += (double)measure->hits[what];
                expected[what] += measure->bounds[what].expected;
            }
            free(measure);
        }
        for (unsigned what = 0; what < MEASURES; what++)
            if (hits[what] < 0.9 * expected[what] || hits[what] > 1.1 * expected[what])
                fail_msg("kind %zu, %s: %g, expected %g", kind, measure_name(what), hits[what],
                         expected[what]);
    }
}

/* What cannot be otherwise is believed, and a single packet that was is not. */
static void the_edges_are_exact(void **state)
{
    static const struct {
        struct impair_settings settings;
        enum measure what;
    } edges[] = {
        {{.loss.random.ppb = RANDOM_PPB}, MEASURE_LOSS},
        {{.duplicate.ppb = RANDOM_PPB}, MEASURE_DUPLICATE},
        {{.corrupt.chance.ppb = RANDOM_PPB}, MEASURE_CORRUPT},
        {{.delay.mean_ns = FIXTURE_MS}, MEASURE_DELAY_HALF},
    };
    static const size_t counts[] = {0, 1, 2, 300};

    (void)state;
    for (size_t i = 0; i < array_size(edges); i++)
        for (size_t n = 0; n < array_size(counts); n++) {
            const struct impair_settings *of_that = &edges[i].settings;
            struct impair_measure *as_asked = run(1, of_that, of_that, counts[n]);
            struct impair_measure *not_done = run(1, &none, of_that, counts[n]);
            struct impair_measure *not_asked = run(1, of_that, &none, counts[n]);

            assert_all_believed(as_asked);
            assert_int_equal(believes(not_done, edges[i].what), counts[n] == 0);
            assert_int_equal(believes(not_asked, edges[i].what), counts[n] == 0);
            free(as_asked);
            free(not_done);
            free(not_asked);
        }
}

/* The quick ones alone have come through, and none, and one. */
static void a_link_that_ends_early_is_believed(void **state)
{
    static const struct impair_settings slow = {
        .delay = {.mean_ns = 500 * FIXTURE_MS, .jitter_ns = 400 * FIXTURE_MS}};
    static const size_t counts[] = {1, 50, 500};

    (void)state;
    for (size_t n = 0; n < array_size(counts); n++)
        for (uint64_t rest_ms = 0; rest_ms < 1000; rest_ms += 50) {
            struct impair_measure *measure =
                run_for(rest_ms, &slow, &slow, counts[n], rest_ms * FIXTURE_MS);

            assert_all_believed(measure);
            free(measure);
        }
}

static void assert_found(const struct impair_settings *made, const struct impair_settings *asked,
                         enum measure what, size_t packets)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct impair_measure *measure = run(seed, made, asked, packets);

        if (believes(measure, what))
            fail_msg("%s is believed", measure_name(what));
        free(measure);
    }
}

static void another_loss_is_found(void **state)
{
    const struct impair_settings more = {.loss.random.ppb = 142000000};
    const struct impair_settings bursts = {
        .loss = {.model = IMPAIR_LOSS_GEMODEL,
                 .gemodel = {.p = 20000000, .r = 200000000, .bad_loss_ppb = RANDOM_PPB}}};
    (void)state;

    assert_found(&more, &lossy, MEASURE_LOSS, 1000);
    assert_found(&lossy, &more, MEASURE_LOSS, 1000);
    assert_found(&lossy, &none, MEASURE_LOSS, 1000);
    assert_found(&none, &bursts, MEASURE_LOSS, 3000);
    assert_found(&none, &kinds[1], MEASURE_LOSS, 100);
}

static void others_are_found(void **state)
{
    (void)state;
    assert_found(&none, &kinds[5], MEASURE_DUPLICATE, 1000);
    assert_found(&none, &kinds[5], MEASURE_CORRUPT, 1000);
    assert_found(&(struct impair_settings){.delay.mean_ns = 20 * FIXTURE_MS}, &kinds[6],
                 MEASURE_REORDER, 1000);
}

static void another_delay_is_found(void **state)
{
    const struct impair_settings delayed = {.delay.mean_ns = 20 * FIXTURE_MS};
    const struct impair_settings more = {
        .delay = {.mean_ns = 24 * FIXTURE_MS, .jitter_ns = 10 * FIXTURE_MS}};
    const struct impair_settings wider = {
        .delay = {.mean_ns = 20 * FIXTURE_MS, .jitter_ns = 12 * FIXTURE_MS}};
    (void)state;

    assert_found(&delayed, &(struct impair_settings){.delay.mean_ns = 21 * FIXTURE_MS},
                 MEASURE_DELAY_HALF, 3);
    assert_found(&delayed, &(struct impair_settings){.delay.mean_ns = 19 * FIXTURE_MS},
                 MEASURE_DELAY_HALF, 3);
    assert_found(&more, &kinds[7], MEASURE_DELAY_HALF, 1000);
    assert_found(&wider, &kinds[7], MEASURE_DELAY_MOST, 1000);
}

/* -- Changes ----------------------------------------------------------------------------------- */

/* Settings change while packets are on their way, more often than is remembered. */
static void settings_may_change(void **state)
{
    const struct impair_settings two[] = {
        {.loss.random.ppb = 300000000, .delay.mean_ns = 30 * FIXTURE_MS},
        {.loss.random.ppb = 10000000,
         .duplicate.ppb = 200000000,
         .delay = {.mean_ns = 50 * FIXTURE_MS, .jitter_ns = 10 * FIXTURE_MS}}};
    static const size_t stretches[] = {1000, 100, 2};
    (void)state;

    for (size_t of = 0; of < array_size(stretches); of++) {
        struct impair_measure *measure = xmalloc(sizeof *measure);
        struct fixture fixture;
        size_t fed = 0;
        struct measured loss;

        fixture_init(&fixture, of);
        impair_measure_init(measure, LATE_MS * FIXTURE_MS);
        for (size_t sent = 0; sent < 4000; sent += stretches[of]) {
            const struct impair_settings *settings = &two[sent / stretches[of] % 2];

            fixture_set(&fixture, settings);
            impair_measure_set(measure, sent, settings);
            fixture_stream(&fixture, stretches[of], BYTES, GAP_US * 1000);
            feed(measure, &fixture, fed);
            fed = fixture.count;
        }
        fixture_finish(&fixture);
        feed(measure, &fixture, fed);
        impair_measure_end(measure);
        assert_all_believed(measure);
        impair_measure_say(measure, MEASURE_LOSS, &loss);
        assert_true(loss.hits > 400 && loss.least < loss.hits && loss.most < 1000);
        assert_true(stretches[of] == 2 || loss.trials == 4000);
        fixture_free(&fixture);
        free(measure);
    }
}

static void a_wrong_stretch_is_found(void **state)
{
    struct impair_measure *measure = xmalloc(sizeof *measure);
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_stream(&fixture, 3000, BYTES, GAP_US * 1000);
    impair_measure_init(measure, LATE_MS * FIXTURE_MS);
    impair_measure_set(measure, 2000, &lossy);
    impair_measure_set(measure, 2000, &kinds[1]);
    feed(measure, &fixture, 0);
    impair_measure_end(measure);
    assert_false(believes(measure, MEASURE_LOSS));
    fixture_free(&fixture);
    free(measure);
}

/* The link's own upkeep has numbers of its own, and chance of its own. */
static void upkeep_is_left_out(void **state)
{
    struct impair_measure *measure = xmalloc(sizeof *measure);
    struct impair_verdict lost = {.why = IMPAIR_WHY(IMPAIR_UPKEEP) | IMPAIR_WHY(IMPAIR_LOSS)};
    (void)state;

    impair_measure_init(measure, LATE_MS * FIXTURE_MS);
    for (lost.number = 0; lost.number < 100; lost.number++)
        impair_measure_add(measure, &lost);
    impair_measure_end(measure);
    assert_all_believed(measure);
    assert_int_equal(measure->packets, 0);
    free(measure);
}

/* What a log does not have may have been lost or not. */
static void missing_verdicts_widen_the_bounds(void **state)
{
    struct impair_measure *measure = run(1, &none, &kinds[1], 100);
    (void)state;

    assert_false(believes(measure, MEASURE_LOSS));
    impair_measure_miss(measure, 50);
    assert_true(believes(measure, MEASURE_LOSS));
    free(measure);
}

/* -- Time -------------------------------------------------------------------------------------- */

static void lateness_is_counted_where_time_was_asked_for(void **state)
{
    const struct impair_settings slow = {.delay.mean_ns = 400 * FIXTURE_MS};
    const struct impair_settings quick = {.delay.mean_ns = 10 * FIXTURE_MS};
    const struct impair_settings *asked[] = {&none, &quick, &slow};
    static const uint64_t late_counts[] = {0, 20, 0};
    (void)state;

    for (size_t of = 0; of < array_size(asked); of++) {
        struct impair_measure *measure = xmalloc(sizeof *measure);

        impair_measure_init(measure, LATE_MS * FIXTURE_MS);
        impair_measure_set(measure, 0, asked[of]);
        for (uint64_t i = 0; i < 100; i++) {
            uint64_t due_ns = i * FIXTURE_MS + asked[of]->delay.mean_ns;

            impair_measure_add(measure, &(struct impair_verdict){
                                            .number = i,
                                            .in_ns = i * FIXTURE_MS,
                                            .due_ns = due_ns,
                                            .out_ns = due_ns + (i < 80 ? 1 : 100) * FIXTURE_MS});
        }
        impair_measure_end(measure);
        assert_int_equal(measure->late_count, late_counts[of]);
        assert_int_equal(measure->timed, of ? 100 : 0);
        assert_true(believes(measure, MEASURE_DELAY_HALF));
        assert_in_range(histogram_quantile(&measure->late, 500), 990000, 1010000);
        assert_in_range(histogram_quantile(&measure->late, 990), 99000000, 101000000);
        assert_int_equal(measure->late.max, 100 * FIXTURE_MS);
        free(measure);
    }
}

static void another_rate_is_found(void **state)
{
    const struct impair_settings asked = {.rate.bps = 1000000, .delay.mean_ns = 20 * FIXTURE_MS};
    static const struct {
        uint64_t made;
        bool believed;
    } rates[] = {{1000000, true}, {970000, true}, {800000, false}, {1300000, false}};
    (void)state;

    for (size_t i = 0; i < array_size(rates); i++) {
        struct impair_settings made = asked;
        struct impair_measure *measure;
        struct measured_rate rate;

        made.rate.bps = rates[i].made;
        measure = run(1, &made, &asked, 4000);
        impair_measure_say_rate(measure, &rate);
        assert_true(rate.bps > 0.98 * (double)made.rate.bps &&
                    rate.bps < 1.02 * (double)made.rate.bps);
        assert_int_equal(rate.asked_bps, asked.rate.bps);
        assert_int_equal(rate.believed, rates[i].believed);
        free(measure);
    }
}

static void a_rate_that_nothing_waited_for_is_not_told(void **state)
{
    struct impair_measure *measure =
        run(1, &(struct impair_settings){.rate.bps = 100000000}, &kinds[11], 1000);
    struct measured_rate rate;
    (void)state;

    impair_measure_say_rate(measure, &rate);
    assert_true(rate.bps == 0 && rate.believed);
    free(measure);
}

static void histograms_are_right_to_one_per_cent(void **state)
{
    struct histogram histogram = {0};
    (void)state;

    assert_int_equal(histogram_quantile(&histogram, 500), 0);
    for (uint64_t value = 1; value >> HISTOGRAM_VALUE_BITS == 0; value += value / 3 + 1) {
        uint64_t got;

        histogram = (struct histogram){0};
        histogram_add(&histogram, value);
        histogram_add(&histogram, UINT64_MAX);
        got = histogram_quantile(&histogram, 500);
        assert_in_range(got, value - value / 100, value + value / 100);
        assert_true(value >= 2 * HISTOGRAM_STEPS || got == value);
    }
    histogram = (struct histogram){0};
    for (uint64_t i = 1; i <= 1000; i++)
        histogram_add(&histogram, i);
    assert_in_range(histogram_quantile(&histogram, 0), 1, 1);
    assert_in_range(histogram_quantile(&histogram, 500), 495, 505);
    assert_in_range(histogram_quantile(&histogram, 990), 981, 1000);
    assert_int_equal(histogram_quantile(&histogram, 1000), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_that_does_as_asked_is_believed),
        cmocka_unit_test(the_edges_are_exact),
        cmocka_unit_test(a_link_that_ends_early_is_believed),
        cmocka_unit_test(another_loss_is_found),
        cmocka_unit_test(others_are_found),
        cmocka_unit_test(another_delay_is_found),
        cmocka_unit_test(settings_may_change),
        cmocka_unit_test(a_wrong_stretch_is_found),
        cmocka_unit_test(upkeep_is_left_out),
        cmocka_unit_test(missing_verdicts_widen_the_bounds),
        cmocka_unit_test(lateness_is_counted_where_time_was_asked_for),
        cmocka_unit_test(another_rate_is_found),
        cmocka_unit_test(a_rate_that_nothing_waited_for_is_not_told),
        cmocka_unit_test(histograms_are_right_to_one_per_cent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
