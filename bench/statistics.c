#include "bench/statistics.h"

#include "base/median.h"
#include "base/memory.h"
#include "net/random.h"

#include <math.h>
#include <string.h>

double sample_median(const struct sample *sample)
{
    return median_of(sample->values, sample->count);
}

/* -- The bootstrap ----------------------------------------------------------------------------- */

struct draws {
    uint64_t key, next;
};

static double resampled_median(const struct sample *sample, double *room, struct draws *draws)
{
    for (size_t i = 0; i < sample->count; i++) {
        uint64_t draw = random_at(draws->key, draws->next++);

        room[i] = sample->values[random_below(draw, sample->count)];
    }
    median_sort(room, sample->count);
    return median_of_sorted(room, sample->count);
}

/* Sorts `found`. */
static struct interval percentiles(double *found)
{
    size_t tail = STATISTICS_RESAMPLES / 40; /* 2.5 % */

    median_sort(found, STATISTICS_RESAMPLES);
    return (struct interval){found[tail], found[STATISTICS_RESAMPLES - 1 - tail]};
}

struct interval sample_median_interval(const struct sample *sample, uint64_t seed)
{
    cleanup_free double *room = xreallocarray(NULL, sample->count, sizeof *room);
    cleanup_free double *found = xreallocarray(NULL, STATISTICS_RESAMPLES, sizeof *found);
    struct draws draws = {.key = random_mix(seed)};

    for (size_t i = 0; i < STATISTICS_RESAMPLES; i++)
        found[i] = resampled_median(sample, room, &draws);
    return percentiles(found);
}

struct interval sample_ratio_interval(const struct sample *a, const struct sample *b, uint64_t seed)
{
    size_t most = a->count > b->count ? a->count : b->count;
    cleanup_free double *room = xreallocarray(NULL, most, sizeof *room);
    cleanup_free double *found = xreallocarray(NULL, STATISTICS_RESAMPLES, sizeof *found);
    struct draws draws = {.key = random_mix(seed)};

    for (size_t i = 0; i < STATISTICS_RESAMPLES; i++) {
        double below = resampled_median(a, room, &draws);

        found[i] = resampled_median(b, room, &draws) / below;
    }
    return percentiles(found);
}

/* -- The summary ------------------------------------------------------------------------------- */

size_t sample_outliers(const struct sample *sample, bool *marks)
{
    double median = sample_median(sample);
    cleanup_free double *away = xreallocarray(NULL, sample->count, sizeof *away);
    struct sample distances = {away, sample->count};
    double scale, sum = 0;
    size_t count = 0;

    memset(marks, 0, sample->count * sizeof *marks);
    if (sample->count < 4)
        return 0;
    for (size_t i = 0; i < sample->count; i++) {
        away[i] = fabs(sample->values[i] - median);
        sum += away[i];
    }
    scale = sample_median(&distances) / 0.6745;
    if (scale == 0)
        scale = 1.2533 * sum / (double)sample->count;
    for (size_t i = 0; i < sample->count; i++) {
        marks[i] = away[i] > 3.5 * scale;
        count += marks[i];
    }
    return count;
}

static double mean_of(const double *values, size_t count)
{
    double mean = 0;

    for (size_t i = 0; i < count; i++)
        mean += (values[i] - mean) / (double)(i + 1);
    return mean;
}

/* With count - 1 below, of at least two values. */
static double variance_of(const double *values, size_t count, double mean)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return sum / (double)(count - 1);
}

void sample_summary(const struct sample *sample, uint64_t seed, struct summary *summary)
{
    cleanup_free double *ordered = xreallocarray(NULL, sample->count, sizeof *ordered);
    cleanup_free bool *marks = xcalloc(sample->count, sizeof *marks);
    double mean = mean_of(sample->values, sample->count);

    memcpy(ordered, sample->values, sample->count * sizeof *ordered);
    median_sort(ordered, sample->count);
    *summary = (struct summary){
        .count = sample->count,
        .min = ordered[0],
        .median = median_of_sorted(ordered, sample->count),
        .max = ordered[sample->count - 1],
        .mean = mean,
        .variation = NAN,
        .of95 = {NAN, NAN},
        .outliers = sample_outliers(sample, marks),
    };
    if (sample->count >= STATISTICS_INTERVAL_MIN)
        summary->of95 = sample_median_interval(sample, seed);
    if (sample->count > 1 && mean != 0)
        summary->variation = sqrt(variance_of(ordered, sample->count, mean)) / fabs(mean);
}

