#include "bench/compare.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static bool is_above_zero(const struct sample *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        if (sample->values[i] <= 0)
            return false;
    return true;
}

static bool has_enough(const struct comparison *comparison)
{
    return comparison->a.count >= COMPARE_RUNS_MIN && comparison->b.count >= COMPARE_RUNS_MIN;
}

/* `width`: half of the interval's, in logarithms or in the metric's unit. */
static double scatter_of(const struct comparison *comparison, double width, bool logarithms)
{
    double median = fabs(sample_median(&comparison->a));

    if (width == 0)
        return 0;
    if (logarithms)
        return expm1(width);
    return median > 0 ? width / median : INFINITY;
}

static void measure(struct comparison *comparison, struct welch *welch)
{
    bool logarithms = is_above_zero(&comparison->a) && is_above_zero(&comparison->b);
    double median = sample_median(&comparison->a);

    comparison->ratio = median > 0 ? sample_median(&comparison->b) / median : NAN;
    comparison->p = comparison->scatter = NAN;
    if (!has_enough(comparison))
        return;
    *welch = sample_welch(&comparison->a, &comparison->b, logarithms,
                          comparison->one_session ? 0 : COMPARE_BETWEEN);
    comparison->p = welch->p;
    comparison->scatter =
        scatter_of(comparison, student_quantile(0.05, welch->freedom) * welch->error, logarithms);
    if (isfinite(comparison->p))
        return;
    /* Of values that are too large to be reckoned with; in the family's order of p it would have
     * no place. */
    comparison->p = 1;
    comparison->scatter = INFINITY;
}

/* 1: b is beyond threshold and drift above a, -1: below it, 0: neither. */
static int beyond(const struct comparison *comparison)
{
    double below = sample_median(&comparison->a);
    double above = sample_median(&comparison->b);
    double room = (comparison->threshold + comparison->drift) * fabs(below);

    return above - below > room ? 1 : below - above > room ? -1 : 0;
}

static enum compare_verdict judge(const struct comparison *comparison, const struct welch *welch)
{
    int side = beyond(comparison);
    bool same_side = (welch->difference > 0) == (side > 0);

    if (!has_enough(comparison))
        return COMPARE_TOO_FEW;
    if (side != 0 && same_side && comparison->p <= COMPARE_FAMILY_ERROR && comparison->disturbed)
        return COMPARE_TOO_NOISY;
    if (side != 0 && same_side && comparison->p <= COMPARE_FAMILY_ERROR)
        return (side > 0) == (comparison->better == METRIC_HIGHER) ? COMPARE_FASTER
                                                                   : COMPARE_SLOWER;
    if (comparison->a.count == comparison->b.count &&
        memcmp(comparison->a.values, comparison->b.values,
               comparison->a.count * sizeof *comparison->a.values) == 0)
        return COMPARE_SAME;
    return comparison->scatter + comparison->drift > 2 * comparison->threshold ? COMPARE_TOO_NOISY
                                                                               : COMPARE_SAME;
}

/* Those with too few runs are no part of the family. */
static void adjust(struct comparison *comparisons, size_t count)
{
    cleanup_free double *p = xcalloc(count, sizeof *p);
    size_t tested = 0;

    for (size_t i = 0; i < count; i++)
        if (has_enough(&comparisons[i]))
            p[tested++] = comparisons[i].p;
    holm_adjust(p, tested);
    tested = 0;
    for (size_t i = 0; i < count; i++)
        if (has_enough(&comparisons[i]))
            comparisons[i].p = p[tested++];
}

struct interval compare_interval(const struct comparison *comparison, uint64_t seed)
{
    if (!has_enough(comparison) || !is_above_zero(&comparison->a) || !is_above_zero(&comparison->b))
        return (struct interval){NAN, NAN};
    return sample_ratio_interval(&comparison->a, &comparison->b, seed);
}

void compare_all(struct comparison *comparisons, size_t count)
{
    cleanup_free struct welch *tests = xcalloc(count, sizeof *tests);

    for (size_t i = 0; i < count; i++)
        measure(&comparisons[i], &tests[i]);
    adjust(comparisons, count);
    for (size_t i = 0; i < count; i++)
        comparisons[i].verdict = judge(&comparisons[i], &tests[i]);
}

const char *compare_verdict_name(enum compare_verdict verdict)
{
    static const char *const names[] = {
        [COMPARE_TOO_FEW] = "too few runs to say",
        [COMPARE_TOO_NOISY] = "too noisy to say",
        [COMPARE_SAME] = "no difference that can be shown",
        [COMPARE_FASTER] = "faster",
        [COMPARE_SLOWER] = "slower",
    };

    return names[verdict];
}
