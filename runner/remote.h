/* What other duets of this user keep up, by their hubs (runner/hub.h). These calls wait for the
 * hub's answer, 10 s at most. */
#ifndef DUET_RUNNER_REMOTE_H
#define DUET_RUNNER_REMOTE_H

#include "vm/control.h"

#include <cjson/cJSON.h>

/* A topology that is kept. */
struct remote {
    char *socket;  /* of its hub */
    cJSON *status; /* the hub's answer to "status" */
};

struct remotes {
    struct remote *items; /* the one that was begun first comes first */
    size_t count;
};

/* Those of this user whose hubs answer. */
void remotes_list(struct remotes *remotes);
void remotes_free(struct remotes *remotes);

/* A text of its status: "case", "suite", "state", "directory"; "" where there is none. */
const char *remote_text(const struct remote *remote, const char *key);
/* The node's object in its status, or NULL. */
const cJSON *remote_node(const struct remote *remote, const char *node);

/* The one that `name` names: its case, its suite, or its process id; NULL: the only one there is.
 * ENOENT and, where it could be several, EINVAL say which there are. It belongs to `remotes`. */
int remotes_choose(const struct remotes *remotes, const char *name, const struct remote **remote,
                   struct error *error);
/* As remotes_choose, and it has the node: ENOENT says which it has. NULL: its first. */
int remotes_choose_node(const struct remotes *remotes, const char *name, const char *node,
                        const struct remote **remote, const char **node_name, struct error *error);

/* Sends `request`, a JSON object without a newline, and gives the hub's answer, which the caller
 * frees with cJSON_Delete, and the connection, which the caller closes; each may be NULL: nobody
 * wants it. Errors: ECONNREFUSED where nobody listens, ETIMEDOUT, EREMOTEIO with what the hub
 * says. */
int remote_open(const char *socket, const char *request, cJSON **answer, int *fd,
                struct error *error);

/* A channel to the node, which becomes ready as soon as the loop runs. */
int remote_connect(const struct remote *remote, const char *node,
                   const struct control_options *options, struct control **control,
                   struct error *error);

#endif
