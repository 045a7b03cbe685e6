/* What the runs of `duet bench` measured, as records. */
#ifndef DUET_RUNNER_BENCH_GATHER_H
#define DUET_RUNNER_BENCH_GATHER_H

#include "results/results.h"
#include "runner/bench_run.h"
#include "runner/bench_turns.h"

/* Of each turn that was taken, a result with the same index. */
struct bench_taken {
    const struct bench_options *options;
    const struct bench_turns *turns;
    struct case_result *results;
    const struct session *session;
    const struct kernel *kernel; /* of the guests; or NULL */
    const char *started;         /* ISO 8601 */
    double duration_s;
};

/* Fills in the records of the outcome but for `path`, and its status. What a record cannot take (a
 * metric whose unit has changed) fails that run. */
void bench_gather(const struct bench_taken *taken, struct bench_outcome *outcome);

#endif
