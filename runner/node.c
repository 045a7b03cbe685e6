#include "runner/node_internal.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void node_changed(struct node *node)
{
    node->options.changed(node->options.context);
}

bool node_is_foreign(const struct node *node)
{
    return node->options.spec->init.directory != NULL;
}

bool node_is_raw(const struct node *node)
{
    return node_is_foreign(node) && node->options.spec->init.raw;
}

void node_fault(struct node *node, enum verdict verdict, bool lost, const char *format, ...)
{
    va_list args;
    char *reason;
    int n;

    if (!node->frozen) {
        node->lost = node->lost || lost;
        if (node->fault != VERDICT_PASSED && verdict_worse(node->fault, verdict) == node->fault)
            return;
    }
    va_start(args, format);
    n = vasprintf(&reason, format, args);
    va_end(args);
    reason = n < 0 ? xstrdup("out of memory") : reason;
    if (node->frozen) {
        node_tell_fate(node, reason);
        free(reason);
        return;
    }
    free(node->fault_reason);
    node->fault_reason = reason;
    node->fault = verdict;
    node->fault_ns = clock_ns();
}

/* -- The console ------------------------------------------------------------------------------- */

/* The guest's ACK may be read after what its init printed later: they come on two sockets. */
static bool runs_foreign_init(const struct node *node)
{
    return node->state == NODE_TOKEN || (node->state == NODE_CONFIGURING && node_is_foreign(node));
}

static void take_token(struct node *node, const struct scanner_event *event)
{
    struct result_token token = {0};
    struct error error;

    if (token_parse(event->text, event->length, node->options.suite_case->name,
                    node->options.spec->name, &token, &error) < 0) {
        node_fault(node, VERDICT_FAILED, true, "a result token cannot be believed: %s",
                   error.message);
        return;
    }
    if (verdict_is_bad(token.verdict) || token.verdict == VERDICT_SKIPPED)
        node_fault(node, token.verdict, true, "its result token says %s%s%s",
                   verdict_name(token.verdict), token.reason ? ": " : "",
                   token.reason ? token.reason : "");
    else if (runs_foreign_init(node)) {
        node->said_passed = node->up = node->booted = true;
        node->state = NODE_DONE;
        timer_stop(node->deadline);
    }
    if (node->token_count == TOKENS_MAX) {
        result_token_free(&token);
        return;
    }
    node->tokens = xreallocarray(node->tokens, node->token_count + 1, sizeof *node->tokens);
    node->tokens[node->token_count++] = token;
}

/* A foreign init says by a ready token that other nodes may count on it. */
static void take_ready(struct node *node)
{
    if (!runs_foreign_init(node) || node->up)
        return;
    node->booted = node->up = true;
    node->ready_ns = clock_ns();
}

/* A PID 1 that ends is a panic to the kernel. That of a foreign init which has given its result is
 * none to us: whether the guest gets so far before it is stopped is a matter of chance. */
static bool is_expected_end(const struct node *node, const struct scanner_event *event)
{
    static const char text[] = "Kernel panic - not syncing: Attempted to kill init!";

    return node_is_foreign(node) && node->token_count > 0 &&
           strncmp(event->text, text, sizeof text - 1) == 0;
}

static void on_scanned(void *context, const struct scanner_event *event)
{
    struct node *node = context;

    switch (event->kind) {
    case SCANNER_RESULT:
        take_token(node, event);
        break;
    case SCANNER_READY:
        take_ready(node);
        break;
    case SCANNER_METRIC:
        node_take_metric(node, event);
        break;
    case SCANNER_MALFORMED:
        if (node->cut_short && node->said_passed)
            break;
        node_fault(node, VERDICT_FAILED, true, "a token cannot be read: %s", event->text);
        break;
    case SCANNER_PANIC:
        if (!is_expected_end(node, event))
            node_fault(node, VERDICT_PANIC, true, "%s", event->text);
        break;
    case SCANNER_OOPS:
        node_fault(node, VERDICT_OOPS, false, "%s", event->text);
        break;
    case SCANNER_OOM:
        node_fault(node, VERDICT_OOM, false, "%s", event->text);
        break;
    case SCANNER_STALL:
    case SCANNER_KINDS:
        break;
    }
    node_changed(node);
}

static void on_console(void *context, const char *bytes, size_t count)
{
    struct node *node = context;

    scanner_feed(node->scanner, bytes, count);
    node_tell_console(node, bytes, count);
}

/* -- The machine ------------------------------------------------------------------------------- */

