/* One command in a node, a step or a background process: its output as it arrives, and whether it
 * did what was expected of it. */
#ifndef DUET_RUNNER_COMMAND_H
#define DUET_RUNNER_COMMAND_H

#include "results/results.h"
#include "runner/agent.h"
#include "runner/suite.h"

enum {
    COMMAND_KEPT_BYTES = 1 << 20,       /* of each output, for messages and checks */
    COMMAND_FILE_BYTES_MAX = 256 << 20, /* a program that floods must not fill the disk */
};

struct command;

struct command_spec {
    uint64_t id;
    const char *name;
    const struct suite_expect *expect; /* NULL: a background process */
    const char *directory;             /* absolute, exists: <file>.stdout and .stderr go there */
    const char *relative;              /* the same, from the run's directory */
    const char *file;
};

/* The streams of command `id` are 2 * id for standard output and 2 * id + 1 for standard error. */
int command_new(const struct command_spec *spec, struct command **command, struct error *error);
void command_free(struct command *command);

/* A frame of one of its streams; none of its bytes (`count` 0) closes it. EBADMSG where the guest
 * breaks the rules. A file that cannot be written is told by command_trouble, and goes on. */
int command_output(struct command *command, bool standard_error, const char *bytes, size_t count,
                   struct error *error);
const char *command_trouble(const struct command *command); /* or NULL */
void command_finished(struct command *command, const struct agent_event *event);
/* It has ended, and every byte that the guest said it sent has arrived. */
bool command_complete(const struct command *command);
bool command_ended(const struct command *command);

/* Fills `result`, judged by what was expected. Output that is fed after the first call goes to the
 * files and changes the judgement no more. */
void command_result(struct command *command, struct step_result *result);

#endif
