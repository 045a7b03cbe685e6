/* The suite that `duet bench` measures: once, or with each of two builds. */
#ifndef DUET_RUNNER_BENCH_BUILDS_H
#define DUET_RUNNER_BENCH_BUILDS_H

#include "runner/bench_arguments.h"

struct bench_builds {
    struct suite *suites[BENCH_BUILDS_MAX];
    char *labels[BENCH_BUILDS_MAX]; /* what was set for it; or NULL */
};

/* Loads them and fills in the builds of arguments->bench. The caller frees *builds with
 * bench_builds_free, whatever is returned. EINVAL for variables that are set too often or not often
 * enough, ENOENT where no case is selected; else as find_suites and suite_load_set. */
int bench_builds_load(struct bench_arguments *arguments, struct bench_builds *builds,
                      struct error *error);
void bench_builds_free(struct bench_builds *builds);

#endif
