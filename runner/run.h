/* Runs suites: kernels, the results directory, the cases side by side, what is written of them. */
#ifndef DUET_RUNNER_RUN_H
#define DUET_RUNNER_RUN_H

#include "runner/cases.h"
#include "runner/session.h"
#include "runner/suite.h"

struct run_options {
    const char *only;                /* fnmatch(3) pattern of case names, or NULL */
    const struct suite_texts *names; /* these cases, in place of `only`; or NULL */
    const char *results;             /* the directory that gets one directory a run */
    const char *junit;               /* a file, or NULL */
    const char *tap;                 /* a file, or NULL */
    uint64_t seed;                   /* where the suite has none of its own, or … */
    bool seed_given;                 /* … the user says this one */
    size_t jobs;                     /* cases at once; 0: what cores and memory allow */
    enum on_fail on_fail;            /* cases run one at a time where that holds them */
    bool cold;            /* a case's machines boot when it begins, instead of being forked */
    bool reuse_templates; /* take those of earlier runs, and leave them for later ones */
    bool keep;            /* each node's initrd and libvirt's log too */
    bool json;            /* results.json on standard output instead of lines */
    bool quiet;           /* neither of them */
    /* What came of it, before it is written; NULL: nobody is told. */
    void (*told)(void *context, const struct run_result *result);
    void *context;
    char **directory; /* becomes the run's, absolute, which the caller frees; or NULL */
};

/* Runs the suite's cases that `names` or `only` select, one at least. *exit_status is the
 * program's, for this suite alone. Errors are duet's own: exit status 3. */
int run_suite(struct session *session, const struct suite *suite, const struct run_options *options,
              int *exit_status, struct error *error);

/* Whether `only` matches the case's whole name, one of its parts between commas, or a tag. NULL
 * selects every case but explicit ones. */
bool run_selects(const struct suite_case *suite_case, const char *only);
/* suite_check_runs of those that are. */
int run_check_selected(const struct suite *suite, const char *only, struct error *error);

#endif
