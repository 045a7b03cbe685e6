/* What was measured, from a file: of `duet bench`, of `duet run`, or of `make bench`. docs/bench.md
 * and docs/results.md have the formats. */
#ifndef DUET_BENCH_RECORD_H
#define DUET_BENCH_RECORD_H

#include "bench/statistics.h"
#include "results/model.h"

enum {
    RECORD_SCHEMA = 2,            /* of the files of `duet bench` */
    RECORD_METRICS_MAX = 1 << 14, /* of one file */
    RECORD_BYTES_MAX = 64 << 20,
};

enum record_kind {
    RECORD_BENCH,    /* duet bench */
    RECORD_RUN,      /* duet run: results.json */
    RECORD_MEASURES, /* make bench: bench/out/results.json */
};

struct record_metric {
    char *name; /* unique in its record: "CASE/METRIC", or the measure's */
    char *unit;
    enum metric_better better;
    double *values; /* finite, one at least */
    size_t count;
    size_t disturbed; /* of them, the last ones, are of runs that were disturbed */
    double *left_out; /* of runs that were disturbed, where there are enough others; not read from
                         a file */
    size_t left_out_count;
    struct metric_bounds bounds;
};

/* A run of a case of `duet bench`. */
struct record_run {
    char *name;    /* of the case */
    size_t number; /* from 1, those that warm up included */
    bool warmup;
    bool repeat; /* made in place of one that was disturbed */
    enum verdict verdict;
    char *reason;    /* or NULL */
    char *directory; /* from the record's */
    double duration_s;
    double load;          /* of the host in the last minute, as it began */
    double stolen;        /* share of its time that a hypervisor took, while it ran */
    double others;        /* likewise, other processes of the host */
    double slowdown;      /* of the calibrated spin after it or before it, against the quickest */
    double frequency_mhz; /* of the fastest processor, behind it; 0: not known */
    const char *noise;    /* why the values of this run are in doubt; NULL: they are not */
};

/* Zero-initialised is empty. Texts are NULL where the file has none. */
struct record {
    enum record_kind kind;
    int schema;     /* 0 of RECORD_MEASURES, which has none */
    char *path;     /* as it was given */
    char *suite;    /* NULL of RECORD_MEASURES; so are the next two */
    char *revision; /* of the suite's directory: what git describes it as */
    char *tag;
    char *set;             /* the variables that were set: "bin=/tmp/new"; NULL: none */
    char *started;         /* ISO 8601 */
    struct host_info host; /* cpu_model, cpus, accel, kernel, qemu and guest_kernel alone */
    double spin_ms;        /* what a calibrated spin took; 0: not known */
    bool interrupted;      /* it was ended before all was measured */
    struct record_metric *metrics;
    size_t metric_count;
    /* Not read from a file: */
    uint64_t seed;
    double duration_s;
    struct record_run *runs;
    size_t run_count;
};

/* Adds the values to the metric of that name, which is made where it is not there: to `left_out`
 * where they are `disturbed`. EBADMSG where its unit, or what is better, is another. */
int record_add(struct record *record, const char *name, const struct metric *values, bool disturbed,
               struct error *error);
/* When all are added: a metric with less than `enough` values, one at least, takes those in that
 * were left out. */
void record_settle(struct record *record, size_t enough);
/* Writes the file of a record of RECORD_BENCH; errors are those of fs_write. */
int record_write(const struct record *record, const char *path, struct error *error);

/* Reads a file's text. `path` is its name. `any_schema`: take one that this duet does not know for
 * one that it does. The caller frees *record.
 *
 * Errors: EBADMSG for what is none of the three, EPROTONOSUPPORT for another schema; the message
 * has the path. */
int record_read(const char *path, const char *text, size_t length, bool any_schema,
                struct record *record, struct error *error);
/* As record_read, from the file, or from results.json in the directory, at `path`. */
int record_load(const char *path, bool any_schema, struct record *record, struct error *error);
/* Or NULL. */
const struct record_metric *record_find(const struct record *record, const char *name);
struct sample record_sample(const struct record_metric *metric);
/* "a results file of `duet bench`" */
const char *record_kind_name(enum record_kind kind);
/* NULL is fine. */
void record_free(struct record *record);

#endif
