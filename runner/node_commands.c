/* A node's background processes, then its steps, one after another. */
#include "base/memory.h"
#include "runner/node_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct suite_background *background_at(const struct node *node, size_t index)
{
    const struct suite_node *spec = node->options.spec;

    return index < spec->background_count ? &spec->background[index] : NULL;
}

const struct suite_step *node_step_at(const struct node *node, size_t index)
{
    const struct suite_node *spec = node->options.spec;

    return index < spec->background_count ? NULL : &spec->steps[index - spec->background_count];
}

static bool measures_cpu(const struct suite_step *step)
{
    return step && step->measures == SUITE_MEASURES_IPERF3;
}

static size_t index_of(const struct node_command *command)
{
    return (size_t)(command - command->node->commands);
}

void node_describe_command(const struct node *node, size_t index, char *text, size_t size)
{
    const struct suite_background *background = background_at(node, index);

    if (background)
        snprintf(text, size, "background process \"%s\" gets ready", background->name);
    else
        snprintf(text, size, "step \"%s\" (%zu of %zu) %s", node_step_at(node, index)->name,
                 index - node->options.spec->background_count + 1, node->options.spec->step_count,
                 node->step_links ? "changes its links" : "runs");
}

/* -- How they end ------------------------------------------------------------------------------ */

/* A measurement that fails says on standard error why, and is one of many: nobody looks at each
 * one's files. */
static void fault_measure(struct node *node, size_t index, const struct step_result *result)
{
    char said[COMMAND_LINE_MAX];

    command_last_line(node->commands[index].command, said, sizeof said);
    node_fault_metric(node, "step \"%s\": %s%s%s", result->name, result->reason,
                      said[0] ? ": " : "", said);
}

/* iperf3 that ends badly says why in its results, but for one that was not there (a shell's 126 and
 * 127), or that something ended (128 and a signal's number). */
static bool has_results(const struct suite_step *step, const struct step_result *result)
{
    bool ended_by_itself = !result->timed_out && result->status < 126;

    return step->measures && (result->verdict == VERDICT_PASSED ||
                              (step->measures == SUITE_MEASURES_IPERF3 && ended_by_itself));
}

static void judge_step(struct node *node, size_t index)
{
    const struct suite_step *step = node_step_at(node, index);
    struct node_result holder = {0};
    struct step_result *result = node_result_add_step(&holder);
    uint64_t taken_ns = clock_ns() - node->command_started_ns;

    node->judged = index + 1;
    command_result(node->commands[index].command, result);
    if (result->verdict == VERDICT_TIMEOUT && taken_ns < step->timeout_ns / 10 * 9)
        node_fault(node, VERDICT_INVALID, true,
                   "step \"%s\" ran into its timeout of %g s after %g s of the host's time: the "
                   "guest's clock is wrong",
                   step->name, (double)step->timeout_ns / NS_PER_S, (double)taken_ns / NS_PER_S);
    else if (has_results(step, result) &&
             node_read_measures(node, index, result->verdict == VERDICT_PASSED) < 0)
        ; /* it has said why */
    else if (step->measures && result->verdict == VERDICT_FAILED)
        fault_measure(node, index, result);
    else if (result->verdict != VERDICT_PASSED)
        node_fault(node, result->verdict, !step->measures, "step \"%s\": %s", step->name,
                   result->reason);
    node_result_free(&holder);
}

/* The first fault of the worst kind is the node's, so the first blame is kept too. */
static void blame_background(struct node *node, size_t index)
{
    if (!node->blamed)
        node->blamed = index + 1;
}

static bool gets_ready(const struct node *node, size_t index)
{
    return index + 1 == node->current && node->state == NODE_BACKGROUND;
}

/* A background process that ends well before it is ready may have put itself into the background;
 * one that ends badly is never what the test wants. */
static void background_ended(struct node *node, size_t index, const struct control_end *end)
{
    const struct suite_background *background = background_at(node, index);
    const char *when = gets_ready(node, index) ? "before it was ready" : "while it was needed";

    if (end->status == 0 || node->state >= NODE_STOPPING)
        return;
    blame_background(node, index);
    if (end->signal)
        node_fault(node, VERDICT_FAILED, true,
                   "background process \"%s\" was killed by signal %d (%s) %s", background->name,
                   end->signal, strsignal(end->signal), when);
    else
        node_fault(node, VERDICT_FAILED, true, "background process \"%s\" ended with status %d %s",
                   background->name, end->status, when);
}

