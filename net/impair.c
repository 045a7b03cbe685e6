#include "net/impair.h"

#include "net/impair_state.h"

#include <string.h>

/* -- Making one -------------------------------------------------------------------------------- */

static uint32_t flight_count(const struct impair_options *options)
{
    return options->flight ? options->flight : IMPAIR_FLIGHT_DEFAULT;
}

static uint32_t flow_sets(const struct impair_options *options)
{
    return rules_flow_sets(options->flows ? options->flows : IMPAIR_FLOWS_DEFAULT);
}

size_t impair_size(const struct impair_options *options)
{
    if (options->flight > IMPAIR_FLIGHT_MAX || options->flows > IMPAIR_FLOWS_MAX)
        return 0;
    return sizeof(struct impair) +
           sizeof(struct rules_flow) * IMPAIR_CLASSES * RULES_WAYS * flow_sets(options) +
           flight_size(flight_count(options));
}

static void models_init(struct models *models, const struct draw_owner *owner)
{
    draws_init(&models->delay.draws, owner, DRAW_DELAY, DRAW_DELAY_KEEP);
    draws_init(&models->duplicate.draws, owner, DRAW_DUPLICATE, DRAW_DUPLICATE_KEEP);
    draws_init(&models->reorder.draws, owner, DRAW_REORDER, DRAW_REORDER_KEEP);
    draws_init(&models->corrupt.draws, owner, DRAW_CORRUPT, DRAW_CORRUPT_KEEP);
    models->delay_copy_key = draw_key(owner, DRAW_DELAY_COPY);
    models->corrupt_copy_key = draw_key(owner, DRAW_CORRUPT_COPY);
    models->corrupt_bit_key = draw_key(owner, DRAW_CORRUPT_BIT);
    loss_init(&models->loss, owner);
}

struct impair *impair_init(void *memory, const struct impair_options *options)
{
    static const struct flight_list none = {.head = FLIGHT_NONE, .tail = FLIGHT_NONE};
    static const struct impair_settings nothing;
    struct draw_owner owner = {options->seed, options->link, options->direction, IMPAIR_DATA};
    struct impair *impair = memory;
    struct rules_flow *flows = (struct rules_flow *)(impair + 1);

    memset(impair, 0, sizeof *impair);
    impair->pool = options->pool;
    impair->note = options->note;
    impair->context = options->context;
    impair->queue = impair->gate = impair->back = none;
    for (unsigned i = 0; i < IMPAIR_CLASSES; i++) {
        owner.class = i;
        models_init(&impair->models[i], &owner);
    }
    owner.class = IMPAIR_DATA;
    draws_init(&impair->slot.interval.draws, &owner, DRAW_SLOT, DRAW_SLOT_KEEP);
    rules_init(&impair->rules, &owner, flows, flow_sets(options));
    flight_init(&impair->flight,
                flows + (size_t)IMPAIR_CLASSES * RULES_WAYS * impair->rules.flow_sets,
                flight_count(options));
    impair_set(impair, 0, &nothing);
    return impair;
}

/* -- Settings ---------------------------------------------------------------------------------- */

static void set_queue(struct impair *impair, const struct impair_queue *queue)
{
    impair->limits = *queue;
    if (!queue->codel)
        impair->codel = (struct codel){0};
    impair->codel.target_ns = queue->target_ns ? queue->target_ns : IMPAIR_CODEL_TARGET_NS;
    impair->codel.interval_ns = queue->interval_ns ? queue->interval_ns : IMPAIR_CODEL_INTERVAL_NS;
}

static void set_slot(struct slot *slot, const struct impair_slot *set)
{
    spread_set(&slot->interval, &set->interval);
    slot->packets = set->packets;
    slot->bytes = set->bytes;
    slot->active = set->interval.mean_ns != 0;
}

static void set_models(struct models *models, const struct impair_settings *settings)
{
    const struct impair_reorder *reorder = &settings->reorder;
    bool only_gap = reorder->gap && !reorder->chance.ppb;

    spread_set(&models->delay, &settings->delay);
    loss_set(&models->loss, &settings->loss);
    chance_set(&models->duplicate, settings->duplicate.ppb, settings->duplicate.correlation_ppb);
    chance_set(&models->reorder, only_gap ? RANDOM_PPB : reorder->chance.ppb,
               reorder->chance.correlation_ppb);
    chance_set(&models->corrupt, settings->corrupt.chance.ppb,
               settings->corrupt.chance.correlation_ppb);
}

