/* Whether runs of B are slower than runs of A, for many metrics at once.
 *
 * A difference is told where all of these hold:
 * - Welch's t-test on the logarithms of the values says so, with Holm's correction over all metrics
 *   that are compared, at COMPARE_FAMILY_ERROR: the chance of even one false alarm in a comparison.
 *   (On the values themselves where one of them is 0 or below.) Of two sessions, what all runs of
 *   one have in common varies, too: by COMPARE_BETWEEN, which the runs of two sessions cannot tell.
 *   A test by ranks cannot say anything here: five runs against five have p >= 0.0079 whatever they
 *   are, and twelve metrics make 0.095 of that.
 * - The medians differ by more than the threshold and the drift, on the same side.
 *
 * What cannot be told is "too noisy" where it was disturbed, and where twice the threshold could
 * hide in scatter and drift. */
#ifndef DUET_BENCH_COMPARE_H
#define DUET_BENCH_COMPARE_H

#include "bench/statistics.h"
#include "results/metric.h"

#define COMPARE_FAMILY_ERROR 0.01
#define COMPARE_THRESHOLD    0.05 /* unless the user gives another */
/* The variance of what sessions of one build differ by, as a multiple of that among the runs of
 * one: measured, see docs/bench.md. */
#define COMPARE_BETWEEN 2.0
enum { COMPARE_RUNS_MIN = 3 }; /* of each side */

enum compare_verdict {
    COMPARE_TOO_FEW, /* runs to say */
    COMPARE_TOO_NOISY,
    COMPARE_SAME, /* no difference that can be shown */
    COMPARE_FASTER,
    COMPARE_SLOWER,
};

struct comparison {
    struct sample a, b;
    enum metric_better better;
    double threshold; /* a share: 0.05 */
    bool disturbed;   /* whatever differs may be the doing of what else the machine did */
    double drift;     /* likewise: by how much the machine itself changed between a and b */
    bool one_session; /* the runs of a and of b took turns */

    /* What compare_all fills in. */
    enum compare_verdict verdict;
    double ratio;   /* of the medians, b / a; NaN where a's is not above 0 */
    double p;       /* corrected; NaN where there are too few runs */
    double scatter; /* the half width of the 95 % interval of the ratio of means, as a share; NaN
                       where there are too few runs */
};

/* Fills in all of them, as one family. Each sample has a value at least. */
void compare_all(struct comparison *comparisons, size_t count);
/* The 95 % interval of `ratio`, from these runs alone: what two sessions differ by is not in it, as
 * it is in `scatter`. Of NaN where a value is not above 0, and of too few runs. */
struct interval compare_interval(const struct comparison *comparison, uint64_t seed);
/* "slower", for people and for files. */
const char *compare_verdict_name(enum compare_verdict verdict);

#endif
