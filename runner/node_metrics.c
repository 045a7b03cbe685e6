/* What a node measures: metric tokens on its console and on what its commands print. */
#include "base/memory.h"
#include "bench/iperf3.h"
#include "runner/node_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *name_of(const struct node *node, size_t index)
{
    const struct suite_step *step = node_step_at(node, index);

    return step ? step->name : node->options.spec->background[index].name;
}

/* -- What is missing --------------------------------------------------------------------------- */

void node_fault_metric(struct node *node, const char *format, ...)
{
    char reason[ERROR_MESSAGE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (node->frozen || node->fault != VERDICT_FAILED)
        node_fault(node, VERDICT_FAILED, false, "%s", reason);
    else if (strlen(node->fault_reason) + strlen(reason) < REASONS_MAX) {
        char *reasons = xasprintf("%s; %s", node->fault_reason, reason);

        free(node->fault_reason);
        node->fault_reason = reasons;
    }
}

/* -- Tokens ------------------------------------------------------------------------------------ */

static bool is_named_after(const char *name, const char *step)
{
    size_t length = strlen(step);

    return strncmp(name, step, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

/* `step` measures, or is NULL. */
static int take_token(struct node *node, const struct suite_step *step,
                      const struct scanner_event *event, struct error *error)
{
    struct metric_token token;
    int code = metric_parse(event->text, event->length, &token, error);

    if (code < 0)
        return code;
    if (step && step->measures == SUITE_MEASURES_METRICS && !is_named_after(token.name, step->name))
        return error_set(error, EBADMSG,
                         "it is named \"%s\"; expected \"%s\" or \"%s.NAME\", after the step "
                         "that measures it",
                         token.name, step->name, step->name);
    return metrics_add(&node->metrics, &token, error);
}

void node_take_metric(struct node *node, const struct scanner_event *event)
{
    struct error error;

    if (take_token(node, NULL, event, &error) < 0)
        node_fault_metric(node, "a metric token cannot be used: %s", error.message);
}

/* What looks like the kernel's trouble is a program's words here. */
static void on_scanned(void *context, const struct scanner_event *event)
{
    struct node_command *command = context;
    struct node *node = command->node;
    size_t index = (size_t)(command - node->commands);
    const char *why = event->text;
    struct error error;

    if (event->kind != SCANNER_METRIC && event->kind != SCANNER_MALFORMED)
        return;
    command->metrics++;
    if (event->kind == SCANNER_METRIC) {
        if (take_token(node, node_step_at(node, index), event, &error) == 0)
            return;
        why = error.message;
    }
    node_fault_metric(node, "a metric token on the standard output of \"%s\" cannot be used: %s",
                      name_of(node, index), why);
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

/* -- Steps that measure ------------------------------------------------------------------------ */

static int read_iperf3(struct node *node, size_t index, bool counts, struct error *error)
{
    struct metrics dropped = {0};
    const char *step = name_of(node, index);
    const char *bytes;
    uint64_t more = 0;
    double arrived = 0;
    size_t count;
    int code;

    command_kept(node->commands[index].command, false, &bytes, &count, &more);
    if (more > 0)
        return error_set(error, EFBIG, "it printed more than 1 MiB");
    code = iperf3_read(bytes, count, step, counts ? &node->metrics : &dropped, &arrived, error);
    metrics_free(&dropped);
    return code < 0 || !counts ? code : node_add_cpu(node, step, arrived, error);
}

int node_read_measures(struct node *node, size_t index, bool counts)
{
    const struct suite_step *step = node_step_at(node, index);
    struct error error;
    int code = 0;

    if (step->measures == SUITE_MEASURES_IPERF3)
        code = read_iperf3(node, index, counts, &error);
    else if (node->commands[index].metrics == 0)
        code = error_set(&error, ENOMSG, "it printed no metric");
    if (code < 0)
        node_fault_metric(node, "step \"%s\": %s", step->name, error.message);
    return code;
}
