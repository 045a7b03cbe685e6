/* What duet measures of itself, and what is wanted of it: the names, baselines and bounds that the
 * project's issues give. docs/bench.md has the same as a table, and a test compares. */
#ifndef DUET_BENCH_WANTED_H
#define DUET_BENCH_WANTED_H

#include <stdbool.h>
#include <stddef.h>

enum wanted_kind {
    WANTED_NOTHING, /* it is shown for what it is */
    WANTED_VALUE_MOST,
    WANTED_RATIO_MOST, /* of the value to the baseline's */
    WANTED_VALUE_LEAST,
    WANTED_RATIO_LEAST,
    WANTED_BY_PROGRAM, /* its bench program knows the bound, and judges */
};

struct wanted {
    const char *name; /* of the measure; `bench_x --list` has it */
    const char *unit;
    enum wanted_kind kind;
    double bound;
    const char *text; /* of WANTED_BY_PROGRAM, for people */
    const char *what; /* is measured; Markdown */
};

/* NULL where there is no such measure. */
const struct wanted *wanted_find(const char *name);
/* All of them, in the order of the documentation. */
const struct wanted *wanted_all(size_t *count);
/* "ratio >= 0.6", "<= 0.5 s"; NULL where nothing is wanted. The caller frees it. */
char *wanted_text(const struct wanted *wanted);
/* Whether the bound is kept, a bound of the value or of the ratio. A ratio that is not a number
 * keeps none. */
bool wanted_is_met(const struct wanted *wanted, double value, double ratio);

#endif
