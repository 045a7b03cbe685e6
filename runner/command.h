/* One command in a node, a step or a background process: its output as it arrives, and whether it
 * did what was expected of it. */
#ifndef DUET_RUNNER_COMMAND_H
#define DUET_RUNNER_COMMAND_H

#include "results/results.h"
#include "runner/suite.h"
#include "vm/control.h"

enum {
    COMMAND_KEPT_BYTES = 1 << 20,       /* of each output, for messages and checks */
    COMMAND_FILE_BYTES_MAX = 256 << 20, /* a program that floods must not fill the disk */
    COMMAND_TIMES_BYTES_MAX = 4 << 20,  /* likewise */
    COMMAND_LINE_MAX = 256,             /* room for command_last_line */
};

struct command;

struct command_spec {
    const char *name;
    const struct suite_expect *expect; /* NULL: a background process */
    const char *directory; /* absolute, exists: <file>.stdout, .stderr and .times go there */
    const char *relative;  /* the same, from the run's directory */
    const char *file;
};

int command_new(const struct command_spec *spec, struct command **command, struct error *error);
void command_free(struct command *command);

/* Bytes of one of its outputs; none (`count` 0) is its end. A file that cannot be written is told
 * by command_trouble, and goes on. */
void command_output(struct command *command, bool standard_error, const char *bytes, size_t count);
const char *command_trouble(const struct command *command); /* or NULL */
/* What is kept of one of its outputs, until the next call with it; *more is how much came behind
 * that. */
void command_kept(const struct command *command, bool standard_error, const char **bytes,
                  size_t *count, uint64_t *more);
/* The last line that is not empty of what is kept of its standard error, as far as it fits; what
 * cannot be printed is a "?". Empty without one. */
void command_last_line(const struct command *command, char *line, size_t size);
void command_finished(struct command *command, const struct control_end *end);
bool command_ended(const struct command *command);

/* Fills `result`, judged by what was expected. Output that is fed after the first call goes to the
 * files and changes the judgement no more. */
void command_result(struct command *command, struct step_result *result);

#endif
