/* `carrier` of an interface in STARTPOD: a link that the node carries, the packet core between its
 * kernel and its NIC. Pure. */
#ifndef DUET_INIT_POD_CARRIER_H
#define DUET_INIT_POD_CARRIER_H

#include "base/error.h"
#include "net/impair_config.h"
#include "net/impair_plan.h"

#include <jansson.h>
#include <stdint.h>

struct pod_carrier {
    char *name;
    uint64_t link, seed; /* of the draws (struct impair_options) */
    unsigned end;        /* of the link, that this node is: the direction of what it sends */
    struct impair_config configs[2]; /* by direction, as the next */
    uint64_t verdicts[2];            /* streams for them; 0: none */
    struct impair_step *steps;       /* their settings are of step_configs */
    struct impair_config (*step_configs)[2];
    size_t step_count;
};

enum { POD_CHANGES_MAX = 256 }; /* of one link */

/* On a link of that MTU. On success the caller frees *carrier with pod_carrier_free. EINVAL as
 * pod_parse. */
int pod_carrier_parse(json_t *json, uint32_t mtu, struct pod_carrier **carrier,
                      struct error *error);
/* NULL is fine. */
void pod_carrier_free(struct pod_carrier *carrier);

/* Changes the settings of both directions as the array `"impair": [{…} or null, {…} or null]` of
 * `json` says; which of them are named is a bit each in *named. No such member: none. */
int pod_carrier_change(const json_t *json, uint32_t mtu, struct impair_config configs[static 2],
                       unsigned *named, struct error *error);

#endif
