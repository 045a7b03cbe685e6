/* What `duet bench` says at its end. */
#ifndef DUET_RUNNER_BENCH_REPORT_H
#define DUET_RUNNER_BENCH_REPORT_H

#include "runner/bench_run.h"
#include "runner/terminal.h"

/* The tables of a run of `build_count` builds, or, with `json`, results.json of the last one on
 * standard output; and of the comparison of the last one with the first, or with `baseline`
 * (NULL: none). Returns the program's exit status. */
int bench_report(const struct terminal *terminal, bool json, const struct bench_outcome *outcome,
                 size_t build_count, const struct record *baseline);

#endif
