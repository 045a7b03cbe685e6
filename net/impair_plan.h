/* Changes of a link's settings while it runs, in a fixed order: each on a certain packet, or so
 * long after the one before it.
 *
 * A change on a packet is exact in the packet's direction: it is the first that meets the new
 * settings, whatever vectors packets come in. So what a plan of changes on packets of one direction
 * does to that direction depends on its packets alone, and two runs of it are the same. The other
 * direction meets them with what is taken next there: a matter of timing, as after a time. Packets
 * count as verdicts do: data by itself (net/impair_verdict.h). */
#ifndef DUET_NET_IMPAIR_PLAN_H
#define DUET_NET_IMPAIR_PLAN_H

#include "net/impair.h"

struct impair_step {
    bool by_packet;
    /* by_packet: on this packet of data of that direction; at once where it has come already. */
    uint64_t packet;
    unsigned direction;
    /* Else: so long after the step before was due, the first: after the link's first packet of
     * data. */
    uint64_t after_ns;
    /* The complete settings of each direction from then on; NULL: that direction stays. They have
     * passed impair_check, and stay the caller's until the next of that direction are in force. */
    const struct impair_settings *settings[2];
};

/* A step is not looked at before the one before it has happened. */
struct impair_plan {
    const struct impair_step *steps;
    size_t count;
};

/* A plan that runs on the two directions of a link, which stay the caller's. */
struct impair_plan_run {
    struct impair_plan plan;
    struct impair *impairs[2];
    size_t done;       /* steps that have happened; after each, impair_next_ns is another */
    bool has_started;  /* there was a packet of data */
    uint64_t since_ns; /* when the step before was due, or the first packet came */
    /* Tells of settings that a step puts into force, from the packet of data of that number on.
     * Set behind impair_plan_start; NULL: nobody is told. */
    void (*changed)(void *context, unsigned direction, uint64_t number,
                    const struct impair_settings *settings);
    void *context;
};

/* `plan`, whose steps stay the caller's; NULL: none. */
void impair_plan_start(struct impair_plan_run *run, const struct impair_plan *plan,
                       struct impair *forth, struct impair *back);

/* As impair_take and impair_pass of the link's direction, with the steps that fall into it. */
void impair_plan_take(struct impair_plan_run *run, unsigned direction, uint64_t now_ns,
                      struct packet *const packets[], size_t count);
size_t impair_plan_pass(struct impair_plan_run *run, unsigned direction, uint64_t now_ns,
                        struct packet *packets[], size_t count, size_t max);

/* Does the steps that are due by now. */
void impair_plan_tick(struct impair_plan_run *run, uint64_t now_ns);
/* When impair_plan_tick is to be called next; IMPAIR_NEVER: only packets bring about the next step,
 * or there is none. */
uint64_t impair_plan_next_ns(const struct impair_plan_run *run);

#endif
