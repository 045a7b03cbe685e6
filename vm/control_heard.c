/* What the guest says of a command, from its ACK to its last byte.
 *
 *   asked    -> ACK: started, or ERROR: ended (refused)
 *   started  -> CMDFINISHED (of a file: ACK or ERROR): ended
 *   ended    -> all bytes that it announced have come: complete
 *
 * What cannot be so breaks the channel. */
#include "base/memory.h"
#include "vm/control_internal.h"

#include <errno.h>
#include <inttypes.h>

/* Between these a command stays, whatever its owner and the channel do meanwhile. */
static void enter(struct control_command *command)
{
    command->in_call++;
}

static void leave(struct control_command *command)
{
    command->in_call--;
    control_command_reap(command);
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
    return command->kind == KIND_READ ? command->end.size : command->end.stdout_bytes;
}

/* A file has exactly the bytes that the guest says. */
static bool is_too_long(const struct control_command *command)
{
    return command->kind == KIND_READ && command->ended && command->end.code == 0 &&
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
    if (command->kind == KIND_COMMAND && command->ended && command->end.code == 0 &&
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
    control_command_close_granted(command);
    tell(command, ended, &command->end);
    check_status(command);
    check_complete(command);
}

static void take_answer(struct control_command *command, const struct control_message *message)
{
    if (command->kind == KIND_LINK || command->code != message->request || command->ended)
        return;
    if (message->code == WIRE_ERROR) {
        end(command, &(struct control_end){.code = -EREMOTEIO, .reason = message->reason});
    } else if (command->kind != KIND_COMMAND) {
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

    if (command && command->kind == KIND_COMMAND) {
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

    if (!command || command->kind != KIND_COMMAND) {
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
    bool is_first = !out->granted;

    out->granted = true;
    out->room = bytes < WIRE_ID_MAX - out->room ? out->room + bytes : WIRE_ID_MAX;
    if (out->close_asked)
        control_command_close_granted(command);
    else if (command->forgotten && is_first)
        control_command_give_up(command); /* it may not have been there to be, before */
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
    if (command->kind != KIND_COMMAND || frame->length != 1 || command->status_byte >= 0) {
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
        control_command_reap(command);
    }
}
