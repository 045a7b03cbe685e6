/* duet bench */
#include "runner/commands.h"

#include "base/base.h"
#include "bench/history.h"
#include "bench/match.h"
#include "runner/argument.h"
#include "runner/bench_metric.h"
#include "runner/bench_run.h"
#include "runner/bench_table.h"
#include "runner/find.h"
#include "runner/run.h"
#include "runner/seed.h"
#include "runner/session_arguments.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_KERNEL = 256,
    KEY_RUNS,
    KEY_WARMUP,
    KEY_DURATION,
    KEY_TAG,
    KEY_BASELINE,
    KEY_INTERLEAVE,
    KEY_SET,
    KEY_QUICK,
    KEY_JSON,
    KEY_RESULTS,
    KEY_FORCE,
    KEY_SEED,
};

enum { SETS_MAX = 32, QUICK_RUNS = 3, DEFAULT_RUNS = 5 };

#define DURATION_VARIABLE "duration"

struct bench_arguments {
    struct bench_options bench;
    const char *suite; /* name or file */
    const char *kernels;
    const char *baseline;
    struct suite_pair sets[SETS_MAX]; /* in the order of the command line */
    size_t set_count;
    bool interleave, quick, json, force, seed_given, warmup_given;
    struct session_arguments common;
    struct suite *suites[BENCH_BUILDS_MAX];
    char *labels[BENCH_BUILDS_MAX];
};

static const struct argp_option options[] = {
    {"metric", 'm', "GLOB", 0, "Only metrics whose name matches, and the steps that measure them",
     0},
    {"transport", 't', "GLOB", 0,
     "Only cases whose name, a part of it between commas, or a tag matches", 0},
    {"runs", KEY_RUNS, "N", 0, "Runs of each case that count (default: 5)", 0},
    {"warmup", KEY_WARMUP, "N", 0, "Runs before these, which do not (default: 1)", 0},
    {"duration", KEY_DURATION, "SECONDS", 0,
     "How long each measurement takes: the suite's variable `duration`", 0},
    {"set", KEY_SET, "NAME=VALUE", 0,
     "A variable of the suite. A VALUE that begins with ./ or ../ is a path from here", 0},
    {"interleave", KEY_INTERLEAVE, NULL, 0,
     "Of a variable that is set twice, take turns with both values, and compare", 0},
    {"baseline", KEY_BASELINE, "FILE|TAG", 0, "Compare with these results, as `duet compare` does",
     0},
    {"force", KEY_FORCE, NULL, 0, "Even if they are of another machine or suite", 0},
    {"tag", KEY_TAG, "NAME", 0, "What the results are called, for --baseline and `duet history`",
     0},
    {"quick", KEY_QUICK, NULL, 0,
     "The cases tagged `quick` alone, 3 runs of 1 second, no warm-up: less than a minute", 0},
    {"json", KEY_JSON, NULL, 0, "Print results.json on standard output instead of a table", 0},
    {"results", KEY_RESULTS, "DIR", 0, "Where results go: DIR/bench (default: duet-results)", 0},
    {"kernel", KEY_KERNEL, "KERNEL[,...]", 0, "Guest kernel, as `duet run` has it", 0},
    {"seed", KEY_SEED, "N", 0, "Seed of the run (default: the suite's, else a random one)", 0},
    {0},
};

/* -- Arguments --------------------------------------------------------------------------------- */

/* A path of the command line is from where the user is; the suite's are from its file. */
static char *value_of(const char *text)
{
    char here[PATH_MAX];

    if ((strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0) && getcwd(here, sizeof here))
        return xasprintf("%s/%s", here, text);
    return xstrdup(text);
}

static void add_set(const char *name, size_t length, const char *value, struct argp_state *state)
{
    struct bench_arguments *arguments = state->input;

    if (arguments->set_count == SETS_MAX)
        argp_error(state, "--set: at most %d variables", SETS_MAX);
    else
        arguments->sets[arguments->set_count++] =
            (struct suite_pair){.name = xstrndup(name, length), .value = value_of(value)};
}

static void parse_set(const char *argument, struct argp_state *state)
{
    const char *equals = strchr(argument, '=');

    if (!equals || equals == argument)
        argp_error(state, "--set takes NAME=VALUE, not \"%s\"", argument);
    else
        add_set(argument, (size_t)(equals - argument), equals + 1, state);
}

static void parse_tag(const char *argument, struct argp_state *state)
{
    struct bench_arguments *arguments = state->input;

    if (!*argument || strchr(argument, '/') || strpbrk(argument, " \t\n"))
        argp_error(state, "--tag is \"%s\"; expected a name without blanks and \"/\"", argument);
    arguments->bench.tag = argument;
}

