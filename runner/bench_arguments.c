#include "runner/bench_arguments.h"

#include "base/base.h"
#include "runner/argument.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_KERNEL = 256,
    KEY_RUNS,
    KEY_WARMUP,
    KEY_REPEATS,
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

enum { QUICK_RUNS = 3, DEFAULT_RUNS = 5 };

#define DURATION_VARIABLE "duration"

static const struct argp_option options[] = {
    {"metric", 'm', "GLOB", 0, "Only metrics whose name matches, and the steps that measure them",
     0},
    {"transport", 't', "GLOB", 0,
     "Only cases whose name, a part of it between commas, or a tag matches", 0},
    {"runs", KEY_RUNS, "N", 0, "Runs of each case that count (default: 5)", 0},
    {"warmup", KEY_WARMUP, "N", 0, "Runs before these, which do not (default: 1)", 0},
    {"repeats", KEY_REPEATS, "N", 0,
     "Runs of each case at most in place of those that something else on this machine disturbed "
     "(default: as many as --runs)",
     0},
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

    if (arguments->set_count == BENCH_SETS_MAX)
        argp_error(state, "--set: at most %d variables", BENCH_SETS_MAX);
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
    case KEY_REPEATS:
        arguments->bench.repeats = argument_number("repeats", argument, 0, BENCH_RUNS_MAX, state);
        arguments->repeats_given = true;
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
    if (!arguments->repeats_given)
        bench->repeats = bench->runs;
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

static const struct argp_child children[] = {{.argp = &session_argp}, {0}};

const struct argp bench_argp = {
    .options = options,
    .children = children,
    .parser = parse,
    .args_doc = "[SUITE|FILE]",
    .doc =
        "Measure: run the cases of a suite (default: bench) again and again, one at a time, and "
        "say what the metrics that they print come to."
        "\vExit status: 0 all is well, 1 a run failed, or a metric is worse than the baseline's, "
        "2 bad usage or bad input, 3 duet could not do its job, 130 on Ctrl-C."};

void bench_arguments_free(struct bench_arguments *arguments)
{
    for (size_t i = 0; i < arguments->set_count; i++) {
        free(arguments->sets[i].name);
        free(arguments->sets[i].value);
    }
}
