/* How a packet is judged when it is taken, and put on its way. */
#include "net/impair_change.h"
#include "net/impair_state.h"

#include <netinet/tcp.h>

/* What chance and the rules have said of a packet before it is admitted. */
struct judgement {
    const struct models *models; /* of the packet's class */
    uint64_t number;
    uint64_t delay_ns; /* of the packet itself */
    bool lost, duplicated, reordered, corrupted;
    struct rules_order order;
};

static bool judge_reorder(struct models *models, uint32_t gap, uint64_t n)
{
    if (!models->reorder.share) {
        models->since_reorder = 0;
        return false;
    }
    if (!chance_next(&models->reorder, n) || models->since_reorder + 1 < gap) {
        models->since_reorder++;
        return false;
    }
    models->since_reorder = 0;
    return true;
}

/* Every model makes its step, whatever the others say. */
static void judge(struct impair *impair, enum impair_class class, struct judgement *judgement)
{
    struct models *models = &impair->models[class];
    uint64_t n = models->next++;

    judgement->models = models;
    judgement->number = n;
    judgement->lost = loss_next(&models->loss, n);
    judgement->duplicated = chance_next(&models->duplicate, n);
    judgement->reordered = judge_reorder(models, impair->gap, n);
    judgement->corrupted = chance_next(&models->corrupt, n);
    judgement->delay_ns = spread_next(&models->delay, n);
    judgement->order = (struct rules_order){0};
}

static enum impair_class class_of(const struct packet *packet)
{
    return packet_is_upkeep(packet) ? IMPAIR_OWN : IMPAIR_DATA;
}

static uint32_t why_class(enum impair_class class)
{
    return class == IMPAIR_OWN ? IMPAIR_WHY(IMPAIR_UPKEEP) : 0;
}

static bool is_too_long(const struct impair *impair, const struct packet *packet)
{
    size_t start, end;

    return impair->mtu && impair_part_of(packet, IMPAIR_PART_NETWORK, &start, &end) &&
           end - start > impair->mtu;
}

/* What ends the packet here, or IMPAIR_DROPS. */
static enum impair_cause refuse(struct impair *impair, enum impair_class class,
                                struct judgement *judgement, struct packet *packet)
{
    if (impair->down)
        return IMPAIR_DOWN;
    if (impair->blackhole)
        return IMPAIR_BLACKHOLE;
    if (is_too_long(impair, packet))
        return IMPAIR_MTU;
    if (impair->rules.count) {
        rules_apply(&impair->rules, class, judgement->number, packet, &judgement->order);
        if (judgement->order.ending)
            return judgement->order.ending->action == IMPAIR_ACT_RESET ? IMPAIR_RESET : IMPAIR_RULE;
    }
    return judgement->lost ? IMPAIR_LOSS : IMPAIR_DROPS;
}

/* Whether the packet that comes at in_ns finds room in the queue. */
static bool queue_has_room(const struct impair *impair, const struct flying *flying)
{
    const struct impair_queue *limits = &impair->limits;
    uint64_t in_ns = flying->verdict.in_ns;
    uint64_t start_ns = rate_start_ns(&impair->rate, in_ns);

    if (!impair->queue.count && start_ns == in_ns)
        return true; /* it does not wait */
    if (limits->limit_packets && impair->queue.count >= limits->limit_packets)
        return false;
    if (limits->limit_bytes && impair->queue_bytes + flying->verdict.length > limits->limit_bytes)
        return false;
    return !limits->limit_ns ||
           start_ns - in_ns + rate_time_ns(&impair->rate, impair->queue_cost) <= limits->limit_ns;
}

static void enqueue(struct impair *impair, uint32_t index)
{
    struct flying *flying = flight_at(&impair->flight, index);

    flying->cost = rate_cost(&impair->rate.set, flying->packet->length);
    if (!queue_has_room(impair, flying)) {
        impair_lose_flying(impair, index, IMPAIR_QUEUE, flying->verdict.in_ns);
        return;
    }
    impair->queue_bytes += flying->verdict.length;
    impair->queue_cost += flying->cost;
    if (flying->verdict.length > impair->longest_bytes)
        impair->longest_bytes = flying->verdict.length;
    flight_append(&impair->flight, &impair->queue, index);
}

