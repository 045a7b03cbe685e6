#include "net/impair_measure.h"

#include "net/impair_spread.h"
#include "net/random.h"

#include <math.h>
#include <string.h>

/* Rates are believed when they are right to that share, and to what a jitter hides at the ends of
 * periods; where that may be more, there is none to tell. */
#define RATE_SLACK 0.05
#define RATE_ENDS  0.1

static const double delay_shares[MEASURE_DELAYS] = {0.25, 0.5, 0.99};

const char *measure_name(enum measure what)
{
    static const char *const names[] = {
        [MEASURE_LOSS] = "loss",
        [MEASURE_DUPLICATE] = "duplicate",
        [MEASURE_REORDER] = "reorder",
        [MEASURE_CORRUPT] = "corrupt",
        [MEASURE_DELAY_QUARTER] = "delay_25",
        [MEASURE_DELAY_HALF] = "delay_50",
        [MEASURE_DELAY_MOST] = "delay_99",
    };

    return names[what];
}

/* -- What is expected -------------------------------------------------------------------------- */

/* The share of draws that are at most that late. Times grow with the draw. */
static double share_at_most(const struct impair_spread *spread, uint64_t ns)
{
    uint64_t draw = 0;

    for (unsigned bit = 64; bit-- > 0;)
        if (spread_time(spread, draw | (UINT64_C(1) << bit)) <= ns)
            draw |= UINT64_C(1) << bit;
    return ((double)draw + 1) / 18446744073709551616.0;
}

static bool is_ordered(const struct impair_spread *spread)
{
    for (uint32_t i = 1; spread->distribution == IMPAIR_TABLE && i < spread->table_count; i++)
        if (spread->table[i] < spread->table[i - 1])
            return false;
    return true;
}

/* One that does not vary is looked at once. */
static void expect_delays(struct measure_stretch *stretch, const struct impair_spread *spread)
{
    for (unsigned i = 0; i < MEASURE_DELAYS; i++) {
        uint64_t draw = (uint64_t)(delay_shares[i] * 18446744073709551616.0);

        stretch->at_most_ns[i] = spread->mean_ns;
        if (!spread->jitter_ns) {
            stretch->share[i] = MEASURE_DELAY_QUARTER + i == MEASURE_DELAY_HALF ? 1 : 0;
        } else if (is_ordered(spread)) {
            stretch->at_most_ns[i] = spread_time(spread, draw);
            stretch->share[i] = share_at_most(spread, stretch->at_most_ns[i]);
        }
    }
}

static bool lets_nothing_through(const struct impair_settings *settings)
{
    return settings->down || settings->blackhole;
}

/* The delay of a packet is the setting alone. */
static bool delays_plainly(const struct impair_settings *settings)
{
    return !settings->rate.bps && !settings->slot.interval.mean_ns;
}

static void chain_for(struct chain *chain, const struct measure_stretch *stretch, enum measure what)
{
    const struct impair_settings *settings = &stretch->settings;

    switch (what) {
    case MEASURE_LOSS:
        chain_of_loss(chain, &settings->loss);
        if (!stretch->starts_good)
            chain->start = chain->states > 1 ? -1 : 0;
        break;
    case MEASURE_DUPLICATE:
        chain_of_chance(chain, settings->duplicate.ppb, settings->duplicate.correlation_ppb);
        break;
    case MEASURE_REORDER:
        chain_of_chance(chain, settings->reorder.chance.ppb,
                        settings->reorder.chance.correlation_ppb);
        break;
    case MEASURE_CORRUPT:
        chain_of_chance(chain, settings->corrupt.chance.ppb,
                        settings->corrupt.chance.correlation_ppb);
        break;
    default:
        chain_of_chance(chain,
                        (uint32_t)(stretch->share[what - MEASURE_DELAY_QUARTER] * RANDOM_PPB + 0.5),
                        settings->delay.correlation_ppb);
        break;
    }
}

/* -- Stretches --------------------------------------------------------------------------------- */

