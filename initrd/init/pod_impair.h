/* Impairments as the control channel says them: a flat object of texts, and a seed. Pure. */
#ifndef DUET_INIT_POD_IMPAIR_H
#define DUET_INIT_POD_IMPAIR_H

#include "base/error.h"
#include "net/impair_config.h"

#include <jansson.h>
#include <stdint.h>

/* Makes the changes of the round that the object `{NAME: TEXT, …}` is (net/impair_round.h), on a
 * link of that MTU. EINVAL as pod_parse; the config stays what it was then. */
int pod_impair_change(json_t *json, uint32_t mtu, struct impair_config *config,
                      struct error *error);
/* The member "seed": a number of 64 bits is no number of JSON's, so it is a text. */
int pod_impair_seed(const json_t *json, uint64_t *seed, struct error *error);

#endif
