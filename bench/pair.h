/* Pairs of nodes in this process, brought up as `duet run` brings those of a case up. */
#ifndef DUET_BENCH_PAIR_H
#define DUET_BENCH_PAIR_H

#include "base/error.h"
#include "kernel/kernel.h"
#include "runner/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What all pairs of a program share. Zero-initialised is not open. */
struct pairs {
    struct kernel small, debian;
    struct terminal terminal;
    struct session session;
    struct suite *suite;
    struct templates *templates; /* NULL: none is needed yet */
    char *directory;             /* of results, temporary */
    size_t count;                /* ever made */
    bool open;
};

struct pair;

/* Once in a process: libvirt's driver takes no second directory. Does nothing where it is open. */
int pairs_open(struct pairs *pairs, struct error *error);
/* Every pair must have been freed. Open or not. */
void pairs_close(struct pairs *pairs);
/* The next forked pair has a new template. Every pair must have been freed. */
void pairs_drop_templates(struct pairs *pairs);
/* Fills `pids` with those of the QEMUs that run, at most `max`; how many these are. */
size_t pairs_qemus(pid_t *pids, size_t max);
/* Leaves the pairs that stand alone for so long. ECANCELED after Ctrl-C, as for each of these. */
int pairs_idle(struct pairs *pairs, uint64_t ns, struct error *error);

/* Brings a pair up: in `seconds` both nodes are configured, answer and wait. The first that is
 * forked boots its template, too. The caller frees it with pair_free. Trouble with the guests is
 * told by pair_run. */
int pair_prepare(struct pairs *pairs, const struct kernel *kernel, bool forked, struct pair **pair,
                 double *seconds, struct error *error);
/* Has both nodes do their one step and ends them; `seconds` went by until the first was asked to.
 * EIO where the case does not pass. */
int pair_run(struct pair *pair, double *seconds, struct error *error);
/* Run or not. NULL is fine. */
void pair_free(struct pair *pair);

#endif
