/* Tells somebody what is printed in a node. */
#include "runner/node_internal.h"

#include <inttypes.h>

void node_listen(struct node *node, const struct node_listener *listener)
{
    node->listener = listener ? *listener : (struct node_listener){0};
}

void node_tell_console(const struct node *node, const char *bytes, size_t count)
{
    if (node->listener.console)
        node->listener.console(node->listener.context, bytes, count);
}

void node_tell_output(const struct node *node, const char *process, const char *bytes, size_t count)
{
    if (node->listener.output && count > 0)
        node->listener.output(node->listener.context, process, bytes, count);
}

void node_tell_fate(const struct node *node, const char *what)
{
    if (node->listener.fate)
        node->listener.fate(node->listener.context, what);
}

static void replay_console(const struct node *node, const struct node_listener *listener)
{
    cleanup_buffer struct buffer text = {0};
    struct vm_console_state state;
    uint64_t position = 0;

    if (!node->vm)
        return;
    vm_console_state(node->vm, &state);
    ring_read(state.ring, &position, ring_length(state.ring), &text);
    if (text.length > 0)
        listener->console(listener->context, text.data, text.length);
}

static void replay_output(const struct node *node, size_t index, bool standard_error,
                          const struct node_listener *listener)
{
    const char *process = node->options.spec->background[index].name;
    cleanup_buffer struct buffer note = {0};
    const char *bytes;
    uint64_t more;
    size_t count;

    command_kept(node->commands[index].command, standard_error, &bytes, &count, &more);
    if (count > 0)
        listener->output(listener->context, process, bytes, count);
    if (more == 0)
        return;
    buffer_printf(&note, "\nduet: %" PRIu64 " bytes more are in the files of the case\n", more);
    listener->output(listener->context, process, note.data, note.length);
}

void node_replay(const struct node *node, const struct node_listener *listener)
{
    replay_console(node, listener);
    for (size_t i = 0; i < node->options.spec->background_count; i++)
        for (int error = 0; error < 2 && node->commands[i].command; error++)
            replay_output(node, i, error, listener);
}
