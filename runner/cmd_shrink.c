/* duet shrink */
#include "runner/argument.h"
#include "runner/choose.h"
#include "runner/commands.h"
#include "runner/run.h"
#include "runner/seed.h"
#include "runner/session_arguments.h"
#include "runner/shrink.h"

#include "base/cjson.h"
#include "base/fs.h"
#include "base/memory.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_CASE = 256, KEY_KERNEL, KEY_RUNS, KEY_SEED, KEY_OUTPUT, KEY_RESULTS, KEY_JSON };

enum { RUNS_DEFAULT = 60, RUNS_MAX = 10000 };

struct shrink_arguments {
    struct choice choice;
    size_t runs;
    bool seed_given;
    uint64_t seed;
    const char *output;
    const char *results;
    bool json;
    struct session_arguments common;
};

static const struct argp_option options[] = {
    {"case", KEY_CASE, "GLOB", 0,
     "The first case whose name, or a part of it between commas, matches", 0},
    {"kernel", KEY_KERNEL, "KERNEL", 0, "Guest kernel, as for `duet run`", 0},
    {"seed", KEY_SEED, "N", 0, "Seed with which it fails (default: the suite's, else a random one)",
     0},
    {"runs", KEY_RUNS, "N", 0, "Run the case so often at most (default: 60)", 0},
    {"output", KEY_OUTPUT, "FILE", 0, "The scenario that is written (default: SUITE-shrunk.yaml)",
     0},
    {"results", KEY_RESULTS, "DIR", 0, "Where the runs' results go (default: duet-results/shrink)",
     0},
    {"json", KEY_JSON, NULL, 0, "One JSON document instead of lines", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct shrink_arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->common;
        return 0;
    case KEY_CASE:
        arguments->choice.only = argument;
        return 0;
    case KEY_KERNEL:
        arguments->choice.kernels = argument;
        return 0;
    case KEY_RUNS:
        arguments->runs = argument_number("runs", argument, 2, RUNS_MAX, state);
        return 0;
    case KEY_SEED:
        arguments->seed = argument_number("seed", argument, 0, UINT64_MAX, state);
        arguments->seed_given = true;
        return 0;
    case KEY_OUTPUT:
        arguments->output = argument;
        return 0;
    case KEY_RESULTS:
        arguments->results = argument;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->choice.name)
            argp_error(state, "shrink takes one case, and \"%s\" is another one", argument);
        arguments->choice.name = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which case? SUITE, FILE or SUITE/CASE");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* -- One run ----------------------------------------------------------------------------------- */

struct shrinking {
    const struct shrink_arguments *arguments;
    struct session *session;
    struct suite suite; /* the chosen one, with that case alone */
    struct suite_case suite_case;
    uint64_t seed;
    size_t runs;
    struct shrink_outcome *outcome; /* of the run that is going on */
    enum verdict verdict;
    char *reason;
};

static uint64_t lost(const struct way_result *way)
{
    for (size_t i = 0; i < way->cause_count; i++)
        if (strcmp(way->causes[i].name, "loss") == 0)
            return way->causes[i].packets;
    return 0;
}

static void on_result(void *context, const struct run_result *run)
{
    struct shrinking *shrinking = context;
    const struct case_result *result = &run->cases[0];

    shrinking->verdict = result->verdict;
    free(shrinking->reason);
    shrinking->reason = result->reason ? xstrdup(result->reason) : NULL;
    shrinking->outcome->unknown =
        result->verdict == VERDICT_INVALID || result->verdict == VERDICT_ERROR;
    shrinking->outcome->fails = verdict_is_bad(result->verdict) && !shrinking->outcome->unknown;
    for (size_t i = 0; i < result->link_count; i++)
        for (unsigned way = 0; way < 2; way++)
            shrinking->outcome->lost[i][way] = lost(&result->links[i].ways[way]);
}

static void say_run(const struct shrinking *shrinking, const char *what)
{
    if (shrinking->arguments->json)
        return;
    terminal_clear(shrinking->session->options.terminal);
    printf("  %3zu  %-9s %s\n", shrinking->runs, verdict_name(shrinking->verdict), what);
    fflush(stdout);
}

static int attempt(void *context, const struct suite_link *links, const char *what,
                   struct shrink_outcome *outcome, struct error *error)
{
    struct shrinking *shrinking = context;
    const struct run_options run = {.results = shrinking->arguments->results,
                                    .seed = shrinking->seed,
                                    .seed_given = true,
                                    .reuse_templates = true,
                                    .quiet = true,
                                    .told = on_result,
                                    .context = shrinking};
    int status, code;

    shrinking->runs++;
    shrinking->outcome = outcome;
    shrinking->suite_case.links = (struct suite_link *)links;
    code = run_suite(shrinking->session, &shrinking->suite, &run, &status, error);
    if (shrinking->session->cancel_seen)
        return error_set(error, ECANCELED, "interrupted");
    if (code < 0)
        return code;
    say_run(shrinking, what);
    if (outcome->unknown)
        error_set(error, EIO, "whether the case fails is not to be found out: %s: %s",
                  verdict_name(shrinking->verdict), shrinking->reason ? shrinking->reason : "");
    return 0;
}

/* -- What comes of it -------------------------------------------------------------------------- */

/* How the scenario at `output` names the suite's file: its last part where both are in one
 * directory. */
static char *path_from(const char *output, const char *suite_path)
{
    const char *slash = strrchr(output, '/');
    cleanup_free char *directory = slash ? xstrndup(output, (size_t)(slash - output) + 1) : NULL;
    cleanup_free char *whole = NULL, *there = NULL;

    if (fs_realpath(suite_path, &whole, NULL) < 0)
        return xstrdup(suite_path);
    if (fs_realpath(directory ? directory : ".", &there, NULL) == 0 &&
        (size_t)(strrchr(whole, '/') - whole) == strlen(there) &&
        strncmp(whole, there, strlen(there)) == 0)
        return xstrdup(strrchr(whole, '/') + 1);
    return steal_pointer(&whole);
}

/* Before the first run: hours must not end in a refusal. */
static int check_output(const char *output, const struct suite *suite, struct error *error)
{
    cleanup_free char *temporary = xasprintf("%s.XXXXXX", output);
    cleanup_fd int fd = -1;
    struct stat there, base;

    if (stat(output, &there) == 0 && S_ISDIR(there.st_mode))
        return error_set(error, EISDIR, "%s is a directory: expected a file's name", output);
    if (stat(output, &there) == 0 && stat(suite->path, &base) == 0 && there.st_dev == base.st_dev &&
        there.st_ino == base.st_ino)
        return error_set(error, EINVAL,
                         "%s is the scenario that what is found needs: --output names another file",
                         output);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, "cannot make a file beside %s", output);
    unlink(temporary);
    return 0;
}

