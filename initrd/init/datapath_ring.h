/* Slots of memory that a packet socket shares with the kernel (PACKET_TX_RING, TPACKET_V2, see
 * Documentation/networking/packet_mmap.rst), for frames that stand for many packets: what is read
 * from a TAP into a slot goes out of the NIC from there, where a write would copy it once more.
 *
 * A slot is the kernel's from datapath_ring_send until the NIC's queue has cut the frame or the NIC
 * has sent it, and is not written to before. The slots are also all the room that there is: while
 * none is free, frames go the way of all others, through the socket of the NIC. Both sockets hand a
 * frame to the NIC's one queue before their call returns, so frames stay in order. */
#ifndef DUET_INIT_DATAPATH_RING_H
#define DUET_INIT_DATAPATH_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATAPATH_RING_SLOTS = 15 };

struct datapath_ring;

/* For the NIC with that index in the network namespace of the caller. NULL where the kernel has no
 * such ring, or no memory for it: nothing is lost but speed. */
struct datapath_ring *datapath_ring_open(int index);
/* NULL is fine. What was sent still goes out. */
void datapath_ring_free(struct datapath_ring *ring);

/* Where a frame may be written that is to be sent next: room for PACKET_BYTES_MAX bytes, and
 * OFFLOAD_BYTES before them. NULL where the kernel has all slots, or `ring` is NULL. */
uint8_t *datapath_ring_slot(struct datapath_ring *ring);
/* Whether that is what datapath_ring_slot has given. */
bool datapath_ring_holds(const struct datapath_ring *ring, const uint8_t *bytes);
/* Sends the frame of `length` bytes in the slot, with virtio's header before it. Returns 0, or what
 * the kernel has against it as a negative errno, -EAGAIN where there is no room just now: then the
 * slot with the frame is the caller's as before. */
int datapath_ring_send(struct datapath_ring *ring, size_t length);

#endif
