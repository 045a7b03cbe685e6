/* What `duet bench` is asked for. */
#ifndef DUET_RUNNER_BENCH_ARGUMENTS_H
#define DUET_RUNNER_BENCH_ARGUMENTS_H

#include "runner/bench_run.h"
#include "runner/session_arguments.h"

#include <argp.h>

enum { BENCH_SETS_MAX = 32 };

/* Zero-initialised but for bench.results and `suite`, which have defaults, it is the argp's input.
 */
struct bench_arguments {
    struct bench_options bench; /* without `builds` */
    const char *suite;          /* name or file */
    const char *kernels;
    const char *baseline;                   /* file or tag, or NULL */
    struct suite_pair sets[BENCH_SETS_MAX]; /* in the order of the command line */
    size_t set_count;
    bool interleave, quick, json, force, seed_given, repeats_given, warmup_given;
    struct session_arguments common;
};

extern const struct argp bench_argp;

void bench_arguments_free(struct bench_arguments *arguments);

#endif
