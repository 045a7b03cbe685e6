/* Requests of a hub's clients, made such that the guest's agent can read each one's id: an answer
 * without an id would be nobody's, and the topology's own. */
#ifndef DUET_RUNNER_HUB_REQUEST_H
#define DUET_RUNNER_HUB_REQUEST_H

#include "base/error.h"
#include "base/wire.h"
#include "runner/suite.h"

#include <stdbool.h>

/* What the hub has to know of one. A number that is 0 was not given. */
struct hub_request {
    char *payload;     /* for the guest; the caller frees it */
    uint64_t id;       /* where it could be read, of a refused one too */
    bool runs;         /* a command, which ends with CMDFINISHED; else the answer is the end */
    uint64_t in;       /* the stream that the guest reads */
    uint64_t out, err; /* the ones that it sends; `out` of a command ends with its exit status */
    uint64_t stream, bytes; /* of NEXT */
};

/* EINVAL for what is no request, for numbers that do not stand above `base`, and for requests that
 * are not a client's to make. `env` is the environment of commands, as node_environment's, as far
 * as they do not say otherwise. */
int hub_request_read(const struct wire_ctl *frame, uint64_t base, const struct suite_pairs *env,
                     struct hub_request *request, struct error *error);

#endif
