/* duet replay */
#include "runner/commands.h"
#include "runner/past_run.h"
#include "runner/replay.h"
#include "runner/run.h"
#include "runner/select.h"
#include "runner/session_arguments.h"

#include "base/cjson.h"
#include "base/memory.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEY_CASE = 256, KEY_SUITE, KEY_RESULTS, KEY_JSON };

struct replay_arguments {
    const char *result; /* what is replayed */
    const char **globs;
    size_t glob_count;
    const char *suite; /* in place of the one that the results name */
    struct run_options run;
    bool json;
    struct session_arguments common;
};

static const struct argp_option options[] = {
    {"case", KEY_CASE, "GLOB", 0,
     "Only cases whose name, or a part of it between commas, matches. May be given several times",
     0},
    {"suite", KEY_SUITE, "FILE", 0, "Where the suite is (default: where it was)", 0},
    {"results", KEY_RESULTS, "DIR", 0, "Where results go (default: duet-results)", 0},
    {"json", KEY_JSON, NULL, 0, "One JSON document instead of lines", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct replay_arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->common;
        return 0;
    case KEY_CASE:
        arguments->globs =
            xreallocarray(arguments->globs, arguments->glob_count + 1, sizeof(const char *));
        arguments->globs[arguments->glob_count++] = argument;
        return 0;
    case KEY_SUITE:
        arguments->suite = argument;
        return 0;
    case KEY_RESULTS:
        arguments->run.results = argument;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->result)
            argp_error(state, "replay takes one result, and \"%s\" is another one", argument);
        arguments->result = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* -- What is replayed -------------------------------------------------------------------------- */

static bool is_wanted(const struct replay_arguments *arguments, const struct past_case *past)
{
    for (size_t i = 0; i < arguments->glob_count; i++)
        if (select_name(past->name, arguments->globs[i]))
            return true;
    return arguments->glob_count == 0;
}

static const struct suite_case *find_case(const struct suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->case_count; i++)
        if (strcmp(suite->cases[i].name, name) == 0)
            return &suite->cases[i];
    return NULL;
}

/* What was skipped then says nothing that could come out again. */
static int choose_cases(const struct replay_arguments *arguments, const struct past_run *before,
                        const struct suite *suite, struct suite_texts *names, struct error *error)
{
    names->items = xcalloc(before->case_count, sizeof(char *));
    for (size_t i = 0; i < before->case_count; i++) {
        const struct past_case *past = &before->cases[i];
        const struct suite_case *suite_case = find_case(suite, past->name);

        if (!is_wanted(arguments, past) || strcmp(past->verdict, "skipped") == 0)
            continue;
        if (!suite_case)
            return error_set(error, ENOENT,
                             "%s has no case \"%s\" any more: give the file that it was in with "
                             "--suite, or other cases with --case",
                             suite->path, past->name);
        if (suite_check_runs(suite_case, error) < 0)
            return -EINVAL;
        names->items[names->count++] = past->name;
    }
    if (names->count > 0)
        return 0;
    return error_set(error, ENOENT, "%s/results.json has no case to replay%s", before->directory,
                     arguments->glob_count ? " that --case matches" : "");
}

static int load_suite(const struct replay_arguments *arguments, const struct past_run *before,
                      struct suite **suite, struct error *error)
{
    const char *path = arguments->suite ? arguments->suite : before->path;
    int code;

    if (!path)
        return error_set(error, ENOENT,
                         "%s/results.json does not say where its suite is: name it with --suite",
                         before->directory);
    code = suite_load(path, before->kernels, suite, error);
    if (code == -ENOENT && !arguments->suite)
        return error_context(error, "the suite is not where it was (--suite names another place)");
    return code;
}

/* -- What comes out ---------------------------------------------------------------------------- */

static void print_gap(FILE *out, const struct replay_way *way, unsigned run, const char *begin,
                      const char *whose)
{
    fprintf(out, "%s%s lacks ", begin, whose);
    if (way->missing[run])
        fprintf(out, "%" PRIu64 " records%s", way->missing[run],
                way->incomplete[run] ? " and " : "");
    if (way->incomplete[run])
        fputs("its end", out);
}

