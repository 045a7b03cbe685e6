#include "runner/bench_run.h"

#include "base/base.h"
#include "runner/bench_gather.h"
#include "runner/bench_turns.h"
#include "runner/capacity.h"
#include "runner/cases_kernels.h"
#include "runner/run.h"
#include "runner/rundata.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct bench {
    struct session *session;
    const struct bench_options *options;
    struct bench_outcome *outcome;
    struct noise_host host;
    struct bench_turns turns;
    struct run_result result; /* a case for each turn */
    struct cases_item *items; /* likewise */
    size_t taken;             /* turns, and with them their results */
    char *directory;          /* absolute */
    char *started;
    const struct kernel *kernel; /* the first that a case has; or NULL */
};

/* -- Turns ------------------------------------------------------------------------------------- */

/* Indices of the cases that are selected: of each build, since their suites are one file. */
static size_t *choose_cases(const struct bench_options *options, size_t *count)
{
    const struct suite *suite = options->builds[0].suite;
    size_t *cases = xcalloc(suite->case_count, sizeof *cases);

    *count = 0;
    for (size_t i = 0; i < suite->case_count; i++)
        if (run_selects(&suite->cases[i], options->only))
            cases[(*count)++] = i;
    return cases;
}

static void add_item(struct bench *bench, size_t index)
{
    const struct bench_turn *turn = &bench->turns.items[index];
    const struct suite_case *suite_case =
        &bench->options->builds[turn->build].suite->cases[turn->case_index];
    struct case_result *result = run_result_add_case(&bench->result);

    result->name = xstrdup(suite_case->name);
    result->directory = xasprintf("%s-%zu%s", suite_case->slug, turn->round + 1,
                                  bench->options->build_count == 1 ? ""
                                  : turn->build                    ? "-b"
                                                                   : "-a");
    result->slug = xstrdup(result->directory);
    result->kernel.name = xstrdup(suite_case->kernel);
    bench->items[index] = (struct cases_item){.suite_case = suite_case, .duration_s = -1};
}

/* Of the turns that have not been taken. */
static int add_items(struct bench *bench, const struct kernel **kernel, struct error *error)
{
    size_t count = bench->turns.count;

    bench->items = xreallocarray(bench->items, count, sizeof *bench->items);
    for (size_t i = bench->taken; i < count; i++)
        add_item(bench, i);
    for (size_t i = 0; i < count; i++)
        bench->items[i].result = &bench->result.cases[i];
    return cases_get_kernels(bench->session, bench->items + bench->taken, count - bench->taken,
                             kernel, error);
}

static int start_host(const struct bench *bench, struct error *error)
{
    struct session *session = bench->session;
    int code = bench->kernel ? session_start_host(session, bench->kernel, error) : 0;

    if (code == 0 && bench->kernel && session->accel == VM_ACCEL_TCG && session->accel_reason[0])
        terminal_say(session->options.terminal, "no KVM, guests run under TCG: %s",
                     session->accel_reason);
    return code;
}

/* -- While they run ---------------------------------------------------------------------------- */

static void on_begins(void *context, const struct cases_item *item)
{
    struct bench *bench = context;

    bench_turns_begin(&bench->turns, (size_t)(item - bench->items));
}

static void print_turn(const struct bench *bench, size_t index)
{
    const struct bench_options *options = bench->options;
    const struct bench_turn *turn = &bench->turns.items[index];
    struct noise noise = bench_turns_noise(&bench->turns, index);
    size_t number = turn->round + 1;
    FILE *out = bench->session->options.terminal->out;

    if (bench_turns_warms_up(&bench->turns, index))
        fprintf(out, "warm-up %zu/%zu", number, options->warmup);
    else if (bench_turns_is_repeat(&bench->turns, index))
        fprintf(out, "repeat %zu/%zu ", number - options->warmup - options->runs, options->repeats);
    else
        fprintf(out, "run %zu/%zu    ", number - options->warmup, options->runs);
    fprintf(out, "  %s%s%s  %.1f s", bench->items[index].result->name,
            options->build_count > 1 ? "  " : "",
            options->build_count > 1 ? options->builds[turn->build].set : "",
            bench->items[index].result->duration_s);
    if (noise_reason(&noise) && !bench_turns_warms_up(&bench->turns, index))
        fprintf(out, "  disturbed: %s", noise_reason(&noise));
    fputc('\n', out);
}

static void on_ends(void *context, const struct cases_item *item)
{
    struct bench *bench = context;
    struct terminal *terminal = bench->session->options.terminal;
    enum verdict verdict = item->result->verdict;

    bench_turns_end(&bench->turns, (size_t)(item - bench->items));
    if (bench->options->quiet)
        return;
    terminal_clear(terminal);
    fprintf(terminal->out, "  %s%-7s%s ", terminal_verdict_color(terminal, verdict),
            verdict_name(verdict), terminal_reset(terminal));
    print_turn(bench, (size_t)(item - bench->items));
    fflush(terminal->out);
}

