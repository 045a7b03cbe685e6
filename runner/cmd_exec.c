/* duet exec */
#include "runner/attach.h"
#include "runner/client.h"
#include "runner/commands.h"
#include "runner/exec_line.h"
#include "runner/shell.h"
#include "runner/terminal.h"

#include "base/memory.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    EXIT_CANNOT_RUN = 127, /* as a shell has it */
    /* A command that does not end by signals, or a node that does not hear of them, must not hold
     * the user. */
    SIGNALS_TAKEN = 2,
};

struct execution {
    struct client client;
    struct exec_line line;
    struct attach *attach;
    struct terminal errors; /* where the user is told of them */
    bool terminal;
    int signals;     /* that the command was given */
    int last_signal; /* that made duet leave; 0: none */
    int status;      /* of duet */
};

/* -- The end ----------------------------------------------------------------------------------- */

static int explain(struct execution *execution, const struct attach_end *end)
{
    const char *node = execution->client.node->name;
    cleanup_free char *why = NULL;

    switch (end->reason) {
    case ATTACH_ENDED:
        return end->status;
    case ATTACH_LEFT:
        if (execution->last_signal)
            return 128 + execution->last_signal;
        terminal_say(&execution->errors, "left %s", node);
        return EXIT_REMOTE_TROUBLE;
    case ATTACH_REFUSED:
        terminal_say(&execution->errors, "%s: %s", node, end->message);
        return EXIT_CANNOT_RUN;
    case ATTACH_BROKEN:
        why = client_explain(&execution->client, end->message);
        terminal_say(&execution->errors, "%s: %s", node, why);
        return EXIT_REMOTE_TROUBLE;
    case ATTACH_UNHEARD:
        if (!end->message[0])
            return 128 + SIGPIPE;
        terminal_say(&execution->errors, "%s", end->message);
        return EXIT_REMOTE_TROUBLE;
    }
    return EXIT_REMOTE_TROUBLE;
}

static void on_ended(void *context, const struct attach_end *end)
{
    struct execution *execution = context;

    execution->status = explain(execution, end);
    loop_stop(execution->client.loop);
}

/* With a terminal, Ctrl-C is a byte that is typed: a signal comes from elsewhere. */
static void on_signal(void *context, int signal_number)
{
    struct execution *execution = context;

    if (execution->terminal || signal_number == SIGHUP || execution->signals == SIGNALS_TAKEN) {
        execution->last_signal = signal_number;
        attach_leave(execution->attach, NULL);
        return;
    }
    execution->signals++;
    attach_signal(execution->attach, signal_number);
}

/* -- Up to it ---------------------------------------------------------------------------------- */

static bool wants_terminal(const struct exec_line *line)
{
    if (line->terminal == EXEC_AS_SSH)
        return !line->argv[0] && shell_has_terminal();
    return line->terminal == EXEC_TERMINAL;
}

static struct control_exec describe(const struct exec_line *line)
{
    return (struct control_exec){
        .name = line->argv[0], .argv = line->argv, .cwd = line->cwd, .container = line->container};
}

/* The user's variables come last, and win. */
static void add_variables(struct control_exec *exec, const struct exec_line *line, bool term,
                          struct control_variable *env)
{
    size_t count = 0;

    for (size_t i = 0; i < exec->env_count; i++)
        env[count++] = exec->env[i];
    if (term && shell_term())
        env[count++] = (struct control_variable){.name = "TERM", .value = shell_term()};
    for (size_t i = 0; i < line->env_count; i++)
        env[count++] = line->env[i];
    exec->env = env;
    exec->env_count = count;
}

static int attach(struct execution *execution, struct error *error)
{
    const struct exec_line *line = &execution->line;
    cleanup_free struct control_variable *env =
        xcalloc(SHELL_VARIABLES + 1 + line->env_count, sizeof *env);
    struct shell_command shell;
    struct control_exec exec = describe(line);

    if (!line->argv[0]) {
        shell_describe(&shell, execution->client.node->name, line->container);
        exec = shell.exec;
        exec.cwd = line->cwd ? line->cwd : exec.cwd;
    }
    execution->terminal = wants_terminal(line);
    add_variables(&exec, line, execution->terminal, env);
    return attach_start(&(struct attach_options){.loop = execution->client.loop,
                                                 .control = execution->client.control,
                                                 .exec = &exec,
                                                 .terminal = execution->terminal,
                                                 .in = STDIN_FILENO,
                                                 .out = STDOUT_FILENO,
                                                 .err = STDERR_FILENO,
                                                 .ended = on_ended,
                                                 .context = execution},
                        &execution->attach, error);
}

static int take_signals(struct execution *execution, struct error *error)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
    int code = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < array_size(signals) && code == 0; i++)
        code = loop_signal(execution->client.loop, signals[i], on_signal, execution, error);
    return code;
}

/* "duet exec NODE ls -l" was meant to be shorter than it can be. */
static int find(struct execution *execution, struct error *error)
{
    const struct exec_line *line = &execution->line;
    struct client *client = &execution->client;
    int code = client_find(client, line->words, line->word_count, error);
    const struct held_node *node;
    const struct held *held;
    struct error other;

    if (code == -ENOENT && line->word_count == 2 &&
        client_choose(&client->list, line->words, 1, &held, &node, &other) == 0 &&
        strcmp(node->name, line->words[0]) == 0)
        code = error_set(error, ENOENT,
                         "\"%s\" is a node: behind it \"--\" begins the command, as in `duet exec "
                         "%s -- %s`",
                         node->name, node->name, line->words[1]);
    return code;
}

static int execute(struct execution *execution, struct error *error)
{
    int code = find(execution, error);

    if (code == 0)
        code = client_connect(&execution->client, error);
    if (code == 0)
        code = attach(execution, error);
    if (code == 0)
        code = take_signals(execution, error);
    if (code == 0)
        loop_run(execution->client.loop);
    return code;
}

int cmd_exec(int argc, char **argv)
{
    struct execution execution = {.status = EXIT_REMOTE_TROUBLE};
    struct error error;

    terminal_init(&execution.errors, COLOR_AUTO);
    exec_line_parse(argc, argv, &execution.line);
    if (execute(&execution, &error) < 0)
        terminal_say(&execution.errors, "%s", error.message);
    attach_free(execution.attach);
    client_free(&execution.client);
    exec_line_free(&execution.line);
    return execution.status;
}