static void on_started(void *context)
{
    struct node *node = context;

    if (node->state != NODE_STARTING)
        return;
    node->state = node_is_raw(node) ? NODE_TOKEN : NODE_BOOTING;
    if (node->options.machine->fork_of)
        node_booted(node);
    else if (node->state == NODE_BOOTING)
        timer_start(node->deadline, NODE_BOOT_NS);
    node_changed(node);
}

static void on_lied(void *context, const char *message)
{
    struct node *node = context;

    node_fault(node, VERDICT_FAILED, true, "the guest broke the control channel: %s", message);
    node_changed(node);
}

/* -- Life -------------------------------------------------------------------------------------- */

static void make_env(struct node *node)
{
    const struct suite_pair items[] = {
        {(char *)"DUET_NODE", node->options.spec->name},
        {(char *)"DUET_CASE", node->options.suite_case->name},
        {(char *)"DUET_SEED", node->seed},
    };

    snprintf(node->seed, sizeof node->seed, "%" PRIu64, node->options.seed);
    memcpy(node->env_items, items, sizeof items);
}

struct suite_pairs node_environment(const struct node *node)
{
    const struct suite_pairs *shared = &node->options.spec->env;
    struct suite_pairs all = {
        .items = xcalloc(array_size(node->env_items) + shared->count, sizeof *all.items)};

    for (size_t i = 0; i < array_size(node->env_items); i++)
        all.items[all.count++] = node->env_items[i];
    for (size_t i = 0; i < shared->count; i++)
        all.items[all.count++] = shared->items[i];
    return all;
}

int node_new(const struct node_options *options, struct node **out, struct error *error)
{
    const struct scanner_prefix prefixes[] = {
        {options->suite_case->tokens.result, SCANNER_RESULT},
        {options->suite_case->tokens.ready, SCANNER_READY},
        {SCANNER_METRIC_PREFIX, SCANNER_METRIC},
    };
    struct node *node = xcalloc(1, sizeof *node);
    int code;

    node->options = *options;
    node->options.directory = node->directory = xstrdup(options->directory);
    node->options.relative = node->relative = xstrdup(options->relative);
    node->fault = VERDICT_PASSED;
    code = scanner_new(&node->scanner, prefixes, array_size(prefixes), on_scanned, node, error);
    if (code < 0) {
        node_free(node);
        return code;
    }
    node->deadline = loop_timer(options->loop, node_on_deadline, node);
    node->ping = loop_timer(options->loop, node_on_ping, node);
    make_env(node);
    node->command_count = options->spec->background_count + options->spec->step_count;
    node->commands = xcalloc(node->command_count, sizeof *node->commands);
    node_open_channel(node);
    *out = node;
    return 0;
}

void node_free(struct node *node)
{
    if (!node)
        return;
    step_links_free(node->step_links);
    node_forget_reset(node);
    control_free(node->control);
    vm_free(node->vm);
    scanner_free(node->scanner);
    timer_free(node->deadline);
    timer_free(node->ping);
    for (size_t i = 0; i < node->command_count && node->commands; i++) {
        command_free(node->commands[i].command);
        scanner_free(node->commands[i].scanner);
    }
    free(node->commands);
    for (size_t i = 0; i < node->token_count; i++)
        result_token_free(&node->tokens[i]);
    free(node->tokens);
    metrics_free(&node->metrics);
    free(node->cpu);
    free(node->fault_reason);
    free(node->refusal);
    free(node->reset_trouble);
    free(node->directory);
    free(node->relative);
    free(node);
}

void node_start(struct node *node)
{
    static const struct vm_calls calls = {.started = on_started,
                                          .console = on_console,
                                          .ctl = node_on_ctl,
                                          .io = node_on_io,
                                          .lied = on_lied,
                                          .gone = node_on_gone};
    cleanup_free char *log = xasprintf("%s/console.log.gz", node->options.directory);
    struct error error;

    node->state = NODE_STARTING;
    node->started_ns = clock_ns();
    if (node->options.machine->saves_to)
        timer_start(node->deadline, NODE_BOOT_NS);
    if (vm_start(node->options.host, node->options.machine, log, &calls, node, &node->vm, &error) ==
        0)
        return;
    node_fault(node, VERDICT_ERROR, true, "%s", error.message);
    node->state = NODE_GONE;
}

void node_go(struct node *node)
{
    if (node->state != NODE_WAITING)
        return;
    if (node_is_foreign(node))
        node_configure(node);
    else
        node_next_command(node);
}

