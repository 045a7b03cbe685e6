/* Summaries, the t-test and the corrections against published figures; and by simulation how often
 * a comparison of many metrics is wrong, and how often it sees what is there. */
#include "base/memory.h"
#include "bench/compare.h"
#include "net/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { RUNS = 5, MORE_RUNS = 10, METRICS = 12, SUITES = 2000 };

#define SAMPLE(...)                                                                                \
    {                                                                                              \
        .values = (const double[]){__VA_ARGS__},                                                   \
        .count = sizeof((const double[]){__VA_ARGS__}) / sizeof(double)                            \
    }

static void assert_near(double found, double expected, double within)
{
    if (!(fabs(found - expected) <= within))
        fail_msg("found %.12g, expected %.12g to within %g", found, expected, within);
}

/* -- One sample -------------------------------------------------------------------------------- */

static void a_summary_has_the_usual_figures(void **state)
{
    const struct sample odd = SAMPLE(2, 4, 4, 5, 5, 7, 8);
    const struct sample even = SAMPLE(4, 1, 3, 2);
    struct summary summary;
    (void)state;

    sample_summary(&odd, 1, &summary);
    assert_int_equal(summary.count, 7);
    assert_near(summary.min, 2, 0);
    assert_near(summary.max, 8, 0);
    assert_near(summary.median, 5, 0);
    assert_near(summary.mean, 5, 1e-12);
    assert_near(summary.variation, 0.4, 1e-12); /* sqrt(24 / 6) / 5 */
    assert_int_equal(summary.outliers, 0);
    sample_summary(&even, 1, &summary);
    assert_near(summary.median, 2.5, 0);
}

static void one_value_has_no_variation(void **state)
{
    const struct sample one = SAMPLE(3);
    const struct sample nothing = SAMPLE(-1, 1);
    struct summary summary;
    (void)state;

    sample_summary(&one, 1, &summary);
    assert_true(isnan(summary.variation));
    sample_summary(&nothing, 1, &summary);
    assert_true(isnan(summary.variation));
}

/* From the least to the greatest of two would hold the true median every other time. */
static void less_than_three_values_have_no_interval(void **state)
{
    const struct sample one = SAMPLE(3);
    const struct sample two = SAMPLE(3, 4);
    const struct sample three = SAMPLE(3, 4, 5);
    struct summary summary;
    (void)state;

    sample_summary(&one, 1, &summary);
    assert_true(isnan(summary.of95.low) && isnan(summary.of95.high));
    sample_summary(&two, 1, &summary);
    assert_true(isnan(summary.of95.low) && isnan(summary.of95.high));
    sample_summary(&three, 1, &summary);
    assert_near(summary.of95.low, 3, 0);
    assert_near(summary.of95.high, 5, 0);
}

static void outliers_are_marked_and_kept(void **state)
{
    const struct sample far = SAMPLE(10, 11, 9, 10.5, 30);
    const struct sample flat = SAMPLE(10, 10, 10, 10, 10, 10, 10, 11);
    const struct sample few = SAMPLE(10, 11, 1000);
    const struct sample equal = SAMPLE(7, 7, 7, 7);
    struct summary summary;
    bool marks[8];
    (void)state;

    assert_int_equal(sample_outliers(&far, marks), 1);
    assert_true(marks[4] && !marks[0]);
    sample_summary(&far, 1, &summary);
    assert_near(summary.max, 30, 0);
    assert_near(summary.mean, 14.1, 1e-12);
    assert_int_equal(sample_outliers(&flat, marks), 1); /* its MAD is 0 */
    assert_int_equal(sample_outliers(&few, marks), 0);
    assert_int_equal(sample_outliers(&equal, marks), 0);
}

static void the_interval_of_five_is_all_of_them(void **state)
{
    const struct sample five = SAMPLE(5, 3, 1, 4, 2);
    struct interval interval = sample_median_interval(&five, 42);
    (void)state;

    assert_near(interval.low, 1, 0);
    assert_near(interval.high, 5, 0);
}

