/* Which case a person means to work on, and which of its nodes. */
#ifndef DUET_RUNNER_CHOOSE_H
#define DUET_RUNNER_CHOOSE_H

#include "runner/suite.h"

struct choice {
    const char *name; /* SUITE, FILE or SUITE/CASE; NULL: a node alone, with nothing in it */
    const char *only; /* glob(7) as for `duet run --only`; NULL: what `name` says, or the first */
    bool wants_node;  /* that is a node with duet's init, for a shell */
    const char *node; /* that one; NULL: the first */
    const char *kernels; /* as for suite_load */
};

struct chosen {
    struct suite *suite; /* the caller frees it */
    const struct suite_case *suite_case;
    size_t node;   /* where one is wanted */
    size_t others; /* so many other cases were meant as well */
};

/* Errors: suite_load's and find_suites'; ENOENT where there is no such case or node, with what
 * there is. */
int choose_case(const struct choice *choice, struct chosen *chosen, struct error *error);

#endif
