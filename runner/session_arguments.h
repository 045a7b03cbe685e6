/* The options that every command has which runs guests: an argp child (argp(3)). */
#ifndef DUET_RUNNER_SESSION_ARGUMENTS_H
#define DUET_RUNNER_SESSION_ARGUMENTS_H

#include "runner/session.h"
#include "runner/terminal.h"

#include <argp.h>

/* Zero-initialised is what there is without options. `session.terminal` is the caller's to set. */
struct session_arguments {
    struct session_options session; /* `debug` is --debug */
    enum color_mode color;
    bool verbose;
};

/* Its input is a struct session_arguments: the parent sets child_inputs at ARGP_KEY_INIT. */
extern const struct argp session_argp;

/* As the user wants the terminal; `arguments` and `terminal` go together from here on. */
void session_arguments_apply(struct session_arguments *arguments, struct terminal *terminal);

#endif
