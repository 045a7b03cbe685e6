/* A command from its request to its last byte.
 *
 *   asked    -> ACK: started, or ERROR: ended (refused)
 *   started  -> CMDFINISHED (of a file: ACK or ERROR): ended
 *   ended    -> all bytes that it announced have come: complete
 *
 * Its streams have lives of their own: they may be closed before it has ended, or, where a leftover
 * child holds them, long after. It is over when nothing of it can come any more; a command that its
 * owner has freed stays until then, to tell what is left of it from what a guest makes up. */
#include "base/memory.h"
#include "vm/control_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    GRANT = WIRE_WINDOW / 2, /* bytes: room is given back in steps as large */
    FRAME = WIRE_IO_MAX - WIRE_IO_HEADER,
};

enum kind { COMMAND, WRITE, READ };

struct incoming {
    bool exists, closed;
    uint64_t received; /* bytes, as the next ones */
    uint64_t room;     /* that the guest may still send */
    uint64_t taken;    /* of which it was not told yet */
};

struct outgoing {
    bool exists;
    bool granted; /* the guest has said how much there is room for, and so waits for the close */
    bool close_asked, closed;
    uint64_t room;
};

struct control_command {
    struct control *control;
    struct control_command *next;
    uint64_t id, stream; /* `stream` + 1 is that of standard error */
    enum kind kind;
    enum wire_code code;
    struct control_command_calls calls;
    void *context;
    unsigned in_call;
    struct incoming in[2]; /* by enum control_output */
    struct outgoing out;
    bool started, ended, complete, forgotten;
    int status_byte; /* what came on io; -1: nothing yet */
    struct control_end end;
    char *reason;
};

/* -- Life -------------------------------------------------------------------------------------- */

static bool is_over(const struct control_command *command)
{
    if (command->control->broken)
        return true;
    if (!command->complete || (command->out.granted && !command->out.closed))
        return false;
    if (command->end.code < 0 && !command->started)
        return command->kind != READ; /* it may have begun to send */
    for (int i = 0; i < 2; i++)
        if (command->in[i].exists && !command->in[i].closed)
            return false;
    return command->kind != COMMAND || command->status_byte >= 0;
}

/* Frees it where its owner has done so and nothing can come any more. */
static void reap(struct control_command *command)
{
    struct control_command **at = &command->control->commands;

    if (!command->forgotten || command->in_call > 0 || !is_over(command))
        return;
    while (*at != command)
        at = &(*at)->next;
    *at = command->next;
    free(command->reason);
    free(command);
}

/* Between these a command stays, whatever its owner and the channel do meanwhile. */
static void enter(struct control_command *command)
{
    command->in_call++;
}

static void leave(struct control_command *command)
{
    command->in_call--;
    reap(command);
}