static void print_gaps(FILE *out, const struct replay_way *way)
{
    static const char *const whose[2] = {"that run's", "this one's"};
    const char *begin = "        only what is in both logs was compared: ";
    bool any = false;

    for (unsigned run = 0; run < 2; run++)
        if (way->missing[run] || way->incomplete[run]) {
            print_gap(out, way, run, any ? ", " : begin, whose[run]);
            any = true;
        }
    if (any)
        putc('\n', out);
}

static void print_way(FILE *out, const struct replay_way *way)
{
    fprintf(out, "      %s: ", way->before->name);
    if (!way->again)
        fputs("no log this time\n", out);
    else if (way->outcome == REPLAY_SAME)
        fprintf(out, "same, %zu packets\n", way->packets[0]);
    else
        fprintf(out,
                "%s, %zu packets and %zu this time: %zu met another fate by chance, %zu in another "
                "way, %zu are in one alone\n",
                replay_outcome_name(way->outcome), way->packets[0], way->packets[1], way->chance,
                way->others, way->alone);
    print_gaps(out, way);
}

static void print_case(FILE *out, const struct replay_case *compared)
{
    fprintf(out, "  %-8s  %s: %s", replay_outcome_name(compared->outcome), compared->before->name,
            compared->before->verdict);
    if (!compared->again)
        fputs(", and not run again\n", out);
    else if (compared->same_verdict)
        fputs(" again\n", out);
    else
        fprintf(out, ", and %s this time\n", compared->again->verdict);
    for (size_t i = 0; i < compared->way_count; i++)
        print_way(out, &compared->ways[i]);
}

static cJSON *case_json(const struct replay_case *compared)
{
    cJSON *json = xchecked(cJSON_CreateObject());
    cJSON *ways;

    cJSON_AddStringToObject(json, "name", compared->before->name);
    cJSON_AddStringToObject(json, "outcome", replay_outcome_name(compared->outcome));
    cJSON_AddStringToObject(json, "verdict_before", compared->before->verdict);
    if (compared->again)
        cJSON_AddStringToObject(json, "verdict", compared->again->verdict);
    else
        cJSON_AddNullToObject(json, "verdict");
    ways = xchecked(cJSON_AddArrayToObject(json, "directions"));
    for (size_t i = 0; i < compared->way_count; i++) {
        const struct replay_way *way = &compared->ways[i];
        cJSON *item = xchecked(cJSON_CreateObject());

        cJSON_AddStringToObject(item, "name", way->before->name);
        cJSON_AddStringToObject(item, "outcome", replay_outcome_name(way->outcome));
        cJSON_AddNumberToObject(item, "packets_before", (double)way->packets[0]);
        cJSON_AddNumberToObject(item, "packets", (double)way->packets[1]);
        cJSON_AddNumberToObject(item, "chance", (double)way->chance);
        cJSON_AddNumberToObject(item, "others", (double)way->others);
        cJSON_AddNumberToObject(item, "alone", (double)way->alone);
        cJSON_AddNumberToObject(item, "missing_before", (double)way->missing[0]);
        cJSON_AddNumberToObject(item, "missing", (double)way->missing[1]);
        cJSON_AddBoolToObject(item, "incomplete_before", way->incomplete[0]);
        cJSON_AddBoolToObject(item, "incomplete", way->incomplete[1]);
        cJSON_AddItemToArray(ways, item);
    }
    return json;
}

/* What of the run is to be told, in lines or as JSON. */
struct report {
    FILE *out;
    cJSON *cases; /* NULL: lines */
    enum replay_outcome worst;
};

static int compare_all(const struct past_run *before, const struct past_run *again,
                       const struct suite_texts *names, struct report *report, struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < names->count && code == 0; i++) {
        const char *name = names->items[i];
        struct replay_case compared;

        code = replay_compare(past_run_case(before, name), past_run_case(again, name), &compared,
                              error);
        if (code == 0 && report->cases)
            cJSON_AddItemToArray(report->cases, case_json(&compared));
        else if (code == 0)
            print_case(report->out, &compared);
        if (compared.outcome > report->worst)
            report->worst = compared.outcome;
        replay_case_free(&compared);
    }
    return code;
}

