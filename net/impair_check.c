/* Whether settings can be what they say: impair_check and impair_is_none. */
#include "net/impair_rate.h"
#include "net/impair_refuse.h"
#include "net/random.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    LINK_BYTES = 14,    /* what an Ethernet packet is longer than its MTU */
    IPV4_MTU_MIN = 68,  /* RFC 791 */
    ADJUST_MAX = 65535, /* bytes of an overhead or a cell */
};

/* Every function returns what impair_refuse does, or 0. */
struct check {
    struct impair_refusal refusal;
    uint32_t mtu;
};

static int check_share(const struct check *check, const char *field, uint32_t ppb)
{
    if (ppb > RANDOM_PPB)
        return impair_refuse(&check->refusal, field, "found %.9g%%, expected 0%% to 100%%",
                             ppb / 1e7);
    return 0;
}

/* One that repeats itself always would decide once and for all. */
static int check_correlation(const struct check *check, const char *field, uint32_t ppb)
{
    if (ppb >= RANDOM_PPB)
        return impair_refuse(&check->refusal, field,
                             "found %.9g%%, expected 0%% to less than 100%%", ppb / 1e7);
    return 0;
}

static int check_time(const struct check *check, const char *field, uint64_t ns)
{
    if (ns > IMPAIR_NS_MAX)
        return impair_refuse(&check->refusal, field,
                             "found %" PRIu64 " ns, expected 0 ns to %" PRIu64 " ns (1 h)", ns,
                             IMPAIR_NS_MAX);
    return 0;
}

struct spread_fields {
    const char *mean, *jitter, *correlation, *distribution;
};

static int check_spread(const struct check *check, const struct spread_fields *fields,
                        const struct impair_spread *spread)
{
    int status = check_time(check, fields->mean, spread->mean_ns);

    if (!status && spread->jitter_ns > spread->mean_ns)
        status = impair_refuse(&check->refusal, fields->jitter,
                               "found %" PRIu64 " ns, expected at most %s, %" PRIu64 " ns",
                               spread->jitter_ns, fields->mean, spread->mean_ns);
    if (!status)
        status = check_correlation(check, fields->correlation, spread->correlation_ppb);
    if (status)
        return status;
    if ((unsigned)spread->distribution >= IMPAIR_DISTRIBUTIONS)
        return impair_refuse(&check->refusal, fields->distribution,
                             "found number %d, expected one that there is",
                             (int)spread->distribution);
    if (spread->distribution != IMPAIR_TABLE)
        return 0;
    if (!spread->table || !spread->table_count || spread->table_count > IMPAIR_TABLE_MAX)
        return impair_refuse(&check->refusal, fields->distribution,
                             "found a table of %" PRIu32 " entries, expected 1 to %d",
                             spread->table ? spread->table_count : 0, IMPAIR_TABLE_MAX);
    return 0;
}

static int check_chance(const struct check *check, const char *field, const char *correlation,
                        const struct impair_chance *chance)
{
    int status = check_share(check, field, chance->ppb);

    return status ? status : check_correlation(check, correlation, chance->correlation_ppb);
}

static int check_loss(const struct check *check, const struct impair_loss *loss)
{
    const struct {
        const char *field;
        uint32_t ppb;
    } shares[] = {
        {"loss.gemodel.p", loss->gemodel.p},
        {"loss.gemodel.r", loss->gemodel.r},
        {"loss.gemodel.1-h", loss->gemodel.bad_loss_ppb},
        {"loss.gemodel.1-k", loss->gemodel.good_loss_ppb},
        {"loss.state.p13", loss->state.p13},
        {"loss.state.p31", loss->state.p31},
        {"loss.state.p32", loss->state.p32},
        {"loss.state.p23", loss->state.p23},
        {"loss.state.p14", loss->state.p14},
    };
    int status = check_chance(check, "loss", "loss.correlation", &loss->random);

    for (size_t i = 0; !status && i < sizeof shares / sizeof shares[0]; i++)
        status = check_share(check, shares[i].field, shares[i].ppb);
    if (status)
        return status;
    if ((unsigned)loss->model >= IMPAIR_LOSS_MODELS)
        return impair_refuse(&check->refusal, "loss",
                             "found model number %d, expected one that there is", (int)loss->model);
    if (loss->state.p13 + loss->state.p14 > RANDOM_PPB)
        return impair_refuse(&check->refusal, "loss.state.p14",
                             "found %.9g%%, expected at most 100%% with p13",
                             loss->state.p14 / 1e7);
    if (loss->state.p31 + loss->state.p32 > RANDOM_PPB)
        return impair_refuse(&check->refusal, "loss.state.p32",
                             "found %.9g%%, expected at most 100%% with p31",
                             loss->state.p32 / 1e7);
    return 0;
}

