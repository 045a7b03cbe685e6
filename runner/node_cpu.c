/* CPU time that the machines of a case use while one of their nodes measures: each guest's by its
 * own kernel, and its QEMU's by the host's. */
#include "runner/node_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>

/* How far the difference of two answers may be off for each CPU: three of its times are told in
 * steps of 10 ms (initrd/init/busy.h). */
#define UNSURE_NS (3 * 10 * NS_PER_MS)

/* Of one machine. 0 is not known. */
struct node_cpu {
    struct node *node; /* that asks */
    size_t index;      /* of the machine's node in the case */
    struct cpu_time {
        uint64_t guest_ns, qemu_ms;
    } before, now;
};

uint64_t node_cpu_ms(const struct node *node)
{
    return node->vm ? vm_cpu_ms(node->vm) : 0;
}

static void told(struct node *node)
{
    if (--node->cpu_open == 0)
        node->cpu_known(node);
}

/* Both at once: the guest's is part of its QEMU's. */
static void on_pong(void *context, const struct control_answer *answer)
{
    struct node_cpu *cpu = context;

    cpu->now = (struct cpu_time){.guest_ns = answer->busy_ns,
                                 .qemu_ms = node_cpu_ms(cpu->node->options.nodes[cpu->index])};
    told(cpu->node);
}

static void ask(struct node_cpu *cpu)
{
    struct node *asked = cpu->node->options.nodes[cpu->index];
    struct control *control = node_control(asked);
    struct error error;

    cpu->before = cpu->now;
    cpu->now = (struct cpu_time){.qemu_ms = node_cpu_ms(asked)};
    if (control && control_request(control, WIRE_PING, "", 0, on_pong, cpu, &error) == 0)
        cpu->node->cpu_open++;
}

void node_ask_cpu(struct node *node, void (*known)(struct node *node))
{
    size_t count = node->options.nodes ? node->options.suite_case->node_count : 0;

    if (!node->cpu)
        node->cpu = xcalloc(count + 1, sizeof *node->cpu);
    node->cpu_known = known;
    node->cpu_open = 1;
    for (size_t i = 0; i < count; i++) {
        node->cpu[i].node = node;
        node->cpu[i].index = i;
        ask(&node->cpu[i]);
    }
    told(node);
}

static int add(struct node *node, const char *step, const char *kind, size_t index, double value,
               struct error *error)
{
    struct metric_token token = {.unit = "ns/B", .better = METRIC_LOWER, .value = value};
    int length = snprintf(token.name, sizeof token.name, "%s.%s.%s", step, kind,
                          node->options.suite_case->nodes[index].name);

    if (length >= (int)sizeof token.name)
        return error_set(error, EBADMSG, "\"%.40s...\" is too long for the name of a metric",
                         token.name);
    return metrics_add(&node->metrics, &token, error);
}

/* 0 where that is not known: a guest that did next to nothing may have less than no time. */
static uint64_t used_by_guest(const struct node_cpu *cpu, unsigned cpus)
{
    uint64_t before = cpu->before.guest_ns;
    uint64_t now = cpu->now.guest_ns;

    return before > 0 && now > before && now - before >= cpus * UNSURE_NS ? now - before : 0;
}

static int add_machine(struct node *node, const char *step, size_t index, double bytes,
                       struct error *error)
{
    const struct cpu_time *before = &node->cpu[index].before;
    const struct cpu_time *now = &node->cpu[index].now;
    uint64_t guest_ns =
        used_by_guest(&node->cpu[index], node->options.suite_case->nodes[index].cpus);
    int code = 0;

    if (before->qemu_ms > 0 && now->qemu_ms > before->qemu_ms)
        code = add(node, step, "cpu_qemu", index,
                   (double)(now->qemu_ms - before->qemu_ms) * 1e6 / bytes, error);
    if (code == 0 && guest_ns > 0)
        code = add(node, step, "cpu_guest", index, (double)guest_ns / bytes, error);
    return code;
}

int node_add_cpu(struct node *node, const char *step, double bytes, struct error *error)
{
    int code = 0;

    for (size_t i = 0; node->options.nodes && i < node->options.suite_case->node_count; i++)
        if (code == 0)
            code = add_machine(node, step, i, bytes, error);
    return code;
}
