/* Runs a suite's cases side by side: what begins when, what the user sees of it. */
#ifndef DUET_RUNNER_CASES_H
#define DUET_RUNNER_CASES_H

#include "results/results.h"
#include "runner/session.h"
#include "runner/suite.h"

/* What becomes of the machines of the first case that fails. */
enum on_fail {
    ON_FAIL_END,
    ON_FAIL_BREAK, /* held, with a shell in the node that failed: keep.h's KEEP_FAILED */
    ON_FAIL_PAUSE, /* KEEP_PAUSED */
};

/* A case to run. */
struct cases_item {
    const struct suite_case *suite_case;
    const struct kernel *kernel; /* NULL: there is none, and `trouble` says why */
    char *trouble;
    double duration_s;          /* it took so long the last time; below 0: not known */
    struct case_result *result; /* of which all but name, slug, directory and kernel is filled in */
};

struct cases_options {
    struct session *session;
    const struct suite *suite;
    const struct cases_item *items; /* in the suite's order */
    size_t count;
    size_t jobs; /* at once; 1 where `on_fail` holds them */
    enum on_fail on_fail;
    bool cold;                 /* nodes are booted, not forked */
    bool reuse_templates;      /* of earlier runs, and leave them for later ones */
    size_t ahead;              /* that have their machines brought up meanwhile */
    uint64_t memory_bytes;     /* for all machines */
    const char *run_directory; /* absolute */
    const char *shown;         /* the same, as the user should read it */
    uint64_t seed;
    bool keep;  /* each node's initrd */
    bool quiet; /* no lines on standard output */
    /* When a case's turn comes, and when nothing is left of it; NULL: nobody looks. */
    void (*begins)(void *context, const struct cases_item *item);
    void (*ends)(void *context, const struct cases_item *item);
    void *context;
};

/* What the case's machines may take of the host's memory. */
uint64_t cases_memory(const struct suite_case *suite_case);

/* Runs all of them to their end, by the loop. A case that duet cannot run is an `error` of that
 * case. Returns how many were ended, or not begun, because of a signal. */
size_t cases_run(const struct cases_options *options);

#endif