static int check_reorder(const struct check *check, const struct impair_settings *settings)
{
    const struct impair_reorder *reorder = &settings->reorder;

    if ((reorder->chance.ppb || reorder->gap) && !settings->delay.mean_ns)
        return impair_refuse(
            &check->refusal, "reorder",
            "found no delay, expected one: without it there is nobody to overtake");
    return check_chance(check, "reorder", "reorder.correlation", &reorder->chance);
}

static int check_corrupt(const struct check *check, const struct impair_corrupt *corrupt)
{
    uint64_t bits = (uint64_t)check->mtu * 8;

    if (corrupt->flips > IMPAIR_FLIPS_MAX)
        return impair_refuse(&check->refusal, "corrupt.bits",
                             "found %" PRIu32 ", expected at most %d", corrupt->flips,
                             IMPAIR_FLIPS_MAX);
    if (corrupt->bit_count && corrupt->flips > corrupt->bit_count)
        return impair_refuse(&check->refusal, "corrupt.bits",
                             "found %" PRIu32 ", expected at most the %" PRIu32
                             " that may be chosen",
                             corrupt->flips, corrupt->bit_count);
    if (corrupt->first_bit >= bits || corrupt->bit_count > bits - corrupt->first_bit)
        return impair_refuse(
            &check->refusal, "corrupt.range",
            "found bits %" PRIu32 " to %" PRIu64 ", expected less than %" PRIu64
            ", the bits of a packet of the MTU",
            corrupt->first_bit,
            (uint64_t)corrupt->first_bit + corrupt->bit_count - !!corrupt->bit_count, bits);
    return check_chance(check, "corrupt", "corrupt.correlation", &corrupt->chance);
}

static int check_rate(const struct check *check, const struct impair_rate *rate)
{
    int64_t cell = (int64_t)rate->cell_bytes + rate->cell_overhead_bytes;

    if (rate->bps > IMPAIR_BPS_MAX)
        return impair_refuse(&check->refusal, "rate",
                             "found %" PRIu64 " bit/s, expected at most %" PRIu64 " bit/s",
                             rate->bps, IMPAIR_BPS_MAX);
    if (rate->burst_bytes && !rate->bps)
        return impair_refuse(&check->refusal, "burst",
                             "found no rate, expected one, after which bytes come at once");
    if (rate->overhead_bytes < -ADJUST_MAX || rate->overhead_bytes > ADJUST_MAX)
        return impair_refuse(&check->refusal, "rate.overhead",
                             "found %" PRId32 ", expected -%d to %d", rate->overhead_bytes,
                             ADJUST_MAX, ADJUST_MAX);
    if (rate->cell_bytes > ADJUST_MAX)
        return impair_refuse(&check->refusal, "rate.cell", "found %" PRIu32 ", expected at most %d",
                             rate->cell_bytes, ADJUST_MAX);
    if (rate->cell_overhead_bytes > ADJUST_MAX || (rate->cell_bytes && cell <= 0))
        return impair_refuse(&check->refusal, "rate.cell_overhead",
                             "found %" PRId32 ", expected at most %d, and more than a cell below 0",
                             rate->cell_overhead_bytes, ADJUST_MAX);
    if (rate->bps && rate_cost(rate, check->mtu) == 0)
        return impair_refuse(&check->refusal, "rate.overhead",
                             "found %" PRId32 ", expected packets of the MTU, %" PRIu32
                             " bytes, to be longer than that",
                             rate->overhead_bytes, check->mtu);
    return 0;
}

