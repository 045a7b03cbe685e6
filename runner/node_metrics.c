/* What a node measures: metric tokens on its console and on what its commands print. */
#include "base/memory.h"
#include "bench/iperf3.h"
#include "runner/node_internal.h"

#include <errno.h>
#include <stdio.h>

static const char *name_of(const struct node *node, size_t index)
{
    const struct suite_node *spec = node->options.spec;

    if (index < spec->background_count)
        return spec->background[index].name;
    return spec->steps[index - spec->background_count].name;
}

/* A value that cannot be believed is no value: the node goes on, and fails. */
static void refuse(struct node *node, const char *step, const char *why)
{
    if (step)
        node_fault(node, VERDICT_FAILED, false,
                   "a metric token on the standard output of \"%s\" cannot be used: %s", step, why);
    else
        node_fault(node, VERDICT_FAILED, false, "a metric token cannot be used: %s", why);
}

void node_take_metric(struct node *node, const char *step, const struct scanner_event *event)
{
    struct metric_token token;
    struct error error;
    int code = metric_parse(event->text, event->length, &token, &error);

    if (code == 0)
        code = metrics_add(&node->metrics, &token, &error);
    if (code < 0)
        refuse(node, step, error.message);
}

/* What looks like the kernel's trouble is a program's words here. */
static void on_scanned(void *context, const struct scanner_event *event)
{
    const struct node_command *command = context;
    struct node *node = command->node;
    const char *step = name_of(node, (size_t)(command - node->commands));

    if (event->kind == SCANNER_METRIC)
        node_take_metric(node, step, event);
    else if (event->kind == SCANNER_MALFORMED)
        refuse(node, step, event->text);
}

void node_scan_output(struct node *node, size_t index, const char *bytes, size_t count)
{
    static const struct scanner_prefix prefix = {SCANNER_METRIC_PREFIX, SCANNER_METRIC};
    struct node_command *command = &node->commands[index];
    struct error error;

    if (!command->scanner && count > 0 &&
        scanner_new(&command->scanner, &prefix, 1, on_scanned, command, &error) < 0) {
        node_fault(node, VERDICT_ERROR, true, "%s", error.message);
        return;
    }
    if (count > 0)
        scanner_feed(command->scanner, bytes, count);
    else if (command->scanner)
        scanner_finish(command->scanner);
}

uint64_t node_cpu_ms(const struct node *node)
{
    return node->vm ? vm_cpu_ms(node->vm) : 0;
}

void node_begin_measure(struct node *node)
{
    size_t count = node->options.suite_case->node_count;

    if (!node->options.cpu_ms)
        return;
    free(node->cpu_before_ms);
    node->cpu_before_ms = xcalloc(count, sizeof *node->cpu_before_ms);
    for (size_t i = 0; i < count; i++)
        node->cpu_before_ms[i] = node->options.cpu_ms(node->options.context, i);
}

/* What each machine of the case took for a byte, all that its guest does included. */
static int add_cpu(struct node *node, const char *step, double bytes, struct error *error)
{
    const struct suite_case *suite_case = node->options.suite_case;
    int code = 0;

    for (size_t i = 0; i < suite_case->node_count && node->cpu_before_ms && code == 0; i++) {
        uint64_t before_ms = node->cpu_before_ms[i];
        uint64_t after_ms = node->options.cpu_ms(node->options.context, i);
        struct metric_token token = {.unit = "ns/B", .better = METRIC_LOWER};
        int length = snprintf(token.name, sizeof token.name, "%s.cpu_qemu.%s", step,
                              suite_case->nodes[i].name);

        if (before_ms == 0 || after_ms <= before_ms)
            continue; /* not known */
        token.value = (double)(after_ms - before_ms) * 1e6 / bytes;
        if (length >= (int)sizeof token.name)
            code = error_set(error, EBADMSG, "\"%.40s...\" is too long for the name of a metric",
                             token.name);
        else
            code = metrics_add(&node->metrics, &token, error);
    }
    return code;
}

/* One that cannot be used says nothing of the others: the node goes on, and fails. */
void node_read_measures(struct node *node, size_t index)
{
    const char *step = name_of(node, index);
    struct error error;
    const char *bytes;
    uint64_t more = 0;
    double arrived = 0;
    size_t count;
    int code;

    command_kept(node->commands[index].command, false, &bytes, &count, &more);
    if (more > 0)
        code = error_set(&error, EFBIG, "it printed more than 1 MiB");
    else
        code = iperf3_read(bytes, count, step, &node->metrics, &arrived, &error);
    if (code == 0)
        code = add_cpu(node, step, arrived, &error);
    if (code < 0)
        node_fault(node, VERDICT_FAILED, false, "step \"%s\": %s", step, error.message);
}
