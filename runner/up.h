/* `duet up` and `duet shell`, from their arguments to their exit status. */
#ifndef DUET_RUNNER_UP_H
#define DUET_RUNNER_UP_H

#include "runner/choose.h"
#include "runner/keep.h"
#include "runner/session_arguments.h"

struct up_arguments {
    struct choice choice;
    struct session_arguments common;
    enum keep_how how;
    bool cold, detach;
    bool capture;         /* links are captured: */
    const char *captured; /* their names; NULL: all */
};

/* --case, --kernel, --cold, --capture, those of session_argp, and the one argument, which is a
 * case: an argp child whose input is a struct up_arguments. */
extern const struct argp up_argp;

int up_main(struct up_arguments *arguments);

#endif
