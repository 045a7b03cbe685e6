/* The world of a container: namespaces, mounts and a process that holds them together, which is the
 * first of the container's PID namespace and reaps its orphans. When it is killed, all that runs in
 * the container is. */
#ifndef DUET_INIT_SANDBOX_H
#define DUET_INIT_SANDBOX_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct sandbox {
    const char *name; /* for messages */
    const char *root; /* becomes its root directory, or the lower layer of that */
    const char *hostname;
    const char *directory; /* where its layers are, the same at each start; made if need be */
    bool overlay, network;
};

/* Starts the process, which sends a report (report.h) to *reports when the world stands. The caller
 * closes that. */
int sandbox_start(const struct sandbox *sandbox, pid_t *pid, int *reports, struct error *error);
/* Removes `directory` and all that is in it. */
int sandbox_remove(const char *directory, struct error *error);

#endif