static void an_interval_is_the_same_every_time(void **state)
{
    double values[40];
    struct sample sample = {values, array_size(values)};
    struct interval first, second;
    (void)state;

    for (size_t i = 0; i < array_size(values); i++)
        values[i] = (double)random_below(random_at(9, i), 1000000);
    first = sample_median_interval(&sample, 7);
    second = sample_median_interval(&sample, 7);
    assert_near(first.low, second.low, 0);
    assert_near(first.high, second.high, 0);
    assert_true(first.low > 0 && first.low < first.high);
}

/* -- Published figures ------------------------------------------------------------------------- */

/* Tables of Student's distribution, two-sided. */
static void students_distribution_is_that_of_the_tables(void **state)
{
    (void)state;

    assert_near(student_two_sided(12.706, 1), 0.05, 1e-5);
    assert_near(student_two_sided(2.306, 8), 0.05, 1e-5);
    assert_near(student_two_sided(5.041, 8), 0.001, 1e-6);
    assert_near(student_two_sided(1.96, 1e7), 0.05, 1e-5);
    assert_near(student_two_sided(0, 5), 1, 1e-12);
    assert_near(student_two_sided(-2.306, 8), student_two_sided(2.306, 8), 0);
    assert_near(student_quantile(0.05, 8), 2.306004, 1e-6);
    assert_near(student_quantile(0.01, 4), 4.604095, 1e-6);
    assert_near(student_quantile(0.5, 1), 1, 1e-9);
}

/* By hand: means 3 and 6, variances 2.5 and 10, t = 3 / sqrt(2.5), freedom 6.25 / 1.0625. */
static void welchs_test_is_as_computed_by_hand(void **state)
{
    const struct sample a = SAMPLE(1, 2, 3, 4, 5);
    const struct sample b = SAMPLE(2, 4, 6, 8, 10);
    struct welch welch = sample_welch(&a, &b, false, 0);
    (void)state;

    assert_near(welch.difference, 3, 1e-12);
    assert_near(welch.error, sqrt(2.5), 1e-12);
    assert_near(welch.freedom, 6.25 / 1.0625, 1e-9);
    assert_near(welch.p, student_two_sided(3 / sqrt(2.5), 6.25 / 1.0625), 1e-12);
    assert_true(welch.p > 0.1 && welch.p < 0.11);
    /* What sessions differ by adds its share of the variances, 0.5 * (2.5 + 10). */
    welch = sample_welch(&a, &b, false, 0.5);
    assert_near(welch.error, sqrt(2.5 + 6.25), 1e-12);
    assert_near(welch.freedom, 6.25 / 1.0625, 1e-9);
}

static void samples_that_do_not_vary_differ_or_not(void **state)
{
    const struct sample a = SAMPLE(7, 7, 7);
    const struct sample b = SAMPLE(8, 8, 8);
    (void)state;

    assert_near(sample_welch(&a, &a, true, 0).p, 1, 0);
    assert_near(sample_welch(&a, &b, true, 0).p, 0, 0);
}

/* By hand: the variance of b, 2.5, and its share for a, too: 2.5 / 5 + 2 * 2.5 + 2 * 2.5. */
static void what_does_not_vary_does_not_tell_what_sessions_differ_by(void **state)
{
    const struct sample a = SAMPLE(7, 7, 7, 7, 7);
    const struct sample b = SAMPLE(1, 2, 3, 4, 5);
    const struct sample c = SAMPLE(8, 8, 8);
    (void)state;

    assert_near(sample_welch(&a, &b, false, 2).error, sqrt(10.5), 1e-12);
    assert_near(sample_welch(&b, &a, false, 2).error, sqrt(10.5), 1e-12);
    assert_near(sample_welch(&a, &c, true, 2).p, 1, 0);
    assert_true(isinf(sample_welch(&a, &c, true, 2).error));
    assert_near(sample_welch(&a, &a, true, 2).p, 1, 0);
    assert_near(sample_welch(&a, &a, true, 2).error, 0, 0);
}

