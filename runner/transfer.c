#include "runner/transfer.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "runner/flow.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { WAITING_MAX = WIRE_WINDOW }; /* bytes that the node has no room for yet */

struct transfer {
    struct transfer_calls calls;
    void *context;
    struct control_command *command;
    struct source *source; /* of a file that goes there */
    struct sink *sink;     /* of one that comes */
    struct buffer waiting;
    bool input_ended;
    bool over;          /* the node has said how it ended, and all bytes have come */
    char *failure;      /* here; NULL: none */
    struct timer *soon; /* fires at once */
    struct transfer_end end;
    char *message;
};

/* -- The end ----------------------------------------------------------------------------------- */

static void on_soon(void *context)
{
    struct transfer *transfer = context;

    transfer->calls.ended(transfer->context, &transfer->end);
}

/* What failed here is the reason, whatever the node makes of it. */
static void finish_if_over(struct transfer *transfer)
{
    if (!transfer->over || (transfer->sink && !sink_is_empty(transfer->sink)))
        return;
    if (transfer->failure)
        transfer->end = (struct transfer_end){.code = -EIO, .message = transfer->failure};
    timer_start(transfer->soon, 0);
}

static void on_ended(void *context, const struct control_end *found)
{
    struct transfer *transfer = context;

    if (transfer->source)
        source_stop(transfer->source);
    transfer->message = xstrdup(found->reason ? found->reason : "");
    transfer->end = (struct transfer_end){
        .code = found->code, .message = transfer->message, .mode = found->mode};
}

static void on_complete(void *context, const struct control_end *found)
{
    struct transfer *transfer = context;

    (void)found;
    transfer->over = true;
    finish_if_over(transfer);
}

/* The node keeps what it had: a transfer that is ended by a signal was none. */
static void fail(struct transfer *transfer, char *message)
{
    if (transfer->failure) {
        free(message);
        return;
    }
    transfer->failure = message;
    control_signal(transfer->command, SIGTERM);
}

/* -- There ------------------------------------------------------------------------------------- */

static void send_waiting(struct transfer *transfer)
{
    size_t sent = transfer->waiting.length ? control_feed(transfer->command, transfer->waiting.data,
                                                          transfer->waiting.length)
                                           : 0;

    buffer_consume(&transfer->waiting, sent);
    if (sent > 0 && transfer->calls.moved)
        transfer->calls.moved(transfer->context, sent);
    if (transfer->waiting.length == 0 && transfer->input_ended && !transfer->failure)
        control_close(transfer->command);
    if (transfer->waiting.length >= WAITING_MAX || transfer->failure || transfer->message)
        source_stop(transfer->source);
    else
        source_go(transfer->source);
}

static void on_bytes(void *context, const char *bytes, size_t count)
{
    struct transfer *transfer = context;

    buffer_append(&transfer->waiting, bytes, count);
    send_waiting(transfer);
}

static void on_input_ended(void *context, int code)
{
    struct transfer *transfer = context;

    transfer->input_ended = true;
    if (code < 0)
        fail(transfer, xasprintf("cannot read it: %s", strerror(-code)));
    send_waiting(transfer);
}

/* Nothing is read before the node takes it: what it refuses stays in the pipe. */
static void on_room(void *context)
{
    send_waiting(context);
}

int transfer_send(struct loop *loop, struct control *control, int fd, const char *path,
                  unsigned mode, const struct transfer_calls *calls, void *context,
                  struct transfer **out, struct error *error)
{
    static const struct source_calls in = {.bytes = on_bytes, .ended = on_input_ended};
    static const struct control_command_calls there = {
        .room = on_room, .ended = on_ended, .complete = on_complete};
    struct transfer *transfer = xcalloc(1, sizeof *transfer);
    int code;

    transfer->calls = *calls;
    transfer->context = context;
    transfer->soon = loop_timer(loop, on_soon, transfer);
    code = source_new(loop, fd, &in, transfer, &transfer->source, error);
    if (code == 0)
        code = control_write_file(control, path, mode, NULL, &there, transfer, &transfer->command,
                                  error);
    if (code < 0) {
        transfer_free(transfer);
        return code;
    }
    *out = transfer;
    return 0;
}

/* -- Here -------------------------------------------------------------------------------------- */

static void on_output(void *context, enum control_output output, const char *bytes, size_t count)
{
    struct transfer *transfer = context;

    (void)output;
    if (count > 0)
        sink_write(transfer->sink, bytes, count);
}

static void on_taken(void *context, size_t count)
{
    struct transfer *transfer = context;

    control_taken(transfer->command, CONTROL_STDOUT, count);
    if (!transfer->failure && transfer->calls.moved)
        transfer->calls.moved(transfer->context, count);
    finish_if_over(transfer);
}

static void on_sink_failed(void *context, int code)
{
    struct transfer *transfer = context;

    fail(transfer, xasprintf("cannot write it: %s", strerror(-code)));
    finish_if_over(transfer);
}

int transfer_receive(struct loop *loop, struct control *control, const char *path, int fd,
                     const struct transfer_calls *calls, void *context, struct transfer **out,
                     struct error *error)
{
    static const struct sink_calls here = {.taken = on_taken, .failed = on_sink_failed};
    static const struct control_command_calls there = {
        .output = on_output, .ended = on_ended, .complete = on_complete};
    struct transfer *transfer = xcalloc(1, sizeof *transfer);
    int code;

    transfer->calls = *calls;
    transfer->context = context;
    transfer->soon = loop_timer(loop, on_soon, transfer);
    code = sink_new(loop, fd, &here, transfer, &transfer->sink, error);
    if (code == 0)
        code = control_read_file(control, path, NULL, &there, transfer, &transfer->command, error);
    if (code < 0) {
        transfer_free(transfer);
        return code;
    }
    *out = transfer;
    return 0;
}

void transfer_cancel(struct transfer *transfer, const char *message)
{
    if (transfer->source)
        source_stop(transfer->source);
    fail(transfer, xstrdup(message));
}

void transfer_free(struct transfer *transfer)
{
    if (!transfer)
        return;
    control_command_free(transfer->command);
    source_free(transfer->source);
    sink_free(transfer->sink);
    timer_free(transfer->soon);
    buffer_free(&transfer->waiting);
    free(transfer->failure);
    free(transfer->message);
    free(transfer);
}
