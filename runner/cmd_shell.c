/* duet shell */
#include "runner/commands.h"
#include "runner/up.h"

static const struct argp_option options[] = {
    {"node", 'n', "NAME", 0, "The node that the shell is in (default: the first)", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct up_arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = arguments;
        return 0;
    case 'n':
        arguments->choice.node = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_shell(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &up_argp}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .args_doc = "[SUITE|FILE|SUITE/CASE]",
        .doc = "Bring the machines of a case up, with their processes ready, and open a shell in a "
               "node; without a case, in a machine with nothing but busybox. The machines end with "
               "the shell. On a terminal, ~. behind a newline leaves it, whatever it does, and ~? "
               "says what else there is; without one, the shell's commands come from standard "
               "input."
               "\vExit status: that of the shell; 0 after ~.; 255 where it was lost with its "
               "machine, or could not be run; 1 where the case did not come up; 2 bad usage or bad "
               "input; 3 duet could not do its job."};
    struct up_arguments arguments = {.how = KEEP_SHELL, .choice.wants_node = true};

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    return up_main(&arguments);
}
