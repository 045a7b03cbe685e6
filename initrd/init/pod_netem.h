/* `netem` of an interface in STARTPOD: what tc netem is to do to what the node sends there. Pure.
 */
#ifndef DUET_INIT_POD_NETEM_H
#define DUET_INIT_POD_NETEM_H

#include "base/error.h"
#include "net/impair_config.h"

#include <jansson.h>
#include <stdint.h>

struct pod_netem {
    unsigned end; /* of the link, that this node is: the direction of what it sends */
    uint64_t seed;
    struct impair_config config; /* its settings have passed impair_netem_check */
    uint32_t changes;            /* of it, so far */
};

/* The object `{"end": 0 or 1, "seed": TEXT, "impair": {NAME: TEXT, …}}`. On success the caller
 * frees *netem with pod_netem_free. EINVAL as pod_parse. */
int pod_netem_parse(json_t *json, struct pod_netem **netem, struct error *error);
/* NULL is fine. */
void pod_netem_free(struct pod_netem *netem);

/* *changed is what becomes of `netem` with the changes that `"impair": [{…} or null, {…} or null]`
 * of `json` says, for both directions: that which this node does not send cannot be changed here.
 * On success the caller frees its config, or that of `netem` when it puts it in its place.
 * EINVAL. */
int pod_netem_change(const json_t *json, const struct pod_netem *netem, struct pod_netem *changed,
                     struct error *error);

#endif