void node_late_background(struct node *node)
{
    const struct suite_background *background = background_at(node, node->current - 1);

    blame_background(node, node->current - 1);
    node_fault(node, VERDICT_TIMEOUT, true, "background process \"%s\" was not ready after %g s",
               background->name, (double)background->ready_timeout_ns / NS_PER_S);
}

/* -- What the guest says of them --------------------------------------------------------------- */

static void on_started(void *context)
{
    const struct node_command *command = context;
    struct node *node = command->node;
    const struct suite_background *background = background_at(node, index_of(command));

    if (background && background->ready.kind == SUITE_READY_STARTED &&
        gets_ready(node, index_of(command)))
        node_next_command(node);
}

static void on_ready(void *context)
{
    const struct node_command *command = context;

    if (gets_ready(command->node, index_of(command)))
        node_next_command(command->node);
}

static void on_output(void *context, enum control_output output, const char *bytes, size_t count)
{
    const struct node_command *command = context;
    const struct suite_background *background = background_at(command->node, index_of(command));

    command_output(command->command, output == CONTROL_STDERR, bytes, count);
    if (output != CONTROL_STDERR)
        node_scan_output(command->node, index_of(command), bytes, count);
    if (background)
        node_tell_output(command->node, background->name, bytes, count);
    control_taken(command->running, output, count);
}

/* A channel that broke is the node's fault already. */
static void on_ended(void *context, const struct control_end *end)
{
    const struct node_command *command = context;
    struct node *node = command->node;

    if (end->code == -EREMOTEIO)
        node_refused(node, end->reason);
    if (end->code < 0)
        return;
    command_finished(command->command, end);
    if (background_at(node, index_of(command)))
        background_ended(node, index_of(command), end);
    if (node->stop_asked && !node->destroying && !node_has_signalled_left(node))
        node_ask_to_stop(node);
}

static void end_step(struct node *node)
{
    judge_step(node, node->current - 1);
    if (!node->lost)
        node_next_command(node);
}

/* The question took a while. */
static bool goes_on(const struct node *node)
{
    return !node->frozen && !node->lost && node->state == NODE_STEPS;
}

static void on_cpu_after(struct node *node)
{
    if (!goes_on(node))
        return;
    end_step(node);
    node_changed(node);
}

static void on_complete(void *context, const struct control_end *end)
{
    const struct node_command *command = context;
    struct node *node = command->node;
    size_t index = index_of(command);

    if (end->code < 0 || node->state != NODE_STEPS || node->lost || index + 1 != node->current)
        return;
    if (!measures_cpu(node_step_at(node, index))) {
        end_step(node);
        return;
    }
    timer_stop(node->deadline); /* the step's; the others have their pings */
    node_ask_cpu(node, on_cpu_after);
}

/* -- How they start ---------------------------------------------------------------------------- */

static int open_files(struct node *node, size_t index, struct error *error)
{
    const struct suite_background *background = background_at(node, index);
    const struct suite_step *step = node_step_at(node, index);
    const char *name = background ? background->name : step->name;
    cleanup_free char *file = xstrdup(name);
    cleanup_free char *numbered = NULL;

    for (char *at = file; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at))
            *at = '_';
    numbered = xasprintf("%02zu-%.60s", index + 1, file);
    return command_new(&(struct command_spec){.name = name,
                                              .expect = step ? &step->expect : NULL,
                                              .directory = node->options.directory,
                                              .relative = node->options.relative,
                                              .file = numbered},
                       &node->commands[index].command, error);
}

static void add_env(struct control_exec *exec, struct control_variable *to,
                    const struct suite_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        to[exec->env_count++] =
            (struct control_variable){.name = pairs->items[i].name, .value = pairs->items[i].value};
}

static void ask_readiness(struct control_exec *exec, const struct suite_ready *ready)
{
    static const enum control_readiness kinds[] = {
        [SUITE_READY_STARTED] = CONTROL_NOT_ASKED, [SUITE_READY_TCP] = CONTROL_TCP,
        [SUITE_READY_UDP] = CONTROL_UDP,           [SUITE_READY_PATH] = CONTROL_PATH,
        [SUITE_READY_OUTPUT] = CONTROL_OUTPUT,     [SUITE_READY_COMMAND] = CONTROL_COMMAND};

    exec->ready = kinds[ready->kind];
    exec->ready_port = ready->port;
    exec->ready_text = ready->text;
}

