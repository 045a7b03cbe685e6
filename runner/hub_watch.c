/* Consoles and logs. A reader has a place in what there is, and is sent as much at once as its
 * socket takes: one that is slow is passed over by what comes, and holds up nobody. */
#include "runner/hub_internal.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

/* -- Consoles ---------------------------------------------------------------------------------- */

static const struct ring *ring_of(const struct hub_node *node)
{
    struct vm_console_state state;

    vm_console_state(node_vm(node->node), &state);
    return state.ring;
}

static void send_console(struct hub_link *link)
{
    const struct ring *ring = ring_of(link->node);

    while (peer_waiting(link->peer) == 0 && link->position < ring->written) {
        cleanup_buffer struct buffer out = {0};
        cleanup_buffer struct buffer bytes = {0};
        uint64_t lost = ring_read(ring, &link->position, CHUNK, &bytes);

        if (lost > 0)
            buffer_printf(&out,
                          "\r\nduet: %" PRIu64 " bytes were not read in time, and are not "
                          "shown\r\n",
                          lost);
        buffer_append(&out, bytes.data, bytes.length);
        peer_send(link->peer, out.data, out.length);
    }
    if (link->position >= ring->written && hub_node_is_gone(link->node))
        hub_finish(link);
}

/* A console that takes no more is the guest's affair: what is typed is lost, as on a real one. */
static void type(struct hub_link *link, const char *bytes, size_t count)
{
    struct error error;

    if (!hub_node_is_gone(link->node))
        vm_type(node_vm(link->node->node), bytes, count, &error);
}

static const struct hub_role console_role = {.data = type, .drained = send_console};

void hub_watch_console(struct hub_link *link, struct hub_node *node)
{
    if (!node_vm(node->node)) {
        hub_refuse(link, "%s has no machine", node_name(node->node));
        return;
    }
    hub_become(link, &console_role);
    link->node = node;
    link->position = ring_lost(ring_of(node));
    hub_say(link, "{\"ok\":true}");
    if (link->in.length > 0)
        type(link, link->in.data, link->in.length);
    send_console(link);
}

/* -- Logs -------------------------------------------------------------------------------------- */

static bool is_over(const struct hub_link *link)
{
    return link->position >= link->end || (link->node && hub_node_is_gone(link->node));
}

static void send_logs(struct hub_link *link)
{
    const char *name = link->node ? node_name(link->node->node) : NULL;
    bool ends = false;

    while (peer_waiting(link->peer) == 0 && !ends) {
        cleanup_buffer struct buffer out = {0};

        if (link->position < link->end)
            journal_read(link->hub->journal, name, &link->position, CHUNK, &out);
        peer_send(link->peer, out.data, out.length);
        ends = out.length == 0;
    }
    if (ends && is_over(link))
        hub_finish(link);
}

static const struct hub_role logs_role = {.drained = send_logs};

void hub_watch_logs(struct hub_link *link, struct hub_node *node, bool follow)
{
    hub_become(link, &logs_role);
    peer_hold(link->peer, true);
    link->node = node;
    link->end = follow ? UINT64_MAX : journal_end(link->hub->journal);
    hub_say(link, "{\"ok\":true}");
    send_logs(link);
}

/* -- What is printed --------------------------------------------------------------------------- */

static void serve(struct hub *hub, const struct hub_role *role, const struct hub_node *node)
{
    for (struct hub_link *link = hub->links; link; link = link->next)
        if (link->role == role && (link->node == node || !link->node))
            role->drained(link);
}

static void write_console(void *context, const char *bytes, size_t count)
{
    struct hub_node *node = context;

    journal_write(node->hub->journal, node_name(node->node), bytes, count);
}

static void write_output(void *context, const char *process, const char *bytes, size_t count)
{
    struct hub_node *node = context;
    cleanup_free char *source = xasprintf("%s/%s", node_name(node->node), process);

    journal_write(node->hub->journal, source, bytes, count);
}

static void on_console(void *context, const char *bytes, size_t count)
{
    struct hub_node *node = context;

    write_console(context, bytes, count);
    serve(node->hub, &console_role, node);
    serve(node->hub, &logs_role, node);
}

static void on_output(void *context, const char *process, const char *bytes, size_t count)
{
    struct hub_node *node = context;

    write_output(context, process, bytes, count);
    serve(node->hub, &logs_role, node);
}

static void on_fate(void *context, const char *what)
{
    struct hub_node *node = context;
    const struct hub_options *options = &node->hub->options;
    cleanup_free char *line = xasprintf("duet: %s\n", what);

    journal_write(node->hub->journal, node_name(node->node), line, strlen(line));
    serve(node->hub, &logs_role, node);
    if (options->fate)
        options->fate(options->context, node->node, what);
}

void hub_watch_node(struct hub_node *node)
{
    node_replay(node->node, &(struct node_listener){
                                .console = write_console, .output = write_output, .context = node});
    node_listen(node->node,
                &(struct node_listener){
                    .console = on_console, .output = on_output, .fate = on_fate, .context = node});
}

void hub_unwatch_node(struct hub_node *node)
{
    node_listen(node->node, NULL);
}

void hub_watch_ended(struct hub_node *node)
{
    journal_flush(node->hub->journal, node_name(node->node));
    if (node_vm(node->node))
        serve(node->hub, &console_role, node);
    serve(node->hub, &logs_role, node);
}