/* Calls one of the owner's functions, unless it has freed the command. */
#define tell(command, call, ...)                                                                   \
    do {                                                                                           \
        if ((command)->calls.call && !(command)->forgotten)                                        \
            (command)->calls.call((command)->context, ##__VA_ARGS__);                              \
    } while (0)

static struct control_command *find(const struct control *control, uint64_t id)
{
    struct control_command *command = control->commands;

    while (command && command->id != id)
        command = command->next;
    return command;
}

void control_command_free(struct control_command *command)
{
    if (!command)
        return;
    command->forgotten = true;
    control_close(command);
    for (int i = 0; i < 2; i++)
        if (command->in[i].exists)
            control_taken(command, (enum control_output)i,
                          WIRE_WINDOW - command->in[i].room - command->in[i].taken);
    reap(command);
}

void control_commands_free(struct control *control)
{
    while (control->commands) {
        struct control_command *next = control->commands->next;

        free(control->commands->reason);
        free(control->commands);
        control->commands = next;
    }
}

/* -- To the guest ------------------------------------------------------------------------------ */

static bool send_frame(struct control_command *command, const void *bytes, size_t count)
{
    struct control *control = command->control;
    struct error error;

    if (control->broken)
        return false;
    if (control->options.link.send_io(control->options.context, command->stream, bytes, count,
                                      &error) == 0)
        return true;
    control_break_soon(control, &error);
    return false;
}

size_t control_feed(struct control_command *command, const void *bytes, size_t count)
{
    size_t sent = 0;

    while (sent < count && command->out.room > 0 && !command->out.close_asked && !command->ended) {
        size_t piece = count - sent < FRAME ? count - sent : FRAME;

        if (piece > command->out.room)
            piece = (size_t)command->out.room;
        if (!send_frame(command, (const char *)bytes + sent, piece))
            break;
        command->out.room -= piece;
        sent += piece;
    }
    return sent;
}

static void close_if_granted(struct control_command *command)
{
    if (!command->out.granted || command->out.closed)
        return;
    command->out.closed = true;
    send_frame(command, NULL, 0);
}

void control_close(struct control_command *command)
{
    command->out.close_asked = true;
    close_if_granted(command);
}

/* What a guest that has broken the channel is not told any more is no loss. */
static void send_about(struct control_command *command, enum wire_code code, char *payload)
{
    struct error error;

    if (command->control->broken)
        free(payload);
    else if (control_send(command->control, code, payload, &error) < 0)
        control_break_soon(command->control, &error);
}

void control_taken(struct control_command *command, enum control_output output, size_t count)
{
    struct incoming *in = &command->in[output];

    in->taken += count;
    if (in->taken < GRANT || in->closed)
        return;
    in->room += in->taken;
    send_about(command, WIRE_NEXT, control_message_next(command->stream + output, in->taken));
    in->taken = 0;
}

static void ask_about(struct control_command *command, enum wire_code code, char *fields)
{
    struct error error;

    if (!command->control->broken &&
        control_request(command->control, code, fields, 0, NULL, NULL, &error) < 0)
        control_break_soon(command->control, &error);
    free(fields);
}

void control_resize(struct control_command *command, unsigned rows, unsigned columns)
{
    ask_about(
        command, WIRE_WINSIZE,
        xasprintf("\"target\":%" PRIu64 ",\"rows\":%u,\"columns\":%u", command->id, rows, columns));
}

void control_signal(struct control_command *command, int signal_number)
{
    if (!command->ended)
        ask_about(command, WIRE_KILLCONTAINER,
                  xasprintf("\"target\":%" PRIu64 ",\"signal\":%d", command->id, signal_number));
}

uint64_t control_command_id(const struct control_command *command)
{
    return command->id;
}

/* -- Making ------------------------------------------------------------------------------------ */

static struct control_command *command_new(struct control *control, enum kind kind,
                                           const struct control_command_calls *calls, void *context)
{
    uint64_t base = control->base << CONTROL_BASE_SHIFT;
    uint64_t index = ++control->commands_made;
    struct control_command *command = xcalloc(1, sizeof *command);

    *command = (struct control_command){.control = control,
                                        .id = base + index,
                                        .stream = base + 2 * index,
                                        .kind = kind,
                                        .calls = *calls,
                                        .context = context,
                                        .status_byte = -1};
    command->in[CONTROL_STDOUT] = (struct incoming){.exists = kind != WRITE, .room = WIRE_WINDOW};
    command->out.exists = kind == WRITE;
    return command;
}

/* Sends the request that makes it, and takes it over. It is there before that: a link may be so
 * quick that its answer comes first. */
static int command_send(struct control_command *command, enum wire_code code, char *payload,
                        struct control_command **out, struct error *error)
{
    struct control *control = command->control;
    int result;

    command->code = code;
    command->next = control->commands;
    control->commands = command;
    *out = command;
    result = control_send(control, code, payload, error);
    if (result == 0)
        return 0;
    *out = NULL;
    control->commands = command->next;
    control->commands_made--;
    free(command);
    return result;
}

static void expect_streams(struct control_command *command, const struct control_exec *exec)
{
    command->out.exists = exec->input || exec->terminal.rows;
    command->in[CONTROL_STDERR] =
        (struct incoming){.exists = !exec->terminal.rows, .room = WIRE_WINDOW};
}

int control_exec(struct control *control, const struct control_exec *exec,
                 const struct control_command_calls *calls, void *context,
                 struct control_command **out, struct error *error)
{
    struct control_command *command = command_new(control, COMMAND, calls, context);

    expect_streams(command, exec);
    return command_send(command, WIRE_EXECCMD,
                        control_message_exec(command->id, command->stream, exec), out, error);
}

int control_run_container(struct control *control, const struct control_container *container,
                          const struct control_command_calls *calls, void *context,
                          struct control_command **out, struct error *error)
{
    struct control_command *command = command_new(control, COMMAND, calls, context);

    expect_streams(command, &container->exec);
    return command_send(command, WIRE_NEWCONTAINER,
                        control_message_container(command->id, command->stream, container), out,
                        error);
}

int control_write_file(struct control *control, const char *path, unsigned mode,
                       const char *container, const struct control_command_calls *calls,
                       void *context, struct control_command **out, struct error *error)
{
    struct control_command *command = command_new(control, WRITE, calls, context);

    return command_send(
        command, WIRE_WRITEFILE,
        control_message_file(command->id, command->stream, path, (int)mode, container), out, error);
}

int control_read_file(struct control *control, const char *path, const char *container,
                      const struct control_command_calls *calls, void *context,
                      struct control_command **out, struct error *error)
{
    struct control_command *command = command_new(control, READ, calls, context);

    return command_send(command, WIRE_READFILE,
                        control_message_file(command->id, command->stream, path, -1, container),
                        out, error);
}

/* -- From the guest ---------------------------------------------------------------------------- */

/* Nothing is left to be sent or received of a command that broke its promise. */
static void lie(struct control_command *command, const char *what)
{
    control_break(command->control, -EBADMSG,
                  "the guest broke the control channel: command %" PRIu64 " %s", command->id, what);
}

static uint64_t announced(const struct control_command *command, enum control_output output)
{
    if (output == CONTROL_STDERR)
        return command->end.stderr_bytes;
    return command->kind == READ ? command->end.size : command->end.stdout_bytes;
}

/* A file has exactly the bytes that the guest says. */
static bool is_too_long(const struct control_command *command)
{
    return command->kind == READ && command->ended && command->end.code == 0 &&
           command->in[CONTROL_STDOUT].received > command->end.size;
}

static void check_complete(struct control_command *command)
{
    if (is_too_long(command)) {
        lie(command, "sent more of a file than it says that there is");
        return;
    }
    if (!command->ended || command->complete)
        return;
    for (int i = 0; i < 2 && command->end.code == 0; i++) {
        const struct incoming *in = &command->in[i];

        if (in->received >= announced(command, (enum control_output)i))
            continue;
        if (in->closed || !in->exists)
            lie(command, "has closed a stream on which it announced more bytes");
        return;
    }
    command->complete = true;
    tell(command, complete, &command->end);
}

/* The same status comes on both ports. */
static void check_status(struct control_command *command)
{
    if (command->kind == COMMAND && command->ended && command->end.code == 0 &&
        command->status_byte >= 0 && command->status_byte != command->end.status)
        lie(command, "ended with another status on io than on ctl");
}

static void end(struct control_command *command, const struct control_end *found)
{
    command->ended = true;
    command->end = *found;
    if (found->reason)
        command->end.reason = command->reason = xstrdup(found->reason);
    command->out.close_asked = true;
    close_if_granted(command);
    tell(command, ended, &command->end);
    check_status(command);
    check_complete(command);
}

static void take_answer(struct control_command *command, const struct control_message *message)
{
    if (command->code != message->request || command->ended)
        return;
    if (message->code == WIRE_ERROR) {
        end(command, &(struct control_end){.code = -EREMOTEIO, .reason = message->reason});
    } else if (command->kind != COMMAND) {
        end(command, &(struct control_end){.size = message->size, .mode = message->mode});
    } else if (!command->started) {
        command->started = true;
        tell(command, started);
    }
}

void control_command_answered(struct control *control, const struct control_message *message)
{
    struct control_command *command = find(control, message->id);

    if (!command)
        return;
    enter(command);
    take_answer(command, message);
    leave(command);
}

static void no_such(struct control *control, const char *what, uint64_t id)
{
    control_break(control, -EBADMSG,
                  "the guest broke the control channel: its %s names command %" PRIu64
                  ", which was not started",
                  what, id & ((UINT64_C(1) << CONTROL_BASE_SHIFT) - 1));
}

/* One that was freed and is over was started, too: what comes of it late is old news. */
static bool was_made(const struct control *control, uint64_t id)
{
    uint64_t index = id - (control->base << CONTROL_BASE_SHIFT);

    return index >= 1 && index <= control->commands_made;
}

static uint64_t owner_of(const struct control *control, uint64_t stream)
{
    uint64_t base = control->base << CONTROL_BASE_SHIFT;

    return base + (stream - base) / 2;
}

void control_command_is_ready(struct control *control, uint64_t id)
{
    struct control_command *command = find(control, id);

    if (command && command->kind == COMMAND) {
        enter(command);
        tell(command, ready);
        leave(command);
    } else if (command || !was_made(control, id)) {
        no_such(control, "CMDREADY", id);
    }
}

void control_command_finished(struct control *control, const struct control_message *message)
{
    struct control_command *command = find(control, message->id);

    if (!command || command->kind != COMMAND) {
        no_such(control, "CMDFINISHED", message->id);
        return;
    }
    enter(command);
    command->started = true;
    if (command->ended)
        lie(command, "ended twice");
    else
        end(command, &(struct control_end){.status = message->status,
                                           .signal = message->signal,
                                           .timed_out = message->timed_out,
                                           .duration_ms = message->duration_ms,
                                           .stdout_bytes = message->stdout_bytes,
                                           .stderr_bytes = message->stderr_bytes});
    leave(command);
}

static void add_room(struct control_command *command, uint64_t bytes)
{
    struct outgoing *out = &command->out;

    out->granted = true;
    out->room = bytes < WIRE_ID_MAX - out->room ? out->room + bytes : WIRE_ID_MAX;
    if (out->close_asked)
        close_if_granted(command);
    else
        tell(command, room);
}

void control_command_granted(struct control *control, const struct control_message *message)
{
    uint64_t id = owner_of(control, message->stream);
    struct control_command *command = find(control, id);

    if (command && command->stream == message->stream && command->out.exists) {
        enter(command);
        add_room(command, message->bytes);
        leave(command);
    } else if (command || !was_made(control, id)) {
        no_such(control, "NEXT", id);
    }
}

static void take_status(struct control_command *command, const struct wire_io *frame)
{
    if (command->kind != COMMAND || frame->length != 1 || command->status_byte >= 0) {
        lie(command, "sends on a stream that it has closed");
        return;
    }
    command->status_byte = (unsigned char)frame->data[0];
    check_status(command);
}

static void take_output(struct control_command *command, enum control_output output,
                        const struct wire_io *frame)
{
    struct incoming *in = &command->in[output];
    bool forgotten = command->forgotten;

    if (frame->length > in->room) {
        lie(command, "sends more than there is room for");
        return;
    }
    in->room -= frame->length;
    in->received += frame->length;
    in->closed = frame->length == 0;
    tell(command, output, output, frame->data, frame->length);
    if (forgotten)
        control_taken(command, output, frame->length);
    check_complete(command);
}

static void take_frame(struct control_command *command, const struct wire_io *frame)
{
    enum control_output output = frame->stream == command->stream ? CONTROL_STDOUT : CONTROL_STDERR;

    if (!command->in[output].exists)
        lie(command, "sends on a stream that it does not have");
    else if (!command->in[output].closed)
        take_output(command, output, frame);
    else if (output == CONTROL_STDOUT)
        take_status(command, frame);
    else
        lie(command, "sends on a stream that it has closed");
}

void control_command_take_io(struct control *control, const struct wire_io *frame)
{
    uint64_t id = owner_of(control, frame->stream);
    struct control_command *command = find(control, id);

    if (!command) {
        no_such(control, "output", id);
        return;
    }
    enter(command);
    take_frame(command, frame);
    leave(command);
}

/* -- The end ----------------------------------------------------------------------------------- */

static struct control_command *first_incomplete(const struct control *control)
{
    struct control_command *command = control->commands;

    while (command && command->complete)
        command = command->next;
    return command;
}

void control_commands_break(struct control *control)
{
    const struct control_end found = {.code = control->broken_code,
                                      .reason = control->broken_reason};
    struct control_command *command, *next;

    while ((command = first_incomplete(control))) {
        command->complete = true;
        enter(command);
        if (!command->ended)
            tell(command, ended, &found);
        command->ended = true;
        tell(command, complete, &found);
        command->in_call--; /* what its owner has freed goes below */
    }
    for (command = control->commands; command; command = next) {
        next = command->next;
        reap(command);
    }
}
