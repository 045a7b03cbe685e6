/* duet console: the serial line of a node as it is, which needs nothing of the guest but that its
 * kernel listens. */
#include "runner/client.h"
#include "runner/commands.h"
#include "runner/escape.h"
#include "runner/flow.h"
#include "runner/shell.h"
#include "runner/tty.h"

#include "base/memory.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WAITING_MAX = 1 << 16 }; /* bytes that the node does not take */

struct words {
    const char *items[2];
    size_t count;
};

struct console {
    struct client client;
    struct loop *loop;
    int fd;
    struct source *typed, *printed;
    struct sink *screen, *line;
    struct tty *tty; /* NULL: standard input is no terminal */
    struct escape escape;
    size_t typed_waiting, printed_waiting;
    int status;
    char *message; /* NULL: there is nothing to say */
};

static void leave(struct console *console, int status, char *message)
{
    free(console->message);
    console->message = message;
    console->status = status;
    loop_stop(console->loop);
}

/* -- From the node ----------------------------------------------------------------------------- */

static void on_printed(void *context, const char *bytes, size_t count)
{
    struct console *console = context;

    if (console->tty)
        tty_shown(console->tty, bytes, count);
    console->printed_waiting += count;
    sink_write(console->screen, bytes, count);
    if (console->printed_waiting >= WAITING_MAX)
        source_stop(console->printed);
}

static void on_shown(void *context, size_t count)
{
    struct console *console = context;

    console->printed_waiting -= count;
    if (console->printed_waiting < WAITING_MAX)
        source_go(console->printed);
}

static void on_screen_failed(void *context, int code)
{
    leave(context, code == -EPIPE ? 128 + SIGPIPE : EXIT_TROUBLE,
          code == -EPIPE ? NULL : xasprintf("cannot write what it prints: %s", strerror(-code)));
}

static void on_node_ended(void *context, int code)
{
    struct console *console = context;

    (void)code;
    leave(console, EXIT_PASSED, client_explain(&console->client, "the console has ended"));
}

/* -- To the node ------------------------------------------------------------------------------- */

static void send_typed(struct console *console, const char *bytes, size_t count)
{
    if (count == 0)
        return;
    console->typed_waiting += count;
    sink_write(console->line, bytes, count);
}

static void show_help(struct console *console)
{
    on_printed(console, ESCAPE_HELP_TEXT, sizeof ESCAPE_HELP_TEXT - 1);
}

/* An escape may be in it, so what is typed is read on, and what the node has no room for is lost.
 */
static void take_typed(struct console *console, const char *bytes, size_t count)
{
    cleanup_buffer struct buffer passed = {0};

    while (count > 0) {
        enum escape_action action;
        size_t used = escape_feed(&console->escape, bytes, count, &passed, &action);

        bytes += used;
        count -= used;
        if (action == ESCAPE_HELP)
            show_help(console);
        if (action == ESCAPE_LEAVE) {
            leave(console, EXIT_PASSED, NULL);
            break;
        }
    }
    if (console->typed_waiting < WAITING_MAX)
        send_typed(console, passed.data, passed.length);
}

static void on_typed(void *context, const char *bytes, size_t count)
{
    struct console *console = context;

    if (console->tty) {
        take_typed(console, bytes, count);
        return;
    }
    send_typed(console, bytes, count);
    if (console->typed_waiting >= WAITING_MAX)
        source_stop(console->typed);
}

static void on_sent(void *context, size_t count)
{
    struct console *console = context;

    console->typed_waiting -= count;
    if (console->typed && console->typed_waiting < WAITING_MAX)
        source_go(console->typed);
}

/* What the node answers is still to be read. */
static void on_typed_ended(void *context, int code)
{
    (void)context;
    (void)code;
}

/* -- Life -------------------------------------------------------------------------------------- */

static void on_resized(void *context)
{
    (void)context; /* a serial line does not tell */
}

static void on_signal(void *context, int signal_number)
{
    leave(context, 128 + signal_number, NULL);
}

static int open_streams(struct console *console, struct error *error)
{
    static const struct sink_calls screen = {.taken = on_shown, .failed = on_screen_failed};
    static const struct sink_calls line = {.taken = on_sent};
    static const struct source_calls typed = {.bytes = on_typed, .ended = on_typed_ended};
    static const struct source_calls printed = {.bytes = on_printed, .ended = on_node_ended};
    struct loop *loop = console->loop;
    int code = sink_new(loop, STDOUT_FILENO, &screen, console, &console->screen, error);

    if (code == 0)
        code = sink_new(loop, console->fd, &line, console, &console->line, error);
    if (code == 0)
        code = source_new(loop, STDIN_FILENO, &typed, console, &console->typed, error);
    if (code == 0)
        code = source_new(loop, console->fd, &printed, console, &console->printed, error);
    return code;
}

static int take_signals(struct console *console, struct error *error)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
    int code = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < array_size(signals) && code == 0; i++)
        code = loop_signal(console->loop, signals[i], on_signal, console, error);
    return code;
}

static int take_terminal(struct console *console, struct error *error)
{
    const struct client *client = &console->client;

    if (!isatty(STDIN_FILENO))
        return 0;
    fprintf(stderr, "duet: the console of %s; ~. leaves it, ~? says more\n", client->node->name);
    return tty_take(console->loop, STDIN_FILENO, STDOUT_FILENO, on_resized, console, &console->tty,
                    error);
}

static int open_console(struct console *console, const struct words *words, struct error *error)
{
    int code = client_find(&console->client, words->items, words->count, error);
    cleanup_free char *request =
        code == 0 ? held_request("console", console->client.node->name, NULL) : NULL;

    if (code == 0)
        code = held_open(console->client.held, request, &console->fd, NULL, error);
    if (code == 0)
        code = loop_new(&console->loop, error);
    return code;
}

static int use_console(struct console *console, const struct words *words, struct error *error)
{
    int code = open_console(console, words, error);

    if (code == 0)
        code = open_streams(console, error);
    if (code == 0)
        code = take_signals(console, error);
    if (code == 0)
        code = take_terminal(console, error);
    if (code < 0)
        return code;
    source_go(console->printed);
    source_go(console->typed);
    loop_run(console->loop);
    return 0;
}

static void free_console(struct console *console)
{
    tty_give_back(console->tty, false);
    source_free(console->typed);
    source_free(console->printed);
    sink_free(console->screen);
    sink_free(console->line);
    loop_free(console->loop);
    cleanup_close_fd(&console->fd);
    client_free(&console->client);
    free(console->message);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct words *words = state->input;

    if (key != ARGP_KEY_ARG || words->count == array_size(words->items))
        return ARGP_ERR_UNKNOWN;
    words->items[words->count++] = argument;
    return 0;
}

int cmd_console(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "[CASE] NODE",
        .doc = "The raw serial console of a node that is kept up, both ways: what its kernel and "
               "its init print, and what reads there gets what you type. Needs no agent in the "
               "guest.\vBehind a newline, \"~.\" leaves and \"~?\" says what else there is."};
    struct console console = {.fd = -1};
    struct words words = {0};
    struct error error;
    int code, status;

    if (argp_parse(&argp, argc, argv, 0, NULL, &words) != 0)
        return EXIT_USAGE;
    code = use_console(&console, &words, &error);
    tty_give_back(steal_pointer(&console.tty), false);
    status = code < 0 ? client_exit_status(code) : console.status;
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error.message);
    else if (console.message)
        fprintf(stderr, "duet: %s: %s\n", console.client.node->name, console.message);
    free_console(&console);
    return status;
}