/* A place for a copy or a reset; FLIGHT_NONE, and that lost, where there is none. */
static uint32_t board(struct impair *impair, struct impair_verdict *verdict, struct packet *packet)
{
    uint32_t index = flight_board(&impair->flight);
    struct flying *flying;

    if (index == FLIGHT_NONE) {
        impair_lose(impair, verdict, packet, IMPAIR_FULL, verdict->in_ns);
        return FLIGHT_NONE;
    }
    flying = flight_at(&impair->flight, index);
    flying->packet = packet;
    flying->verdict = *verdict;
    return index;
}

static void send_off(struct impair *impair, uint32_t index, uint64_t delay_ns)
{
    struct flying *flying = flight_at(&impair->flight, index);

    flying->delay_ns = delay_ns;
    if (impair->rate.set.bps)
        enqueue(impair, index);
    else
        impair_launch(impair, index, flying->verdict.in_ns);
}

/* The packet or one of its copies, on its way with its own delay and its own errors. */
static void admit(struct impair *impair, const struct judgement *judgement, uint32_t place)
{
    struct flying *flying = flight_at(&impair->flight, place);
    struct impair_verdict *verdict = &flying->verdict;
    const struct models *models = judgement->models;
    uint64_t index = judgement->number * (IMPAIR_COPIES_MAX + 1) + verdict->copy;
    uint64_t delay_ns = judgement->delay_ns;
    bool corrupted = judgement->corrupted;

    if (verdict->copy) {
        delay_ns = spread_time(&models->delay.set, random_at(models->delay_copy_key, index));
        corrupted =
            random_chance(random_at(models->corrupt_copy_key, index), models->corrupt.share);
    }
    if (judgement->reordered) {
        delay_ns = 0;
        verdict->why |= IMPAIR_WHY(IMPAIR_REORDERED);
    }
    if (corrupted &&
        change_corrupt(flying->packet, &impair->corrupt_how, models->corrupt_bit_key, index))
        verdict->why |= IMPAIR_WHY(IMPAIR_CORRUPTED);
    send_off(impair, place, impair_later(delay_ns, judgement->order.delay_ns));
}

/* Copies first, so that no error of one is in another. */
static void admit_copies(struct impair *impair, const struct judgement *judgement, uint32_t place)
{
    struct flying *flying = flight_at(&impair->flight, place);
    uint32_t wanted = judgement->order.copies + judgement->duplicated;
    struct packet *copies[IMPAIR_COPIES_MAX];
    struct impair_verdict copy = flying->verdict;
    uint32_t count = 0;

    if (wanted > IMPAIR_COPIES_MAX)
        wanted = IMPAIR_COPIES_MAX;
    while (count < wanted && (copies[count] = pool_copy(impair->pool, flying->packet)))
        count++;
    if (count < wanted)
        flying->verdict.why |= IMPAIR_WHY(IMPAIR_UNMADE);
    admit(impair, judgement, place);
    for (uint32_t i = 0; i < count; i++) {
        struct impair_verdict verdict = copy;

        verdict.copy = (uint8_t)(i + 1);
        verdict.why |= IMPAIR_WHY(IMPAIR_COPY);
        place = board(impair, &verdict, copies[i]);
        if (place != FLIGHT_NONE)
            admit(impair, judgement, place);
    }
}

/* A reset in place of the packet; false where it could not be made. */
static bool forge(struct impair *impair, const struct judgement *judgement,
                  struct impair_verdict verdict, const struct packet *packet, bool back)
{
    struct packet *made;
    uint32_t index;

    if (!pool_take(impair->pool, &made, 1))
        return false;
    if (!change_reset(packet, back, made, impair->pool->room)) {
        pool_give(impair->pool, &made, 1);
        return false;
    }
    verdict.why = IMPAIR_WHY(IMPAIR_FORGED);
    verdict.copy = back ? 2 : 1;
    verdict.back = back;
    verdict.length = made->length;
    index = board(impair, &verdict, made);
    if (index == FLIGHT_NONE)
        return true;
    if (back) {
        made->due_ns = verdict.in_ns;
        flight_append(&impair->flight, &impair->back, index);
    } else {
        send_off(impair, index, judgement->delay_ns);
    }
    return true;
}