/* Whether the next packet's fate may hang on the last one's. */
static bool has_memory(const struct impair_loss *loss)
{
    return loss->model != IMPAIR_LOSS_RANDOM || loss->random.correlation_ppb;
}

static void close_stretch(struct impair_measure *measure, const struct measure_stretch *stretch)
{
    for (unsigned what = 0; what < MEASURES; what++) {
        struct chain chain;

        chain_for(&chain, stretch, what);
        bounds_add(&measure->bounds[what], &chain, stretch->trials[what]);
        measure->hits[what] += stretch->hits[what];
        measure->unknown[what] += stretch->unknown[what];
    }
}

static void drop_oldest(struct impair_measure *measure)
{
    close_stretch(measure, &measure->stretches[0]);
    measure->count--;
    memmove(measure->stretches, measure->stretches + 1,
            measure->count * sizeof measure->stretches[0]);
}

/* Where slots were given up, packets wait behind those that still have one. */
static void forget_delays(struct measure_stretch *stretch)
{
    for (unsigned i = 0; i < MEASURE_DELAYS; i++)
        stretch->share[i] = 0;
}

static bool goes_on(const struct impair_loss *before, const struct impair_loss *after)
{
    return impair_loss_is_any(before) && before->model == after->model;
}

void impair_measure_init(struct impair_measure *measure, uint64_t late_ns)
{
    memset(measure, 0, sizeof *measure);
    measure->late_ns = late_ns;
    impair_measure_set(measure, 0, &(struct impair_settings){0});
}

void impair_measure_set(struct impair_measure *measure, uint64_t number,
                        const struct impair_settings *settings)
{
    struct measure_stretch *last = measure->count ? &measure->stretches[measure->count - 1] : NULL;
    struct measure_stretch stretch = {.from = number, .settings = *settings};

    stretch.settings.rules = NULL;
    stretch.settings.rule_count = 0;
    stretch.settings.delay.table = NULL;
    stretch.settings.slot.interval.table = NULL;
    stretch.starts_good = !last || !goes_on(&last->settings.loss, &settings->loss);
    stretch.late_ns = settings->delay.mean_ns / 2;
    if (stretch.late_ns < measure->late_ns)
        stretch.late_ns = measure->late_ns;
    expect_delays(&stretch, &settings->delay);
    if (last && last->settings.slot.interval.mean_ns)
        forget_delays(&stretch);
    if (last && last->from == number) {
        stretch.starts_good = stretch.starts_good && last->starts_good;
        *last = stretch;
        return;
    }
    if (measure->count == MEASURE_STRETCHES)
        drop_oldest(measure);
    measure->stretches[measure->count++] = stretch;
}

static struct measure_stretch *stretch_of(struct impair_measure *measure, uint64_t number)
{
    for (unsigned i = measure->count; i-- > 0;)
        if (measure->stretches[i].from <= number)
            return &measure->stretches[i];
    return NULL;
}

void impair_measure_miss(struct impair_measure *measure, uint64_t count)
{
    measure->missing += count;
}

void impair_measure_end(struct impair_measure *measure)
{
    while (measure->count)
        drop_oldest(measure);
}

/* -- Verdicts ---------------------------------------------------------------------------------- */

static bool was(const struct impair_verdict *verdict, enum impair_cause cause)
{
    return verdict->why & IMPAIR_WHY(cause);
}

static void count(struct measure_stretch *stretch, enum measure what, bool hit)
{
    stretch->trials[what]++;
    stretch->hits[what] += hit;
}

static void count_unknown(struct measure_stretch *stretch, enum measure what)
{
    stretch->trials[what]++;
    stretch->unknown[what]++;
}

/* Lost before the loss model had its say: a model with a memory has moved on even so. */
static bool never_came_to_loss(const struct impair_verdict *verdict)
{
    return verdict->why &
           (IMPAIR_WHY(IMPAIR_DOWN) | IMPAIR_WHY(IMPAIR_BLACKHOLE) | IMPAIR_WHY(IMPAIR_MTU) |
            IMPAIR_WHY(IMPAIR_RULE) | IMPAIR_WHY(IMPAIR_RESET));
}

