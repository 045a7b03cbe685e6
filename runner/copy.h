/* What `duet cp` is made of: a connection to one node, over which one thing after another is
 * done. */
#ifndef DUET_RUNNER_COPY_H
#define DUET_RUNNER_COPY_H

#include "runner/client.h"
#include "runner/terminal.h"

#include <stdbool.h>

struct copying {
    struct client client; /* connected */
    struct terminal terminal;
    int signal_number; /* that ended it; 0: none */

    bool done; /* with the thing that it waits for */
    int code;
    char *message;

    struct timer *progress;
    uint64_t moved, total, since_ns; /* of one file; total 0: not known */
};

/* Runs the loop until copying_done, and gives what that was given; EINTR after a signal. */
int copying_wait(struct copying *copying, struct error *error);
void copying_done(struct copying *copying, int code, const char *message);

enum remote_kind { REMOTE_NONE, REMOTE_FILE, REMOTE_DIRECTORY, REMOTE_OTHER };

struct remote_file {
    enum remote_kind kind;
    uint64_t size; /* bytes */
};

/* What `path` in the node is, as stat(1) there has it, with links followed. A node without one, or
 * that does not let it look, has nothing there. */
int copying_look(struct copying *copying, const char *path, struct remote_file *file,
                 struct error *error);

/* What the directory `from` has goes into the directory `to`, which `exists`, or is made when all
 * of it has come. By way of tar(1) here and there. Of what was in `to`, each file stays what it was
 * or is the new one, whole. */
int copying_send_tree(struct copying *copying, const char *from, const char *to, bool exists,
                      struct error *error);
/* Likewise from the node. Devices and pipes are left out, and told: then ENOTSUP, when all else is
 * there. */
int copying_receive_tree(struct copying *copying, const char *from, const char *to, bool exists,
                         struct error *error);

#endif