static int execute(struct node *node, size_t index, struct error *error)
{
    static const struct control_command_calls calls = {.started = on_started,
                                                       .ready = on_ready,
                                                       .output = on_output,
                                                       .ended = on_ended,
                                                       .complete = on_complete};
    const struct suite_background *background = background_at(node, index);
    const struct suite_step *step = node_step_at(node, index);
    const struct suite_pairs *own = background ? &background->env : &step->env;
    struct suite_pairs shared = node_environment(node);
    const char *const argv[] = {"/bin/sh", "-c", background ? background->run : step->run, NULL};
    cleanup_free struct control_variable *env = xcalloc(shared.count + own->count, sizeof *env);
    struct control_exec exec = {.name = background ? background->name : step->name,
                                .argv = argv,
                                .env = env,
                                .background = background != NULL};

    add_env(&exec, env, &shared);
    add_env(&exec, env, own);
    free(shared.items);
    if (background)
        ask_readiness(&exec, &background->ready);
    else
        exec.timeout_ms = (step->timeout_ns + NS_PER_MS - 1) / NS_PER_MS;
    node->commands[index].node = node;
    return control_exec(node->control, &exec, &calls, &node->commands[index],
                        &node->commands[index].running, error);
}

static void run_command(struct node *node, size_t index)
{
    const struct suite_background *background = background_at(node, index);
    const struct suite_step *step = node_step_at(node, index);
    struct error error;

    node->command_started_ns = clock_ns();
    if (open_files(node, index, &error) < 0) {
        node_fault(node, VERDICT_ERROR, true, "%s", error.message);
        return;
    }
    if (background)
        node_start_deadline(node, background->ready_timeout_ns);
    else
        node_start_deadline(node, step->timeout_ns ? step->timeout_ns + NODE_BACKSTOP_NS : 0);
    node_sent(node, execute(node, index, &error), &error);
}

static void on_cpu_before(struct node *node)
{
    if (!goes_on(node))
        return;
    run_command(node, node->current - 1);
    node_changed(node);
}

static void measure_command(struct node *node, size_t index)
{
    if (!measures_cpu(node_step_at(node, index))) {
        run_command(node, index);
        return;
    }
    timer_stop(node->deadline);
    node_ask_cpu(node, on_cpu_before);
}

static void on_links_changed(void *context, const struct error *error)
{
    struct node *node = context;
    size_t index = node->current - 1;

    if (node->frozen || node->state != NODE_STEPS)
        return;
    if (error)
        node_fault(node, VERDICT_ERROR, true, "step \"%s\": %s", node_step_at(node, index)->name,
                   error->message);
    step_links_free(steal_pointer(&node->step_links));
    if (!node->lost)
        measure_command(node, index);
    node_changed(node);
}

/* A guest that does not answer for its links is found out by the pings of its node. */
static void start_command(struct node *node, size_t index)
{
    const struct suite_step *step = node_step_at(node, index);

    node->current = index + 1;
    node->state = step ? NODE_STEPS : NODE_BACKGROUND;
    if (!step || step->impair_count == 0) {
        measure_command(node, index);
        return;
    }
    timer_stop(node->deadline);
    node->step_links = step_links_new(node->options.control, step, on_links_changed, node);
}

/* Before those that are left, where a node is kept instead. */
static bool is_held_at(const struct node *node, size_t index)
{
    return node->options.hold && index >= node->options.spec->background_count;
}

void node_next_command(struct node *node)
{
    if (node->frozen)
        return;
    if (node->current >= node->options.spec->background_count)
        node->up = true;
    if (is_held_at(node, node->current)) {
        timer_stop(node->deadline);
        node->state = NODE_HELD;
    } else if (node->current < node->command_count) {
        start_command(node, node->current);
    } else {
        timer_stop(node->deadline);
        node->state = NODE_DONE;
        node->said_passed = true;
    }
    node_changed(node);
}

/* -- The end of background processes ----------------------------------------------------------- */

/* One that runs and wants another signal than DESTROYPOD's. */
static bool wants_own_signal(const struct node *node, size_t index)
{
    const struct node_command *command = &node->commands[index];

    return command->running && !command_ended(command->command) &&
           background_at(node, index)->stop_signal != SIGTERM;
}

bool node_has_signalled_left(const struct node *node)
{
    for (size_t i = 0; i < node->current && i < node->options.spec->background_count; i++)
        if (wants_own_signal(node, i))
            return true;
    return false;
}

bool node_signal_background(struct node *node)
{
    bool any = false;

    for (size_t i = 0; i < node->current && i < node->options.spec->background_count; i++) {
        if (!wants_own_signal(node, i))
            continue;
        control_signal(node->commands[i].running, background_at(node, i)->stop_signal);
        any = true;
    }
    return any;
}
