/* Commands and files as their owner has them: how they are made, what is sent to them, and how long
 * they live. control_heard.c has what the guest says of them.
 *
 * A command's streams have lives of their own: they may be closed before it has ended, or, where a
 * leftover child holds them, long after. It is over when nothing of it can come any more; a command
 * that its owner has freed stays until then, to tell what is left of it from what a guest makes up.
 */
#include "base/memory.h"
#include "vm/control_internal.h"

#include <inttypes.h>
#include <signal.h>

enum {
    GRANT = WIRE_WINDOW / 2, /* bytes: room is given back in steps as large */
    FRAME = WIRE_IO_MAX - WIRE_IO_HEADER,
};

/* -- Life -------------------------------------------------------------------------------------- */

static bool is_over(const struct control_command *command)
{
    if (command->control->broken)
        return true;
    if (command->kind == KIND_LINK)
        return command->in[0].closed && command->in[1].closed;
    if (!command->complete || (command->out.granted && !command->out.closed))
        return false;
    if (command->end.code < 0 && !command->started)
        return command->kind != KIND_READ; /* it may have begun to send */
    for (int i = 0; i < 2; i++)
        if (command->in[i].exists && !command->in[i].closed)
            return false;
    return command->kind != KIND_COMMAND || command->status_byte >= 0;
}

void control_command_reap(struct control_command *command)
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

/* A close would say that this was all of it. The end of its stream follows that of the file. */
void control_command_give_up(struct control_command *command)
{
    control_signal(command, SIGTERM);
}

void control_command_free(struct control_command *command)
{
    if (!command)
        return;
    command->forgotten = true;
    if (command->kind == KIND_WRITE && !command->out.close_asked)
        control_command_give_up(command);
    else
        control_close(command);
    for (int i = 0; i < 2; i++)
        if (command->in[i].exists)
            control_taken(command, (enum control_output)i,
                          WIRE_WINDOW - command->in[i].room - command->in[i].taken);
    control_command_reap(command);
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

void control_command_close_granted(struct control_command *command)
{
    if (!command->out.granted || command->out.closed)
        return;
    command->out.closed = true;
    send_frame(command, NULL, 0);
}

void control_close(struct control_command *command)
{
    command->out.close_asked = true;
    control_command_close_granted(command);
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

static struct control_command *command_new(struct control *control, enum control_kind kind,
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
    command->in[CONTROL_STDOUT] =
        (struct incoming){.exists = kind != KIND_WRITE, .room = WIRE_WINDOW};
    command->out.exists = kind == KIND_WRITE;
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
    struct control_command *command = command_new(control, KIND_COMMAND, calls, context);

    expect_streams(command, exec);
    return command_send(command, WIRE_EXECCMD,
                        control_message_exec(command->id, command->stream, exec), out, error);
}

int control_run_container(struct control *control, const struct control_container *container,
                          const struct control_command_calls *calls, void *context,
                          struct control_command **out, struct error *error)
{
    struct control_command *command = command_new(control, KIND_COMMAND, calls, context);

    expect_streams(command, &container->exec);
    return command_send(command, WIRE_NEWCONTAINER,
                        control_message_container(command->id, command->stream, container), out,
                        error);
}

struct control_command *control_open_link(struct control *control,
                                          const struct control_command_calls *calls, void *context)
{
    struct control_command *command = command_new(control, KIND_LINK, calls, context);

    command->in[CONTROL_STDERR] = (struct incoming){.exists = true, .room = WIRE_WINDOW};
    command->next = control->commands;
    control->commands = command;
    return command;
}

int control_write_file(struct control *control, const char *path, unsigned mode,
                       const char *container, const struct control_command_calls *calls,
                       void *context, struct control_command **out, struct error *error)
{
    struct control_command *command = command_new(control, KIND_WRITE, calls, context);

    return command_send(
        command, WIRE_WRITEFILE,
        control_message_file(command->id, command->stream, path, (int)mode, container), out, error);
}

int control_read_file(struct control *control, const char *path, const char *container,
                      const struct control_command_calls *calls, void *context,
                      struct control_command **out, struct error *error)
{
    struct control_command *command = command_new(control, KIND_READ, calls, context);

    return command_send(command, WIRE_READFILE,
                        control_message_file(command->id, command->stream, path, -1, container),
                        out, error);
}
