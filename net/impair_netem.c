#include "net/impair_netem.h"

#include "net/impair_refuse.h"
#include "net/impair_spread.h"
#include "net/random.h"

#include <inttypes.h>

enum {
    TICK_SHIFT = 6,        /* the kernel's PSCHED_SHIFT */
    SHORTEST = 34,         /* bytes of the shortest frame of IP: netem counts without a sign */
    TABLES_MAX = 28 * 1024 /* entries of all tables: their attribute has 65535 bytes at most */
};

/* -- What it cannot do ------------------------------------------------------------------------- */

/* Each returns what impair_refuse does, or 0. */

static int check_absent(const struct impair_refusal *refusal,
                        const struct impair_settings *settings)
{
    const struct impair_queue *queue = &settings->queue;
    const struct {
        const char *field;
        bool asked;
    } absent[] = {
        {"mtu", settings->mtu},
        {"rules", settings->rule_count},
        {"loss.limit", settings->loss.limit},
        {"corrupt.bits", settings->corrupt.flips > 1},
        {"corrupt.range", settings->corrupt.first_bit || settings->corrupt.bit_count},
        {"burst", settings->rate.burst_bytes},
        {"queue.bytes", queue->limit_bytes},
        {"queue.time", queue->limit_ns},
        {"queue.codel", queue->codel},
        {"slot.correlation", settings->slot.interval.correlation_ppb},
    };

    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        if (absent[i].asked)
            return impair_refuse(
                refusal, absent[i].field,
                "tc netem has nothing like it; `carrier: guest` and `carrier: host` do");
    return 0;
}

/* The kernel cuts a jitter off there (netem's tabledist takes a number of 32 bits). */
static int check_jitter(const struct impair_refusal *refusal, const char *field, uint64_t ns)
{
    if (ns > INT32_MAX)
        return impair_refuse(refusal, field,
                             "found %" PRIu64 " ns, expected at most %" PRId32
                             " ns, which is the most that tc netem takes",
                             ns, INT32_MAX);
    return 0;
}

static int check_rate(const struct impair_refusal *refusal, const struct impair_rate *rate)
{
    if (rate->bps && rate->bps < 8)
        return impair_refuse(
            refusal, "rate",
            "found %" PRIu64 " bit/s, expected at least 8 bit/s: tc netem counts bytes", rate->bps);
    if (rate->overhead_bytes < -SHORTEST)
        return impair_refuse(refusal, "rate.overhead",
                             "found %" PRId32
                             ", expected at least -%d: tc netem would take a packet that "
                             "has less for an endless one",
                             rate->overhead_bytes, SHORTEST);
    return 0;
}

static int check_slot(const struct impair_refusal *refusal, const struct impair_slot *slot)
{
    if (slot->packets > INT32_MAX)
        return impair_refuse(refusal, "slot.packets",
                             "found %" PRIu32 ", expected at most %" PRId32, slot->packets,
                             INT32_MAX);
    if (slot->bytes > INT32_MAX)
        return impair_refuse(refusal, "slot.bytes", "found %" PRIu64 ", expected at most %" PRId32,
                             slot->bytes, INT32_MAX);
    return check_jitter(refusal, "slot.jitter", slot->interval.jitter_ns);
}

static uint32_t table_entries(const struct impair_spread *spread)
{
    if (!spread->jitter_ns)
        return 0;
    return spread->distribution == IMPAIR_TABLE ? spread->table_count : IMPAIR_NETEM_TABLE;
}

static int check_tables(const struct impair_refusal *refusal,
                        const struct impair_settings *settings)
{
    uint32_t delay = table_entries(&settings->delay);
    uint32_t slot = table_entries(&settings->slot.interval);

    if (delay + slot > TABLES_MAX)
        return impair_refuse(refusal, "slot.distribution",
                             "found tables of %" PRIu32 " and %" PRIu32
                             " entries for the delay and the slots, expected at most %d in both",
                             delay, slot, TABLES_MAX);
    return 0;
}

int impair_netem_check(const struct impair_settings *settings, struct impair_mistake *mistake,
                       struct error *error)
{
    const struct impair_refusal refusal = {mistake, error};
    int status = check_absent(&refusal, settings);

    if (!status)
        status = check_jitter(&refusal, "jitter", settings->delay.jitter_ns);
    if (!status)
        status = check_rate(&refusal, &settings->rate);
    if (!status)
        status = check_slot(&refusal, &settings->slot);
    return status ? status : check_tables(&refusal, settings);
}

/* -- What it can ------------------------------------------------------------------------------- */

/* Rounded down, so that shares that make a whole do not add up to more than 32 bits hold. */
static uint32_t share(uint32_t ppb)
{
    return (uint32_t)((uint64_t)ppb * UINT32_MAX / RANDOM_PPB);
}

static uint32_t ticks(uint64_t ns)
{
    return ns >> TICK_SHIFT < UINT32_MAX ? (uint32_t)(ns >> TICK_SHIFT) : UINT32_MAX;
}

