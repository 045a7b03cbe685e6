/* Brings one case up and keeps it for a person, with none of its steps run. */
#ifndef DUET_RUNNER_BRING_UP_H
#define DUET_RUNNER_BRING_UP_H

#include "runner/keep.h"
#include "runner/session.h"
#include "runner/suite.h"

struct bring_up_options {
    struct session *session;
    const struct suite *suite;
    const struct suite_case *suite_case;
    enum keep_how how; /* KEEP_UP or KEEP_SHELL */
    size_t node;       /* that gets the shell */
    bool background;   /* as in struct keep_options */
    bool cold;         /* its machines are booted, not forked from templates that are kept */
    uint64_t seed;
    /* Absolute: what is known of the case stays there, in a directory of its name. NULL: it goes
     * with its machines. */
    const char *kept_in;
    void (*up)(void *context); /* it is; or NULL */
    void *context;
};

/* Until nobody wants it any more. *status is the program's exit status: what keep.h's `over` has,
 * or 1 where the case did not come up, which the user is told. Errors are duet's own: status 3. */
int bring_up(const struct bring_up_options *options, int *status, struct error *error);

#endif
