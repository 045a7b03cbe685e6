/* The command line of `duet exec`: whatever stands behind the node is the program's own. */
#ifndef DUET_RUNNER_EXEC_LINE_H
#define DUET_RUNNER_EXEC_LINE_H

#include "vm/control.h"

enum exec_terminal { EXEC_AS_SSH, EXEC_TERMINAL, EXEC_NO_TERMINAL };

struct exec_line {
    const char *words[2]; /* what client_choose takes */
    size_t word_count;
    const char *const *argv; /* in main's, with its NULL; argv[0] is NULL where a shell is meant */
    enum exec_terminal terminal;
    const char *container, *cwd;  /* NULL: not given */
    struct control_variable *env; /* the names are the line's, as the array */
    size_t env_count;
};

/* Ends the process with status 255 on bad usage, and with 0 after --help. */
void exec_line_parse(int argc, char **argv, struct exec_line *line);
void exec_line_free(struct exec_line *line);

#endif
