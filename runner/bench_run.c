#include "runner/bench_run.h"

#include "base/base.h"
#include "bench/noise.h"
#include "runner/capacity.h"
#include "runner/cases_kernels.h"
#include "runner/run.h"
#include "runner/rundata.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A case, run once. */
struct turn {
    size_t build, round; /* from 0 */
    struct noise_mark before, after;
};

struct bench {
    struct session *session;
    const struct bench_options *options;
    struct bench_outcome *outcome;
    struct run_result result; /* a case for each turn */
    struct cases_item *items; /* likewise … */
    struct turn *turns;       /* … and likewise */
    size_t count;
    char *directory; /* absolute */
    char *started;
    double quickest_ms; /* spin */
};

/* -- Turns ------------------------------------------------------------------------------------- */

static void add_turn(struct bench *bench, const struct suite_case *suite_case, size_t build,
                     size_t round)
{
    bool several = bench->options->build_count > 1;
    struct case_result *result = run_result_add_case(&bench->result);

    result->name = xstrdup(suite_case->name);
    result->directory = xasprintf("%s-%zu%s", suite_case->slug, round + 1,
                                  !several ? ""
                                  : build  ? "-b"
                                           : "-a");
    result->slug = xstrdup(result->directory);
    result->kernel.name = xstrdup(suite_case->kernel);
    bench->items = xreallocarray(bench->items, bench->count + 1, sizeof *bench->items);
    bench->turns = xreallocarray(bench->turns, bench->count + 1, sizeof *bench->turns);
    bench->items[bench->count] = (struct cases_item){.suite_case = suite_case, .duration_s = -1};
    bench->turns[bench->count++] = (struct turn){.build = build, .round = round};
}

/* Every case and build once, then all of them again: what changes in the course of time meets all
 * alike. */
static void make_turns(struct bench *bench)
{
    const struct bench_options *options = bench->options;
    const struct suite *first = options->builds[0].suite;

    for (size_t round = 0; round < options->warmup + options->runs; round++)
        for (size_t i = 0; i < first->case_count; i++)
            for (size_t build = 0; build < options->build_count; build++)
                if (run_selects(&first->cases[i], options->only))
                    add_turn(bench, &options->builds[build].suite->cases[i], build, round);
    for (size_t i = 0; i < bench->count; i++)
        bench->items[i].result = &bench->result.cases[i];
}

static int start_host(const struct bench *bench, const struct kernel *kernel, struct error *error)
{
    struct session *session = bench->session;
    int code = kernel ? session_start_host(session, kernel, error) : 0;

    if (code == 0 && kernel && session->accel == VM_ACCEL_TCG && session->accel_reason[0])
        terminal_say(session->options.terminal, "no KVM, guests run under TCG: %s",
                     session->accel_reason);
    return code;
}

/* -- While they run ---------------------------------------------------------------------------- */

static struct turn *turn_of(const struct bench *bench, const struct cases_item *item)
{
    return &bench->turns[item - bench->items];
}

static void note_spin(struct bench *bench, const struct noise_mark *mark)
{
    if (bench->quickest_ms == 0 || mark->spin_ms < bench->quickest_ms)
        bench->quickest_ms = mark->spin_ms;
}

static void on_begins(void *context, const struct cases_item *item)
{
    struct bench *bench = context;
    struct turn *turn = turn_of(bench, item);

    noise_mark(&turn->before);
    note_spin(bench, &turn->before);
}

static void on_ends(void *context, const struct cases_item *item)
{
    struct bench *bench = context;
    struct turn *turn = turn_of(bench, item);
    struct terminal *terminal = bench->session->options.terminal;
    const struct bench_options *options = bench->options;
    size_t counted = turn->round - options->warmup + 1;

    noise_mark(&turn->after);
    note_spin(bench, &turn->after);
    if (options->quiet)
        return;
    terminal_clear(terminal);
    fprintf(terminal->out, "  %s%-7s%s ", terminal_verdict_color(terminal, item->result->verdict),
            verdict_name(item->result->verdict), terminal_reset(terminal));
    if (turn->round < options->warmup)
        fprintf(terminal->out, "warm-up %zu/%zu", turn->round + 1, options->warmup);
    else
        fprintf(terminal->out, "run %zu/%zu    ", counted, options->runs);
    fprintf(terminal->out, "  %s%s%s  %.1f s\n", item->result->name,
            options->build_count > 1 ? "  " : "",
            options->build_count > 1 ? options->builds[turn->build].set : "",
            item->result->duration_s);
    fflush(terminal->out);
}

static void run_turns(struct bench *bench)
{
    struct capacity capacity;

    capacity_read("", &capacity);
    bench->outcome->interrupted = cases_run(&(struct cases_options){
        .session = bench->session,
        .suite = bench->options->builds[0].suite,
        .items = bench->items,
        .count = bench->count,
        .jobs = 1, /* and nothing is brought up ahead: a measurement is alone */
        .memory_bytes = capacity.memory_bytes,
        .run_directory = bench->directory,
        .shown = bench->outcome->directory,
        .seed = bench->options->seed,
        .quiet = true,
        .begins = on_begins,
        .ends = on_ends,
        .context = bench,
    });
}

/* -- What they measured ------------------------------------------------------------------------ */

/* A network that was not as asked, or a machine that died, says nothing. */
static bool is_believed(const struct case_result *result)
{
    return result->verdict == VERDICT_PASSED || result->verdict == VERDICT_FAILED;
}

/* A run's value is the median of those that it printed. */
static void take_metric(const struct bench *bench, struct record *record,
                        struct case_result *result, const struct metric *metric)
{
    const char *pattern = bench->options->metric;
    cleanup_free char *name = xasprintf("%s/%s", result->name, metric->name);
    double value = metric_median(metric);
    struct metric one = *metric;
    struct error error;

