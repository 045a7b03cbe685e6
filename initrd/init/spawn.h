/* From a request to a running program. */
#ifndef DUET_INIT_SPAWN_H
#define DUET_INIT_SPAWN_H

#include "initrd/init/request.h"

#include <sys/types.h>

struct spawned {
    pid_t pid;    /* leader of a session and a process group of its own */
    int out, err; /* reading ends of its output, non-blocking; the caller closes them */
};

/* Runs the command with /dev/null as standard input and the base environment under its own.
 * Returns when the program runs; a failure says what was missing. */
int spawn(const struct exec_request *exec, struct spawned *spawned, struct error *error);
/* Runs `/bin/sh -c TEXT` in the command's directory and environment, without input and output. */
int spawn_probe(const struct exec_request *exec, pid_t *pid, struct error *error);
/* Takes away what init did to its signals and exec does not: for a program that takes its place. */
void spawn_reset_signals(void);

#endif
