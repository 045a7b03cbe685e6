/* Finds the topologies that this user keeps up (`duet up`, a case that `duet run` holds) and
 * connects to their hubs (runner/hub.h). All of it blocks: for some seconds at most, where a duet
 * that keeps one was stopped. */
#ifndef DUET_RUNNER_HELD_H
#define DUET_RUNNER_HELD_H

#include "base/error.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <sys/types.h>

struct held_node {
    const char *name, *state;
    pid_t pid; /* of its QEMU; 0 where it has none */
};

struct held {
    char *directory; /* the runtime directory, which has the hub */
    cJSON *status;   /* the hub's answer to "status"; what follows is in it */
    const char *suite, *case_name, *path, *state, *started;
    pid_t pid;
    struct held_node *nodes;
    size_t node_count;
    const char **links; /* their names */
    size_t link_count;
};

struct held_list {
    struct held *items; /* the oldest first */
    size_t count;
    size_t silent; /* there are so many more whose duet does not answer */
    char *who;     /* which these are, for people: their processes; NULL: not known */
};

/* Every topology of this user that answers, of runs with the same $XDG_RUNTIME_DIR. */
void held_find(struct held_list *list);
void held_list_free(struct held_list *list);

/* The one that `name` means, or, with NULL, the only one. A name is that of the suite, of the case,
 * SUITE/CASE where CASE may be a glob(7) as for `duet run --only`, the path of the suite's file, or
 * the process number of its duet. ENOENT and EEXIST (several) with a list of what there is. */
int held_choose(const struct held_list *list, const char *name, const struct held **held,
                struct error *error);
/* Its node `name`; NULL means the only one. ENOENT with a list of what there is. */
int held_node(const struct held *held, const char *name, const struct held_node **node,
              struct error *error);

/* The same of its links. */
int held_link(const struct held *held, const char *name, const char **link, struct error *error);

/* Connects to the hub and sends the line `request` (hub.h); *fd has what follows the answer.
 * `answer`, where not NULL, is freed by the caller. EREMOTEIO where the hub says no;
 * EPROTO where it is none that this duet knows. */
int held_open(const struct held *held, const char *request, int *fd, cJSON **answer,
              struct error *error);
/* `{"open":KIND,"node":NODE,MORE}` for it, without what is NULL; `more` is JSON without braces. The
 * caller frees it. */
char *held_request(const char *kind, const char *node, const char *more);
/* A node's control channel, for control_connect_fds. */
int held_connect(const struct held *held, const char *node, int *ctl, int *io, struct error *error);

#endif
