/* A case whose machines are held for a person (case_run.h): its hub, and a shell in one of its
 * nodes or word of how to get one, until nobody wants them any more. */
#ifndef DUET_RUNNER_KEEP_H
#define DUET_RUNNER_KEEP_H

#include "runner/case_run.h"
#include "runner/session.h"
#include "runner/suite.h"

enum keep_how {
    KEEP_UP,    /* what is up is there for other terminals */
    KEEP_SHELL, /* likewise, and a shell in one node is on this one: with its end nobody wants it */
    KEEP_FAILED, /* the same with a case that has failed */
    KEEP_PAUSED, /* the same without a shell: its machines are stopped as they are */
};

struct keep_options {
    struct session *session;
    const struct suite *suite;
    const struct suite_case *suite_case;
    struct case_run *run;  /* held; until keep_free */
    const char *kernel;    /* path of the guests' kernel */
    const char *directory; /* of the case's evidence, absolute; is copied */
    enum keep_how how;
    size_t node;     /* that gets the shell */
    bool background; /* the terminal will be another's as soon as keep_start has told it */
    /* Nobody wants it any more: once, from the loop; may free the keep. `status` is that of a shell
     * that has ended, 0 where the user has left it or taken the case down, KEEP_LOST, or 1 where no
     * machine of what was up is left. */
    void (*over)(void *context, int status);
    void *context;
};

enum { KEEP_LOST = 255 }; /* the shell could not be run, or its node is gone: as ssh(1) has it */

struct keep;

/* The terminal's live lines must be gone. Errors: the hub's. */
int keep_start(const struct keep_options *options, struct keep **keep, struct error *error);
/* A node may have changed. */
void keep_look(struct keep *keep);
/* Its machines are about to end: the terminal is the user's again, who is told so there. NULL is
 * fine. */
void keep_end_shell(struct keep *keep);
/* The terminal is the user's again and the hub is gone, whatever the state. NULL is fine. */
void keep_free(struct keep *keep);

#endif