static void forge_all(struct impair *impair, const struct judgement *judgement,
                      struct impair_verdict *verdict, const struct packet *packet)
{
    enum impair_reset to = judgement->order.ending->reset;
    bool made = true;

    if (packet_tcp_flags(packet) & TH_RST)
        return; /* nothing answers a reset */
    if (to != IMPAIR_RESET_SENDER)
        made = forge(impair, judgement, *verdict, packet, false);
    if (to != IMPAIR_RESET_RECEIVER)
        made = forge(impair, judgement, *verdict, packet, true) && made;
    if (!made)
        verdict->why |= IMPAIR_WHY(IMPAIR_UNMADE);
}

static uint64_t arrival_ns(struct impair *impair, const struct packet *packet)
{
    uint64_t in_ns = packet->time_ns ? packet->time_ns : impair->now_ns;

    if (in_ns > impair->now_ns)
        in_ns = impair->now_ns;
    if (in_ns < impair->in_ns)
        in_ns = impair->in_ns;
    impair->in_ns = in_ns;
    return in_ns;
}

/* The place is given up first: a reset may need it. */
static void refused(struct impair *impair, const struct judgement *judgement,
                    const struct flying *flying, uint32_t place, enum impair_cause cause)
{
    struct impair_verdict verdict = flying->verdict;
    struct packet *packet = flying->packet;

    if (place != FLIGHT_NONE)
        flight_leave(&impair->flight, place);
    if (cause == IMPAIR_RESET)
        forge_all(impair, judgement, &verdict, packet);
    impair_lose(impair, &verdict, packet, cause, verdict.in_ns);
}

/* The verdict is written where it is going to stay: copying it is a good part of the cost. */
static void take_one(struct impair *impair, struct packet *packet)
{
    enum impair_class class = class_of(packet);
    uint64_t in_ns = arrival_ns(impair, packet);
    struct impair_verdict *verdict;
    struct flying spare, *flying;
    struct judgement judgement;
    enum impair_cause cause;
    uint32_t place;

    impair->counters.packets_in++;
    impair->counters.bytes_in += packet->length;
    if (impair->queue.count)
        impair_serve(impair, in_ns);
    place = flight_board(&impair->flight);
    flying = place != FLIGHT_NONE ? flight_at(&impair->flight, place) : &spare;
    flying->packet = packet;
    verdict = &flying->verdict;
    verdict->in_ns = in_ns;
    verdict->length = packet->length;
    verdict->copy = 0;
    verdict->back = false;
    judge(impair, class, &judgement);
    cause = refuse(impair, class, &judgement, packet);
    verdict->number = judgement.number;
    verdict->rule = judgement.order.last;
    verdict->why = why_class(class) | (judgement.order.mangled ? IMPAIR_WHY(IMPAIR_MANGLED) : 0) |
                   (judgement.order.delay_ns ? IMPAIR_WHY(IMPAIR_HELD) : 0);
    if (cause == IMPAIR_DROPS && place == FLIGHT_NONE)
        cause = IMPAIR_FULL;
    if (cause != IMPAIR_DROPS)
        refused(impair, &judgement, flying, place, cause);
    else if (judgement.duplicated || judgement.order.copies)
        admit_copies(impair, &judgement, place);
    else
        admit(impair, &judgement, place);
}

void impair_take(struct impair *impair, uint64_t now_ns, struct packet *const packets[],
                 size_t count)
{
    impair_see_time(impair, now_ns);
    for (size_t i = 0; i < count; i++)
        take_one(impair, packets[i]);
}

/* -- Straight through -------------------------------------------------------------------------- */

static bool is_instant(const struct impair *impair)
{
    const struct models *models = &impair->models[IMPAIR_DATA]; /* the other's settings are these */

    return !models->delay.set.mean_ns && !impair->rate.set.bps && !impair->slot.active &&
           !models->duplicate.share && !impair->rules.count && impair_in_flight(impair) == 0;
}

