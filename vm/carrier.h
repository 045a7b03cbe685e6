/* A link that duet carries: the NICs at its two ends connect to duet, which puts each frame through
 * the impairment of its direction and sends it on.
 *
 * Nothing blocks. Memory is bounded and allocated once: a frame waits in the impairment, or for a
 * node that does not read; when there is no room for it, it is lost and counted. No node can make
 * the other, or duet, do anything but get frames. */
#ifndef DUET_VM_CARRIER_H
#define DUET_VM_CARRIER_H

#include "base/error.h"
#include "base/loop.h"
#include "net/impair_measure.h"
#include "net/impair_plan.h"
#include "net/impair_round.h"

struct carrier;

struct carrier_options {
    struct loop *loop;
    const char *sockets[2]; /* the ends' paths, which must not be there yet */
    const char *logs[2];    /* files for the verdicts on frames from that end; NULL: nowhere */
    struct impair_measure *measures[2]; /* likewise, until carrier_end; NULL: nobody measures */
    /* Called with each verdict on a frame from that end when it is final, as `note` of struct
     * impair_options is. It may not call back into the carrier. NULL: nobody asks. */
    void (*note)(void *context, unsigned end, const struct impair_verdict *verdict,
                 const struct packet *packet);
    uint64_t seed, link; /* of the draws (struct impair_options) */
    unsigned mtu;        /* of the network's packet: frames of longer ones do not get through */
    const struct impair_settings *settings[2]; /* of frames from that end; passed impair_check */
    /* What changes then; what it points to stays the caller's until carrier_end. NULL: nothing */
    const struct impair_plan *plan;
    /* That end sent what is no frame. It is closed; nothing else happens. */
    void (*lied)(void *context, unsigned end, const char *message);
    void *context;
};

/* Frames from one end to the other, and their bytes without what the stream puts before each. */
struct carrier_counters {
    uint64_t packets_in, bytes_in; /* from the sender */
    /* That the receiver's socket took: with duplicates, and resets of rules of the other way. */
    uint64_t packets_out, bytes_out;
    uint64_t causes[IMPAIR_CAUSES]; /* as in struct impair_counters */
    uint64_t too_long;              /* lost: longer than the link's MTU */
    uint64_t
        unread; /* lost: the receiver was not there, or did not read while more and more came */
};

/* Listens for both ends. What `options` points to is copied, but for the loop and the plan's steps.
 */
int carrier_new(const struct carrier_options *options, struct carrier **carrier,
                struct error *error);
/* A round of changes of what is in force for the frames from each end, from the next one on; no
 * draw and no model begins anew. `numbers` gets what number the next packet of data from each end
 * has. Errors: impair_round_make's; then nothing has changed. Not after carrier_end. */
int carrier_change(struct carrier *carrier, const struct impair_round rounds[2],
                   uint64_t numbers[2], struct error *error);
/* What is in force for frames from `end`, until something changes it. Not after carrier_end. */
const struct impair_settings *carrier_settings(const struct carrier *carrier, unsigned end);
/* Ends the link: what is on its way is lost, sockets are closed. The counters stay. Any number of
 * times. */
void carrier_end(struct carrier *carrier);
/* Writes the logs to their end, which may wait for a disk: after carrier_end, which is done where
 * it was not, another thread than the loop's may do it. The first error of a log; once. */
int carrier_close(struct carrier *carrier, struct error *error);
/* Of the frames that came from `end`, 0 or 1. */
struct carrier_counters carrier_counters(const struct carrier *carrier, unsigned end);
/* Closes it, where that was not done. NULL is fine. */
void carrier_free(struct carrier *carrier);

#endif