/* A model that may lose so many and no more is not judged: what it would have lost of packets that
 * something else lost counts, too, and is not seen. */
static void count_loss(struct measure_stretch *stretch, const struct impair_verdict *verdict)
{
    bool skipped = never_came_to_loss(verdict);

    if (lets_nothing_through(&stretch->settings) || stretch->settings.loss.limit)
        return;
    if (!skipped) {
        count(stretch, MEASURE_LOSS, was(verdict, IMPAIR_LOSS));
    } else if (has_memory(&stretch->settings.loss)) {
        count_unknown(stretch, MEASURE_LOSS);
    }
}

/* Bits of a packet may be out of the range that is to be corrupted. */
static bool corrupts_all(const struct impair_corrupt *corrupt)
{
    return corrupt->first_bit == 0 && corrupt->bit_count == 0;
}

/* Those that were to come last are still on their way when the link ends: the others alone would be
 * too quick. */
static void count_delay(struct measure_stretch *stretch, const struct impair_verdict *verdict)
{
    uint64_t delay_ns = verdict->due_ns - verdict->in_ns;
    bool flushed = was(verdict, IMPAIR_FLUSHED);

    if (!delays_plainly(&stretch->settings) || was(verdict, IMPAIR_REORDERED) ||
        !(flushed || impair_delivered(verdict)))
        return;
    for (unsigned i = 0; i < MEASURE_DELAYS; i++)
        if (stretch->share[i] > 0 && flushed)
            count_unknown(stretch, MEASURE_DELAY_QUARTER + i);
        else if (stretch->share[i] > 0)
            count(stretch, MEASURE_DELAY_QUARTER + i,
                  delay_ns <= stretch->at_most_ns[i] &&
                      (stretch->settings.delay.jitter_ns ||
                       delay_ns == stretch->settings.delay.mean_ns));
}

/* What the packet itself met, which no rule picked. */
static void count_packet(struct measure_stretch *stretch, const struct impair_verdict *verdict)
{
    bool full = was(verdict, IMPAIR_FULL); /* it may never have been looked at */

    if (never_came_to_loss(verdict) || was(verdict, IMPAIR_LOSS) || full || verdict->rule)
        return;
    stretch->trials[MEASURE_DUPLICATE]++;
    if (stretch->settings.reorder.gap <= 1 && stretch->settings.reorder.chance.ppb)
        count(stretch, MEASURE_REORDER, was(verdict, IMPAIR_REORDERED));
    if (corrupts_all(&stretch->settings.corrupt))
        count(stretch, MEASURE_CORRUPT, was(verdict, IMPAIR_CORRUPTED));
    if (was(verdict, IMPAIR_UNMADE))
        stretch->hits[MEASURE_DUPLICATE]++;
    count_delay(stretch, verdict);
}

static bool takes_time(const struct impair_settings *settings)
{
    return settings->delay.mean_ns || settings->rate.bps || settings->slot.interval.mean_ns;
}

static void add_times(struct impair_measure *measure, const struct measure_stretch *stretch,
                      const struct impair_verdict *verdict)
{
    uint64_t late_ns = verdict->out_ns > verdict->due_ns ? verdict->out_ns - verdict->due_ns : 0;

    if (!impair_delivered(verdict) || verdict->back)
        return;
    histogram_add(&measure->asked, verdict->due_ns - verdict->in_ns);
    histogram_add(&measure->late, late_ns);
    if (!takes_time(&stretch->settings))
        return;
    measure->timed++;
    measure->late_count += late_ns > stretch->late_ns;
}

/* -- The rate ---------------------------------------------------------------------------------- */

static double time_at_rate(const struct impair_rate *rate, uint32_t bytes)
{
    return (double)rate_cost(rate, bytes) * 8e9 / (double)rate->bps;
}

