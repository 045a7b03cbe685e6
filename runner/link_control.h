/* The links of a case while it runs: what somebody changes on them, and what they are like.
 *
 * Whoever carries a link has its settings, and this asks there: duet's own carrier (vm/carrier.h),
 * or the init of a node, on its control channel. An answer comes once, from the loop, and never
 * from inside the function that asks. */
#ifndef DUET_RUNNER_LINK_CONTROL_H
#define DUET_RUNNER_LINK_CONTROL_H

#include "base/loop.h"
#include "net/impair_round.h"
#include "runner/case_links.h"
#include "runner/node.h"

struct link_control;

struct link_control_options {
    struct loop *loop;
    const struct suite_case *suite_case;
    struct case_links *links;  /* until link_control_free */
    struct node *const *nodes; /* in the case's order, likewise; but freed before that */
};

struct link_control *link_control_new(const struct link_control_options *options);
/* Nobody gets an answer any more. NULL is fine. */
void link_control_free(struct link_control *control);

/* `error` NULL: the change is in force, in each direction that it names from the packet of data of
 * that number on. */
typedef void (*link_changed_fn)(void *context, const uint64_t numbers[2],
                                const struct error *error);

struct link_change {
    size_t link; /* index in the case */
    /* By direction; one without items leaves its direction alone. They are copied. */
    struct impair_round rounds[2];
    uint64_t deadline_ns; /* for the answer of a guest; 0: whenever it comes */
};

/* Errors: ENOTSUP for a link that nobody carries; those of impair_round_make; EREMOTEIO, where a
 * guest says so or cannot be asked any more; ESHUTDOWN where the case has ended. Each names the
 * link, and then nothing has changed; but for ETIMEDOUT, after which a guest may yet do it, and for
 * a link with tc netem, where one of two guests may have done its part. */
void link_control_change(struct link_control *control, const struct link_change *change,
                         link_changed_fn changed, void *context);

struct link_state {
    bool carried; /* what follows is known */
    struct link_direction {
        struct impair_config impair; /* in force */
        struct way_result counters;  /* so far */
    } directions[2];
};

/* `state` is there until the call returns; NULL with an `error`. */
typedef void (*link_told_fn)(void *context, const struct link_state *state,
                             const struct error *error);

void link_control_ask(struct link_control *control, size_t link, uint64_t deadline_ns,
                      link_told_fn told, void *context);

/* What was asked with this context is not answered any more. */
void link_control_forget(struct link_control *control, const void *context);

/* "up"; "down" where both directions are; "one way" where one is. */
const char *link_state_name(const struct link_state *state);

#endif
