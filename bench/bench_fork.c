/* How long a pair of nodes takes until both are configured and answer: forked, booted with the
 * small kernel, booted with Debian's. The template is there, and so is what belongs to a run and
 * not to a case: libvirt's driver, the kernel, the cache. And how long one that was forked ahead
 * takes from its case's start to its first step. */
#include "base/base.h"
#include "bench/bench.h"
#include "bench/pair.h"

#include <string.h>

enum { SAMPLES = 10 };

enum side { FORKED, SMALL, DEBIAN, SIDES };

static struct pairs pairs;

/* Taken once for all measures, by turns, so that they stand side by side. */
static struct {
    double start_s[SIDES][SAMPLES];
    double pool_s[SAMPLES]; /* of the same pairs that were forked */
    bool taken;
} samples;

static int sample(enum side side, double *start_s, double *first_step_s, struct error *error)
{
    const struct kernel *kernel = side == DEBIAN ? &pairs.debian : &pairs.small;
    struct pair *pair;
    int code = pair_prepare(&pairs, kernel, side == FORKED, &pair, start_s, error);

    if (code < 0)
        return code;
    code = pair_run(pair, first_step_s, error);
    pair_free(pair);
    return code;
}

static int sample_round(size_t i, struct error *error)
{
    double first_step_s[SIDES];
    int code = 0;

    for (int side = 0; side < SIDES && code == 0; side++)
        code = sample((enum side)side, &samples.start_s[side][i], &first_step_s[side], error);
    samples.pool_s[i] = first_step_s[FORKED];
    return code;
}

/* The first round makes the template and fills caches, and is written over by the second. */
static int take_samples(struct error *error)
{
    int code = samples.taken ? 0 : pairs_open(&pairs, error);

    if (code < 0 || samples.taken)
        return code;
    code = sample_round(0, error);
    for (size_t i = 0; i < SAMPLES && code == 0; i++)
        code = sample_round(i, error);
    samples.taken = code == 0;
    return code;
}

/* -- The measures ------------------------------------------------------------------------------ */

static double median_ratio(const double *values, const double *baselines)
{
    double ratios[SAMPLES];

    for (size_t i = 0; i < SAMPLES; i++)
        ratios[i] = values[i] / baselines[i];
    return bench_median(ratios, SAMPLES);
}

/* `baselines` may be NULL. */
static int emit(const char *name, const double *values, const char *baseline,
                const double *baselines, struct error *error)
{
    struct bench_measure measure = {
        .name = name, .unit = "s", .n = SAMPLES, .baseline = baseline, .better = "lower"};
    int code = take_samples(error);

    if (code < 0)
        return code;
    measure.values = values;
    measure.value = median_of(values, SAMPLES);
    if (baseline) {
        measure.baseline_value = median_of(baselines, SAMPLES);
        measure.ratio = median_ratio(values, baselines);
    }
    bench_emit(&measure);
    return 0;
}

static const char small_boots[] = "the same pair, booted with the small kernel";

static int fork_vs_cold(struct error *error)
{
    return emit("start.fork_vs_cold", samples.start_s[FORKED], small_boots, samples.start_s[SMALL],
                error);
}

static int fork_s(struct error *error)
{
    return emit("start.fork_s", samples.start_s[FORKED], small_boots, samples.start_s[SMALL],
                error);
}

static int cold_small_s(struct error *error)
{
    return emit("start.cold_small_s", samples.start_s[SMALL], NULL, NULL, error);
}

static int cold_debian_s(struct error *error)
{
    return emit("start.cold_debian_s", samples.start_s[DEBIAN], small_boots, samples.start_s[SMALL],
                error);
}

static int pool_s(struct error *error)
{
    return emit("start.pool_s", samples.pool_s, "what it took to fork it ahead",
                samples.start_s[FORKED], error);
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"start.cold_debian_s", cold_debian_s},
                                                 {"start.cold_small_s", cold_small_s},
                                                 {"start.fork_s", fork_s},
                                                 {"start.fork_vs_cold", fork_vs_cold},
                                                 {"start.pool_s", pool_s}};
    int status = bench_main(argc, argv, entries, array_size(entries));

    pairs_close(&pairs);
    return status;
}
