/* How true delays are: what was asked for against what was measured, for duet's packet core and
 * for the kernel's tc netem.
 *
 * A delay is the time of a packet there and back, by the sender's clock, less the median of that
 * over a link beside it, which the same carrier carries unharmed, packet by packet in turn; only
 * the way there is delayed. Its errors are, at each rank of the times measured, how far the time
 * there lies from the quantile that was asked for. */
#include "base/base.h"
#include "bench/bench.h"
#include "bench/fidelity.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    LINKS = 2 * FIDELITY_SIDES,
    TIMES = 500,   /* on each link, in each round */
    GAP_US = 3000, /* between two packets, about */
    ROUNDS = 3,
    DELAYS = 6,
    STEPS = 99, /* of a jitter's distribution */
};

/* What is left to chance is believed to be off by no more than it is 999 times of 1000: ranks of a
 * sample of TIMES by Kolmogorov's bound, a quantile's rank by so many standard deviations. */
#define KOLMOGOROV 1.95
#define DEVIATIONS 3.29
#define WORSE_MS   0.1 /* nobody can tell from inside an emulated guest */

static const struct asked_delay {
    const char *name; /* of its measures, behind "fidelity." */
    double mean_ms, jitter_ms;
} delays[DELAYS] = {
    {"delay_1", 1, 0},          {"delay_10", 10, 0},        {"delay_100", 100, 0},
    {"delay_1_jitter", 1, 0.5}, {"delay_10_jitter", 10, 5}, {"delay_100_jitter", 100, 50},
};

/* Taken once for all measures, in milliseconds. */
static struct {
    double delay[DELAYS][FIDELITY_SIDES];                  /* the median of the rounds' medians */
    double errors[DELAYS][FIDELITY_SIDES][ROUNDS * TIMES]; /* sorted */
} taken;

/* The links' numbers. */
static unsigned delayed(enum fidelity_side side)
{
    return side;
}

static unsigned plain(enum fidelity_side side)
{
    return FIDELITY_SIDES + side;
}

static void delay_case(char name[static 48], int delay, int round)
{
    snprintf(name, 48, "%s.%d", delays[delay].name, round);
}

static void describe(struct buffer *yaml)
{
    buffer_append_text(yaml, "links:\n");
    for (int side = 0; side < FIDELITY_SIDES; side++)
        fidelity_add_link(yaml, delayed((enum fidelity_side)side),
                          fidelity_carrier((enum fidelity_side)side),
                          "{delay: \"${delay}\", jitter: \"${jitter}\"}");
    for (int side = 0; side < FIDELITY_SIDES; side++)
        fidelity_add_link(yaml, plain((enum fidelity_side)side),
                          fidelity_carrier((enum fidelity_side)side), "{}");
    buffer_append_text(yaml, "cases:\n");
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < DELAYS; i++) {
            char name[48];

            delay_case(name, i, round);
            buffer_printf(yaml, "  %s: {vars: {delay: %gms, jitter: %gms}}\n", name,
                          delays[i].mean_ms, delays[i].jitter_ms);
        }
}

/* Times there and back, in milliseconds, of each link. */
struct times {
    double ms[LINKS][TIMES];
    size_t count[LINKS];
};

static int parse_times(const char *name, const char *text, struct times *times, struct error *error)
{
    unsigned link;
    uint64_t ns;
    int length;

    *times = (struct times){0};
    for (; sscanf(text, "%u %" SCNu64 "\n%n", &link, &ns, &length) == 2; text += length) {
        if (link >= LINKS || times->count[link] == TIMES)
            break;
        times->ms[link][times->count[link]++] = (double)ns / 1e6;
    }
    for (link = 0; link < LINKS; link++)
        if (*text || times->count[link] != TIMES)
            return error_set(error, EIO, "%s: %zu packets of %d came back on link %u", name,
                             times->count[link], TIMES, link);
    return 0;
}

/* Fills `expected`, sorted, with the times of a link whose packets take those of another, and the
 * delay that was asked for besides. */
static void expect(const struct asked_delay *asked, const double *plain_ms, double *expected)
{
    static double sums[TIMES * STEPS];
    size_t steps = asked->jitter_ms > 0 ? STEPS : 1;

    for (size_t i = 0; i < TIMES; i++)
        for (size_t k = 0; k < steps; k++)
            sums[i * steps + k] = plain_ms[i] + asked->mean_ms +
                                  asked->jitter_ms * (2 * ((double)k + 0.5) / (double)steps - 1);
    median_sort(sums, TIMES * steps);
    for (size_t i = 0; i < TIMES; i++)
        expected[i] = sums[i * steps + steps / 2];
}

/* Fills `errors` with those of one round, and returns its median delay. bench_median sorts. */
static double errors_of(const struct asked_delay *asked, struct times *times,
                        enum fidelity_side side, double *errors)
{
    double *there_ms = times->ms[delayed(side)], *plain_ms = times->ms[plain(side)];
    double delay = bench_median(there_ms, TIMES) - bench_median(plain_ms, TIMES);
    double expected[TIMES];

    expect(asked, plain_ms, expected);
    for (int i = 0; i < TIMES; i++)
        errors[i] = fabs(there_ms[i] - expected[i]);
    return delay;
}

static int read_times(const char *directory, int delay, int round, struct times *times,
                      struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    char name[48];
    int code;

    delay_case(name, delay, round);
    code = fidelity_read(directory, name, &text, error);
    return code < 0 ? code : parse_times(name, text.data ? text.data : "", times, error);
}