/* -- Student's distribution -------------------------------------------------------------------- */

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method; it
 * converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    static const double tiny = 1e-300;
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    double value;

    d = 1 / (fabs(d) < tiny ? tiny : d);
    value = d;
    for (int m = 1; m <= 500; m++) {
        const double steps[] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                                -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
        double before = value;

        for (size_t i = 0; i < array_size(steps); i++) {
            d = 1 + steps[i] * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + steps[i] / c;
            c = fabs(c) < tiny ? tiny : c;
            value *= c * d;
        }
        if (fabs(value - before) <= 1e-15 * fabs(value))
            break;
    }
    return value;
}

/* The regularised incomplete beta function. */
static double incomplete_beta(double a, double b, double x)
{
    int sign;
    double front;

    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) +
                b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double student_two_sided(double t, double freedom)
{
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double student_quantile(double p, double freedom)
{
    double low = 0;
    double high = 1;

    while (student_two_sided(high, freedom) > p && high < 1e12)
        high *= 2;
    for (int i = 0; i < 200; i++) {
        double half = (low + high) / 2;

        if (student_two_sided(half, freedom) > p)
            low = half;
        else
            high = half;
    }
    return high;
}

/* -- Two samples ------------------------------------------------------------------------------- */

static double *transformed(const struct sample *sample, bool logarithms)
{
    double *values = xreallocarray(NULL, sample->count, sizeof *values);

    for (size_t i = 0; i < sample->count; i++)
        values[i] = logarithms ? log(sample->values[i]) : sample->values[i];
    return values;
}

/* Values that are all the same do not tell what their session has in common. */
static double or_else(double variance, double other)
{
    return variance > 0 ? variance : other;
}

struct welch sample_welch(const struct sample *a, const struct sample *b, bool logarithms,
                          double between)
{
    cleanup_free double *of_a = transformed(a, logarithms);
    cleanup_free double *of_b = transformed(b, logarithms);
    double mean_a = mean_of(of_a, a->count);
    double mean_b = mean_of(of_b, b->count);
    double variance_a = variance_of(of_a, a->count, mean_a);
    double variance_b = variance_of(of_b, b->count, mean_b);
    double share_a = variance_a / (double)a->count + between * or_else(variance_a, variance_b);
    double share_b = variance_b / (double)b->count + between * or_else(variance_b, variance_a);
    struct welch welch = {
        .difference = mean_b - mean_a,
        .error = sqrt(share_a + share_b),
        .freedom = (double)(a->count + b->count - 2),
    };

    if (welch.error == 0) {
        welch.error = between > 0 && welch.difference != 0 ? INFINITY : 0;
        welch.p = welch.error > 0 || welch.difference == 0 ? 1 : 0;
        return welch;
    }
    welch.freedom =
        (share_a + share_b) * (share_a + share_b) /
        (share_a * share_a / (double)(a->count - 1) + share_b * share_b / (double)(b->count - 1));
    welch.p = student_two_sided(welch.difference / welch.error, welch.freedom);
    return welch;
}

struct ranked {
    double p;
    size_t index;
};

static int compare_ranked(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->p;
    double y = ((const struct ranked *)b)->p;

    return (x > y) - (x < y);
}

void holm_adjust(double *p, size_t count)
{
    cleanup_free struct ranked *order = xcalloc(count, sizeof *order);
    double least = 0;

    for (size_t i = 0; i < count; i++)
        order[i] = (struct ranked){p[i], i};
    qsort(order, count, sizeof *order, compare_ranked);
    for (size_t i = 0; i < count; i++) {
        double adjusted = fmin(1, order[i].p * (double)(count - i));

        least = fmax(least, adjusted);
        p[order[i].index] = least;
    }
}