static error_t parse_more(int key, char *argument, struct argp_state *state)
{
    struct bench_arguments *arguments = state->input;

    switch (key) {
    case KEY_RUNS:
        arguments->bench.runs = argument_number("runs", argument, 1, BENCH_RUNS_MAX, state);
        return 0;
    case KEY_WARMUP:
        arguments->bench.warmup = argument_number("warmup", argument, 0, BENCH_RUNS_MAX, state);
        arguments->warmup_given = true;
        return 0;
    case KEY_DURATION:
        argument_number("duration", argument, 1, 3600, state);
        add_set(DURATION_VARIABLE, strlen(DURATION_VARIABLE), argument, state);
        return 0;
    case KEY_SET:
        parse_set(argument, state);
        return 0;
    case KEY_TAG:
        parse_tag(argument, state);
        return 0;
    case KEY_SEED:
        arguments->bench.seed = argument_number("seed", argument, 0, UINT64_MAX, state);
        arguments->seed_given = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void finish(struct argp_state *state)
{
    struct bench_arguments *arguments = state->input;
    struct bench_options *bench = &arguments->bench;

    if (arguments->interleave && arguments->baseline)
        argp_error(state, "--interleave compares two builds, --baseline with earlier results: one "
                          "of them is too much");
    if (arguments->quick && bench->only)
        argp_error(state, "--quick chooses the cases itself: --transport is too much");
    if (arguments->quick)
        bench->only = "quick";
    if (bench->runs == 0)
        bench->runs = arguments->quick ? QUICK_RUNS : DEFAULT_RUNS;
    if (!arguments->warmup_given)
        bench->warmup = arguments->quick ? 0 : 1;
    for (size_t i = 0; arguments->quick && i < arguments->set_count; i++)
        if (strcmp(arguments->sets[i].name, DURATION_VARIABLE) == 0)
            return;
    if (arguments->quick)
        add_set(DURATION_VARIABLE, strlen(DURATION_VARIABLE), "1", state);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct bench_arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->common;
        return 0;
    case 'm':
        arguments->bench.metric = argument;
        return 0;
    case 't':
        arguments->bench.only = argument;
        return 0;
    case KEY_INTERLEAVE:
        arguments->interleave = true;
        return 0;
    case KEY_BASELINE:
        arguments->baseline = argument;
        return 0;
    case KEY_FORCE:
        arguments->force = true;
        return 0;
    case KEY_QUICK:
        arguments->quick = true;
        return 0;
    case KEY_JSON:
        arguments->json = arguments->bench.quiet = true;
        return 0;
    case KEY_RESULTS:
        arguments->bench.results = argument;
        return 0;
    case KEY_KERNEL:
        arguments->kernels = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one suite is measured, and \"%s\" is one more", argument);
        arguments->suite = argument;
        return 0;
    case ARGP_KEY_END:
        finish(state);
        return 0;
    default:
        return parse_more(key, argument, state);
    }
}

/* -- Suites ------------------------------------------------------------------------------------ */

static size_t count_of(const struct bench_arguments *arguments, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < arguments->set_count; i++)
        count += strcmp(arguments->sets[i].name, name) == 0;
    return count;
}

/* Which of a variable's values this is, from 0. */
static size_t ordinal_of(const struct bench_arguments *arguments, size_t index)
{
    size_t ordinal = 0;

    for (size_t i = 0; i < index; i++)
        ordinal += strcmp(arguments->sets[i].name, arguments->sets[index].name) == 0;
    return ordinal;
}

/* Variables that are set once are the same in both builds. */
static int check_sets(const struct bench_arguments *arguments, struct error *error)
{
    size_t twice = 0;

    for (size_t i = 0; i < arguments->set_count; i++) {
        const char *name = arguments->sets[i].name;
        size_t count = count_of(arguments, name);

        if (count > (arguments->interleave ? 2 : 1))
            return error_set(error, EINVAL, "--set %s: it is set %zu times%s", name, count,
                             arguments->interleave ? "" : " (--interleave compares two)");
        twice += count == 2;
    }
    if (arguments->interleave && twice == 0)
        return error_set(error, EINVAL,
                         "--interleave compares two builds: expected --set of one variable twice, "
                         "as --set bin=./old --set bin=./new");
    return 0;
}

static int load_build(struct bench_arguments *arguments, const char *path, size_t build,
                      struct error *error)
{
    cleanup_free struct suite_pair *items = xcalloc(SETS_MAX, sizeof *items);
    struct suite_pairs set = {.items = items};
    cleanup_buffer struct buffer label = {0};
    int code;

