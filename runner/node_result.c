/* What a node found, as a result. */
#include "runner/node_internal.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

/* It ended with the node, for the node's reason: how it took the signal that it got then is no
 * finding of the test. */
static void cut_off(const struct node *node, struct step_result *step)
{
    free(step->reason);
    free(step->expected);
    free(step->found);
    step->expected = step->found = NULL;
    step->verdict = node->fault == VERDICT_PASSED ? VERDICT_SKIPPED : node->fault;
    step->reason = xstrdup("it had not ended when the node was stopped");
}

/* The fault of the node is this process's. */
static void take_blame(const struct node *node, struct step_result *step)
{
    step->verdict = node->fault;
    step->reason = xstrdup(node->fault_reason);
}

static void add_steps(struct node *node, struct node_result *result)
{
    for (size_t i = 0; i < node->command_count; i++) {
        struct command *command = node->commands[i].command;
        struct step_result *step;

        if (!command)
            continue;
        step = node_result_add_step(result);
        command_result(command, step);
        if (i >= node->judged && !step->background)
            cut_off(node, step);
        if (i + 1 == node->blamed)
            take_blame(node, step);
        if (command_trouble(command) && !step->reason)
            step->reason = xstrdup(command_trouble(command));
    }
}

static void add_console(struct node *node, struct node_result *result)
{
    struct vm_console_state state;

    if (!node->vm)
        return;
    vm_console_state(node->vm, &state);
    result->console.path = xasprintf("%s/console.log.gz", node->options.relative);
    result->console.bytes = state.bytes;
    result->console.lost_from_ring = ring_lost(state.ring);
    if (state.log_error && !result->reason)
        result->reason = xasprintf("%s (at least %" PRIu64 " of %" PRIu64 " bytes are not in it)",
                                   state.log_error, state.log_bytes_lost, state.bytes);
}

static void add_machine(struct node *node, struct node_result *result)
{
    result->qemu.pid = node->gone.pid;
    result->qemu.ended = node->gone.pid > 0 && (node->gone.status >= 0 || node->gone.signal > 0);
    result->qemu.status = node->gone.status < 0 ? 0 : node->gone.status;
    result->qemu.signal = node->gone.signal;
}

void node_result(struct node *node, struct node_result *result)
{
    result->name = xstrdup(node->options.spec->name);
    result->verdict = node_verdict(node);
    if (node->fault != VERDICT_PASSED)
        result->reason = xstrdup(node->fault_reason);
    else if (!node->said_passed)
        result->reason = xstrdup("it was stopped before it could say that it passed");
    if (node->started_ns > 0)
        result->start = node->options.machine->fork_of ? START_FORKED : START_BOOTED;
    result->ready = node->ready_ns > 0;
    result->ready_s = result->ready ? (double)(node->ready_ns - node->started_ns) / NS_PER_S : 0;
    add_console(node, result);
    add_machine(node, result);
    add_steps(node, result);
    for (size_t i = 0; i < node->token_count; i++)
        node_result_add_token(result, &node->tokens[i]);
    result->metrics = node->metrics;
    node->metrics = (struct metrics){0};
}