static int write_scenario(const struct shrinking *shrinking, const struct shrunk *shrunk,
                          const char *output, struct error *error)
{
    cleanup_free char *path = path_from(output, shrinking->suite.path);
    cleanup_buffer struct buffer text = {0};

    shrink_write(&shrunk->settings, &shrinking->suite, &shrinking->suite_case, path,
                 shrinking->seed, &text);
    return fs_write(output, text.data, text.length, 0644, error);
}

static void tell(const struct shrinking *shrinking, const struct shrunk *shrunk, const char *output)
{
    cleanup_buffer struct buffer left = {0};

    shrink_describe(&shrunk->settings, &shrinking->suite_case, &left);
    if (shrunk->fails_without)
        printf("%s fails without any impairment: its network is not the cause\n",
               shrinking->suite_case.name);
    else
        printf("fails still with %s\n", left.data);
    if (!shrunk->complete && shrunk->runs >= shrinking->arguments->runs)
        printf("%zu runs were not enough to try all: --runs allows more\n", shrunk->runs);
    else if (!shrunk->complete)
        printf("the search has ended after %zu runs, before all was tried\n", shrunk->runs);
    printf("%s is a scenario that fails so, with seed %" PRIu64 "\n", output, shrinking->seed);
}

static void tell_json(const struct shrinking *shrinking, const struct shrunk *shrunk,
                      const char *output)
{
    cleanup_buffer struct buffer left = {0};
    cJSON *json = xchecked(cJSON_CreateObject());
    char seed[sizeof "18446744073709551615"];

    shrink_describe(&shrunk->settings, &shrinking->suite_case, &left);
    snprintf(seed, sizeof seed, "%" PRIu64, shrinking->seed);
    cJSON_AddStringToObject(json, "suite", shrinking->suite.name);
    cJSON_AddStringToObject(json, "case", shrinking->suite_case.name);
    cJSON_AddStringToObject(json, "seed", seed);
    cJSON_AddNumberToObject(json, "runs", (double)shrunk->runs);
    cJSON_AddBoolToObject(json, "complete", shrunk->complete);
    cJSON_AddBoolToObject(json, "fails_without", shrunk->fails_without);
    cJSON_AddStringToObject(json, "impairment", left.data);
    cJSON_AddStringToObject(json, "scenario", output);
    cjson_print(json, stdout);
    cJSON_Delete(json);
}

