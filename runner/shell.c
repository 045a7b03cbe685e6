#include "runner/shell.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A name of terminfo(5) is longer nowhere. */
enum { TERM_MAX = 64 };

struct shell {
    struct attach *attach;
};

bool shell_has_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* -- Its command ------------------------------------------------------------------------------- */

const char *shell_term(void)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "+-._";
    const char *term = getenv("TERM");
    size_t length = term ? strlen(term) : 0;

    return length > 0 && length <= TERM_MAX && strspn(term, allowed) == length ? term : NULL;
}

static bool has_colors(void)
{
    const char *term = shell_term(), *none = getenv("NO_COLOR");

    return term && strcmp(term, "dumb") != 0 && !(none && none[0]);
}

/* Whoever has several shells open sees at once which machine one is in. */
static void describe_prompt(struct shell_command *command, const char *node, const char *container)
{
    bool colored = has_colors();

    snprintf(command->prompt, sizeof command->prompt, "%s%s%s%s%s:\\w\\$ ",
             colored ? "\\[\\e[1m\\]" : "", node, container ? "/" : "", container ? container : "",
             colored ? "\\[\\e[0m\\]" : "");
}

static void add_variable(struct control_exec *exec, struct control_variable *env, const char *name,
                         const char *value)
{
    env[exec->env_count++] = (struct control_variable){.name = name, .value = value};
}

/* An image of the user's own has a home and a profile, or none: then the shell begins in /. */
void shell_describe(struct shell_command *command, const char *node, const char *container)
{
    struct control_exec *exec = &command->exec;

    *command = (struct shell_command){.argv = {"sh", "-l", NULL}};
    *exec = (struct control_exec){.name = "shell",
                                  .argv = command->argv,
                                  .env = command->env,
                                  .cwd = container ? "/" : "/root",
                                  .container = container};
    describe_prompt(command, node, container);
    add_variable(exec, command->env, "PS1", command->prompt);
    add_variable(exec, command->env, "HOME", exec->cwd);
    if (shell_term())
        add_variable(exec, command->env, "TERM", shell_term());
}

/* -- Life -------------------------------------------------------------------------------------- */

/* The shell's own variables come last, and win. `all` has room for both. */
static void add_env(struct control_exec *exec, const struct suite_pairs *env,
                    struct control_variable *all)
{
    for (size_t i = 0; i < env->count; i++)
        all[i] =
            (struct control_variable){.name = env->items[i].name, .value = env->items[i].value};
    memcpy(all + env->count, exec->env, exec->env_count * sizeof *all);
    exec->env = all;
    exec->env_count += env->count;
}

int shell_start(const struct shell_options *options, struct shell **out, struct error *error)
{
    cleanup_free struct control_variable *env =
        xcalloc(options->env.count + SHELL_VARIABLES, sizeof *env);
    struct shell *shell = xcalloc(1, sizeof *shell);
    struct shell_command command;
    int code;

    shell_describe(&command, options->node, NULL);
    add_env(&command.exec, &options->env, env);
    code = attach_start(&(struct attach_options){.loop = options->loop,
                                                 .control = options->control,
                                                 .exec = &command.exec,
                                                 .terminal = shell_has_terminal(),
                                                 .in = STDIN_FILENO,
                                                 .out = STDOUT_FILENO,
                                                 .err = STDERR_FILENO,
                                                 .ended = options->ended,
                                                 .context = options->context},
                        &shell->attach, error);
    if (code < 0) {
        free(shell);
        return code;
    }
    *out = shell;
    return 0;
}

void shell_signal(struct shell *shell, int signal_number)
{
    attach_signal(shell->attach, signal_number);
}

void shell_leave(struct shell *shell, const char *message)
{
    attach_leave(shell->attach, message);
}

void shell_free(struct shell *shell)
{
    if (!shell)
        return;
    attach_free(shell->attach);
    free(shell);
}
