/* The file systems that every Linux program expects. */
#ifndef DUET_INIT_MOUNTS_H
#define DUET_INIT_MOUNTS_H

#include "base/error.h"

/* /dev with what belongs into it, /proc, /sys, /run, /tmp, and cgroup2 where the kernel has it. */
int mounts_make(struct error *error);
/* Takes them all away again: a foreign init mounts its own, and the kernel refuses to mount the
 * same file system twice at one place. */
int mounts_undo(struct error *error);

#endif