/* Where a packet was there before the one ahead of it had left, the sender was busy from the one to
 * the other, and what was due in between is the rate. A jitter shows at the ends of such a period
 * alone. */
static void add_to_rate(struct measure_rate *rate, const struct measure_stretch *stretch,
                        const struct impair_verdict *verdict)
{
    const struct impair_settings *settings = &stretch->settings;
    uint64_t ahead_ns = settings->delay.mean_ns + settings->delay.jitter_ns;
    bool goes_on;

    if (!settings->rate.bps || settings->slot.interval.mean_ns || settings->rate.burst_bytes) {
        rate->waits = false;
        return;
    }
    if (!impair_delivered(verdict) || verdict->back || verdict->rule)
        return;
    goes_on =
        rate->waits && rate->from == stretch->from && verdict->in_ns + ahead_ns <= rate->due_ns;
    if (goes_on || (was(verdict, IMPAIR_REORDERED) && rate->waits)) {
        rate->asked_ns += time_at_rate(&settings->rate, verdict->length);
        rate->bits += (double)rate_cost(&settings->rate, verdict->length) * 8;
    }
    if (was(verdict, IMPAIR_REORDERED))
        return;
    if (goes_on)
        rate->taken_ns += (double)verdict->due_ns - (double)rate->due_ns;
    else
        rate->periods++;
    rate->jitter_ns = fmax(rate->jitter_ns, (double)settings->delay.jitter_ns);
    rate->waits = true;
    rate->from = stretch->from;
    rate->due_ns = verdict->due_ns;
}

/* -- All of it --------------------------------------------------------------------------------- */

void impair_measure_add(struct impair_measure *measure, const struct impair_verdict *verdict)
{
    struct measure_stretch *stretch;
    bool itself = verdict->copy == 0;

    if (impair_class(verdict) != IMPAIR_DATA)
        return;
    stretch = stretch_of(measure, verdict->number);
    measure->packets += itself;
    measure->unasked += was(verdict, IMPAIR_FULL) || was(verdict, IMPAIR_UNMADE);
    if (!stretch) {
        for (unsigned what = 0; what < MEASURES; what++)
            measure->unknown[what]++;
        return;
    }
    add_times(measure, stretch, verdict);
    add_to_rate(&measure->rate, stretch, verdict);
    if (itself) {
        count_loss(stretch, verdict);
        count_packet(stretch, verdict);
    } else if (verdict->copy == 1 && was(verdict, IMPAIR_COPY) && !verdict->rule) {
        stretch->hits[MEASURE_DUPLICATE]++;
    }
}

void impair_measure_say(const struct impair_measure *measure, enum measure what,
                        struct measured *out)
{
    const struct bounds *bounds = &measure->bounds[what];
    uint64_t unknown = measure->unknown[what] + measure->missing;

    *out = (struct measured){
        .trials = bounds->trials, .hits = measure->hits[what], .expected = bounds->expected};
    bounds_range(bounds, &out->least, &out->most);
    out->believed = out->hits <= out->most + unknown && out->hits + unknown >= out->least;
}

void impair_measure_say_rate(const struct impair_measure *measure, struct measured_rate *out)
{
    const struct measure_rate *rate = &measure->rate;
    double ends_ns = 4 * rate->jitter_ns * (double)rate->periods;

    *out = (struct measured_rate){.believed = true};
    if (rate->taken_ns <= 0 || ends_ns > RATE_ENDS * rate->asked_ns)
        return;
    out->asked_bps = rate->bits * 1e9 / rate->asked_ns;
    out->bps = rate->bits * 1e9 / rate->taken_ns;
    out->least_bps = out->asked_bps / (1 + RATE_SLACK + RATE_ENDS);
    out->most_bps = out->asked_bps / (1 - RATE_SLACK - RATE_ENDS);
    out->believed = out->bps >= out->least_bps && out->bps <= out->most_bps;
}