static int take_delay(const char *directory, int delay, struct error *error)
{
    double medians[FIDELITY_SIDES][ROUNDS];
    struct times times;
    int code = 0;

    for (int round = 0; round < ROUNDS && code == 0; round++) {
        code = read_times(directory, delay, round, &times, error);
        for (int side = 0; side < FIDELITY_SIDES && code == 0; side++)
            medians[side][round] = errors_of(&delays[delay], &times, (enum fidelity_side)side,
                                             &taken.errors[delay][side][round * TIMES]);
    }
    for (int side = 0; side < FIDELITY_SIDES && code == 0; side++) {
        taken.delay[delay][side] = bench_median(medians[side], ROUNDS);
        median_sort(taken.errors[delay][side], ROUNDS * TIMES);
    }
    return code;
}

static int take_delays(const char *directory, struct error *error)
{
    int code = 0;

    for (int i = 0; i < DELAYS && code == 0; i++)
        code = take_delay(directory, i, error);
    return code;
}

static int need_delays(struct error *error)
{
    static char command[80];
    static struct fidelity fidelity = {
        .command = command, .describe = describe, .take = take_delays};

    snprintf(command, sizeof command, "delay %d %d 5000 10.0.0.2 10.0.1.2 10.0.2.2 10.0.3.2", TIMES,
             GAP_US);
    return fidelity_run(&fidelity, error);
}

static int measure_delay(int delay, enum fidelity_side side, struct error *error)
{
    cleanup_free char *name =
        xasprintf("fidelity.%s.%s", delays[delay].name, fidelity_side_name(side));
    struct bench_measure measure = {.name = name,
                                    .unit = "ms",
                                    .n = ROUNDS * TIMES,
                                    .baseline = "asked",
                                    .baseline_value = delays[delay].mean_ms,
                                    .better = "lower"};
    int code = need_delays(error);

    if (code < 0)
        return code;
    measure.value = taken.delay[delay][side];
    measure.ratio = measure.value / measure.baseline_value;
    bench_emit(&measure);
    return 0;
}

/* The error that a share of all is below, give or take so many standard deviations of its rank. */
static double error_at(int delay, enum fidelity_side side, double share, double deviations)
{
    double count = ROUNDS * TIMES;
    double rank = count * share + deviations * sqrt(count * share * (1 - share));

    return taken.errors[delay][side][(int)fmin(fmax(rank, 0), count - 1)];
}

/* Two samples of one distribution differ, too. */
static int emit_judged(struct bench_measure *measure, int delay, double share, struct error *error)
{
    double least = error_at(delay, FIDELITY_DUET, share, -DEVIATIONS);
    double most = error_at(delay, FIDELITY_NETEM, share, DEVIATIONS) + WORSE_MS +
                  2 * delays[delay].jitter_ms * KOLMOGOROV / sqrt(TIMES);

    measure->wanted = "no worse than netem";
    measure->met = least <= most;
    bench_emit(measure);
    return measure->met ? 0
                        : error_set(error, ERANGE,
                                    "duet is off by %.3f ms at least, chance set aside, and netem "
                                    "by %.3f ms at most",
                                    least, most);
}

static int measure_error(int delay, const char *which, double share, struct error *error)
{
    cleanup_free char *name = xasprintf("fidelity.%s.%s", delays[delay].name, which);
    struct bench_measure measure = {
        .name = name, .unit = "ms", .n = ROUNDS * TIMES, .baseline = "netem", .better = "lower"};
    int code = need_delays(error);

    if (code < 0)
        return code;
    measure.value = error_at(delay, FIDELITY_DUET, share, 0);
    measure.baseline_value = error_at(delay, FIDELITY_NETEM, share, 0);
    measure.ratio = measure.value / measure.baseline_value;
    return emit_judged(&measure, delay, share, error);
}

/* -- The measures ------------------------------------------------------------------------------ */

#define DELAY(index, name)                                                                         \
    static int name##_duet(struct error *error)                                                    \
    {                                                                                              \
        return measure_delay(index, FIDELITY_DUET, error);                                         \
    }                                                                                              \
    static int name##_netem(struct error *error)                                                   \
    {                                                                                              \
        return measure_delay(index, FIDELITY_NETEM, error);                                        \
    }                                                                                              \
    static int name##_error_median(struct error *error)                                            \
    {                                                                                              \
        return measure_error(index, "error_median", 0.5, error);                                   \
    }                                                                                              \
    static int name##_error_p99(struct error *error)                                               \
    {                                                                                              \
        return measure_error(index, "error_p99", 0.99, error);                                     \
    }

DELAY(0, delay_1)
DELAY(1, delay_10)
DELAY(2, delay_100)
DELAY(3, delay_1_jitter)
DELAY(4, delay_10_jitter)
DELAY(5, delay_100_jitter)

/* Of the index that `delays` has. */
#define DELAY_ENTRIES(name)                                                                        \
    {"fidelity." #name ".duet", name##_duet}, {"fidelity." #name ".netem", name##_netem},          \
        {"fidelity." #name ".error_median", name##_error_median},                                  \
    {                                                                                              \
        "fidelity." #name ".error_p99", name##_error_p99                                           \
    }

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {
        DELAY_ENTRIES(delay_1),         DELAY_ENTRIES(delay_10),
        DELAY_ENTRIES(delay_100),       DELAY_ENTRIES(delay_1_jitter),
        DELAY_ENTRIES(delay_10_jitter), DELAY_ENTRIES(delay_100_jitter),
    };

    return bench_main(argc, argv, entries, array_size(entries));
}
