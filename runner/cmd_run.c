/* duet run */
#include "runner/argument.h"
#include "runner/captures.h"
#include "runner/commands.h"
#include "runner/find.h"
#include "runner/run.h"
#include "runner/seed.h"
#include "runner/session_arguments.h"

#include "base/memory.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_KERNEL = 256,
    KEY_SEED,
    KEY_RESULTS,
    KEY_JUNIT,
    KEY_TAP,
    KEY_JSON,
    KEY_KEEP,
    KEY_CAPTURE,
    KEY_COLD,
    KEY_REUSE_TEMPLATES,
    KEY_BREAK_ON_FAIL,
    KEY_PAUSE_ON_FAIL
};

struct run_arguments {
    char **names;
    size_t name_count;
    struct run_options run;
    const char *kernels;
    struct session_arguments common;
    bool capture;         /* links are captured: */
    const char *captured; /* their names; NULL: all */
    struct suite **suites;
    size_t suite_count;
};

static const struct argp_option options[] = {
    {"only", 'o', "GLOB", 0, "Only cases whose name, a part of it between commas, or a tag matches",
     0},
    {"kernel", KEY_KERNEL, "KERNEL[,...]", 0,
     "Guest kernel: debian, host, small, a file, or https://...#sha256=HEX (default: what the "
     "suite says, else debian). Each case runs on each of several",
     0},
    {"jobs", 'j', "N", 0, "Cases side by side (default: what cores and memory allow)", 0},
    {"cold", KEY_COLD, NULL, 0,
     "Boot each case's guests when it begins, instead of forking them from templates", 0},
    {"reuse-templates", KEY_REUSE_TEMPLATES, NULL, 0,
     "Keep templates in the cache, and take those that are there", 0},
    {"seed", KEY_SEED, "N", 0,
     "Seed of the run (default: the suite's, else a random one; it is printed)", 0},
    {"results", KEY_RESULTS, "DIR", 0, "Where results go (default: duet-results)", 0},
    {"junit", KEY_JUNIT, "FILE", 0, "Write JUnit XML too", 0},
    {"tap", KEY_TAP, "FILE", 0, "Write TAP version 14 too", 0},
    {"json", KEY_JSON, NULL, 0, "Print results.json on standard output instead of lines", 0},
    {"capture", KEY_CAPTURE, "LINK,...", OPTION_ARG_OPTIONAL,
     "Leave LINK.pcapng of these links, or of all, with the results: every packet, lost ones "
     "included, and what became of it",
     0},
    {"keep", KEY_KEEP, NULL, 0,
     "Keep each node's initrd, and libvirt's log, with the results (--debug does so, too)", 0},
    {"break-on-fail", KEY_BREAK_ON_FAIL, NULL, 0,
     "Hold the machines of the first case that fails, and open a shell in the node that did. Cases "
     "run one at a time",
     0},
    {"pause-on-fail", KEY_PAUSE_ON_FAIL, NULL, 0,
     "Hold them likewise, but stopped as they are, until `duet down`", 0},
    {0},
};

static void set_on_fail(struct argp_state *state, enum on_fail on_fail)
{
    struct run_arguments *arguments = state->input;

    if (arguments->run.on_fail && arguments->run.on_fail != on_fail)
        argp_error(state, "--break-on-fail and --pause-on-fail: a case is held in one way");
    arguments->run.on_fail = on_fail;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct run_arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->common;
        return 0;
    case 'o':
        arguments->run.only = argument;
        return 0;
    case KEY_KERNEL:
        arguments->kernels = argument;
        return 0;
    case KEY_RESULTS:
        arguments->run.results = argument;
        return 0;
    case KEY_JUNIT:
        arguments->run.junit = argument;
        return 0;
    case KEY_TAP:
        arguments->run.tap = argument;
        return 0;
    case KEY_JSON:
        arguments->run.json = true;
        return 0;
    case KEY_KEEP:
        arguments->run.keep = true;
        return 0;
    case KEY_CAPTURE:
        arguments->capture = true;
        arguments->captured = argument;
        return 0;
    case KEY_BREAK_ON_FAIL:
        set_on_fail(state, ON_FAIL_BREAK);
        return 0;
    case KEY_PAUSE_ON_FAIL:
        set_on_fail(state, ON_FAIL_PAUSE);
        return 0;
    case KEY_COLD:
        arguments->run.cold = true;
        return 0;
    case KEY_REUSE_TEMPLATES:
        arguments->run.reuse_templates = true;
        return 0;
    case 'j':
        arguments->run.jobs = argument_number("jobs", argument, 1, SUITE_CASES_MAX, state);
        return 0;
    case KEY_SEED:
        arguments->run.seed = argument_number("seed", argument, 0, UINT64_MAX, state);
        arguments->run.seed_given = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->run.on_fail == ON_FAIL_BREAK && arguments->run.json)
            argp_error(state, "--break-on-fail gives standard output to a shell, --json to the "
                              "results: one of them is too much");
        if (arguments->run.on_fail && arguments->run.jobs > 1)
            argp_error(state,
                       "--jobs %zu: a case is held while no other runs, so --break-on-fail "
                       "and --pause-on-fail go with --jobs 1",
                       arguments->run.jobs);
        return 0;
    case ARGP_KEY_ARGS:
        arguments->names = state->argv + state->next;
        arguments->name_count = (size_t)(state->argc - state->next);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int load_suite(struct run_arguments *arguments, const char *path, struct error *error)
{
    struct suite *suite;
    int code;

    if (arguments->name_count > 0)
        code = suite_load(path, arguments->kernels, &suite, error);
    else
        code = suite_load_unnamed(path, arguments->kernels, &suite, error);
    if (code < 0)
        return code;
    if (arguments->name_count == 0 && suite->is_explicit) {
        suite_free(suite);
        return 0;
    }
    arguments->suites[arguments->suite_count++] = suite;
    return 0;
}

