/* Runs one case while the loop runs: brings its nodes up, has them do their work, takes them down,
 * finds the verdict. Several stand side by side and share nothing. */
#ifndef DUET_RUNNER_CASE_RUN_H
#define DUET_RUNNER_CASE_RUN_H

#include "results/results.h"
#include "runner/link_control.h"
#include "runner/node.h"
#include "runner/plan.h"
#include "runner/suite.h"

struct case_run;

/* When its machines are kept for somebody, instead of being ended. */
enum case_hold {
    CASE_HOLD_NEVER,
    CASE_HOLD_UP,     /* as soon as its nodes are up: no steps are run */
    CASE_HOLD_FAILED, /* when it has failed, as they are at that moment */
};

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
    enum case_hold hold;
    /* The machines are kept, until case_run_release or _cancel, and nothing that becomes of them is
     * judged. From the loop, when that begins and whenever one of them may have changed. */
    void (*held)(void *context);
    /* Nothing of the case is left: once, from the loop; may free the run. */
    void (*ended)(void *context);
    void *context;
};

/* Whether its machines can be brought up before the case begins: an init that the kernel itself
 * runs waits for nobody. */
bool case_run_can_wait(const struct suite_case *suite_case);

int case_run_new(const struct case_run_options *options, struct case_run **run,
                 struct error *error);
/* Brings the machines of a case that can wait to where their work would begin. No clock runs. A
 * fault on the way ends the machines; `ended` waits for case_run_start even so. */
void case_run_prepare(struct case_run *run);
/* Nothing is left to be done before case_run_start. */
bool case_run_is_prepared(const struct case_run *run);
/* The case's time begins; prepared or not, `ended` follows. */
void case_run_start(struct case_run *run);
/* Ends it soon, `ended` included, begun or not. Any number of times. One that was held keeps its
 * verdict, and so is measured to the end. */
void case_run_cancel(struct case_run *run);
/* Nobody wants its machines any more: they are ended, where `now` without asking their guests. */
void case_run_release(struct case_run *run, bool now);
/* Its nodes in the suite's order. */
struct node *const *case_run_nodes(const struct case_run *run, size_t *count);
/* Its links, to change and to look at until case_run_free. */
struct link_control *case_run_links(struct case_run *run);
/* The index of the node whose verdict is the case's. */
size_t case_run_decides(const struct case_run *run);
/* Fills `result` (but for name, slug and directory), once, when it has ended. */
void case_run_result(struct case_run *run, struct case_result *result);
/* When it has ended because a node could not be forked, whose machine may well boot: why, and its
 * index in `node`, where that is not NULL. Else NULL. */
const char *case_run_refusal(const struct case_run *run, size_t *node);
/* The last `lines` console lines of the node that decided the verdict, whose name is the return
 * value, or NULL where none did. */
const char *case_run_console_tail(const struct case_run *run, size_t lines, struct buffer *out);
/* Before case_run_prepare and case_run_start, or when it has ended. NULL is fine. */
void case_run_free(struct case_run *run);

#endif
