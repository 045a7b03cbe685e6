/* A shell in a node, on the user's standard streams: a login shell with its terminal where they are
 * one, else one that reads its commands from standard input. */
#ifndef DUET_RUNNER_SHELL_H
#define DUET_RUNNER_SHELL_H

#include "runner/attach.h"
#include "runner/suite.h"

struct shell;

struct shell_options {
    struct loop *loop;
    struct control *control; /* of the node, which has become it; until shell_free */
    const char *node;        /* its name, for the prompt */
    struct suite_pairs env;  /* as node_environment's; until shell_start returns */
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

/* -- Its command, for who attaches it otherwise ------------------------------------------------ */

enum { SHELL_PROMPT_MAX = 256, SHELL_VARIABLES = 3 };

struct shell_command {
    struct control_exec exec; /* points to what follows */
    const char *argv[3];
    struct control_variable env[SHELL_VARIABLES];
    char prompt[SHELL_PROMPT_MAX];
};

/* `node` and `container` (NULL: the node itself) stay valid. Nothing is to be freed. */
void shell_describe(struct shell_command *command, const char *node, const char *container);

/* The user's TERM where a guest can be told it as it is, else NULL. */
const char *shell_term(void);

#endif
