/* bench: what every program that measures duet shares.
 *
 * A bench program measures one part of duet. `bench_x --list` prints the names of its measures,
 * `bench_x REGEX` takes those whose names match (extended regular expression, found anywhere in
 * the name) and prints a JSON object per line for each. bench/run.c runs them all. */
#ifndef DUET_BENCH_H
#define DUET_BENCH_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct kernel;

struct bench_measure {
    const char *name;
    double value; /* in `unit`; the median where n > 1 */
    const char *unit;
    size_t n;             /* samples */
    const double *values; /* all of them, as they were taken; NULL where they are not kept */
    const char *baseline; /* what it is compared with, measured in the same run; NULL: nothing */
    double baseline_value;
    double ratio;       /* value / baseline_value, or the median of the samples' ratios */
    const char *better; /* "lower" or "higher" */
    /* Where the program itself knows what is wanted (WANTED_BY_PROGRAM in bench/wanted.c), for
     * people; else NULL. */
    const char *wanted;
    bool met; /* and whether it is so */
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

/* -- Against a baseline ------------------------------------------------------------------------ */

struct bench_side {
    /* Takes one sample; `value` is in the measure's unit. */
    int (*sample)(void *context, double *value, struct error *error);
    void *context;
};

/* Takes measure->n samples of each side in turns, each side first in every other one, so that what
 * else the machine does meets both alike, fills in the values and the ratio, and emits the
 * measure. */
int bench_compare(struct bench_measure *measure, const struct bench_side *side,
                  const struct bench_side *baseline, struct error *error);

/* -- Guests and other programs ----------------------------------------------------------------- */

/* What $DUET_BENCH_ACCEL says of guests: "kvm", else TCG. */
bool bench_kvm(void);
/* A new one in /tmp. The caller frees the path, and removes the tree before. */
int bench_make_directory(char **directory, struct error *error);
/* The path of the duet that was built with this program. The caller frees it. */
char *bench_duet(void);
/* The kernel `name`. A first `make bench` builds the small one. The caller frees *kernel. */
int bench_kernel(const char *name, const char *cache_dir, struct kernel *kernel,
                 struct error *error);

struct bench_process {
    pid_t pid;
    int output; /* the end of a pipe */
};

/* Starts argv, found in $PATH, with `fd`, its standard output (1) or error (2), into a pipe. What
 * it prints on standard output is never mixed with the measures; nothing is on its standard input.
 * On success the caller ends it with bench_end. */
int bench_start(const char *const argv[], int fd, struct bench_process *process,
                struct error *error);
/* Waits until each has printed `text`. `seen`, of `count` that are empty, gets what each has
 * printed by then, or is NULL. EPIPE where one ended before, ETIMEDOUT where none said anything for
 * three minutes. */
int bench_wait_for(const struct bench_process *processes, size_t count, const char *text,
                   struct buffer *seen, struct error *error);
/* Sends the signal (0: none), reads on until it ends, and reaps it. */
void bench_end(struct bench_process *process, int signal_number);

#endif