/* From bench->taken to `end`, on templates of their own: where a template's memory lies, and what
 * else it happened to get, all its forks have in common, and would look like what was measured. */
static void take_round(struct bench *bench, size_t end)
{
    struct capacity capacity;

    capacity_read("", &capacity);
    bench->outcome->interrupted += cases_run(&(struct cases_options){
        .session = bench->session,
        .suite = bench->options->builds[0].suite,
        .items = bench->items + bench->taken,
        .count = end - bench->taken,
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
    bench->taken = end;
}

static void take_turns(struct bench *bench)
{
    const struct bench_turns *turns = &bench->turns;

    while (bench->taken < turns->count) {
        size_t end = bench->taken + 1;

        while (end < turns->count && turns->items[end].round == turns->items[end - 1].round)
            end++;
        take_round(bench, end);
    }
}

/* As often as there is one that was disturbed, and may be repeated. Where none of these has a
 * kernel, that is an error of each, as it was before, and what the others measured stays. */
static void repeat_turns(struct bench *bench)
{
    const struct kernel *kernel = NULL;

    while (bench->outcome->interrupted == 0 && bench_turns_repeat(&bench->turns) > 0) {
        (void)add_items(bench, &kernel, NULL);
        take_turns(bench);
    }
}

/* -- All of it --------------------------------------------------------------------------------- */

/* Of two builds, the first one is the baseline. What is not whole, or nothing, is not the latest,
 * which others are compared with. */
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
    if (code == 0 && bench->outcome->interrupted == 0 &&
        bench_outcome_has_metrics(bench->outcome, bench->options->build_count))
        code = rundata_point_latest(parent, bench->directory, error);
    return code;
}

static int run_all(struct bench *bench, const char *parent, struct error *error)
{
    uint64_t started_ns = clock_ns();
    int code = add_items(bench, &bench->kernel, error);

    if (code == 0)
        code = start_host(bench, error);
    if (code < 0)
        return code;
    take_turns(bench);
    repeat_turns(bench);
    bench_gather(&(struct bench_taken){.options = bench->options,
                                       .turns = &bench->turns,
                                       .results = bench->result.cases,
                                       .session = bench->session,
                                       .kernel = bench->kernel,
                                       .started = bench->started,
                                       .duration_s = (double)(clock_ns() - started_ns) / NS_PER_S},
                 bench->outcome);
    return write_records(bench, parent, error);
}

static void free_bench(struct bench *bench)
{
    for (size_t i = 0; i < bench->result.case_count; i++)
        free(bench->items[i].trouble);
    run_result_free(&bench->result);
    free(bench->items);
    bench_turns_free(&bench->turns);
    free(bench->directory);
    free(bench->started);
}

int bench_run(struct session *session, const struct bench_options *options,
              struct bench_outcome *outcome, struct error *error)
{
    struct bench bench = {.session = session,
                          .options = options,
                          .outcome = outcome,
                          .host = {.guests_are_ours = !session->options.connect},
                          .turns = {.plan = {.builds = options->build_count,
                                             .warmup = options->warmup,
                                             .runs = options->runs,
                                             .repeats = options->repeats}}};
    struct bench_plan *plan = &bench.turns.plan;
    cleanup_free char *parent = xasprintf("%s/bench", options->results);
    cleanup_free size_t *cases = choose_cases(options, &plan->case_count);
    int code;

    *outcome = (struct bench_outcome){0};
    plan->cases = cases;
    bench.turns.source = (struct noise_source){noise_mark_host, &bench.host};
    bench_turns_plan(&bench.turns);
    code = rundata_make_directory(parent, options->builds[0].suite->name, &bench.started,
                                  &bench.directory, &outcome->directory, error);
    if (code == 0)
        code = run_all(&bench, parent, error);
    if (code < 0 && bench.directory)
        rmdir(bench.directory); /* where nothing came of the run; evidence stays */
    free_bench(&bench);
    return code;
}

bool bench_outcome_has_metrics(const struct bench_outcome *outcome, size_t build_count)
{
    for (size_t i = 0; i < build_count; i++)
        if (outcome->records[i].metric_count == 0)
            return false;
    return true;
}

void bench_outcome_free(struct bench_outcome *outcome)
{
    for (size_t i = 0; i < BENCH_BUILDS_MAX; i++)
        record_free(&outcome->records[i]);
    free(outcome->directory);
    *outcome = (struct bench_outcome){0};
}
