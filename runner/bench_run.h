/* Runs a suite's cases again and again, one at a time, and gathers what they measure. */
#ifndef DUET_RUNNER_BENCH_RUN_H
#define DUET_RUNNER_BENCH_RUN_H

#include "bench/record.h"
#include "runner/session.h"
#include "runner/suite.h"

enum { BENCH_BUILDS_MAX = 2, BENCH_RUNS_MAX = 1000 };

/* The suite with one build of what it measures. */
struct bench_build {
    const struct suite *suite;
    const char *set; /* what was set for it: "bin=PATH", or NULL */
};

struct bench_options {
    struct bench_build builds[BENCH_BUILDS_MAX]; /* of two, the runs take turns */
    size_t build_count;
    const char *only;    /* cases, as run_selects has it */
    const char *metric;  /* fnmatch(3) pattern of their names in a case, or NULL */
    size_t runs, warmup; /* of each case; the first `warmup` more are discarded */
    size_t repeats;      /* of each case at most, in place of runs that were disturbed */
    const char *results; /* the directory that gets bench/<run> */
    const char *tag;     /* or NULL */
    uint64_t seed;
    bool quiet; /* no line for each run */
};

struct bench_outcome {
    struct record records[BENCH_BUILDS_MAX]; /* by build; `path` is the file's, for people */
    char *directory;                         /* of the results, as the user should read it */
    int status; /* the program's, but for what comparisons say: 3 where duet could not do its job in
                   a run that counts, else 1 where one failed, else 0 */
    size_t interrupted; /* runs that were ended, or not begun, because of a signal: then what there
                           is has neither the tag nor the name `latest` */
};

/* One case at least is selected in each build. The caller frees *outcome with bench_outcome_free,
 * whatever is returned. Errors are duet's own: exit status 3. */
int bench_run(struct session *session, const struct bench_options *options,
              struct bench_outcome *outcome, struct error *error);
/* Whether each of the builds has a metric. Where one has none, neither has what there is the name
 * `latest`, nor that one the tag. */
bool bench_outcome_has_metrics(const struct bench_outcome *outcome, size_t build_count);
void bench_outcome_free(struct bench_outcome *outcome);

#endif
