/* A shell in a node, on the user's standard streams: a login shell with its terminal where they are
 * one, else one that reads its commands from standard input. */
#ifndef DUET_RUNNER_SHELL_H
#define DUET_RUNNER_SHELL_H

#include "runner/attach.h"

struct shell;

struct shell_options {
    struct loop *loop;
    struct control *control; /* of the node, which has become it; until shell_free */
    const char *node;        /* its name, for the prompt */
    /* As struct attach_options has it. */
    void (*ended)(void *context, const struct attach_end *end);
    void *context;
};

/* Where a shell is asked for as a person would: standard input and output are a terminal. */
bool shell_has_terminal(void);

/* Errors: as control_exec's. The caller tells the user beforehand what this is, and frees. */
int shell_start(const struct shell_options *options, struct shell **shell, struct error *error);
/* As attach_signal and attach_leave. */
void shell_signal(struct shell *shell, int signal_number);
void shell_leave(struct shell *shell, const char *message);
/* The terminal is the user's again, whatever the state. NULL is fine. */
void shell_free(struct shell *shell);

#endif