static void make_options(const struct impair_settings *settings, struct impair_netem *netem)
{
    const struct impair_reorder *reorder = &settings->reorder;
    struct tc_netem_qopt *options = &netem->options;

    options->latency = ticks(settings->delay.mean_ns);
    options->jitter = ticks(settings->delay.jitter_ns);
    options->limit =
        settings->queue.limit_packets ? settings->queue.limit_packets : IMPAIR_NETEM_LIMIT;
    options->loss = share(settings->loss.random.ppb);
    options->duplicate = share(settings->duplicate.ppb);
    options->gap = reorder->gap ? reorder->gap : reorder->chance.ppb != 0;
}

static void make_loss(const struct impair_loss *loss, struct impair_netem *netem)
{
    netem->loss_model = loss->model;
    /* tc's "1-h" is what the kernel calls h taken from all. */
    netem->gemodel = (struct tc_netem_gemodel){.p = share(loss->gemodel.p),
                                               .r = share(loss->gemodel.r),
                                               .h = UINT32_MAX - share(loss->gemodel.bad_loss_ppb),
                                               .k1 = share(loss->gemodel.good_loss_ppb)};
    netem->state = (struct tc_netem_gimodel){.p13 = share(loss->state.p13),
                                             .p31 = share(loss->state.p31),
                                             .p32 = share(loss->state.p32),
                                             .p14 = share(loss->state.p14),
                                             .p23 = share(loss->state.p23)};
}

/* A packet that netem both loses and duplicates passes. */
static void lose_all(struct impair_netem *netem)
{
    netem->loss_model = IMPAIR_LOSS_RANDOM;
    netem->options.loss = UINT32_MAX;
    netem->options.duplicate = 0;
    netem->correlations.loss_corr = 0;
}

static void make_rate(const struct impair_rate *rate, struct impair_netem *netem)
{
    netem->rate_bytes = (rate->bps + 4) / 8;
    netem->rate = (struct tc_netem_rate){
        .rate = netem->rate_bytes < UINT32_MAX ? (uint32_t)netem->rate_bytes : UINT32_MAX,
        .packet_overhead = rate->overhead_bytes,
        .cell_size = rate->cell_bytes,
        .cell_overhead = rate->cell_overhead_bytes};
}

/* min and max say that there are slots, and dist_* how these vary where there is a table. */
static void make_slot(const struct impair_slot *slot, struct impair_netem *netem)
{
    int64_t mean = (int64_t)slot->interval.mean_ns, jitter = (int64_t)slot->interval.jitter_ns;

    netem->slot = (struct tc_netem_slot){.min_delay = mean - jitter,
                                         .max_delay = mean + jitter,
                                         .max_packets = (int32_t)slot->packets,
                                         .max_bytes = (int32_t)slot->bytes,
                                         .dist_delay = mean,
                                         .dist_jitter = jitter};
}

void impair_netem_make(const struct impair_settings *settings, struct impair_netem *netem)
{
    const struct impair_reorder *reorder = &settings->reorder;

    *netem = (struct impair_netem){
        .latency_ns = (int64_t)settings->delay.mean_ns,
        .jitter_ns = (int64_t)settings->delay.jitter_ns,
        .correlations = {.delay_corr = share(settings->delay.correlation_ppb),
                         .loss_corr = share(settings->loss.random.correlation_ppb),
                         .dup_corr = share(settings->duplicate.correlation_ppb)},
        .reorder = {.probability = reorder->gap && !reorder->chance.ppb
                                       ? UINT32_MAX
                                       : share(reorder->chance.ppb),
                    .correlation = share(reorder->chance.correlation_ppb)},
        .corrupt = {.probability = share(settings->corrupt.chance.ppb),
                    .correlation = share(settings->corrupt.chance.correlation_ppb)}};
    make_options(settings, netem);
    make_loss(&settings->loss, netem);
    make_rate(&settings->rate, netem);
    make_slot(&settings->slot, netem);
    if (settings->down || settings->blackhole)
        lose_all(netem);
}

/* -- Distributions ----------------------------------------------------------------------------- */

static int16_t entry(double jitters)
{
    double exact = jitters * IMPAIR_TABLE_SCALE;

    if (exact >= INT16_MAX)
        return INT16_MAX;
    if (exact <= -INT16_MAX)
        return -INT16_MAX;
    return (int16_t)(exact < 0 ? exact - 0.5 : exact + 0.5);
}

size_t impair_netem_table(const struct impair_spread *spread, int16_t table[IMPAIR_TABLE_MAX])
{
    uint32_t count = table_entries(spread);

    for (uint32_t i = 0; i < count; i++) {
        /* The middle of each of so many equal parts of all draws. */
        uint64_t draw = (2 * (uint64_t)i + 1) * (UINT64_MAX / (2 * IMPAIR_NETEM_TABLE));

        table[i] = spread->distribution == IMPAIR_TABLE
                       ? spread->table[i]
                       : entry(spread_quantile(spread->distribution, draw));
    }
    return count;
}