static int check_queue(const struct check *check, const struct impair_settings *settings)
{
    const struct impair_queue *queue = &settings->queue;
    struct rate rate = {.set = settings->rate};
    uint64_t packet_ns = rate_time_ns(&rate, rate_cost(&rate.set, check->mtu + LINK_BYTES));
    uint64_t interval_ns = queue->interval_ns ? queue->interval_ns : IMPAIR_CODEL_INTERVAL_NS;

    if (!settings->rate.bps &&
        (queue->limit_packets || queue->limit_bytes || queue->limit_ns || queue->codel))
        return impair_refuse(&check->refusal, "queue",
                             "found no rate, expected one: without it nothing waits");
    if (queue->limit_bytes && (queue->limit_bytes < check->mtu + LINK_BYTES ||
                               queue->limit_bytes > IMPAIR_QUEUE_BYTES_MAX))
        return impair_refuse(&check->refusal, "queue.bytes",
                             "found %" PRIu64 ", expected at least %" PRIu32
                             ", a packet of the MTU with its Ethernet header, and at most %" PRIu64,
                             queue->limit_bytes, check->mtu + LINK_BYTES, IMPAIR_QUEUE_BYTES_MAX);
    if (queue->limit_ns && (queue->limit_ns < packet_ns || queue->limit_ns > IMPAIR_NS_MAX))
        return impair_refuse(&check->refusal, "queue.time",
                             "found %" PRIu64 " ns, expected at least %" PRIu64
                             " ns, which a packet of the MTU takes, and at most %" PRIu64
                             " ns (1 h)",
                             queue->limit_ns, packet_ns, IMPAIR_NS_MAX);
    if (!queue->codel && (queue->target_ns || queue->interval_ns))
        return impair_refuse(&check->refusal, "queue.codel",
                             "found none, expected it: its target or interval is set");
    if (interval_ns > IMPAIR_CODEL_INTERVAL_MAX)
        return impair_refuse(&check->refusal, "queue.interval",
                             "found %" PRIu64 " ns, expected at most %" PRIu64 " ns", interval_ns,
                             IMPAIR_CODEL_INTERVAL_MAX);
    if (queue->target_ns >= interval_ns)
        return impair_refuse(&check->refusal, "queue.target",
                             "found %" PRIu64 " ns, expected less than the interval, %" PRIu64
                             " ns",
                             queue->target_ns, interval_ns);
    return 0;
}

static int check_slot(const struct check *check, const struct impair_slot *slot)
{
    static const struct spread_fields fields = {"slot", "slot.jitter", "slot.correlation",
                                                "slot.distribution"};

    if (!slot->interval.mean_ns && (slot->packets || slot->bytes))
        return impair_refuse(&check->refusal, "slot",
                             "found a limit of 0 ns, expected the time between two slots");
    return check_spread(check, &fields, &slot->interval);
}

static int check_rules(const struct check *check, const struct impair_settings *settings)
{
    if (settings->rule_count > IMPAIR_RULES_MAX)
        return impair_refuse(&check->refusal, "rules", "found %zu, expected at most %d",
                             settings->rule_count, IMPAIR_RULES_MAX);
    for (size_t i = 0; i < settings->rule_count; i++) {
        const char *expected;
        const char *field = impair_rule_mistake(&settings->rules[i], check->mtu, &expected);
        char path[sizeof check->refusal.mistake->field];
        int status;

        if (!field)
            continue;
        snprintf(path, sizeof path, "rules.%s", field);
        status = impair_refuse(&check->refusal, path, "in rule %zu, expected %s", i + 1, expected);
        if (check->refusal.mistake)
            check->refusal.mistake->rule = i;
        return status;
    }
    return 0;
}

int impair_check(const struct impair_settings *settings, uint32_t mtu,
                 struct impair_mistake *mistake, struct error *error)
{
    static const struct spread_fields delay = {"delay", "jitter", "delay.correlation",
                                               "distribution"};
    const struct check check = {{mistake, error}, mtu};
    int status = check_spread(&check, &delay, &settings->delay);

    if (!status && settings->mtu && (settings->mtu < IPV4_MTU_MIN || settings->mtu > PACKET_IP_MAX))
        status = impair_refuse(&check.refusal, "mtu", "found %" PRIu32 ", expected %d to %d",
                               settings->mtu, IPV4_MTU_MIN, PACKET_IP_MAX);
    if (!status)
        status = check_loss(&check, &settings->loss);
    if (!status)
        status = check_chance(&check, "duplicate", "duplicate.correlation", &settings->duplicate);
    if (!status)
        status = check_reorder(&check, settings);
    if (!status)
        status = check_corrupt(&check, &settings->corrupt);
    if (!status)
        status = check_rate(&check, &settings->rate);
    if (!status)
        status = check_queue(&check, settings);
    if (!status)
        status = check_slot(&check, &settings->slot);
    return status ? status : check_rules(&check, settings);
}

bool impair_is_none(const struct impair_settings *settings)
{
    const struct impair_loss *loss = &settings->loss;

    return !settings->down && !settings->blackhole && !settings->mtu && !settings->delay.mean_ns &&
           !impair_loss_is_any(loss) && !settings->duplicate.ppb && !settings->corrupt.chance.ppb &&
           !settings->rate.bps && !settings->slot.interval.mean_ns && !settings->rule_count;
}
