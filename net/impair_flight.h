/* The packets that are on their way: where they are kept, and in which order they arrive.
 *
 * All room is there from the start. A packet waits in a list (first in, first out) or on the wire,
 * which is ordered by when packets are due and, where that is the same, by who was put there
 * first. What comes in order, as it does without jitter, goes into a list there, too, and costs no
 * more than that; only what overtakes goes through the heap. */
#ifndef DUET_NET_IMPAIR_FLIGHT_H
#define DUET_NET_IMPAIR_FLIGHT_H

#include "net/impair_verdict.h"
#include "net/packet.h"

#include <stddef.h>

#define FLIGHT_NONE UINT32_MAX

struct flying {
    struct packet *packet; /* its due_ns is when it may go on */
    uint64_t delay_ns;     /* on the wire */
    uint64_t order;        /* on the wire: among those due at the same time */
    uint32_t next;         /* in its list, or FLIGHT_NONE */
    uint32_t cost;         /* bytes that the rate counts */
    struct impair_verdict verdict;
};

struct flight_list {
    uint32_t head, tail; /* FLIGHT_NONE where it is empty */
    uint32_t count;
};

struct flight_node {
    uint64_t due_ns, order;
    uint32_t index;
};

struct flight {
    struct flying *room;
    struct flight_node *heap;
    uint32_t heap_count;
    uint64_t orders;         /* given so far */
    uint32_t free;           /* a stack: what was left last is in the cache */
    struct flight_list wire; /* what came in order */
};

/* Bytes that flight_init needs for `count` packets. */
size_t flight_size(uint32_t count);
/* `memory` is aligned as malloc's is. */
void flight_init(struct flight *flight, void *memory, uint32_t count);

static inline struct flying *flight_at(const struct flight *flight, uint32_t index)
{
    return &flight->room[index];
}

/* A place for a packet, or FLIGHT_NONE. */
static inline uint32_t flight_board(struct flight *flight)
{
    uint32_t index = flight->free;

    if (index != FLIGHT_NONE)
        flight->free = flight->room[index].next;
    return index;
}

/* Gives the place up; it is in no list. */
static inline void flight_leave(struct flight *flight, uint32_t index)
{
    flight->room[index].next = flight->free;
    flight->free = index;
}

static inline void flight_append(struct flight *flight, struct flight_list *list, uint32_t index)
{
    flight->room[index].next = FLIGHT_NONE;
    if (list->count++)
        flight->room[list->tail].next = index;
    else
        list->head = index;
    list->tail = index;
}

/* The first of the list, or FLIGHT_NONE. */
static inline uint32_t flight_shift(struct flight *flight, struct flight_list *list)
{
    uint32_t index = list->head;

    if (index == FLIGHT_NONE)
        return FLIGHT_NONE;
    list->head = flight->room[index].next;
    list->count--;
    return index;
}

/* Puts it on the wire, to arrive when its packet is due. */
void flight_launch(struct flight *flight, uint32_t index);
/* When the next one arrives; UINT64_MAX where there is none. */
uint64_t flight_next_ns(const struct flight *flight);
/* Takes the next one off the wire, or FLIGHT_NONE. */
uint32_t flight_land(struct flight *flight);

#endif