static int load_suites(struct run_arguments *arguments, struct error *error)
{
    struct found_suites found = {0};
    int code = find_suites(arguments->names, arguments->name_count, &found, error);

    if (code < 0)
        return code;
    arguments->suites = xcalloc(found.count, sizeof(struct suite *));
    for (size_t i = 0; i < found.count && code == 0; i++)
        code = load_suite(arguments, found.paths[i], error);
    found_suites_free(&found);
    if (code == 0 && arguments->suite_count == 0)
        code = error_set(error, ENOENT,
                         "every suite that is here is one to be named (`duet list` shows them)");
    return code;
}

static bool selects_any(const struct suite *suite, const char *only)
{
    for (size_t i = 0; i < suite->case_count; i++)
        if (run_selects(&suite->cases[i], only))
            return true;
    return false;
}

/* Keeps the suites that --only, or its absence, leaves a case of. */
static int select_suites(struct run_arguments *arguments, struct error *error)
{
    size_t kept = 0;

    for (size_t i = 0; i < arguments->suite_count; i++) {
        if (selects_any(arguments->suites[i], arguments->run.only))
            arguments->suites[kept++] = arguments->suites[i];
        else
            suite_free(arguments->suites[i]);
    }
    arguments->suite_count = kept;
    for (size_t i = 0; i < kept; i++)
        if (run_check_selected(arguments->suites[i], arguments->run.only, error) < 0)
            return -EINVAL;
    if (kept > 0)
        return 0;
    if (!arguments->run.only)
        return error_set(error, ENOENT,
                         "every case of these suites is one to be chosen: with --only (`duet list` "
                         "of the same suites shows them)");
    return error_set(error, ENOENT,
                     "--only: no case matches \"%s\" (`duet list` of the same suites shows them)",
                     arguments->run.only);
}

/* A run of minutes must not end in a report that cannot be written. */
static int check_writable(const char *path, struct error *error)
{
    cleanup_free char *directory = NULL;
    const char *slash = path ? strrchr(path, '/') : NULL;

    if (!path)
        return 0;
    directory = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
    if (access(directory, W_OK | X_OK) < 0)
        return error_errno(error, "cannot write %s", path);
    return 0;
}

static int check_outputs(const struct run_arguments *arguments, struct error *error)
{
    int code = check_writable(arguments->run.junit, error);

    if (code == 0 && arguments->capture)
        code =
            captures_choose(arguments->suites, arguments->suite_count, arguments->captured, error);
    if (code == 0)
        code = check_writable(arguments->run.tap, error);
    if (code < 0)
        return code;
    if (arguments->suite_count > 1 && (arguments->run.junit || arguments->run.tap))
        return error_set(error, EINVAL,
                         "--junit and --tap write one file for one suite, and these are %zu suites",
                         arguments->suite_count);
    return 0;
}

/* The first suite with the worst news decides: trouble, failed, passed, all skipped. */
static int worse_status(int a, int b)
{
    static const int order[] = {EXIT_TROUBLE, EXIT_USAGE, EXIT_FAILED, EXIT_PASSED, EXIT_SKIPPED};

    for (size_t i = 0; i < array_size(order); i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return EXIT_TROUBLE;
}

static int run_all(struct session *session, struct run_arguments *arguments, struct error *error)
{
    int worst = EXIT_SKIPPED;

    for (size_t i = 0; i < arguments->suite_count && !session->cancel_seen; i++) {
        int status = EXIT_TROUBLE;
        int code = run_suite(session, arguments->suites[i], &arguments->run, &status, error);

        if (code < 0 && !session->cancel_seen) {
            terminal_clear(session->options.terminal);
            fprintf(stderr, "duet: %s\n", error->message);
            status = EXIT_TROUBLE;
        }
        worst = worse_status(worst, status);
        if (code < 0 && !session->host)
            break; /* what one suite cannot start on, no other can */
    }
    return worst;
}

static int run_session(struct run_arguments *arguments)
{
    struct session session;
    struct error error;
    int status, signal_number;

    if (session_open(&session, &arguments->common.session, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_TROUBLE;
    }
    status = run_all(&session, arguments, &error);
    signal_number = session.signal_number;
    session_close(&session);
    return signal_number ? 128 + signal_number : status;
}

int cmd_run(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &session_argp}, {0}};
    static const struct argp argp = {
        .options = options,
        .children = children,
        .parser = parse,
        .args_doc = "[SUITE|FILE]...",
        .doc = "Run suites: the ones named, or all that `duet list` shows but those that "
               "are only run where they are named."
               "\vExit status: 0 all passed, 1 a case failed, 2 bad usage or bad input, 3 duet "
               "could not do its job, 4 everything was skipped, 130 on Ctrl-C."};
    struct run_arguments arguments = {.run.results = "duet-results"};
    struct terminal terminal;
    struct error error;
    int status;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    if (!arguments.run.seed_given)
        arguments.run.seed = seed_random();
    session_arguments_apply(&arguments.common, &terminal);
    arguments.run.keep = arguments.run.keep || arguments.common.session.debug;
    if (load_suites(&arguments, &error) < 0 || select_suites(&arguments, &error) < 0 ||
        check_outputs(&arguments, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        status = EXIT_USAGE;
    } else {
        status = run_session(&arguments);
    }
    for (size_t i = 0; i < arguments.suite_count; i++)
        suite_free(arguments.suites[i]);
    free(arguments.suites);
    return status;
}
