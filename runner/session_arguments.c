#include "runner/session_arguments.h"

#include <string.h>

enum { KEY_ACCEL = 512, KEY_CONNECT, KEY_COLOR };

static const struct argp_option options[] = {
    {"accel", KEY_ACCEL, "auto|kvm|tcg", 0,
     "What runs the guests (auto: KVM where it truly starts one, else TCG)", 0},
    {"connect", KEY_CONNECT, "URI", 0,
     "Another libvirt than the embedded driver, e.g. qemu:///session", 0},
    {"color", KEY_COLOR, "auto|always|never", 0, "Colour (auto: on a terminal without NO_COLOR)",
     0},
    {"verbose", 'v', NULL, 0, "Say what each case waits for", 0},
    {"debug", 'd', NULL, 0, "As --verbose, and have libvirt log all it does", 0},
    {0},
};

/* The index of the argument among the words, which end with NULL; or -1, with an error. */
static int choose(struct argp_state *state, const char *option, const char *argument,
                  const char *const words[])
{
    for (int i = 0; words[i]; i++)
        if (strcmp(argument, words[i]) == 0)
            return i;
    argp_error(state, "--%s takes %s, %s or %s, not \"%s\"", option, words[0], words[1], words[2],
               argument);
    return -1;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    static const char *const accels[] = {"auto", "kvm", "tcg", NULL};
    static const char *const colors[] = {"auto", "always", "never", NULL};
    struct session_arguments *arguments = state->input;

    switch (key) {
    case KEY_ACCEL:
        arguments->session.accel = (enum accel_choice)choose(state, "accel", argument, accels);
        return 0;
    case KEY_CONNECT:
        arguments->session.connect = argument;
        return 0;
    case KEY_COLOR:
        arguments->color = (enum color_mode)choose(state, "color", argument, colors);
        return 0;
    case 'v':
        arguments->verbose = true;
        return 0;
    case 'd':
        arguments->verbose = arguments->session.debug = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp session_argp = {.options = options, .parser = parse};

void session_arguments_apply(struct session_arguments *arguments, struct terminal *terminal)
{
    terminal_init(terminal, arguments->color);
    terminal->verbose = arguments->verbose;
    terminal->debug = arguments->session.debug;
    arguments->session.terminal = terminal;
}
