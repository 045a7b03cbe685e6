#include "runner/up.h"

#include "base/memory.h"
#include "runner/bring_up.h"
#include "runner/commands.h"
#include "runner/detach.h"

#include <stdio.h>
#include <sys/random.h>

enum { KEY_CASE = 768, KEY_KERNEL, KEY_COLD };

static const struct argp_option options[] = {
    {"case", KEY_CASE, "GLOB", 0,
     "The first case whose name, a part of it between commas, or a tag matches (default: the "
     "first)",
     0},
    {"kernel", KEY_KERNEL, "KERNEL", 0, "Guest kernel, as for `duet run`", 0},
    {"cold", KEY_COLD, NULL, 0, "Boot the machines, instead of forking them from kept templates",
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
    int status = EXIT_TROUBLE, signal_number;
    struct session session;
    struct error error;

    if (session_open(&session, &arguments->common.session, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_TROUBLE;
    }
    bring.session = &session;
    if (getrandom(&bring.seed, sizeof bring.seed, 0) < 0)
        bring.seed = clock_ns();
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
    if (chosen.others > 0)
        terminal_say(&terminal, "%s/%s, and not the other %zu: --case chooses", chosen.suite->name,
                     chosen.suite_case->name, chosen.others);
    status = run(arguments, &chosen);
    suite_free(chosen.suite);
    return status;
}