/* Holm's own scheme: 0.01 * 4, 0.02 * 3, max(that, 0.025 * 2), 0.04 * 1 after the one before. */
static void holms_correction_is_as_computed_by_hand(void **state)
{
    double p[] = {0.04, 0.01, 0.025, 0.02};
    double large[] = {0.9, 0.8};
    (void)state;

    holm_adjust(p, 4);
    assert_near(p[1], 0.04, 1e-12);
    assert_near(p[3], 0.06, 1e-12);
    assert_near(p[2], 0.06, 1e-12);
    assert_near(p[0], 0.06, 1e-12);
    holm_adjust(large, 2);
    assert_near(large[0], 1, 0);
    holm_adjust(NULL, 0);
}

/* -- Comparisons ------------------------------------------------------------------------------- */

static struct comparison compare(struct sample a, struct sample b, enum metric_better better)
{
    struct comparison comparison = {
        .a = a, .b = b, .better = better, .threshold = COMPARE_THRESHOLD, .one_session = true};

    compare_all(&comparison, 1);
    return comparison;
}

static void a_run_against_itself_shows_no_difference(void **state)
{
    const struct sample wild = SAMPLE(10, 90, 35, 60, 20);
    struct comparison comparison = compare(wild, wild, METRIC_HIGHER);
    (void)state;

    assert_int_equal(comparison.verdict, COMPARE_SAME);
    assert_near(comparison.ratio, 1, 0);
    assert_near(comparison.p, 1, 1e-12);
}

static void half_the_rate_is_slower(void **state)
{
    const struct sample a = SAMPLE(100, 102, 98, 101, 99);
    const struct sample b = SAMPLE(50, 51, 49, 50.5, 49.5);
    struct comparison comparison = compare(a, b, METRIC_HIGHER);
    (void)state;

    assert_int_equal(comparison.verdict, COMPARE_SLOWER);
    assert_near(comparison.ratio, 0.5, 1e-12);
    assert_true(compare_interval(&comparison, 1).low < 0.5);
    assert_true(compare_interval(&comparison, 1).high > 0.5);
    assert_int_equal(compare(b, a, METRIC_HIGHER).verdict, COMPARE_FASTER);
    assert_int_equal(compare(a, b, METRIC_LOWER).verdict, COMPARE_FASTER);
    assert_int_equal(compare(b, a, METRIC_LOWER).verdict, COMPARE_SLOWER);
}

static void what_is_below_the_threshold_is_no_difference(void **state)
{
    const struct sample a = SAMPLE(100, 100.1, 99.9, 100, 100.1);
    const struct sample b = SAMPLE(96, 96.1, 95.9, 96, 96.1);
    (void)state;

    assert_true(compare(a, b, METRIC_HIGHER).p < 1e-6);
    assert_int_equal(compare(a, b, METRIC_HIGHER).verdict, COMPARE_SAME);
}

/* The same runs say less of two sessions than of two builds that took turns. */
static void sessions_have_to_differ_by_more(void **state)
{
    struct comparison turns = {.a = SAMPLE(100, 110, 90, 105, 95),
                               .b = SAMPLE(70, 77, 63, 73.5, 66.5),
                               .better = METRIC_HIGHER,
                               .threshold = COMPARE_THRESHOLD,
                               .one_session = true};
    struct comparison sessions = turns;
    (void)state;

    sessions.one_session = false;
    compare_all(&turns, 1);
    compare_all(&sessions, 1);
    assert_int_equal(turns.verdict, COMPARE_SLOWER);
    assert_true(sessions.verdict < COMPARE_FASTER);
    assert_true(sessions.p > turns.p && sessions.scatter > turns.scatter);
}

