/* The inside of an impair, and the stages that packets go through in it. */
#ifndef DUET_NET_IMPAIR_STATE_H
#define DUET_NET_IMPAIR_STATE_H

#include "net/impair.h"
#include "net/impair_codel.h"
#include "net/impair_flight.h"
#include "net/impair_loss.h"
#include "net/impair_rate.h"
#include "net/impair_rules.h"
#include "net/impair_spread.h"

struct slot {
    struct spread interval;
    uint32_t packets; /* settings; 0: no limit */
    uint64_t bytes;
    bool active;
    uint64_t number; /* slots so far */
    uint64_t opens_ns;
    uint64_t packets_taken, bytes_taken; /* of the slot at opens_ns */
};

/* What decides by chance, of the packets of one class. */
struct models {
    uint64_t next; /* number of the next packet */
    struct loss loss;
    struct chance duplicate;
    struct chance reorder;
    uint32_t since_reorder;
    struct chance corrupt;
    uint64_t corrupt_copy_key, corrupt_bit_key;
    struct spread delay;
    uint64_t delay_copy_key;
};

struct impair {
    struct pool *pool;
    void (*note)(void *context, const struct impair_verdict *verdict, const struct packet *packet);
    void *context;
    uint64_t now_ns;
    uint64_t in_ns; /* when the last packet came */

    bool down, blackhole;
    uint32_t mtu;
    struct models models[IMPAIR_CLASSES];
    uint32_t gap; /* of reordering */
    struct impair_corrupt corrupt_how;
    struct rate rate;
    struct impair_queue limits;
    struct codel codel;
    struct slot slot;
    struct rules rules;

    struct flight flight;
    struct flight_list queue, gate, back;
    uint64_t queue_bytes, queue_cost;
    uint64_t longest_bytes; /* of a packet that was ever queued */
    struct impair_counters counters;
};

/* Takes the clock's word, unless it goes backwards. */
void impair_see_time(struct impair *impair, uint64_t now_ns);

/* -- The end of a packet: its verdict becomes final ------------------------------------------- */

/* Counts a verdict that is final, and tells who wants to know. */
void impair_note(struct impair *impair, const struct impair_verdict *verdict,
                 const struct packet *packet);
/* Lost, before it was put anywhere. */
void impair_lose(struct impair *impair, struct impair_verdict *verdict, struct packet *packet,
                 enum impair_cause cause, uint64_t when_ns);
/* Lost, out of where it was; it is in no list. */
void impair_lose_flying(struct impair *impair, uint32_t index, enum impair_cause cause,
                        uint64_t when_ns);
/* Handed on now. */
struct packet *impair_hand_on(struct impair *impair, uint32_t index);

/* -- The stages -------------------------------------------------------------------------------- */

/* Puts a packet that is out at out_ns on the wire, where its delay begins. */
void impair_launch(struct impair *impair, uint32_t index, uint64_t out_ns);
/* Moves on what leaves the queue by until_ns. */
void impair_serve(struct impair *impair, uint64_t until_ns);
/* Moves on what arrives by until_ns, where there are slots. */
void impair_open(struct impair *impair, uint64_t until_ns);
/* When the first packet of the queue, which is not empty, leaves it. */
uint64_t impair_queue_start_ns(const struct impair *impair);

#endif