static void print_json(const struct past_run *before, const struct past_run *again, bool changed,
                       const struct report *report)
{
    cJSON *json = xchecked(cJSON_CreateObject());
    char seed[sizeof "18446744073709551615"];

    snprintf(seed, sizeof seed, "%" PRIu64, before->seed);
    cJSON_AddStringToObject(json, "suite", before->suite);
    cJSON_AddStringToObject(json, "seed", seed);
    cJSON_AddBoolToObject(json, "suite_changed", changed);
    cJSON_AddStringToObject(json, "outcome", replay_outcome_name(report->worst));
    cJSON_AddStringToObject(json, "before", before->directory);
    cJSON_AddStringToObject(json, "again", again->directory);
    cJSON_AddItemToObject(json, "cases", report->cases);
    cjson_print(json, report->out);
    cJSON_Delete(json);
}

/* `status` is what the run came to: where duet could not do its job, a difference says no more. */
static int compare_runs(const struct replay_arguments *arguments, const struct past_run *before,
                        const char *directory, const struct suite_texts *names, bool changed,
                        int status, struct error *error)
{
    struct report report = {.out = stdout,
                            .cases = arguments->json ? xchecked(cJSON_CreateArray()) : NULL};
    struct past_run again = {0};
    int code = past_run_read(directory, &again, error);

    if (code == 0)
        code = compare_all(before, &again, names, &report, error);
    if (code == 0 && report.cases)
        print_json(before, &again, changed, &report);
    else
        cJSON_Delete(report.cases);
    past_run_free(&again);
    if (code < 0)
        return code;
    if (report.worst != REPLAY_DIFFERS)
        return EXIT_PASSED;
    return status == EXIT_TROUBLE ? EXIT_TROUBLE : EXIT_FAILED;
}

/* -- The command ------------------------------------------------------------------------------- */

/* Returns the exit status, or a negative errno with a message. */
static int run_again(struct replay_arguments *arguments, const struct past_run *before,
                     const struct suite *suite, const struct suite_texts *names, bool changed,
                     struct error *error)
{
    cleanup_free char *directory = NULL;
    int status = EXIT_TROUBLE, signal_number, code;
    struct session session;

    arguments->run.seed = before->seed;
    arguments->run.seed_given = true;
    arguments->run.names = names;
    arguments->run.quiet = arguments->json;
    arguments->run.directory = &directory;
    code = session_open(&session, &arguments->common.session, error);
    if (code < 0)
        return code;
    code = run_suite(&session, suite, &arguments->run, &status, error);
    signal_number = session.signal_number;
    session_close(&session);
    if (signal_number)
        return 128 + signal_number;
    if (code < 0)
        return code;
    return compare_runs(arguments, before, directory, names, changed, status, error);
}

static int replay(struct replay_arguments *arguments, struct error *error)
{
    struct suite_texts names = {0};
    struct past_run before = {0};
    struct suite *suite = NULL;
    bool changed = false;
    int status = EXIT_USAGE, code;

    code = past_run_read(arguments->result, &before, error);
    if (code == 0)
        code = load_suite(arguments, &before, &suite, error);
    if (code == 0)
        code = choose_cases(arguments, &before, suite, &names, error);
    if (code == 0) {
        struct terminal *terminal = arguments->common.session.terminal;

        changed = !before.digest || strcmp(before.digest, suite->digest) != 0;
        if (changed)
            terminal_say(terminal, "%s has changed since that run: what comes out may, too",
                         suite->path);
        status = run_again(arguments, &before, suite, &names, changed, error);
        code = status < 0 ? status : 0;
        status = status < 0 ? EXIT_TROUBLE : status;
    }
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error->message);
    free(names.items);
    suite_free(suite);
    past_run_free(&before);
    return status;
}

int cmd_replay(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &session_argp}, {0}};
    static const struct argp argp = {
        .options = options,
        .children = children,
        .parser = parse,
        .args_doc = "[RESULT]",
        .doc = "Run cases of an earlier run again, with its seed, and compare their verdicts and "
               "what became of each packet of their links. RESULT is that run's directory "
               "(default: duet-results/latest)."
               "\vExit status: 0 the verdicts are the same, and what the seed decides of packets, "
               "1 something differs, 2 bad usage or bad input, 3 duet could not do its job, 130 on "
               "Ctrl-C."};
    struct replay_arguments arguments = {.run.results = "duet-results"};
    struct terminal terminal;
    struct error error;
    int status;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    if (!arguments.result)
        arguments.result = "duet-results/latest";
    session_arguments_apply(&arguments.common, &terminal);
    status = replay(&arguments, &error);
    free(arguments.globs);
    return status;
}