/* Three losses of 0 and three of 1 may be two sessions of one build. */
static void sessions_without_scatter_tell_no_difference(void **state)
{
    struct comparison turns = {.a = SAMPLE(0, 0, 0),
                               .b = SAMPLE(1, 1, 1),
                               .better = METRIC_LOWER,
                               .threshold = COMPARE_THRESHOLD,
                               .one_session = true};
    struct comparison sessions = turns;
    struct comparison same = turns;
    (void)state;

    sessions.one_session = same.one_session = false;
    same.b = same.a;
    compare_all(&turns, 1);
    compare_all(&sessions, 1);
    compare_all(&same, 1);
    assert_int_equal(turns.verdict, COMPARE_SLOWER);
    assert_int_equal(sessions.verdict, COMPARE_TOO_NOISY);
    assert_near(sessions.p, 1, 0);
    assert_true(isinf(sessions.scatter));
    assert_int_equal(same.verdict, COMPARE_SAME);
}

/* A guest may print any number, and must not decide what is said of the others. */
static void what_is_too_large_to_reckon_with_leaves_the_others_alone(void **state)
{
    struct comparison family[] = {
        {.a = SAMPLE(0, 1e308, 1e308, 1e308), .b = SAMPLE(1e308, 1e308, 1e308, 0)},
        {.a = SAMPLE(100, 102, 98, 101, 99), .b = SAMPLE(50, 51, 49, 50.5, 49.5)},
        {.a = SAMPLE(100, 102, 98, 101, 99), .b = SAMPLE(100, 102, 98, 101, 99)},
    };
    (void)state;

    for (size_t i = 0; i < array_size(family); i++) {
        family[i].better = METRIC_HIGHER;
        family[i].threshold = COMPARE_THRESHOLD;
        family[i].one_session = true;
    }
    compare_all(family, array_size(family));
    assert_int_equal(family[0].verdict, COMPARE_TOO_NOISY);
    assert_near(family[0].p, 1, 0);
    assert_true(isinf(family[0].scatter));
    assert_int_equal(family[1].verdict, COMPARE_SLOWER);
    assert_true(family[1].p < 1e-6);
    assert_int_equal(family[2].verdict, COMPARE_SAME);
}

static void two_runs_are_too_few_to_say(void **state)
{
    const struct sample a = SAMPLE(100, 101);
    const struct sample b = SAMPLE(50, 51);
    struct comparison comparison = compare(a, b, METRIC_HIGHER);
    (void)state;

    assert_int_equal(comparison.verdict, COMPARE_TOO_FEW);
    assert_near(comparison.ratio, 50.5 / 100.5, 1e-12);
    assert_true(isnan(comparison.p));
}

static void runs_that_scatter_are_too_noisy_to_say(void **state)
{
    const struct sample a = SAMPLE(100, 60, 140, 80, 120);
    const struct sample b = SAMPLE(95, 70, 150, 90, 110);
    (void)state;

    assert_int_equal(compare(a, b, METRIC_HIGHER).verdict, COMPARE_TOO_NOISY);
}

/* A loss of 0 has no ratio and no logarithm. */
static void values_of_zero_are_compared_as_they_are(void **state)
{
    const struct sample none = SAMPLE(0, 0, 0, 0, 0);
    const struct sample some = SAMPLE(2, 2.1, 1.9, 2, 2.05);
    struct comparison comparison = compare(none, some, METRIC_LOWER);
    (void)state;

    assert_int_equal(comparison.verdict, COMPARE_SLOWER);
    assert_true(isnan(comparison.ratio) && isnan(compare_interval(&comparison, 1).low));
    comparison = compare(some, none, METRIC_LOWER);
    assert_int_equal(comparison.verdict, COMPARE_FASTER);
    assert_near(comparison.ratio, 0, 0);
    assert_int_equal(compare(none, none, METRIC_LOWER).verdict, COMPARE_SAME);
}

