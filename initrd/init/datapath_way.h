/* One direction of a link that this node carries: from a device, through the packet core, to
 * another. One is the node's TAP, the other the packet socket of its NIC.
 *
 * Memory is allocated once. While the receiver takes no more, nothing is read from the sender: the
 * way never holds more than it has room for. The sender does not wait for that. Its queue is the
 * ring of the TAP or the socket of the NIC, and what finds no room there is lost and counted. */
#ifndef DUET_INIT_DATAPATH_WAY_H
#define DUET_INIT_DATAPATH_WAY_H

#include "initrd/init/datapath_log.h"
#include "initrd/init/datapath_ring.h"
#include "initrd/init/link_state.h"
#include "net/impair_plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum way_device { WAY_TAP, WAY_NIC };

struct way_options {
    uint64_t seed, link; /* of the draws (struct impair_options) */
    unsigned direction;
    unsigned mtu;         /* of the network's packet: longer ones do not get through */
    enum way_device from; /* the receiver is the other one */
    int from_fd, to_fd;   /* both with virtio's header before each frame; they stay the caller's */
    /* For what stands for many packets, to the same NIC; or NULL. Stays the caller's. */
    struct datapath_ring *ring;
    struct datapath_log *log; /* or NULL; stays the caller's */
    /* How many packets the sender has lost by now, for want of room, before they could be read. It
     * may go on saying what it said. NULL: a packet socket, which knows. */
    uint64_t (*sender_lost)(void *context);
    void *context;
    struct impair_plan_run *run; /* of both ways; started with way_impair before packets come */
};

struct way;

struct way *way_new(const struct way_options *options);
/* They are those of one link: steps of its run come in the order in which both read. */
void way_pair(struct way *one, struct way *other);
/* NULL is fine. What is on its way is lost, and counted so before. */
void way_free(struct way *way);

/* From the next packet on. `settings` passed impair_check; stay the caller's as impair_set says. */
void way_change(struct way *way, const struct impair_settings *settings);
/* Reads what there is, and goes on. */
void way_read(struct way *way);
/* Hands on what is due and what was read, as far as the receiver takes it. */
void way_go_on(struct way *way);
/* Loses what is on its way, what was read included. */
void way_flush(struct way *way);

/* Whether it waits for the receiver, and reads nothing until then. */
bool way_waits(const struct way *way);
/* What was read and waits for the receiver meets what is in force now, or a step of the run that
 * falls on it, as it must before impair_plan_tick; it goes on when the receiver has room. */
void way_take_rest(struct way *way);
/* When way_go_on is to be called next though no device says anything; or IMPAIR_NEVER. */
uint64_t way_next_ns(const struct way *way);
struct link_way_state way_state(struct way *way);
/* What the way goes through. */
struct impair *way_impair(const struct way *way);
/* The settings in force. */
const struct impair_settings *way_settings(struct way *way);

#endif