void node_time_out(struct node *node, uint64_t timeout_ns)
{
    char activity[128];
    double seconds = (double)timeout_ns / NS_PER_S;

    if (node->state == NODE_IDLE || node->state >= NODE_DONE)
        return;
    node_activity(node, activity, sizeof activity);
    if (node->ping_sent_ns && clock_ns() - node->ping_sent_ns > SILENCE_NS / 2)
        node_fault(node, VERDICT_NO_PROGRESS, true,
                   "the guest answers nothing, while %s, as the case's %g s end", activity,
                   seconds);
    else
        node_fault(node, VERDICT_TIMEOUT, true, "the case's %g s ended while %s", seconds,
                   activity);
}

/* A kernel that panicked and an init that failed have more to print before they reset. */
static bool ends_by_itself(const struct node *node)
{
    return node->fault == VERDICT_PANIC || (node->fault == VERDICT_ERROR && node->token_count > 0);
}

static bool cannot_answer(const struct node *node)
{
    if (ends_by_itself(node))
        return false;
    return !node->booted || node_is_foreign(node) || node->fault == VERDICT_NO_PROGRESS;
}

void node_stop(struct node *node, bool now)
{
    if (node->state == NODE_IDLE)
        node->state = NODE_GONE;
    if (node->state == NODE_GONE)
        return;
    if (now || cannot_answer(node)) {
        node->state = NODE_STOPPING;
        vm_stop(node->vm);
    } else if (node->state != NODE_STOPPING) {
        node->state = NODE_STOPPING;
        timer_stop(node->ping);
        if (ends_by_itself(node))
            timer_start(node->deadline, POWEROFF_NS);
        else
            node_ask_to_stop(node);
    }
}

/* -- For somebody who works on it -------------------------------------------------------------- */

void node_freeze(struct node *node)
{
    node->frozen = true;
    if (node->state < NODE_STOPPING)
        timer_stop(node->deadline);
    timer_stop(node->ping);
}

void node_share(struct node *node, const struct node_others *others)
{
    node->others = others ? *others : (struct node_others){0};
    node->was_shared = node->was_shared || others;
}

struct control *node_control(struct node *node)
{
    bool serves = node->booted && !node_is_foreign(node) && node->state != NODE_GONE;

    return serves && !control_is_broken(node->control) ? node->control : NULL;
}

struct vm *node_vm(struct node *node)
{
    return node->vm;
}

/* -- Questions --------------------------------------------------------------------------------- */

enum node_state node_state(const struct node *node)
{
    return node->state;
}

const char *node_name(const struct node *node)
{
    return node->options.spec->name;
}

bool node_is_up(const struct node *node)
{
    return node->up;
}

bool node_is_ready(const struct node *node)
{
    return node->booted;
}

bool node_passed(const struct node *node)
{
    return node->said_passed;
}

enum verdict node_verdict(const struct node *node)
{
    if (node->fault != VERDICT_PASSED)
        return node->fault;
    return node->said_passed ? VERDICT_PASSED : VERDICT_SKIPPED;
}

const char *node_reason(const struct node *node)
{
    return node->fault == VERDICT_PASSED ? NULL : node->fault_reason;
}

uint64_t node_fault_ns(const struct node *node)
{
    return node->fault == VERDICT_PASSED ? UINT64_MAX : node->fault_ns;
}

bool node_is_lost(const struct node *node)
{
    return node->lost;
}

bool node_timer_is_off(const struct node *node)
{
    return node->timer_is_off;
}

const char *node_refusal(const struct node *node)
{
    return node->refusal;
}

void node_activity(const struct node *node, char *text, size_t size)
{
    static const char *const names[] = {
        [NODE_IDLE] = "it was not started",
        [NODE_STARTING] = "starting",
        [NODE_BOOTING] = "booting",
        [NODE_CONFIGURING] = "being configured",
        [NODE_SAVING] = "being saved",
        [NODE_WAITING] = "waiting for other nodes",
        [NODE_TOKEN] = "waiting for its result token",
        [NODE_HELD] = "up",
        [NODE_DONE] = "waiting for the other nodes to finish",
        [NODE_STOPPING] = "stopping",
        [NODE_GONE] = "gone",
    };

    if (node->state == NODE_BACKGROUND || node->state == NODE_STEPS)
        node_describe_command(node, node->current - 1, text, size);
    else if (node->state == NODE_BOOTING && node->reboots > 0)
        snprintf(text, size, "booting again (its kernel measured its timer wrong)");
    else
        snprintf(text, size, "%s", names[node->state]);
}

void node_console_tail(const struct node *node, size_t lines, struct buffer *out)
{
    struct vm_console_state state;

    if (!node->vm)
        return;
    vm_console_state(node->vm, &state);
    ring_tail(state.ring, lines, out);
}