    for (size_t i = 0; i < arguments->set_count; i++) {
        const struct suite_pair *pair = &arguments->sets[i];

        if (count_of(arguments, pair->name) == 2 && ordinal_of(arguments, i) != build)
            continue;
        items[set.count++] = *pair;
        buffer_printf(&label, "%s%s=%s", label.length ? " " : "", pair->name, pair->value);
    }
    code = suite_load_set(path, arguments->kernels, &set, &arguments->suites[build], error);
    if (code == 0 && label.length > 0)
        arguments->labels[build] = buffer_steal(&label);
    arguments->bench.builds[build] =
        (struct bench_build){.suite = arguments->suites[build], .set = arguments->labels[build]};
    return code;
}

static int check_cases(const struct bench_arguments *arguments, struct error *error)
{
    const struct suite *first = arguments->suites[0];
    const struct suite *second = arguments->suites[1];
    bool any = false;

    for (size_t i = 0; i < first->case_count; i++)
        any = any || run_selects(&first->cases[i], arguments->bench.only);
    if (!any)
        return arguments->bench.only
                   ? error_set(error, ENOENT, "%s has no case that matches \"%s\"", first->path,
                               arguments->bench.only)
                   : error_set(error, ENOENT,
                               "every case of %s is one to be chosen: with --transport",
                               first->path);
    if (second && second->case_count != first->case_count)
        return error_set(error, EINVAL, "%s has %zu cases with %s and %zu with %s", first->path,
                         first->case_count, arguments->labels[0], second->case_count,
                         arguments->labels[1]);
    return 0;
}

static int load_suites(struct bench_arguments *arguments, struct error *error)
{
    char *names[] = {(char *)arguments->suite};
    struct found_suites found = {0};
    int code = check_sets(arguments, error);

    if (code == 0)
        code = find_suites(names, 1, &found, error);
    arguments->bench.build_count = arguments->interleave ? 2 : 1;
    for (size_t i = 0; i < arguments->bench.build_count && code == 0; i++) {
        code = load_build(arguments, found.paths[0], i, error);
        if (code == 0 && arguments->bench.metric)
            bench_keep_metrics(arguments->suites[i], arguments->bench.metric);
    }
    found_suites_free(&found);
    return code < 0 ? code : check_cases(arguments, error);
}

/* -- What is said of it ------------------------------------------------------------------------ */

/* Every run that does not count as it should. */
static void tell_runs(const struct terminal *terminal, const struct record *record)
{
    size_t disturbed = 0;
    size_t counted = 0;

    for (size_t i = 0; i < record->run_count; i++) {
        const struct record_run *run = &record->runs[i];

        if (run->warmup)
            continue;
        counted++;
        disturbed += run->noise != NULL;
        if (verdict_is_bad(run->verdict))
            fprintf(terminal->out, "  %s run %zu: %s: %s\n", run->name, run->number,
                    verdict_name(run->verdict), run->reason ? run->reason : "");
    }
    if (disturbed > 0)
        fprintf(terminal->out,
                "  note: %zu of %zu runs were disturbed by what else this machine did "
                "(results.json says which): compare with --interleave\n",
                disturbed, counted);
}

static void print_match(const struct terminal *terminal, const struct record *a,
                        const struct record *b, const struct match *match)
{
    cleanup_buffer struct buffer remarks = {0};

    match_remarks(a, b, &remarks);
    fprintf(terminal->out, "A: %s%s%s\nB: %s%s%s\n", a->path, a->set ? "  " : "",
            a->set ? a->set : "", b->path, b->set ? "  " : "", b->set ? b->set : "");
    bench_table_match(terminal, match);
    bench_table_lines(terminal, "  note: ", &remarks);
}

static int compare(const struct terminal *terminal, bool quiet, const struct record *a,
                   const struct record *b)
{
    struct match match;
    int status;

    match_make(a, b, COMPARE_THRESHOLD, &match);
    if (!quiet)
        print_match(terminal, a, b, &match);
    status = match_has_regression(&match) ? EXIT_FAILED : EXIT_PASSED;
    match_free(&match);
    return status;
}

/* False, and said, where there is nothing to print. */
static bool print_json(const struct record *record)
{
    cleanup_buffer struct buffer text = {0};
    struct error error;

    if (fs_read(record->path, SIZE_MAX / 2, &text, &error) < 0) {
        fprintf(stderr, "duet: the results cannot be read again: %s\n", error.message);
        return false;
    }
    fwrite(text.data, 1, text.length, stdout);
    return true;
}

static int report(const struct bench_arguments *arguments, const struct terminal *terminal,
                  const struct bench_outcome *outcome, const struct record *baseline)
{
    size_t last = arguments->bench.build_count - 1;
    const struct record *record = &outcome->records[last];
    const struct record *against = last > 0 ? &outcome->records[0] : baseline;
    int status = outcome->status;
    int compared = EXIT_PASSED;

    if (arguments->json && !print_json(record))
        return EXIT_TROUBLE;
    if (!arguments->json) {
        bench_table_record(terminal, record);
        for (size_t i = 0; i <= last; i++)
            tell_runs(terminal, &outcome->records[i]);
    }
    if (against)
        compared = compare(terminal, arguments->json, against, record);
    if (!arguments->json)
        fprintf(terminal->out, "results: %s\n", record->path);
    return status != EXIT_PASSED ? status : compared;
}