/* Whether the packet goes on. Kept out of impair_pass's loop, where it would crowd the registers of
 * what most packets take. What take_one, impair_launch and impair_hand_on would come to. */
static bool __attribute__((noinline)) pass_one(struct impair *impair, struct packet *packet)
{
    enum impair_class class = class_of(packet);
    uint64_t in_ns = arrival_ns(impair, packet);
    uint32_t why = why_class(class);
    struct judgement judgement;
    enum impair_cause cause;

    judge(impair, class, &judgement);
    cause = refuse(impair, class, &judgement, packet);
    if (cause == IMPAIR_DROPS && judgement.corrupted &&
        change_corrupt(packet, &impair->corrupt_how, judgement.models->corrupt_bit_key,
                       judgement.number * (IMPAIR_COPIES_MAX + 1)))
        why |= IMPAIR_WHY(IMPAIR_CORRUPTED);
    packet->due_ns = in_ns;
    if (cause != IMPAIR_DROPS || why || impair->note) {
        struct impair_verdict verdict = {.number = judgement.number,
                                         .in_ns = in_ns,
                                         .due_ns = in_ns,
                                         .out_ns = impair->now_ns,
                                         .why = why,
                                         .length = packet->length};

        if (cause == IMPAIR_DROPS)
            impair_note(impair, &verdict, packet);
        else
            impair_lose(impair, &verdict, packet, cause, in_ns);
    }
    return cause == IMPAIR_DROPS;
}

/* Whether a random loss is all that can befall a packet, and nobody asks about the others. */
static bool only_loses(const struct impair *impair)
{
    const struct models *models = &impair->models[IMPAIR_DATA];
    const struct loss *loss = &models->loss;

    return !impair->down && !impair->blackhole && !impair->mtu && !models->reorder.share &&
           !models->corrupt.share && !impair->note &&
           (!loss->active ||
            (loss->model == IMPAIR_LOSS_RANDOM && !loss->random.draws.keep && !loss->limit));
}

/* As pass_one, of data, where only_loses, but for since_reorder; `share` is that of lost packets.
 */
static inline bool spare_one(struct impair *impair, struct packet *packet, uint64_t share)
{
    uint64_t in_ns = arrival_ns(impair, packet);
    struct models *models = &impair->models[IMPAIR_DATA];
    uint64_t n = models->next++;
    struct impair_verdict verdict;

    packet->due_ns = in_ns;
    if (!random_chance(random_at(models->loss.random.draws.key, n), share))
        return true;
    verdict = (struct impair_verdict){.number = n, .in_ns = in_ns, .length = packet->length};
    impair_lose(impair, &verdict, packet, IMPAIR_LOSS, in_ns);
    return false;
}

size_t impair_pass(struct impair *impair, uint64_t now_ns, struct packet *packets[], size_t count,
                   size_t max)
{
    struct models *data = &impair->models[IMPAIR_DATA];
    uint64_t share = data->loss.active ? data->loss.random.share : 0;
    uint64_t before = data->next;
    bool spares = only_loses(impair);
    uint64_t bytes_in = 0, bytes_out = 0;
    size_t passed = 0;

    if (!is_instant(impair)) {
        impair_take(impair, now_ns, packets, count);
        return impair_due(impair, now_ns, packets, max);
    }
    impair_see_time(impair, now_ns);
    for (size_t i = 0; i < count; i++) {
        struct packet *packet = packets[i];

        bytes_in += packet->length;
        if (!(spares && !packet_is_upkeep(packet) ? spare_one(impair, packet, share)
                                                  : pass_one(impair, packet)))
            continue;
        bytes_out += packet->length;
        packets[passed++] = packet;
    }
    if (spares && data->next != before)
        data->since_reorder = 0;
    impair->counters.packets_in += count;
    impair->counters.bytes_in += bytes_in;
    impair->counters.packets_out += passed;
    impair->counters.bytes_out += bytes_out;
    return passed;
}