/* -- The command ------------------------------------------------------------------------------- */

/* What was found before an error or Ctrl-C is worth as much. */
static int leave(const struct shrinking *shrinking, const struct shrunk *shrunk, const char *output,
                 struct error *error)
{
    int code = write_scenario(shrinking, shrunk, output, error);

    if (code == 0 && shrinking->arguments->json)
        tell_json(shrinking, shrunk, output);
    else if (code == 0)
        tell(shrinking, shrunk, output);
    return code;
}

static int search(struct shrinking *shrinking, const struct suite_case *suite_case,
                  const char *output, struct error *error)
{
    const struct shrink_options shrink_options = {.suite_case = suite_case,
                                                  .runs = shrinking->arguments->runs,
                                                  .attempt = attempt,
                                                  .context = shrinking};
    struct shrunk shrunk;
    struct error trouble;
    int code, left = 0;

    if (!shrinking->arguments->json)
        printf("%s/%s, seed %" PRIu64 "\n", shrinking->suite.name, suite_case->name,
               shrinking->seed);
    code = shrink(&shrink_options, &shrunk, error);
    /* A scenario's links are compared with what the suite has. */
    shrinking->suite_case.links = suite_case->links;
    if (shrunk.fails)
        left = leave(shrinking, &shrunk, output, code < 0 ? &trouble : error);
    if (left < 0 && code < 0)
        fprintf(stderr, "duet: %s\n", trouble.message);
    shrunk_free(&shrunk);
    return code < 0 ? code : left;
}

static int shrink_chosen(const struct shrink_arguments *arguments, const struct chosen *chosen,
                         struct error *error)
{
    struct shrinking shrinking = {
        .arguments = arguments,
        .suite = *chosen->suite,
        .suite_case = *chosen->suite_case,
        .seed = seed_for(chosen->suite, arguments->seed_given, arguments->seed)};
    cleanup_free char *output = arguments->output
                                    ? xstrdup(arguments->output)
                                    : xasprintf("%s-shrunk.yaml", chosen->suite->name);
    struct session session;
    int code, signal_number;

    shrinking.suite_case.is_explicit = false; /* it has been chosen */
    shrinking.suite.cases = &shrinking.suite_case;
    shrinking.suite.case_count = 1;
    shrinking.session = &session;
    if (check_output(output, chosen->suite, error) < 0) {
        fprintf(stderr, "duet: %s\n", error->message);
        return EXIT_USAGE;
    }
    code = session_open(&session, &arguments->common.session, error);
    if (code < 0) {
        fprintf(stderr, "duet: %s\n", error->message);
        return EXIT_TROUBLE;
    }
    code = search(&shrinking, chosen->suite_case, output, error);
    signal_number = session.signal_number;
    session_close(&session);
    free(shrinking.reason);
    if (signal_number)
        return 128 + signal_number;
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error->message);
    return code == 0 ? EXIT_PASSED : code == -EINVAL ? EXIT_FAILED : EXIT_TROUBLE;
}

int cmd_shrink(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &session_argp}, {0}};
    static const struct argp argp = {
        .options = options,
        .children = children,
        .parser = parse,
        .args_doc = "SUITE|FILE|SUITE/CASE",
        .doc = "Search for the smallest impairment of a case's links with which it still fails, "
               "and write it as a scenario."
               "\vExit status: 0 the scenario is written, 1 the case does not fail, 2 bad usage or "
               "bad input, 3 duet could not do its job, 130 on Ctrl-C."};
    struct shrink_arguments arguments = {.runs = RUNS_DEFAULT, .results = "duet-results/shrink"};
    struct terminal terminal;
    struct chosen chosen;
    struct error error;
    int status;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    session_arguments_apply(&arguments.common, &terminal);
    if (choose_case(&arguments.choice, &chosen, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_USAGE;
    }
    if (suite_check_runs(chosen.suite_case, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        suite_free(chosen.suite);
        return EXIT_USAGE;
    }
    if (chosen.others)
        terminal_say(&terminal, "%s/%s, and not the other %zu: --case chooses", chosen.suite->name,
                     chosen.suite_case->name, chosen.others);
    if (!arguments.seed_given)
        arguments.seed = seed_random();
    status = shrink_chosen(&arguments, &chosen, &error);
    suite_free(chosen.suite);
    return status;
}
