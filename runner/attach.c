#include "runner/attach.h"

#include "base/memory.h"
#include "runner/escape.h"
#include "runner/flow.h"
#include "runner/tty.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    /* Of what is typed or piped and the guest has no room for. What is typed must be read on, for
     * an escape may be in it. */
    TYPED_MAX = 1 << 20,
    PIPED_MAX = 1 << 16,
    ROWS = 24,
    COLUMNS = 80,
};

struct attach {
    struct attach_options options;
    struct control_command *command;
    struct source *source;
    struct sink *sinks[2]; /* by enum control_output */
    struct tty *tty;       /* NULL: not yet, or there is none */
    struct escape escape;
    struct buffer typed; /* or piped: not sent yet */
    bool input_ended;
    struct timer *finish; /* fires at once */
    bool over;            /* the command is, or will never be */
    bool complete;        /* and all that it printed has come */
    bool ending;
    struct attach_end end;
    char *message;
};

/* -- The end ----------------------------------------------------------------------------------- */

static bool is_written(const struct attach *attach)
{
    return sink_is_empty(attach->sinks[CONTROL_STDOUT]) &&
           sink_is_empty(attach->sinks[CONTROL_STDERR]);
}

/* A program that ended by itself has left the terminal as it wants it. */
static void give_terminal_back(struct attach *attach)
{
    bool clean = attach->complete && attach->end.reason == ATTACH_ENDED && attach->end.signal == 0;

    tty_give_back(steal_pointer(&attach->tty), clean);
}

static void on_finish(void *context)
{
    struct attach *attach = context;

    source_stop(attach->source);
    give_terminal_back(attach);
    attach->options.ended(attach->options.context, &attach->end);
}

/* The first reason counts. */
static void end(struct attach *attach, enum attach_reason reason, const char *message)
{
    if (attach->ending)
        return;
    attach->ending = true;
    free(attach->message);
    attach->message = xstrdup(message);
    attach->end = (struct attach_end){.reason = reason, .message = attach->message};
    source_stop(attach->source);
    timer_start(attach->finish, 0);
}

static void on_ended(void *context, const struct control_end *found)
{
    struct attach *attach = context;

    attach->over = true;
    source_stop(attach->source);
    if (attach->ending)
        return;
    attach->message = xstrdup(found->reason ? found->reason : "");
    attach->end = (struct attach_end){.reason = found->code == -EREMOTEIO ? ATTACH_REFUSED
                                                : found->code < 0         ? ATTACH_BROKEN
                                                                          : ATTACH_ENDED,
                                      .status = found->status,
                                      .signal = found->signal,
                                      .message = attach->message};
}

static void finish_if_written(struct attach *attach)
{
    if (!attach->complete || attach->ending || !is_written(attach))
        return;
    attach->ending = true;
    timer_start(attach->finish, 0);
}

/* What a guest that is gone has printed before is worth reading, and so is a stopped terminal that
 * the user lets go on. */
static void on_complete(void *context, const struct control_end *found)
{
    struct attach *attach = context;

    (void)found;
    attach->complete = true;
    finish_if_written(attach);
}

/* -- Out --------------------------------------------------------------------------------------- */

static void on_output(void *context, enum control_output output, const char *bytes, size_t count)
{
    struct attach *attach = context;

    if (count == 0 || attach->ending)
        return;
    if (attach->tty && output == CONTROL_STDOUT)
        tty_shown(attach->tty, bytes, count);
    sink_write(attach->sinks[output], bytes, count);
}

static void on_taken(void *context, size_t count)
{
    struct attach *attach = context;

    control_taken(attach->command, CONTROL_STDOUT, count);
    finish_if_written(attach);
}

/* On a terminal the guest prints nothing there; it was duet's own. */
static void on_error_taken(void *context, size_t count)
{
    struct attach *attach = context;

    if (!attach->options.terminal)
        control_taken(attach->command, CONTROL_STDERR, count);
    finish_if_written(attach);
}

/* As a pipe would have done it: who prints for nobody gets SIGPIPE. */
static void on_unheard(void *context, int code)
{
    struct attach *attach = context;
    cleanup_free char *message = xasprintf("cannot write its output: %s", strerror(-code));

    if (code == -EPIPE)
        control_signal(attach->command, SIGPIPE);
    end(attach, ATTACH_UNHEARD, code == -EPIPE ? "" : message);
}

/* -- In ---------------------------------------------------------------------------------------- */

static size_t typed_max(const struct attach *attach)
{
    return attach->options.terminal ? TYPED_MAX : PIPED_MAX;
}

static void send_typed(struct attach *attach)
{
    size_t sent = attach->typed.length
                      ? control_feed(attach->command, attach->typed.data, attach->typed.length)
                      : 0;

    buffer_consume(&attach->typed, sent);
    if (attach->typed.length == 0 && attach->input_ended)
        control_close(attach->command);
    if (attach->over || attach->ending || attach->typed.length >= typed_max(attach))
        source_stop(attach->source);
    else
        source_go(attach->source);
}

