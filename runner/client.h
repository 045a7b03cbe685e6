/* What the commands share that work on a topology which another duet keeps up: which one and which
 * of its nodes is meant, and a channel to that node. */
#ifndef DUET_RUNNER_CLIENT_H
#define DUET_RUNNER_CLIENT_H

#include "runner/held.h"
#include "vm/control.h"

struct client {
    struct held_list list;
    const struct held *held;      /* in `list`, as the next */
    const struct held_node *node; /* NULL where none was looked for */
    struct loop *loop;            /* NULL before client_connect */
    struct control *control;
    struct timer *patience;
    int code; /* of the connection, as `broken` has it; 1: not yet known */
    char *reason;
};

/* The node that the words mean: "CASE NODE" or only one of them, where that is enough, or none. The
 * words are as held_choose and held_node have them. ENOENT and EEXIST with a list of what there is.
 */
int client_choose(const struct held_list *list, const char *const words[], size_t count,
                  const struct held **held, const struct held_node **node, struct error *error);

/* Looks at what is kept and chooses among it. client_free is called in any case. */
int client_find(struct client *client, const char *const words[], size_t count,
                struct error *error);
/* The same with a case alone, or NULL; no node is looked for. */
int client_find_case(struct client *client, const char *name, struct error *error);
/* Makes a loop and connects to the node's channel, which is ready then. Before that, signals are as
 * they were. EREMOTEIO where the node cannot be talked to. */
int client_connect(struct client *client, struct error *error);
/* The duet that kept the topology does not answer any more. */
bool client_is_gone(const struct client *client);
/* Why the connection may have ended: `reason`, and what the duet that keeps the node says now. The
 * caller frees it. */
char *client_explain(const struct client *client, const char *reason);
/* The channel is freed after everything that uses it. NULL pointers in it are fine. */
void client_free(struct client *client);

/* EXIT_USAGE where the user named what is not there, or not enough of it; else EXIT_TROUBLE. */
int client_exit_status(int code);

#endif
