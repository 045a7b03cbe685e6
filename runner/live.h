/* The live view of a run on a terminal: a line for each case that runs, and one with the counts. */
#ifndef DUET_RUNNER_LIVE_H
#define DUET_RUNNER_LIVE_H

#include "runner/terminal.h"

#include <stdint.h>

struct live_case {
    const char *name;
    uint64_t age_s;
    const char *activity; /* what it waits for */
};

struct live_counts {
    size_t total, done;
    size_t prepared; /* and not yet running */
};

/* Replaces the view. Where the terminal is not high enough, the last cases are left out, and how
 * many these are is said. */
void live_show(struct terminal *terminal, const struct live_case cases[], size_t count,
               const struct live_counts *counts);

#endif