static void show_help(struct attach *attach)
{
    if (attach->tty)
        tty_shown(attach->tty, ESCAPE_HELP_TEXT, sizeof ESCAPE_HELP_TEXT - 1);
    sink_write(attach->sinks[CONTROL_STDERR], ESCAPE_HELP_TEXT, sizeof ESCAPE_HELP_TEXT - 1);
}

static void take_typed(struct attach *attach, const char *bytes, size_t count)
{
    enum escape_action action;

    while (count > 0 && !attach->ending) {
        size_t used = escape_feed(&attach->escape, bytes, count, &attach->typed, &action);

        bytes += used;
        count -= used;
        if (action == ESCAPE_LEAVE)
            end(attach, ATTACH_LEFT, "");
        else if (action == ESCAPE_HELP)
            show_help(attach);
    }
}

static void on_bytes(void *context, const char *bytes, size_t count)
{
    struct attach *attach = context;

    if (attach->tty)
        take_typed(attach, bytes, count);
    else
        buffer_append(&attach->typed, bytes, count);
    send_typed(attach);
}

static void on_input_ended(void *context, int code)
{
    struct attach *attach = context;

    (void)code; /* what cannot be read is at its end */
    attach->input_ended = true;
    send_typed(attach);
}

static void on_room(void *context)
{
    send_typed(context);
}

/* -- The terminal ------------------------------------------------------------------------------ */

static struct control_terminal measure(const struct attach *attach)
{
    struct control_terminal size = {.rows = ROWS, .columns = COLUMNS};

    if (!tty_size(attach->options.out, &size.rows, &size.columns))
        tty_size(attach->options.in, &size.rows, &size.columns);
    return size;
}

static void on_resized(void *context)
{
    struct attach *attach = context;
    struct control_terminal size = measure(attach);

    control_resize(attach->command, size.rows, size.columns);
}

static void on_started(void *context)
{
    struct attach *attach = context;
    struct error error;

    if (attach->options.terminal && isatty(attach->options.in) &&
        tty_take(attach->options.loop, attach->options.in, attach->options.out, on_resized, attach,
                 &attach->tty, &error) < 0)
        end(attach, ATTACH_UNHEARD, error.message);
    else if (attach->tty)
        on_resized(attach); /* it may be another than when it was asked for */
    if (!attach->ending)
        source_go(attach->source);
}

/* -- Life -------------------------------------------------------------------------------------- */

static int open_streams(struct attach *attach, struct error *error)
{
    static const struct sink_calls out = {.taken = on_taken, .failed = on_unheard};
    static const struct sink_calls err = {.taken = on_error_taken};
    static const struct source_calls in = {.bytes = on_bytes, .ended = on_input_ended};
    const struct attach_options *options = &attach->options;
    int code =
        sink_new(options->loop, options->out, &out, attach, &attach->sinks[CONTROL_STDOUT], error);

    if (code == 0)
        code = sink_new(options->loop, options->err, &err, attach, &attach->sinks[CONTROL_STDERR],
                        error);
    if (code == 0)
        code = source_new(options->loop, options->in, &in, attach, &attach->source, error);
    return code;
}

static int run_command(struct attach *attach, struct error *error)
{
    static const struct control_command_calls calls = {.started = on_started,
                                                       .output = on_output,
                                                       .room = on_room,
                                                       .ended = on_ended,
                                                       .complete = on_complete};
    struct control_exec exec = *attach->options.exec;

    exec.input = true;
    if (attach->options.terminal)
        exec.terminal = measure(attach);
    return control_exec(attach->options.control, &exec, &calls, attach, &attach->command, error);
}

int attach_start(const struct attach_options *options, struct attach **out, struct error *error)
{
    struct attach *attach = xcalloc(1, sizeof *attach);
    int code;

    attach->options = *options;
    attach->finish = loop_timer(options->loop, on_finish, attach);
    code = open_streams(attach, error);
    if (code == 0)
        code = run_command(attach, error);
    attach->options.exec = NULL;
    if (code < 0) {
        attach_free(attach);
        return code;
    }
    *out = attach;
    return 0;
}

void attach_signal(struct attach *attach, int signal_number)
{
    control_signal(attach->command, signal_number);
}

void attach_leave(struct attach *attach, const char *message)
{
    end(attach, message ? ATTACH_BROKEN : ATTACH_LEFT, message ? message : "");
}

void attach_free(struct attach *attach)
{
    if (!attach)
        return;
    give_terminal_back(attach);
    control_command_free(attach->command);
    source_free(attach->source);
    sink_free(attach->sinks[CONTROL_STDOUT]);
    sink_free(attach->sinks[CONTROL_STDERR]);
    timer_free(attach->finish);
    buffer_free(&attach->typed);
    free(attach->message);
    free(attach);
}
