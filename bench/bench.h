/* bench: what every program that measures duet shares.
 *
 * A bench program measures one part of duet. `bench_x --list` prints the names of its measures,
 * `bench_x REGEX` takes those whose names match (extended regular expression, found anywhere in
 * the name) and prints a JSON object per line for each. bench/run.c runs them all. */
#ifndef DUET_BENCH_H
#define DUET_BENCH_H

#include "base/error.h"

#include <stddef.h>

struct bench_measure {
    const char *name;
    double value; /* in `unit`; the median where n > 1 */
    const char *unit;
    size_t n;             /* samples */
    const char *baseline; /* what it is compared with, measured in the same run; NULL: nothing */
    double baseline_value;
    double ratio;       /* value / baseline_value, or the median of the samples' ratios */
    const char *better; /* "lower" or "higher" */
};

/* Measures and calls bench_emit once for each name of its entry. */
typedef int (*bench_fn)(struct error *error);

struct bench_entry {
    const char *name;
    bench_fn run;
};

/* main() of a bench program; returns its exit status: 0, 1 where something could not be measured,
 * 2 for bad usage. */
int bench_main(int argc, char **argv, const struct bench_entry *entries, size_t count);
/* Prints the measure as a line of JSON on standard output. */
void bench_emit(const struct bench_measure *measure);
/* Sorts the `count` (at least 1) values. */
double bench_median(double *values, size_t count);

#endif
