/* Runs one case: brings its nodes up, has them do their work, takes them down, finds the verdict.
 */
#ifndef DUET_RUNNER_CASE_RUN_H
#define DUET_RUNNER_CASE_RUN_H

#include "results/results.h"
#include "runner/plan.h"
#include "runner/suite.h"

struct case_run;

struct case_run_options {
    struct loop *loop;
    struct vm_host *host;
    const struct suite_case *suite_case;
    const struct plan *plan;    /* with the initrds filled in */
    const char *run_directory;  /* absolute */
    const char *case_directory; /* from the run's directory, exists */
    uint64_t seed;              /* of the run; steps find it in $DUET_SEED */
    /* What it waits for, whenever that may have changed; NULL: nobody looks. */
    void (*activity)(void *context, const char *text);
    void *context;
};

int case_run_new(const struct case_run_options *options, struct case_run **run,
                 struct error *error);
/* Runs the loop until nothing of the case is left. */
void case_run_go(struct case_run *run);
/* Ends it at once, from a callback of the loop; case_run_go returns soon after. */
void case_run_cancel(struct case_run *run);
/* Fills `result` (but for name, slug and directory), once, after case_run_go. */
void case_run_result(struct case_run *run, struct case_result *result);
/* The last `lines` console lines of the node that decided the verdict, whose name is the return
 * value, or NULL where none did. */
const char *case_run_console_tail(const struct case_run *run, size_t lines, struct buffer *out);
/* NULL is fine. */
void case_run_free(struct case_run *run);

#endif
