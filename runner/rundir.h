/* The runtime directory of a run: sockets and the embedded driver's state, mode 0700, with a short
 * path because unix sockets need one. It is $XDG_RUNTIME_DIR/duet/XXXXXX, or /tmp/duet-UID-XXXXXX
 * where that is not set, is not the user's alone, cannot be written, is too long, or has characters
 * in its name that libvirt would misread.
 *
 * Every QEMU of a run has the directory's path on its command line. That is how a sweep finds what
 * a killed run left, whoever killed it. */
#ifndef DUET_RUNNER_RUNDIR_H
#define DUET_RUNNER_RUNDIR_H

#include "base/error.h"

#include <sys/types.h>

struct rundir {
    char *path;
    int lock;       /* flock is held while the run lives */
    pid_t guardian; /* see below */
    int lifeline;   /* the guardian sees it close when this process ends, however it ends */
};

/* Sweeps what dead runs of this user left, makes a new directory, and starts its guardian: a
 * process in a session of its own that sweeps the directory as soon as this process has ended
 * without rundir_free, SIGKILL included. Call it before any thread is made. */
int rundir_make(struct rundir *rundir, struct error *error);
/* Kills what still runs from the directory, removes it, and ends the guardian. */
void rundir_free(struct rundir *rundir);

/* Calls `use` with the path of each runtime directory that there is where this process would make
 * its own, of runs of this user that live and that have died. */
void rundir_each(void (*use)(void *context, const char *path), void *context);

/* Kills every QEMU that has `path` on its command line, and leaves the waiting to its parent. */
void rundir_kill(const char *path);

/* Kills every process of this user that has `path` on its command line, waits for it to end, and
 * removes the directory. */
void rundir_sweep(const char *path);

#endif
