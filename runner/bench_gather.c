#include "runner/bench_gather.h"

#include "base/base.h"
#include "bench/compare.h"
#include "runner/rundata.h"

#include <fnmatch.h>
#include <string.h>

/* A network that was not as asked, or a machine that died, says nothing. */
static bool is_believed(const struct case_result *result)
{
    return result->verdict == VERDICT_PASSED || result->verdict == VERDICT_FAILED;
}

static const char *noise_of(const struct bench_taken *taken, size_t index)
{
    struct noise noise = bench_turns_noise(taken->turns, index);

    return noise_reason(&noise);
}

/* A run's value is the median of those that it printed. */
static void take_metric(const struct bench_taken *taken, struct record *record, size_t index,
                        const struct metric *metric)
{
    const char *pattern = taken->options->metric;
    struct case_result *result = &taken->results[index];
    cleanup_free char *name = xasprintf("%s/%s", result->name, metric->name);
    cleanup_free char *earlier = NULL;
    double value = metric_median(metric);
    struct metric one = *metric;
    struct error error;

    one.values = &value;
    one.count = 1;
    if (pattern && fnmatch(pattern, metric->name, 0) != 0)
        return;
    if (record_add(record, name, &one, noise_of(taken, index) != NULL, &error) == 0)
        return;
    earlier = result->reason;
    result->verdict = VERDICT_FAILED;
    result->reason = earlier ? xasprintf("%s; %s", earlier, error.message) : xstrdup(error.message);
}

static void add_run(const struct bench_taken *taken, struct record *record, size_t index)
{
    const struct case_result *result = &taken->results[index];
    const struct bench_turn *turn = &taken->turns->items[index];
    struct noise noise = bench_turns_noise(taken->turns, index);

    record->runs = xreallocarray(record->runs, record->run_count + 1, sizeof *record->runs);
    record->runs[record->run_count++] = (struct record_run){
        .name = xstrdup(result->name),
        .number = turn->round + 1,
        .warmup = bench_turns_warms_up(taken->turns, index),
        .repeat = bench_turns_is_repeat(taken->turns, index),
        .verdict = result->verdict,
        .reason = result->reason ? xstrdup(result->reason) : NULL,
        .directory = xstrdup(result->directory),
        .duration_s = result->duration_s,
        .load = turn->before.load,
        .stolen = noise.stolen,
        .others = noise.others,
        .slowdown = noise.slowdown,
        .frequency_mhz = turn->after.frequency_mhz,
        .noise = noise_reason(&noise),
    };
}

static void note_status(struct bench_outcome *outcome, enum verdict verdict)
{
    if (verdict == VERDICT_ERROR || verdict == VERDICT_INVALID)
        outcome->status = 3;
    else if (verdict_is_bad(verdict) && outcome->status == 0)
        outcome->status = 1;
}

static double median_spin(const struct bench_turns *turns)
{
    cleanup_free double *spins = xcalloc(2 * turns->count + 1, sizeof *spins);
    struct sample sample = {.values = spins};

    for (size_t i = 0; i < turns->count; i++)
        if (turns->items[i].after.spin_ms > 0) {
            spins[sample.count++] = turns->items[i].before.spin_ms;
            spins[sample.count++] = turns->items[i].after.spin_ms;
        }
    return sample.count > 0 ? sample_median(&sample) : 0;
}

static char *revision_of(const struct suite *suite)
{
    static const char *const argv[] = {"git",     "describe",    "--always",
                                       "--dirty", "--abbrev=12", NULL};
    cleanup_buffer struct buffer text = {0};

    if (process_run(argv, suite->directory, &text, NULL) < 0 || text.length == 0)
        return NULL;
    return xstrndup(text.data, strcspn(text.data, "\n"));
}

static void describe(const struct bench_taken *taken, const struct bench_build *build,
                     struct record *record)
{
    record->kind = RECORD_BENCH;
    record->schema = RECORD_SCHEMA;
    record->suite = xstrdup(build->suite->name);
    record->revision = revision_of(build->suite);
    /* A tag is for what it was asked for: all of it, and not nothing. */
    if (taken->options->tag && !record->interrupted && record->metric_count > 0)
        record->tag = xstrdup(taken->options->tag);
    record->set = build->set ? xstrdup(build->set) : NULL;
    record->started = xstrdup(taken->started);
    record->duration_s = taken->duration_s;
    record->seed = taken->options->seed;
    record->spin_ms = median_spin(taken->turns);
    rundata_describe_host(taken->session, taken->kernel, &record->host);
}

/* Three can be compared; where fewer were asked for, these are enough. */
static size_t enough_of(size_t runs)
{
    return runs < COMPARE_RUNS_MIN ? runs : COMPARE_RUNS_MIN;
}

void bench_gather(const struct bench_taken *taken, struct bench_outcome *outcome)
{
    const struct bench_options *options = taken->options;

    for (size_t i = 0; i < taken->turns->count; i++) {
        const struct case_result *result = &taken->results[i];
        struct record *record = &outcome->records[taken->turns->items[i].build];
        bool counts = !bench_turns_warms_up(taken->turns, i);

        for (size_t m = 0; counts && is_believed(result) && m < result->metrics.count; m++)
            take_metric(taken, record, i, &result->metrics.items[m]);
        add_run(taken, record, i);
        if (counts)
            note_status(outcome, result->verdict);
    }
    for (size_t i = 0; i < options->build_count; i++) {
        outcome->records[i].interrupted = outcome->interrupted > 0;
        record_settle(&outcome->records[i], enough_of(options->runs));
        describe(taken, &options->builds[i], &outcome->records[i]);
    }
}
