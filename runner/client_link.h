/* What the commands share that look at links of a topology which another duet keeps up, and change
 * them: which one is meant, and what its hub says. */
#ifndef DUET_RUNNER_CLIENT_LINK_H
#define DUET_RUNNER_CLIENT_LINK_H

#include "net/impair_round.h"
#include "runner/client.h"

/* The link that the words mean: "CASE LINK" or only one of them, where that is enough, or none. The
 * words are as held_choose and held_link have them. ENOENT and EEXIST with a list of what there is.
 */
int client_choose_link(const struct held_list *list, const char *const words[], size_t count,
                       const struct held **held, const char **link, struct error *error);

/* The hub's answer to "links": the array of them (docs/hub.md), which the caller frees. */
int client_ask_links(const struct held *held, cJSON **links, struct error *error);
/* The one of that name in such an array, or NULL. */
const cJSON *client_link_called(const cJSON *links, const char *name);

/* Has the hub change the settings of a link, in both directions or in that from a node alone.
 * `answer` is the hub's to "impair", which the caller frees. E2BIG for more than a request has room
 * for. */
int client_change_link(const struct held *held, const char *link, const char *from,
                       const struct impair_round *round, cJSON **answer, struct error *error);

/* Of such a link's direction, or NULL: "delay 20ms, loss 5%", "none", or "-" where it has none. The
 * caller frees it. */
char *client_settings_text(const cJSON *direction);
/* A line for each direction of a link, or for that from a node alone. ENOENT where the link has no
 * such node, or nobody knows its settings. */
int client_print_settings(const cJSON *link, const char *from, struct error *error);
/* What client_change_link has answered: "a-b WHAT, from packet 12 of a and packet 9 of b on". */
void client_print_change(const cJSON *answer, const char *what);

#endif
