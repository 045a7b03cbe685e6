/* Impairment of one direction of one link: a bad network on purpose, the same one each time.
 *
 * Packets go in with impair_take and come out with impair_due, both in vectors. In between, in this
 * order: the link may be down or swallow everything, a packet may be too long, a rule may pick it,
 * the loss model may lose it, it may be duplicated, the copies corrupted each by itself; then it
 * waits in the queue until the rate lets it go, is on the wire for its delay, and leaves in a slot.
 *
 * What depends on what. Packets of a direction are of two classes, data and the link's upkeep
 * (packet_is_upkeep), each of which is numbered from 0 in the order they are taken, lost ones
 * included, and has draws and models of its own: when a kernel asks for a neighbour moves no data
 * packet's verdict. Queue, rate and slots are of both. Every decision by chance (loss, duplicate,
 * reorder, corrupt, delay, the share of a rule) is made of draws that depend on the seed, link,
 * direction, class, number and purpose alone. Models with a memory (correlation, Gilbert-Elliott,
 * states, the reorder gap) move on with every packet of their class, whatever becomes of it, so
 * they depend on how many packets there were and on the settings, never on time. Rules depend on
 * the packets. The queue (limits, CoDel) and slots depend on when packets come, too: they are
 * simulated in the time of arrivals and departures, so that when and how often these functions are
 * called does not matter to them.
 *
 * Nothing is allocated after impair_init. Time is the caller's, in nanoseconds of any clock; one
 * that goes backwards stands still here. */
#ifndef DUET_NET_IMPAIR_H
#define DUET_NET_IMPAIR_H

#include "net/impair_settings.h"
#include "net/impair_time.h"
#include "net/impair_verdict.h"
#include "net/packet.h"
#include "net/pool.h"

#include <stddef.h>

struct impair;

enum {
    IMPAIR_FLIGHT_DEFAULT = 1024, /* packets in flight */
    IMPAIR_FLIGHT_MAX = 1 << 20,
    IMPAIR_FLOWS_DEFAULT = 4096, /* that rules with `nth` tell apart */
    IMPAIR_FLOWS_MAX = 1 << 20,
};

struct impair_options {
    uint64_t seed, link; /* `link` is its number, or anything that tells it from the others */
    unsigned direction;  /* 0 or 1 */
    uint32_t flight;     /* packets in flight at most; 0: the default */
    uint32_t flows;      /* of data, and of upkeep; 0: the default */
    /* What is lost goes back there, and duplicates and resets come from there. Packets of another
     * owner may go through the link: pool_give leaves them alone, `note` tells of their end. */
    struct pool *pool;
    /* Called with each verdict when it is final: as the packet, parsed, is handed on, or before it
     * is given back. It may not call back into this impair. NULL: nobody asks. */
    void (*note)(void *context, const struct impair_verdict *verdict, const struct packet *packet);
    void *context;
};

struct impair_counters {
    uint64_t packets_in, bytes_in;   /* taken */
    uint64_t packets_out, bytes_out; /* handed on, duplicates and resets included */
    uint64_t causes[IMPAIR_CAUSES];  /* packets of which this was said, lost or not */
    uint64_t clock_back;             /* calls with a time before an earlier one */
};

/* Bytes of memory that an impair needs, within the limits above; 0 for numbers outside them. */
size_t impair_size(const struct impair_options *options);
/* Makes one of `memory`, which has that size and malloc's alignment and stays the caller's; it ends
 * with impair_flush. No impairment is set. */
struct impair *impair_init(void *memory, const struct impair_options *options);

/* From the next packet on; draws and the state of models go on where they are. What waits in the
 * queue already leaves it at the new rate; what is on the wire arrives when it should have.
 * `settings` have passed impair_check. */
void impair_set(struct impair *impair, uint64_t now_ns, const struct impair_settings *settings);

/* Takes packets over, which were parsed, and each of which is one: what stands for many
 * (segment_bytes) was cut into these before (net/segment.h), or numbers would depend on how a
 * kernel bundles. One whose time_ns is set came then, but not after now_ns, and neither before the
 * packet before it nor before the settings; else it comes now. */
void impair_take(struct impair *impair, uint64_t now_ns, struct packet *const packets[],
                 size_t count);

/* Hands on up to `max` packets that are due by now_ns, the first due first. Each has when that was
 * in due_ns. Returns how many. */
size_t impair_due(struct impair *impair, uint64_t now_ns, struct packet *packets[], size_t max);

/* impair_take, then impair_due, of one array with room for `max`, at least `count`: in it are then
 * the packets that may go on. Where nothing can delay, multiply or send back a packet and none is
 * on its way, this comes to the same verdicts at a fraction of the cost. */
size_t impair_pass(struct impair *impair, uint64_t now_ns, struct packet *packets[], size_t count,
                   size_t max);

/* As impair_due, of those that go to the senders: the resets of rules. They wait for nothing. */
size_t impair_back(struct impair *impair, uint64_t now_ns, struct packet *packets[], size_t max);

/* When impair_due is to be called next; IMPAIR_NEVER where nothing is on its way. It may then have
 * nothing to hand on yet. */
uint64_t impair_next_ns(const struct impair *impair);

/* What number the next packet of data gets. */
uint64_t impair_next_number(const struct impair *impair);

/* Gives back all that is on its way. */
void impair_flush(struct impair *impair, uint64_t now_ns);

const struct impair_counters *impair_counters(const struct impair *impair);
/* Packets on their way. */
uint32_t impair_in_flight(const struct impair *impair);

#endif
