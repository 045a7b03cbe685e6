/* What the benches of fidelity share: a suite whose node `a` runs the probe (bench/probe.c) against
 * node `b`, over links that duet's packet core carries and others that the kernel's tc netem
 * impairs. */
#ifndef DUET_BENCH_FIDELITY_H
#define DUET_BENCH_FIDELITY_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

enum fidelity_side { FIDELITY_DUET, FIDELITY_NETEM, FIDELITY_SIDES };

/* "duet", "netem". */
const char *fidelity_side_name(enum fidelity_side side);
/* What a scenario calls the carrier. */
const char *fidelity_carrier(enum fidelity_side side);

struct fidelity {
    const char *command; /* of the probe */
    /* Appends the suite's `links` and `cases`. */
    void (*describe)(struct buffer *yaml);
    /* Calls fidelity_read for each case. */
    int (*take)(const char *directory, struct error *error);
    /* -- fidelity_run's own ----------------------------------------------------------------------
     */
    bool tried;
    int code;
    struct error error; /* where code < 0 */
};

/* Appends a link between a and b: `impair`, YAML, is of the way from a to b. The number of a link
 * is its place: b is 10.0.NUMBER.2 there. */
void fidelity_add_link(struct buffer *yaml, unsigned number, const char *carrier,
                       const char *impair);
/* Runs the suite with the duet that was built with this program; once, whatever comes of it. */
int fidelity_run(struct fidelity *fidelity, struct error *error);
/* Appends what the probe printed in that case. */
int fidelity_read(const char *directory, const char *name, struct buffer *out, struct error *error);

#endif