void impair_set(struct impair *impair, uint64_t now_ns, const struct impair_settings *settings)
{
    impair_see_time(impair, now_ns);
    impair_serve(impair, impair->now_ns);
    impair_open(impair, impair->now_ns);
    impair->down = settings->down;
    impair->blackhole = settings->blackhole;
    impair->mtu = settings->mtu;
    for (unsigned i = 0; i < IMPAIR_CLASSES; i++)
        set_models(&impair->models[i], settings);
    impair->gap = settings->reorder.gap ? settings->reorder.gap : 1;
    impair->corrupt_how = settings->corrupt;
    rate_set(&impair->rate, &settings->rate, impair->now_ns);
    /* Where there is no longer a rate, all that waits goes, and who came late comes behind it. */
    impair_serve(impair, impair->now_ns);
    impair->in_ns = impair->now_ns;
    set_queue(impair, &settings->queue);
    set_slot(&impair->slot, &settings->slot);
    rules_set(&impair->rules, settings->rules, settings->rule_count);
}

/* -- Handing them on --------------------------------------------------------------------------- */

/* The next that is due by now, or FLIGHT_NONE. A gate that was closed for good empties first. */
static uint32_t next_due(struct impair *impair)
{
    if (impair->gate.count) {
        const struct flying *first = flight_at(&impair->flight, impair->gate.head);

        return first->packet->due_ns <= impair->now_ns
                   ? flight_shift(&impair->flight, &impair->gate)
                   : FLIGHT_NONE;
    }
    return flight_next_ns(&impair->flight) <= impair->now_ns ? flight_land(&impair->flight)
                                                             : FLIGHT_NONE;
}

size_t impair_due(struct impair *impair, uint64_t now_ns, struct packet *packets[], size_t max)
{
    size_t count = 0;

    impair_see_time(impair, now_ns);
    impair_serve(impair, impair->now_ns);
    impair_open(impair, impair->now_ns);
    while (count < max) {
        uint32_t index = next_due(impair);

        if (index == FLIGHT_NONE)
            break;
        packets[count++] = impair_hand_on(impair, index);
    }
    return count;
}

size_t impair_back(struct impair *impair, uint64_t now_ns, struct packet *packets[], size_t max)
{
    size_t count = 0;

    impair_see_time(impair, now_ns);
    while (count < max && impair->back.count)
        packets[count++] = impair_hand_on(impair, flight_shift(&impair->flight, &impair->back));
    return count;
}

uint64_t impair_next_ns(const struct impair *impair)
{
    uint64_t next_ns = flight_next_ns(&impair->flight);

    if (impair->queue.count && impair_queue_start_ns(impair) < next_ns)
        next_ns = impair_queue_start_ns(impair);
    if (impair->gate.count) {
        uint64_t opens_ns = flight_at(&impair->flight, impair->gate.head)->packet->due_ns;

        if (opens_ns < next_ns)
            next_ns = opens_ns;
    }
    return impair->back.count ? 0 : next_ns;
}

void impair_flush(struct impair *impair, uint64_t now_ns)
{
    struct flight_list *lists[] = {&impair->queue, &impair->gate, &impair->back};
    uint32_t index;

    impair_see_time(impair, now_ns);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        while ((index = flight_shift(&impair->flight, lists[i])) != FLIGHT_NONE)
            impair_lose_flying(impair, index, IMPAIR_FLUSHED, impair->now_ns);
    while (flight_next_ns(&impair->flight) != IMPAIR_NEVER)
        impair_lose_flying(impair, flight_land(&impair->flight), IMPAIR_FLUSHED, impair->now_ns);
    impair->queue_bytes = impair->queue_cost = 0;
}

uint64_t impair_next_number(const struct impair *impair)
{
    return impair->models[IMPAIR_DATA].next;
}

const struct impair_counters *impair_counters(const struct impair *impair)
{
    return &impair->counters;
}

uint32_t impair_in_flight(const struct impair *impair)
{
    const struct flight *flight = &impair->flight;

    return impair->queue.count + impair->gate.count + impair->back.count + flight->wire.count +
           flight->heap_count;
}
