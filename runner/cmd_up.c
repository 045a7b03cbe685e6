/* duet up */
#include "runner/commands.h"
#include "runner/up.h"

static const struct argp_option options[] = {
    {"detach", 'D', NULL, 0, "Return when the case is up, and leave it in the background", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct up_arguments *arguments = state->input;

    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = arguments;
        return 0;
    case 'D':
        arguments->detach = true;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->choice.name)
            argp_error(state,
                       "which case? SUITE, FILE or SUITE/CASE; `duet list` shows what there is");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_up(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &up_argp}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .args_doc = "SUITE|FILE|SUITE/CASE",
        .doc = "Bring the machines of a case up, with their processes ready, and keep them for "
               "`duet exec`, cp, logs, console and debug-kernel in other terminals, until `duet "
               "down` or Ctrl-C. No steps are run."
               "\vExit status: 0 it was up and was taken down, 1 it did not come up, or no machine "
               "of it is left, 2 bad usage or bad input, 3 duet could not do its job, 130 on "
               "Ctrl-C."};
    struct up_arguments arguments = {.how = KEEP_UP};

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    return up_main(&arguments);
}