/* -- All of it --------------------------------------------------------------------------------- */

/* Before anything is measured: minutes must not end in a refusal. What is compared is known of this
 * machine but for the accelerator. */
static int open_baseline(const struct bench_arguments *arguments, struct record *baseline,
                         struct error *error)
{
    int code = history_open(arguments->bench.results, arguments->baseline, arguments->force,
                            baseline, error);

    if (code < 0 || arguments->force)
        return code;
    if (baseline->kind != RECORD_BENCH)
        return error_set(error, EINVAL, "--baseline %s: %s; expected %s", baseline->path,
                         record_kind_name(baseline->kind), record_kind_name(RECORD_BENCH));
    if (strcmp(baseline->suite ? baseline->suite : "", arguments->suites[0]->name) != 0)
        return error_set(error, EINVAL,
                         "--baseline %s: it is of the suite %s, and this is %s (--force compares "
                         "them all the same)",
                         baseline->path, baseline->suite ? baseline->suite : "not known",
                         arguments->suites[0]->name);
    return 0;
}

static bool is_refused(const struct bench_arguments *arguments, const struct record *baseline,
                       const struct bench_outcome *outcome)
{
    cleanup_buffer struct buffer obstacles = {0};

    if (arguments->baseline)
        match_obstacles(baseline, &outcome->records[0], &obstacles);
    if (obstacles.length == 0)
        return false;
    fprintf(stderr, "duet: the baseline is not comparable%s:\n%s",
            arguments->force ? "" : " (--force compares all the same)", obstacles.data);
    return !arguments->force;
}

static int run(const struct bench_arguments *arguments, struct session *session,
               const struct record *baseline)
{
    struct bench_outcome outcome = {0};
    struct error error;
    bool refused;
    int status = EXIT_TROUBLE;

    if (bench_run(session, &arguments->bench, &outcome, &error) < 0) {
        terminal_clear(session->options.terminal);
        if (!session->cancel_seen)
            fprintf(stderr, "duet: %s\n", error.message);
    } else if (outcome.interrupted == 0) {
        refused = is_refused(arguments, baseline, &outcome);
        status = report(arguments, session->options.terminal, &outcome,
                        arguments->baseline && !refused ? baseline : NULL);
        status = refused && status == EXIT_PASSED ? EXIT_USAGE : status;
    } else {
        terminal_say(session->options.terminal,
                     "interrupted: what was measured is in %s, without a tag", outcome.directory);
    }
    bench_outcome_free(&outcome);
    return status;
}

static int run_session(struct bench_arguments *arguments, const struct record *baseline)
{
    struct session session;
    struct error error;
    int status, signal_number;

    if (session_open(&session, &arguments->common.session, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_TROUBLE;
    }
    status = run(arguments, &session, baseline);
    signal_number = session.signal_number;
    session_close(&session);
    return signal_number ? 128 + signal_number : status;
}

static void free_arguments(struct bench_arguments *arguments)
{
    for (size_t i = 0; i < BENCH_BUILDS_MAX; i++) {
        suite_free(arguments->suites[i]);
        free(arguments->labels[i]);
    }
    for (size_t i = 0; i < arguments->set_count; i++) {
        free(arguments->sets[i].name);
        free(arguments->sets[i].value);
    }
}

int cmd_bench(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &session_argp}, {0}};
    static const struct argp argp = {
        .options = options,
        .children = children,
        .parser = parse,
        .args_doc = "[SUITE|FILE]",
        .doc = "Measure: run the cases of a suite (default: bench) again and again, one at a time, "
               "and say what the metrics that they print come to."
               "\vExit status: 0 all is well, 1 a run failed, or a metric is worse than the "
               "baseline's, 2 bad usage or bad input, 3 duet could not do its job, 130 on Ctrl-C."};
    struct bench_arguments arguments = {.bench.results = "duet-results", .suite = "bench"};
    struct record baseline = {0};
    struct terminal terminal;
    struct error error;
    int status = EXIT_USAGE;
    int code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    if (!arguments.seed_given)
        arguments.bench.seed = seed_random();
    session_arguments_apply(&arguments.common, &terminal);
    code = load_suites(&arguments, &error);
    if (code == 0)
        arguments.bench.seed =
            seed_for(arguments.suites[0], arguments.seed_given, arguments.bench.seed);
    if (code == 0 && arguments.baseline)
        code = open_baseline(&arguments, &baseline, &error);
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error.message);
    else
        status = run_session(&arguments, &baseline);
    record_free(&baseline);
    free_arguments(&arguments);
    return status;
}
