#include "runner/exec_line.h"

#include "base/memory.h"
#include "runner/commands.h"

#include <argp.h>
#include <string.h>

enum { KEY_CONTAINER = 256 };

static const struct argp_option options[] = {
    {"tty", 't', NULL, 0, "A terminal in the node for the command, whatever the streams are here",
     0},
    {"no-tty", 'T', NULL, 0, "No terminal, for a shell neither", 0},
    {"env", 'e', "NAME[=VALUE]", 0,
     "Set a variable; without a value, to the one that it has here. May be repeated", 0},
    {"workdir", 'w', "DIR", 0, "Where it runs. Default: /", 0},
    {"container", KEY_CONTAINER, "NAME", 0, "In this container of the node", 0},
    {0},
};

static void add_variable(struct exec_line *line, const char *text, const struct argp_state *state)
{
    size_t length = strcspn(text, "=");
    const char *value = text[length] ? text + length + 1 : getenv(text);

    if (length == 0)
        argp_error(state, "\"%s\" is no variable: NAME=VALUE, or NAME", text);
    if (!value)
        return;
    line->env = xreallocarray(line->env, line->env_count + 1, sizeof *line->env);
    line->env[line->env_count++] =
        (struct control_variable){.name = xstrndup(text, length), .value = value};
}

/* The command begins behind "--", or else with the third word. */
static void take_word(struct exec_line *line, char *word, struct argp_state *state)
{
    bool quoted = state->quoted && state->next > state->quoted;

    if (!quoted && line->word_count < array_size(line->words)) {
        line->words[line->word_count++] = word;
        return;
    }
    line->argv = (const char *const *)state->argv + state->next - 1;
    state->next = state->argc;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct exec_line *line = state->input;

    switch (key) {
    case 't':
        line->terminal = EXEC_TERMINAL;
        return 0;
    case 'T':
        line->terminal = EXEC_NO_TERMINAL;
        return 0;
    case 'e':
        add_variable(line, argument, state);
        return 0;
    case 'w':
        if (argument[0] != '/')
            argp_error(state, "--workdir %s: it begins with a slash", argument);
        line->cwd = argument;
        return 0;
    case KEY_CONTAINER:
        line->container = argument;
        return 0;
    case ARGP_KEY_ARG:
        take_word(line, argument, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* As with ssh, every status but 255 is the command's. */
void exec_line_parse(int argc, char **argv, struct exec_line *line)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[CASE] NODE [--] [COMMAND [ARGUMENT...]]",
        .doc = "Run a command in a node that `duet up` keeps, or a shell, with its input, output "
               "and exit status.\vOptions stand before the command. Without \"--\", the command "
               "begins behind CASE and NODE. CASE may be left out where one case is kept, or one "
               "that has such a node: then \"--\" is needed.\n\nExit status: the command's, 128 "
               "and the number of the signal that ended it, 127 where the node cannot run it, 255 "
               "where duet cannot do its job."};
    static const char *const none[] = {NULL};

    *line = (struct exec_line){.argv = none};
    argp_err_exit_status = EXIT_REMOTE_TROUBLE;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, line);
}

void exec_line_free(struct exec_line *line)
{
    for (size_t i = 0; i < line->env_count; i++)
        free((char *)line->env[i].name);
    free(line->env);
}
