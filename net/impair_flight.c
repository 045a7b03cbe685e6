#include "net/impair_flight.h"

size_t flight_size(uint32_t count)
{
    return count * (sizeof(struct flying) + sizeof(struct flight_node));
}

void flight_init(struct flight *flight, void *memory, uint32_t count)
{
    static const struct flight_list none = {.head = FLIGHT_NONE, .tail = FLIGHT_NONE};

    *flight = (struct flight){.room = memory, .free = FLIGHT_NONE, .wire = none};
    flight->heap = (struct flight_node *)(flight->room + count);
    for (uint32_t i = count; i-- > 0;)
        flight_leave(flight, i);
}

static bool is_before(const struct flight_node *a, const struct flight_node *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_push(struct flight *flight, struct flight_node node)
{
    uint32_t at = flight->heap_count++;

    while (at > 0 && is_before(&node, &flight->heap[(at - 1) / 2])) {
        flight->heap[at] = flight->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    flight->heap[at] = node;
}

static uint32_t heap_pop(struct flight *flight)
{
    uint32_t first = flight->heap[0].index;
    struct flight_node last = flight->heap[--flight->heap_count];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= flight->heap_count)
            break;
        if (child + 1 < flight->heap_count &&
            is_before(&flight->heap[child + 1], &flight->heap[child]))
            child++;
        if (!is_before(&flight->heap[child], &last))
            break;
        flight->heap[at] = flight->heap[child];
        at = child;
    }
    flight->heap[at] = last;
    return first;
}

static struct flight_node node_of(const struct flight *flight, uint32_t index)
{
    const struct flying *flying = flight_at(flight, index);

    return (struct flight_node){flying->packet->due_ns, flying->order, index};
}

void flight_launch(struct flight *flight, uint32_t index)
{
    struct flying *flying = flight_at(flight, index);

    flying->order = flight->orders++;
    if (flight->wire.count &&
        flying->packet->due_ns < flight_at(flight, flight->wire.tail)->packet->due_ns)
        heap_push(flight, node_of(flight, index));
    else
        flight_append(flight, &flight->wire, index);
}

/* Whether the next one is in the heap. */
static bool next_is_in_heap(const struct flight *flight)
{
    struct flight_node first;

    if (!flight->heap_count || !flight->wire.count)
        return flight->heap_count;
    first = node_of(flight, flight->wire.head);
    return is_before(&flight->heap[0], &first);
}

uint64_t flight_next_ns(const struct flight *flight)
{
    if (next_is_in_heap(flight))
        return flight->heap[0].due_ns;
    return flight->wire.count ? flight_at(flight, flight->wire.head)->packet->due_ns : UINT64_MAX;
}

uint32_t flight_land(struct flight *flight)
{
    return next_is_in_heap(flight) ? heap_pop(flight) : flight_shift(flight, &flight->wire);
}
