/* What a few runs of one metric say: their summary, and whether two builds' runs differ.
 *
 * Pure: no I/O, no clock; what is random is drawn from a seed. docs/bench.md says why these
 * methods. */
#ifndef DUET_BENCH_STATISTICS_H
#define DUET_BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STATISTICS_RESAMPLES = 4000,   /* of a bootstrap */
    STATISTICS_VALUES_MAX = 10000, /* of one sample */
    STATISTICS_INTERVAL_MIN = 3,   /* values, of which a summary has an interval */
};

/* Finite values, one a run, in the order in which they were taken. */
struct sample {
    const double *values;
    size_t count;
};

struct interval {
    double low, high;
};

struct summary {
    size_t count;
    double min, median, max, mean;
    double variation; /* standard deviation / |mean|; NaN of one value, and where the mean is 0 */
    struct interval of95; /* of the median, as sample_median_interval has it; of NaN where there
                             are less than STATISTICS_INTERVAL_MIN values */
    size_t outliers;      /* how many sample_is_outlier marks */
};

/* Of 1 to STATISTICS_VALUES_MAX values. */
void sample_summary(const struct sample *sample, uint64_t seed, struct summary *summary);
double sample_median(const struct sample *sample);
/* The percentile bootstrap's 95 % interval of the median. Of five runs it is from the least to the
 * greatest, which holds the true median in 93.75 % of all cases, and no method knows better; so it
 * is of three, in 75 %. */
struct interval sample_median_interval(const struct sample *sample, uint64_t seed);
/* Likewise of the median of `b` divided by that of `a`. All values are above 0. */
struct interval sample_ratio_interval(const struct sample *a, const struct sample *b,
                                      uint64_t seed);
/* Fills marks[i]: whether value i is further from the median than 3.5 of its modified z-scores
 * (Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993): 0.6745 |x - median| / MAD,
 * and where the MAD is 0, |x - median| / (1.2533 MeanAD). Of less than 4 values none is. Returns
 * how many there are. Marked values stay in every figure. */
size_t sample_outliers(const struct sample *sample, bool *marks);

/* -- Two samples ------------------------------------------------------------------------------- */

/* Welch's t-test: whether two means differ, the samples being of unequal variance. */
struct welch {
    double difference; /* mean of b - mean of a */
    double error;      /* its standard error; INFINITY where nothing tells it */
    double freedom;    /* degrees, by Welch and Satterthwaite */
    double p;          /* two-sided; 1 or 0 where neither sample varies */
};

/* Of at least two values each; `logarithms`: of their logarithms, all values being above 0.
 * `between`: what all values of a sample have in common, and another sample has otherwise, varies
 * too, by that share of the variance among them; 0 is the test itself. Of a sample that does not
 * vary, that is taken of the other's variance; where neither varies, a difference tells nothing. */
struct welch sample_welch(const struct sample *a, const struct sample *b, bool logarithms,
                          double between);

/* The chance that |t| is exceeded under Student's distribution. */
double student_two_sided(double t, double freedom);
/* The t that is exceeded with the chance `p` in (0, 1), two-sided. */
double student_quantile(double p, double freedom);

/* Holm's step-down correction, in place: p[i] becomes the least family-wise error rate at which the
 * i-th of `count` hypotheses is rejected. */
void holm_adjust(double *p, size_t count);

#endif
