/* Theory of operation
 *
 * A packet that is taken is judged at once (judge, rules, loss), and what is left of it, with its
 * copies, is admitted: into the queue where there is a rate, else onto the wire. From there three
 * stages move it on, each in the order of the moments at which that would have happened, up to the
 * present:
 *
 *   serve   queue -> wire   when the rate is free for it
 *   open    wire -> gate    when it arrives; the gate gives it a slot
 *   leave   gate -> caller  when the slot opens
 *
 * Without slots packets leave the wire straight for the caller. `serve` and `open` are called
 * before anything that looks at the stages, with the time up to which these are to be played. */
#include "net/impair_state.h"

void impair_see_time(struct impair *impair, uint64_t now_ns)
{
    if (now_ns == IMPAIR_NEVER)
        now_ns--; /* that moment means that there is none */
    if (now_ns >= impair->now_ns)
        impair->now_ns = now_ns;
    else
        impair->counters.clock_back++;
}

/* -- The end of a packet ----------------------------------------------------------------------- */

static void count_causes(struct impair *impair, uint32_t why)
{
    for (; why; why &= why - 1)
        impair->counters.causes[__builtin_ctz(why)]++;
}

void impair_note(struct impair *impair, const struct impair_verdict *verdict,
                 const struct packet *packet)
{
    if (verdict->why)
        count_causes(impair, verdict->why);
    if (impair->note)
        impair->note(impair->context, verdict, packet);
}

/* `verdict` is not final: this makes it so. */
void impair_lose(struct impair *impair, struct impair_verdict *verdict, struct packet *packet,
                 enum impair_cause cause, uint64_t when_ns)
{
    verdict->why |= IMPAIR_WHY(cause);
    verdict->out_ns = when_ns;
    verdict->due_ns = when_ns;
    impair_note(impair, verdict, packet);
    pool_give(impair->pool, &packet, 1);
}

void impair_lose_flying(struct impair *impair, uint32_t index, enum impair_cause cause,
                        uint64_t when_ns)
{
    struct flying *flying = flight_at(&impair->flight, index);

    impair_lose(impair, &flying->verdict, flying->packet, cause, when_ns);
    flight_leave(&impair->flight, index);
}

struct packet *impair_hand_on(struct impair *impair, uint32_t index)
{
    struct flying *flying = flight_at(&impair->flight, index);
    struct packet *packet = flying->packet;

    flying->verdict.due_ns = packet->due_ns;
    flying->verdict.out_ns = impair->now_ns;
    impair->counters.packets_out++;
    impair->counters.bytes_out += packet->length;
    impair_note(impair, &flying->verdict, packet);
    flight_leave(&impair->flight, index);
    return packet;
}

/* -- The stages -------------------------------------------------------------------------------- */

void impair_launch(struct impair *impair, uint32_t index, uint64_t out_ns)
{
    struct flying *flying = flight_at(&impair->flight, index);

    flying->packet->due_ns = impair_later(out_ns, flying->delay_ns);
    flight_launch(&impair->flight, index);
}

static void leave_queue(struct impair *impair, uint64_t start_ns)
{
    uint32_t index = flight_shift(&impair->flight, &impair->queue);
    const struct flying *flying = flight_at(&impair->flight, index);

    impair->queue_bytes -= flying->verdict.length;
    impair->queue_cost -= flying->cost;
    if (impair->limits.codel &&
        codel_drops(&impair->codel, start_ns, start_ns - flying->verdict.in_ns, impair->queue_bytes,
                    impair->longest_bytes))
        impair_lose_flying(impair, index, IMPAIR_CODEL, start_ns);
    else
        impair_launch(impair, index, rate_send(&impair->rate, start_ns, flying->cost));
}

uint64_t impair_queue_start_ns(const struct impair *impair)
{
    return rate_start_ns(&impair->rate,
                         flight_at(&impair->flight, impair->queue.head)->verdict.in_ns);
}

void impair_serve(struct impair *impair, uint64_t until_ns)
{
    while (impair->queue.count) {
        uint64_t start_ns = impair_queue_start_ns(impair);

        if (start_ns > until_ns)
            return;
        leave_queue(impair, start_ns);
    }
}

static void next_slot(struct slot *slot, uint64_t from_ns)
{
    slot->opens_ns = impair_later(from_ns, spread_next(&slot->interval, slot->number++));
    slot->packets_taken = slot->bytes_taken = 0;
}

/* As netem has it: a slot that opened before the packet came is over. */
static void give_slot(struct slot *slot, struct packet *packet)
{
    if (slot->opens_ns < packet->due_ns)
        next_slot(slot, packet->due_ns);
    packet->due_ns = slot->opens_ns;
    slot->packets_taken++;
    slot->bytes_taken += packet->length;
    if ((slot->packets && slot->packets_taken >= slot->packets) ||
        (slot->bytes && slot->bytes_taken >= slot->bytes))
        next_slot(slot, slot->opens_ns);
}

/* Where slots were changed or given up, nobody overtakes those that still wait for theirs. */
static void pass_behind(const struct impair *impair, struct packet *packet)
{
    const struct flying *last = flight_at(&impair->flight, impair->gate.tail);

    if (packet->due_ns < last->packet->due_ns)
        packet->due_ns = last->packet->due_ns;
}

void impair_open(struct impair *impair, uint64_t until_ns)
{
    while ((impair->slot.active || impair->gate.count) &&
           flight_next_ns(&impair->flight) <= until_ns) {
        uint32_t index = flight_land(&impair->flight);
        struct packet *packet = flight_at(&impair->flight, index)->packet;

        if (impair->slot.active)
            give_slot(&impair->slot, packet);
        if (impair->gate.count)
            pass_behind(impair, packet);
        flight_append(&impair->flight, &impair->gate, index);
    }
}