    one.values = &value;
    one.count = 1;
    if (pattern && fnmatch(pattern, metric->name, 0) != 0)
        return;
    if (record_add(record, name, &one, &error) == 0)
        return;
    free(result->reason);
    result->verdict = VERDICT_FAILED;
    result->reason = xstrdup(error.message);
}

static void add_run(const struct bench *bench, struct record *record, size_t index)
{
    const struct case_result *result = &bench->result.cases[index];
    const struct turn *turn = &bench->turns[index];
    struct noise noise = noise_between(&turn->before, &turn->after, bench->quickest_ms);

    record->runs = xreallocarray(record->runs, record->run_count + 1, sizeof *record->runs);
    record->runs[record->run_count++] = (struct record_run){
        .name = xstrdup(result->name),
        .number = turn->round + 1,
        .warmup = turn->round < bench->options->warmup,
        .verdict = result->verdict,
        .reason = result->reason ? xstrdup(result->reason) : NULL,
        .directory = xstrdup(result->directory),
        .duration_s = result->duration_s,
        .load = turn->before.load,
        .stolen = noise.stolen,
        .slowdown = noise.slowdown,
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

static double median_spin(const struct bench *bench)
{
    cleanup_free double *spins = xcalloc(2 * bench->count + 1, sizeof *spins);
    struct sample sample = {.values = spins};

    for (size_t i = 0; i < bench->count; i++)
        if (bench->turns[i].after.spin_ms > 0) {
            spins[sample.count++] = bench->turns[i].before.spin_ms;
            spins[sample.count++] = bench->turns[i].after.spin_ms;
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

static void describe(const struct bench *bench, const struct kernel *kernel, size_t build)
{
    struct record *record = &bench->outcome->records[build];
    const struct bench_options *options = bench->options;

    record->kind = RECORD_BENCH;
    record->schema = RECORD_SCHEMA;
    record->suite = xstrdup(options->builds[build].suite->name);
    record->revision = revision_of(options->builds[build].suite);
    record->interrupted = bench->outcome->interrupted > 0;
    /* A tag is for what it was asked for: all of it. */
    record->tag = options->tag && !record->interrupted ? xstrdup(options->tag) : NULL;
    record->set = options->builds[build].set ? xstrdup(options->builds[build].set) : NULL;
    record->started = xstrdup(bench->started);
    record->seed = options->seed;
    record->spin_ms = median_spin(bench);
    rundata_describe_host(bench->session, kernel, &record->host);
}

static void gather(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++) {
        struct case_result *result = &bench->result.cases[i];
        const struct turn *turn = &bench->turns[i];
        struct record *record = &bench->outcome->records[turn->build];

        if (turn->round >= bench->options->warmup && is_believed(result))
            for (size_t m = 0; m < result->metrics.count; m++)
                take_metric(bench, record, result, &result->metrics.items[m]);
        add_run(bench, record, i);
        if (turn->round >= bench->options->warmup)
            note_status(bench->outcome, result->verdict);
    }
}

/* Of two builds, the first one is the baseline. What is not whole is not the latest, which others
 * are compared with. */
static int write_records(const struct bench *bench, const char *parent, struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < bench->options->build_count && code == 0; i++) {
        bool last = i + 1 == bench->options->build_count;
        const char *name = last ? "results.json" : "baseline.json";
        cleanup_free char *path = xasprintf("%s/%s", bench->directory, name);

        bench->outcome->records[i].path = xasprintf("%s/%s", bench->outcome->directory, name);
        code = record_write(&bench->outcome->records[i], path, error);
    }
    if (code == 0 && bench->outcome->interrupted == 0)
        code = rundata_point_latest(parent, bench->directory, error);
    return code;
}

/* -- All of it --------------------------------------------------------------------------------- */

static int run_all(struct bench *bench, const char *parent, struct error *error)
{
    const struct kernel *kernel = NULL;
    uint64_t started_ns = clock_ns();
    int code = cases_get_kernels(bench->session, bench->items, bench->count, &kernel, error);

    if (code == 0)
        code = start_host(bench, kernel, error);
    if (code < 0)
        return code;
    run_turns(bench);
    gather(bench);
    for (size_t i = 0; i < bench->options->build_count; i++) {
        record_count_disturbed(&bench->outcome->records[i]);
        describe(bench, kernel, i);
        bench->outcome->records[i].duration_s = (double)(clock_ns() - started_ns) / NS_PER_S;
    }
    return write_records(bench, parent, error);
}

int bench_run(struct session *session, const struct bench_options *options,
              struct bench_outcome *outcome, struct error *error)
{
    struct bench bench = {.session = session, .options = options, .outcome = outcome};
    cleanup_free char *parent = xasprintf("%s/bench", options->results);
    int code;

    *outcome = (struct bench_outcome){0};
    make_turns(&bench);
    code = rundata_make_directory(parent, options->builds[0].suite->name, &bench.started,
                                  &bench.directory, &outcome->directory, error);
    if (code == 0)
        code = run_all(&bench, parent, error);
    if (code < 0 && bench.directory)
        rmdir(bench.directory); /* where nothing came of the run; evidence stays */
    run_result_free(&bench.result);
    for (size_t i = 0; i < bench.count; i++)
        free(bench.items[i].trouble);
    free(bench.items);
    free(bench.turns);
    free(bench.directory);
    free(bench.started);
    return code;
}

void bench_outcome_free(struct bench_outcome *outcome)
{
    for (size_t i = 0; i < BENCH_BUILDS_MAX; i++)
        record_free(&outcome->records[i]);
    free(outcome->directory);
    *outcome = (struct bench_outcome){0};
}
