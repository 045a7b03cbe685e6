/* QEMU's gdb stub of a node. libvirt is asked one thing at a time of each: its answers come
 * whatever becomes of the connection and of the hub. */
#include "runner/hub_internal.h"

#include "base/memory.h"

struct hub_debug {
    struct hub_node *node; /* NULL: the hub is gone */
    struct hub_link *link; /* NULL: the connection is */
    bool halt;
};

static char *socket_of(const struct hub_node *node)
{
    const struct hub *hub = node->hub;

    return xasprintf("%s/gdb-%zu", hub->options.runtime_dir, (size_t)(node - hub->nodes));
}

static void answer(struct hub_link *link, const struct hub_node *node)
{
    cleanup_free char *path = socket_of(node);
    cleanup_free char *socket = control_escape(path);
    cleanup_free char *kernel = control_escape(node->hub->options.kernel);

    hub_say(link, "{\"ok\":true,\"socket\":%s,\"kernel\":%s}", socket, kernel);
    hub_finish(link);
}

static void on_link_gone(struct hub_link *link)
{
    if (link->node->debug && link->node->debug->link == link)
        link->node->debug->link = NULL;
}

static void finish(struct hub_debug *debug, const struct error *error)
{
    struct hub_node *node = debug->node;

    node->debug = NULL;
    if (debug->link && error)
        hub_refuse(debug->link, "%s: %s", node_name(node->node), error->message);
    else if (debug->link)
        answer(debug->link, node);
    free(debug);
}

static void on_paused(void *context, const struct error *error)
{
    struct hub_debug *debug = context;

    if (debug->node)
        finish(debug, error);
    else
        free(debug);
}

static void on_open(void *context, const struct error *error)
{
    struct hub_debug *debug = context;

    if (!debug->node) {
        free(debug);
        return;
    }
    debug->node->debugged = !error;
    if (!error && debug->halt)
        vm_pause(node_vm(debug->node->node), on_paused, debug);
    else
        finish(debug, error);
}

void hub_debug_open(struct hub_link *link, struct hub_node *node, bool halt)
{
    static const struct hub_role role = {.gone = on_link_gone};
    struct vm *vm = node_vm(node->node);
    cleanup_free char *path = socket_of(node);

    if (hub_node_is_gone(node)) {
        hub_refuse(link, "%s has no machine any more", node_name(node->node));
        return;
    }
    if (node->debug) {
        hub_refuse(link, "%s: somebody else asks for its gdb stub just now", node_name(node->node));
        return;
    }
    if (node->debugged && !halt) {
        answer(link, node);
        return;
    }
    hub_become(link, &role);
    peer_hold(link->peer, true);
    link->node = node;
    node->debug = xcalloc(1, sizeof *node->debug);
    *node->debug = (struct hub_debug){.node = node, .link = link, .halt = halt};
    if (node->debugged)
        vm_pause(vm, on_paused, node->debug);
    else
        vm_debug(vm, path, on_open, node->debug);
}

void hub_debug_forget(struct hub_node *node)
{
    if (node->debug)
        *node->debug = (struct hub_debug){0};
    node->debug = NULL;
}
