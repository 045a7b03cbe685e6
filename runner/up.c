#include "runner/up.h"

#include "base/memory.h"
#include "runner/bring_up.h"
#include "runner/captures.h"
#include "runner/commands.h"
#include "runner/detach.h"
#include "runner/rundata.h"
#include "runner/seed.h"

#include <stdio.h>

enum { KEY_CASE = 768, KEY_KERNEL, KEY_COLD, KEY_CAPTURE };

#define RESULTS "duet-results"

static const struct argp_option options[] = {
    {"case", KEY_CASE, "GLOB", 0,
     "The first case whose name, a part of it between commas, or a tag matches (default: the "
     "first)",
     0},
    {"kernel", KEY_KERNEL, "KERNEL", 0, "Guest kernel, as for `duet run`", 0},
    {"cold", KEY_COLD, NULL, 0, "Boot the machines, instead of forking them from kept templates",
     0},
    {"capture", KEY_CAPTURE, "LINK,...", OPTION_ARG_OPTIONAL,
     "Leave LINK.pcapng of these links, or of all, in a directory of duet-results, with the rest "
     "of "
     "what is known of the case",
     0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct up_arguments *arguments = state->input;

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
    case KEY_COLD:
        arguments->cold = true;
        return 0;
    case KEY_CAPTURE:
        arguments->capture = true;
        arguments->captured = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->choice.name)
            argp_error(state, "one case is all that is brought up: \"%s\" is too much", argument);
        arguments->choice.name = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{.argp = &session_argp}, {0}};
const struct argp up_argp = {.options = options, .parser = parse, .children = children};

static void on_up(void *context)
{
    struct detach *detach = context;

    if (detach->fd >= 0)
        detach_done(detach);
}

/* Where a capture stays when the machines have ended. The caller frees *path. */
static int make_directory(const struct chosen *chosen, struct terminal *terminal, char **path,
                          struct error *error)
{
    cleanup_free char *started = NULL, *shown = NULL;
    int code = rundata_make_directory(RESULTS, chosen->suite->name, &started, path, &shown, error);

    if (code == 0)
        terminal_say(terminal, "captures in %s/%s", shown, chosen->suite_case->slug);
    return code;
}

static int in_session(struct up_arguments *arguments, const struct chosen *chosen,
                      struct detach *detach)
{
    struct bring_up_options bring = {.suite = chosen->suite,
                                     .suite_case = chosen->suite_case,
                                     .how = arguments->how,
                                     .node = chosen->node,
                                     .cold = arguments->cold,
                                     .background = arguments->detach,
                                     .up = on_up,
                                     .context = detach};
    cleanup_free char *kept_in = NULL;
    int status = EXIT_TROUBLE, signal_number;
    struct session session;
    struct error error;

    if (arguments->capture &&
        make_directory(chosen, arguments->common.session.terminal, &kept_in, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_TROUBLE;
    }
    bring.kept_in = kept_in;

    if (session_open(&session, &arguments->common.session, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_TROUBLE;
    }
    bring.session = &session;
    bring.seed = seed_for(chosen->suite, false, seed_random());
    if (bring_up(&bring, &status, &error) < 0 && !session.cancel_seen) {
        terminal_clear(session.options.terminal);
        fprintf(stderr, "duet: %s\n", error.message);
    }
    signal_number = session.signal_number;
    session_close(&session);
    return signal_number ? 128 + signal_number : status;
}

static int run(struct up_arguments *arguments, const struct chosen *chosen)
{
    struct detach detach = {.fd = -1};
    struct error error;
    int status, code = 0;

    if (arguments->detach)
        code = detach_fork(&detach, &status, &error);
    if (code > 0)
        return status;
    if (code == 0)
        return in_session(arguments, chosen, &detach);
    fprintf(stderr, "duet: %s\n", error.message);
    return EXIT_TROUBLE;
}

int up_main(struct up_arguments *arguments)
{
    struct chosen chosen;
    struct terminal terminal;
    struct error error;
    int status;

    session_arguments_apply(&arguments->common, &terminal);
    if (choose_case(&arguments->choice, &chosen, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_USAGE;
    }
    if (arguments->capture && captures_choose(&chosen.suite, 1, arguments->captured, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        suite_free(chosen.suite);
        return EXIT_USAGE;
    }
    if (chosen.others > 0)
        terminal_say(&terminal, "%s/%s, and not the other %zu: --case chooses", chosen.suite->name,
                     chosen.suite_case->name, chosen.others);
    status = run(arguments, &chosen);
    suite_free(chosen.suite);
    return status;
}
