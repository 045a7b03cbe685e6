/* The results of `duet bench` that are on disk: those of a tag, and one metric over all of them. */
#ifndef DUET_BENCH_HISTORY_H
#define DUET_BENCH_HISTORY_H

#include "base/buffer.h"
#include "bench/record.h"

enum { HISTORY_POINTS_MAX = 4096 };

/* Reads what `name` names: a file, a directory with a results.json, or, where there is neither, a
 * tag: the newest of the results below `results`/bench that has it. ENOENT says what was looked
 * for. */
int history_open(const char *results, const char *name, bool any_schema, struct record *record,
                 struct error *error);

/* One metric of one record. */
struct history_point {
    char *label; /* the tag, or when it was */
    bool tagged;
    char *started;
    char *suite;
    char *unit;
    enum metric_better better;
    double *values;
    size_t count;
    size_t disturbed; /* of them, as struct record_metric has it */
};

struct history {
    char *metric;                 /* its whole name; NULL of no points */
    struct history_point *points; /* the oldest first */
    size_t count;
    char **names; /* of all metrics that there are, for suggestions */
    size_t name_count;
    size_t unread; /* results.json that cannot be read: strange, or of another schema */
};

struct history_options {
    const char *results;
    const char *metric; /* its whole name, or what stands behind a "/" at its end */
    const char *suite;  /* or NULL: of all */
    bool untagged;      /* those without a tag, too */
};

/* Gathers it from results/bench/<run>/results.json; the caller frees *history. ENOENT where there
 * is no such directory; no points are no error; EINVAL where `metric` fits several names, or where
 * its unit has changed in between. */
int history_read(const struct history_options *options, struct history *history,
                 struct error *error);
void history_free(struct history *history);

/* Appends it as a JSON document, as docs/bench.md has it. */
void history_write(const struct history *history, struct buffer *out);

/* Appends a program for gnuplot(1) that writes an SVG to the file `svg`: medians with their
 * intervals over the labels. */
void history_plot(const struct history *history, const char *metric, const char *svg,
                  struct buffer *out);

#endif
