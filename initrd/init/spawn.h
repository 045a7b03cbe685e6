/* From a request to a running program. */
#ifndef DUET_INIT_SPAWN_H
#define DUET_INIT_SPAWN_H

#include "initrd/init/request.h"

#include <sys/types.h>

struct spawned {
    pid_t pid;    /* leader of a session and a process group of its own, once it runs */
    int reports;  /* ends when the program runs, or has a report (report.h) of why not */
    int in;       /* writing end of its standard input; -1: it is /dev/null */
    int out, err; /* reading ends of its output; -1: `out` is the terminal's end, as `in` is */
};

/* Starts a process that is to become the command, in the node or in the container that the process
 * `sandbox` holds together (0: none). The caller closes what it gets, none of which blocks. */
int spawn(const struct exec_request *exec, bool has_input, pid_t sandbox, struct spawned *spawned,
          struct error *error);
/* Runs `/bin/sh -c TEXT` in the command's place and environment, without input and output; when it
 * cannot be run, it exits with 127. */
int spawn_probe(const struct exec_request *exec, pid_t sandbox, pid_t *pid, struct error *error);

/* A pipe of which only init's end, `end` (0 or 1), does not block; `size` in bytes as far as the
 * kernel grants it, or 0. The caller closes both. */
int spawn_pipe(int ends[2], int end, int size, struct error *error);

#endif
