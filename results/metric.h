/* Metrics: what a guest measures, from the JSON text after `DUET_METRIC: `. */
#ifndef DUET_RESULTS_METRIC_H
#define DUET_RESULTS_METRIC_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    METRIC_NAME_MAX = 64,
    METRIC_UNIT_MAX = 24,
    METRICS_MAX = 256,         /* of one case */
    METRIC_VALUES_MAX = 10000, /* of one metric in one case */
};

enum metric_better { METRIC_HIGHER, METRIC_LOWER };

/* One value. */
struct metric_token {
    char name[METRIC_NAME_MAX + 1];
    char unit[METRIC_UNIT_MAX + 1];
    enum metric_better better;
    double value; /* finite */
};

/* Where a metric is bad enough to fail. Zeroes: never. */
struct metric_bound {
    bool given;
    bool
        relative; /* `value` is a share of the baseline's median; else it is in the metric's unit */
    double value;
};

struct metric_bounds {
    struct metric_bound below, above;
};

struct metric {
    char *name, *unit;
    enum metric_better better;
    double *values; /* in the order in which they came; one at least */
    size_t count;
    struct metric_bounds bounds;
};

/* Zero-initialised is empty. Names are unique. */
struct metrics {
    struct metric *items;
    size_t count;
};

/* Reads the token `text`: a JSON object with "name" (letters, digits, ".", "_", "-", "/", at most
 * METRIC_NAME_MAX, a letter or digit first), "value" (a finite number), "unit" (1 to
 * METRIC_UNIT_MAX bytes, no control characters) and "better" ("higher" or "lower"). Other keys are
 * ignored. EBADMSG says what was found and what was expected; a text that is a token's in nothing
 * else is refused as token_parse does. */
int metric_parse(const char *text, size_t length, struct metric_token *token, struct error *error);

/* Adds the value to the metric of that name. Errors: EBADMSG where the unit or what is better is
 * another than before; ENOBUFS for too many metrics, or values of one. */
int metrics_add(struct metrics *metrics, const struct metric_token *token, struct error *error);
/* Adds all of `from`, as metrics_add. What could be added was, whatever the first error is. */
int metrics_merge(struct metrics *metrics, const struct metrics *from, struct error *error);
/* Or NULL. */
struct metric *metrics_find(const struct metrics *metrics, const char *name);
/* Of its values. */
double metric_median(const struct metric *metric);
const char *metric_better_name(enum metric_better better);
/* "higher" and "lower"; false for anything else. */
bool metric_better_from_name(const char *name, enum metric_better *better);
/* Whether it is a name, as metric_parse has it. */
bool metric_is_name(const char *name);
/* Frees what it holds; NULL is fine. */
void metrics_free(struct metrics *metrics);

#endif
