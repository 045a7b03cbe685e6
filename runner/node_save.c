/* What cannot be saved or forked may well boot: such a refusal is told apart from faults. */
#include "runner/node_internal.h"

#include "base/memory.h"

static void refuse(struct node *node, const char *reason)
{
    if (!node->refusal)
        node->refusal = xstrdup(reason);
}

static void on_saved(void *context, const struct error *error)
{
    struct node *node = context;

    if (error && node->state == NODE_SAVING)
        refuse(node, error->message);
    node_stop(node, true);
}

void node_save(struct node *node)
{
    node->state = NODE_SAVING;
    timer_start(node->deadline, NODE_BOOT_NS);
    vm_save(node->vm, on_saved);
}

void node_give_up(struct node *node, const char *activity)
{
    cleanup_free char *reason =
        xasprintf("a template was %s for %.0f s", activity, (double)NODE_BOOT_NS / NS_PER_S);

    refuse(node, reason);
    node_stop(node, true);
}

/* The case of a node that is not forked cannot go on as it is. */
bool node_refuses_start(struct node *node, const char *message)
{
    if (node->options.machine->saves_to || node->options.machine->fork_of)
        refuse(node, message);
    return node->options.machine->saves_to != NULL;
}