/* -- How often it is wrong --------------------------------------------------------------------- */

/* Of noise: by what a run's value is multiplied. */
typedef double (*noise_fn)(uint64_t key, uint64_t index);

static double uniform(uint64_t key, uint64_t index)
{
    return ((double)(random_at(key, index) >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller. */
static double normal(uint64_t key, uint64_t index)
{
    return sqrt(-2 * log(uniform(key, 2 * index))) * cos(2 * M_PI * uniform(key, 2 * index + 1));
}

static double three_percent(uint64_t key, uint64_t index)
{
    return exp(0.03 * normal(key, index));
}

static double ten_percent(uint64_t key, uint64_t index)
{
    return exp(0.1 * normal(key, index));
}

/* One run in ten is slowed down by something else, by up to a half. */
static double disturbed(uint64_t key, uint64_t index)
{
    double slow = uniform(key + 1, index) < 0.1 ? 1 - uniform(key + 2, index) / 2 : 1;

    return three_percent(key, index) * slow;
}

/* Two ways to be placed on the processors, 20 % apart. */
static double either_or(uint64_t key, uint64_t index)
{
    return three_percent(key, index) * (uniform(key + 1, index) < 0.5 ? 1 : 1.2);
}

struct outcome {
    size_t alarms; /* suites with a verdict of faster or slower for a metric that is the same */
    size_t found;  /* suites in which the last metric, which is `shift` times as large, is told */
};

/* What all runs of a session have in common: its variance, as a share of that of 3 % among its
 * runs; 0 where both builds are of one session. */
static double in_common(uint64_t suite, size_t side, double between)
{
    return exp(0.03 * sqrt(between) * normal(random_mix(suite) + 3, side));
}

/* Suites of METRICS metrics, `runs` (at most MORE_RUNS) of each, of which the last one is `shift`
 * times as large in b. */
static struct outcome simulate(noise_fn noise, double shift, size_t runs, double between)
{
    struct outcome outcome = {0};

    for (uint64_t suite = 0; suite < SUITES; suite++) {
        struct comparison comparisons[METRICS];
        double values[2 * METRICS][MORE_RUNS];
        bool alarm = false;

        for (size_t i = 0; i < array_size(values); i++)
            for (size_t run = 0; run < runs; run++)
                values[i][run] = 400 * noise(random_mix(suite), i * runs + run) *
                                 in_common(suite, i, between) *
                                 (i == array_size(values) - 1 ? shift : 1);
        for (size_t i = 0; i < METRICS; i++)
            comparisons[i] = (struct comparison){.a = {values[2 * i], runs},
                                                 .b = {values[2 * i + 1], runs},
                                                 .threshold = COMPARE_THRESHOLD,
                                                 .one_session = between == 0};
        compare_all(comparisons, METRICS);
        for (size_t i = 0; i < METRICS - (shift != 1); i++)
            alarm = alarm || comparisons[i].verdict >= COMPARE_FASTER;
        outcome.alarms += alarm;
        outcome.found += comparisons[METRICS - 1].verdict == COMPARE_SLOWER;
    }
    return outcome;
}

static void assert_few_alarms(const char *noise, struct outcome outcome, double share)
{
    print_message("# %s: %zu alarms in %d suites of %d metrics\n", noise, outcome.alarms, SUITES,
                  METRICS);
    /* And three standard deviations of such a count. */
    assert_true((double)outcome.alarms <= SUITES * share + 3 * sqrt(SUITES * share));
}

static void the_same_build_gives_hardly_ever_an_alarm(void **state)
{
    (void)state;

    assert_few_alarms("3 %", simulate(three_percent, 1, RUNS, 0), COMPARE_FAMILY_ERROR);
    assert_few_alarms("10 %", simulate(ten_percent, 1, RUNS, 0), COMPARE_FAMILY_ERROR);
    assert_few_alarms("disturbed", simulate(disturbed, 1, RUNS, 0), COMPARE_FAMILY_ERROR);
}

static void another_session_gives_hardly_ever_an_alarm(void **state)
{
    (void)state;

    assert_few_alarms("sessions", simulate(three_percent, 1, RUNS, COMPARE_BETWEEN),
                      COMPARE_FAMILY_ERROR);
    assert_few_alarms("sessions, 10 runs", simulate(three_percent, 1, MORE_RUNS, COMPARE_BETWEEN),
                      COMPARE_FAMILY_ERROR);
}

/* That all runs of a side go one way happens to 2 metrics in 1024, and nothing in them tells it
 * from a difference. More runs make it rarer. */
static void two_ways_to_run_need_more_runs(void **state)
{
    (void)state;

    assert_few_alarms("two ways", simulate(either_or, 1, RUNS, 0), METRICS * 2.0 / 1024);
    assert_few_alarms("two ways, 10 runs", simulate(either_or, 1, MORE_RUNS, 0),
                      COMPARE_FAMILY_ERROR);
}

static void assert_seen(const char *what, size_t found, double share)
{
    print_message("# %s: seen %zu times of %d\n", what, found, SUITES);
    assert_true((double)found >= SUITES * share);
}

static void half_the_rate_is_always_seen(void **state)
{
    (void)state;

    assert_seen("half, 3 %", simulate(three_percent, 0.5, RUNS, 0).found, 0.999);
    assert_seen("half, 10 %", simulate(ten_percent, 0.5, RUNS, 0).found, 0.95);
    assert_seen("half, 3 %, sessions", simulate(three_percent, 0.5, RUNS, COMPARE_BETWEEN).found,
                0.95);
}

/* Five runs at 3 % see it half the time; that is what they can do for so few false alarms. */
static void a_tenth_is_seen_with_ten_runs(void **state)
{
    (void)state;

    assert_seen("a tenth, 3 %", simulate(three_percent, 0.9, RUNS, 0).found, 0.45);
    assert_seen("a tenth, 3 %, 10 runs", simulate(three_percent, 0.9, MORE_RUNS, 0).found, 0.98);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_summary_has_the_usual_figures),
        cmocka_unit_test(one_value_has_no_variation),
        cmocka_unit_test(less_than_three_values_have_no_interval),
        cmocka_unit_test(outliers_are_marked_and_kept),
        cmocka_unit_test(the_interval_of_five_is_all_of_them),
        cmocka_unit_test(an_interval_is_the_same_every_time),
        cmocka_unit_test(students_distribution_is_that_of_the_tables),
        cmocka_unit_test(welchs_test_is_as_computed_by_hand),
        cmocka_unit_test(samples_that_do_not_vary_differ_or_not),
        cmocka_unit_test(what_does_not_vary_does_not_tell_what_sessions_differ_by),
        cmocka_unit_test(holms_correction_is_as_computed_by_hand),
        cmocka_unit_test(a_run_against_itself_shows_no_difference),
        cmocka_unit_test(half_the_rate_is_slower),
        cmocka_unit_test(what_is_below_the_threshold_is_no_difference),
        cmocka_unit_test(sessions_have_to_differ_by_more),
        cmocka_unit_test(sessions_without_scatter_tell_no_difference),
        cmocka_unit_test(what_is_too_large_to_reckon_with_leaves_the_others_alone),
        cmocka_unit_test(two_runs_are_too_few_to_say),
        cmocka_unit_test(runs_that_scatter_are_too_noisy_to_say),
        cmocka_unit_test(values_of_zero_are_compared_as_they_are),
        cmocka_unit_test(the_same_build_gives_hardly_ever_an_alarm),
        cmocka_unit_test(another_session_gives_hardly_ever_an_alarm),
        cmocka_unit_test(half_the_rate_is_always_seen),
        cmocka_unit_test(two_ways_to_run_need_more_runs),
        cmocka_unit_test(a_tenth_is_seen_with_ten_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
