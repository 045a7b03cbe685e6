/* The conversation with a node's init: commands in their order, their output, pings, the end. */
#include "runner/node_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static const struct suite_background *background_at(const struct node *node, size_t index)
{
    const struct suite_node *spec = node->options.spec;

    return index < spec->background_count ? &spec->background[index] : NULL;
}

static const struct suite_step *step_at(const struct node *node, size_t index)
{
    const struct suite_node *spec = node->options.spec;

    return index < spec->background_count ? NULL : &spec->steps[index - spec->background_count];
}

void node_describe_command(const struct node *node, size_t index, char *text, size_t size)
{
    const struct suite_background *background = background_at(node, index);

    if (background)
        snprintf(text, size, "background process \"%s\" gets ready", background->name);
    else
        snprintf(text, size, "step \"%s\" (%zu of %zu) runs", step_at(node, index)->name,
                 index - node->options.spec->background_count + 1, node->options.spec->step_count);
}

/* A port that is closed is no news: its end came with a fault, or QEMU's end follows. */
static void send_request(struct node *node, enum wire_code code, char *payload)
{
    struct error error;
    int result = vm_send(node->vm, code, payload, &error);

    free(payload);
    if (result < 0 && node->state == NODE_STOPPING)
        vm_stop(node->vm);
    else if (result < 0 && result != -EPIPE)
        node_fault(node, result == -ENOBUFS ? VERDICT_NO_PROGRESS : VERDICT_ERROR, true, "%s",
                   error.message);
}

/* -- Commands ---------------------------------------------------------------------------------- */

static int make_command(struct node *node, size_t index, struct error *error)
{
    const struct suite_background *background = background_at(node, index);
    const struct suite_step *step = step_at(node, index);
    const char *name = background ? background->name : step->name;
    cleanup_free char *file = xstrdup(name);
    cleanup_free char *numbered = NULL;

    for (char *at = file; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at))
            *at = '_';
    numbered = xasprintf("%02zu-%.60s", index + 1, file);
    return command_new(&(struct command_spec){.id = index + 1,
                                              .name = name,
                                              .expect = step ? &step->expect : NULL,
                                              .directory = node->options.directory,
                                              .relative = node->options.relative,
                                              .file = numbered},
                       &node->commands[index], error);
}

static void start_deadline(struct node *node, uint64_t timeout_ns)
{
    timer_stop(node->deadline);
    if (timeout_ns > 0)
        timer_start(node->deadline, timeout_ns);
}

static void start_command(struct node *node, size_t index)
{
    const struct suite_background *background = background_at(node, index);
    const struct suite_step *step = step_at(node, index);
    struct agent_command command = {
        .id = index + 1,
        .name = background ? background->name : step->name,
        .script = background ? background->run : step->run,
        .env = {&node->env, &node->options.spec->env, background ? &background->env : &step->env},
        .ready = background ? &background->ready : NULL,
        .stdout_stream = 2 * (index + 1),
        .stderr_stream = 2 * (index + 1) + 1,
        .timeout_ms = step ? (step->timeout_ns + NS_PER_MS - 1) / NS_PER_MS : 0,
    };
    struct error error;

    node->current = index + 1;
    node->command_started_ns = clock_ns();
    node->state = background ? NODE_BACKGROUND : NODE_STEPS;
    if (make_command(node, index, &error) < 0) {
        node_fault(node, VERDICT_ERROR, true, "%s", error.message);
        return;
    }
    if (background)
        start_deadline(node, background->ready_timeout_ns);
    else
        start_deadline(node, step->timeout_ns ? step->timeout_ns + BACKSTOP_NS : 0);
    send_request(node, WIRE_EXECCMD, agent_execcmd(&command));
}

void node_next_command(struct node *node)
{
    if (node->current >= node->options.spec->background_count)
        node->up = true;
    if (node->current < node->command_count) {
        start_command(node, node->current);
    } else {
        timer_stop(node->deadline);
        node->state = NODE_DONE;
        node->said_passed = true;
    }
    node_changed(node);
}

static void step_ended(struct node *node, size_t index)
{
    const struct suite_step *step = step_at(node, index);
    struct node_result holder = {0};
    struct step_result *result = node_result_add_step(&holder);

    node->judged = index + 1;
    command_result(node->commands[index], result);
    if (result->verdict == VERDICT_TIMEOUT &&
        clock_ns() - node->command_started_ns < step->timeout_ns / 10 * 9)
        node_fault(node, VERDICT_INVALID, true,
                   "step \"%s\" ran into its timeout of %g s after %g s of the host's time: the "
                   "guest's clock is wrong",
                   step->name, (double)step->timeout_ns / NS_PER_S,
                   (double)(clock_ns() - node->command_started_ns) / NS_PER_S);
    else if (result->verdict != VERDICT_PASSED)
        node_fault(node, result->verdict, true, "step \"%s\": %s", step->name, result->reason);
    node_result_free(&holder);
}

/* The first fault of the worst kind is the node's, so the first blame is kept too. */
static void blame_background(struct node *node, size_t index)
{
    if (!node->blamed)
        node->blamed = index + 1;
}

/* A background process that ends well before it is ready may have put itself into the background;
 * one that ends badly is never what the test wants. */
static void background_ended(struct node *node, size_t index, const struct agent_event *event)
{
    const struct suite_background *background = background_at(node, index);
    bool before_ready = index + 1 == node->current && node->state == NODE_BACKGROUND;

    if (event->status == 0 || node->state >= NODE_STOPPING)
        return;
    blame_background(node, index);
    if (event->signal)
        node_fault(node, VERDICT_FAILED, true,
                   "background process \"%s\" was killed by signal %d "
                   "(%s)%s",
                   background->name, event->signal, strsignal(event->signal),
                   before_ready ? " before it was ready" : " while it was needed");
    else
        node_fault(node, VERDICT_FAILED, true, "background process \"%s\" ended with status %d%s",
                   background->name, event->status,
                   before_ready ? " before it was ready" : " while it was needed");
}

/* The guest's word and the output come on two ports: whichever is later completes the command. */
static void check_complete(struct node *node, size_t index)
{
    if (!command_complete(node->commands[index]) || node->state != NODE_STEPS || node->lost ||
        index + 1 != node->current)
        return;
    step_ended(node, index);
    if (!node->lost)
        node_next_command(node);
}

/* -- What init says ---------------------------------------------------------------------------- */

void node_configure(struct node *node)
{
    uint8_t entropy[AGENT_ENTROPY_SIZE];
    struct timespec now;

    node->state = NODE_CONFIGURING;
    node->startpod_id = node->next_id++;
    start_deadline(node, CONFIGURE_NS);
    if (getrandom(entropy, sizeof entropy, 0) != sizeof entropy) {
        node_fault(node, VERDICT_ERROR, true, "the host has no entropy for the guest: %s",
                   strerror(errno));
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    send_request(node, WIRE_STARTPOD,
                 agent_startpod(node->startpod_id, node->options.pod,
                                (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec, entropy));
}

/* A foreign init runs as soon as its node is configured, and that it is not before its time. */
void node_booted(struct node *node)
{
    timer_stop(node->deadline);
    if (node->options.machine->saves_to) {
        node_save(node);
    } else if (node_is_foreign(node)) {
        node->state = NODE_WAITING;
    } else {
        node_configure(node);
    }
}

static void on_ready(struct node *node)
{
    if (node_is_raw(node))
        node_fault(node, VERDICT_FAILED, true,
                   "the guest said READY on the control channel, which its init has no part in");
    else if (node->state != NODE_BOOTING)
        node_fault(node, VERDICT_FAILED, true, "the guest said READY twice: its init started anew");
    else
        node_booted(node);
}

static void on_configured(struct node *node)
{
    timer_stop(node->deadline);
    if (node_is_foreign(node)) {
        node->state = NODE_TOKEN;
        return;
    }
    node->booted = true;
    node->ready_ns = node->answered_ns = clock_ns();
    node->state = NODE_WAITING;
    timer_start(node->ping, PING_NS);
}

/* The index of the command that `id` names, or SIZE_MAX where the guest made it up. */
static size_t command_index(struct node *node, uint64_t id, const char *what)
{
    if (id >= 1 && id <= node->current && node->commands[id - 1])
        return (size_t)id - 1;
    node_fault(node, VERDICT_FAILED, true,
               "the guest broke the control channel: its %s names "
               "command %" PRIu64 ", which was not started",
               what, id);
    return SIZE_MAX;
}

static void on_acked(struct node *node, const struct agent_event *event)
{
    const struct suite_background *background;

    if (event->request == WIRE_PING) {
        if (event->id != node->ping_id)
            return;
        node->ping_sent_ns = 0;
        node->answered_ns = clock_ns();
        node->cpu_at_answer_ms = vm_cpu_ms(node->vm);
        return;
    }
    if (event->request == WIRE_STARTPOD) {
        if (node->state == NODE_CONFIGURING && event->id == node->startpod_id)
            on_configured(node);
        return;
    }
    if (event->request == WIRE_DESTROYPOD) {
        if (node->destroying) {
            node->console_whole = true;
            vm_stop(node->vm);
        } else {
            node_fault(node, VERDICT_FAILED, true,
                       "the guest broke the control channel: it says that it ends, unasked");
        }
        return;
    }
    if (event->request != WIRE_EXECCMD || event->id != node->current)
        return;
    background = background_at(node, node->current - 1);
    if (background && background->ready.kind == SUITE_READY_STARTED &&
        node->state == NODE_BACKGROUND)
        node_next_command(node);
}

static void on_refused(struct node *node, const struct agent_event *event)
{
    char activity[128];

    if (event->request == WIRE_KILLCONTAINER)
        return; /* it ended by itself in the meantime */
    node_activity(node, activity, sizeof activity);
    node_fault(node, VERDICT_ERROR, true, "while %s, the guest's init refused: %s", activity,
               event->reason);
}

static void on_command_ready(struct node *node, uint64_t id)
{
    size_t index = command_index(node, id, "CMDREADY");

    if (index != SIZE_MAX && index + 1 == node->current && node->state == NODE_BACKGROUND)
        node_next_command(node);
}

/* A background process that runs and wants another signal than DESTROYPOD's. */
static bool wants_own_signal(const struct node *node, size_t index)
{
    return node->commands[index] && !command_ended(node->commands[index]) &&
           background_at(node, index)->stop_signal != SIGTERM;
}

static bool signalled_left(const struct node *node)
{
    for (size_t i = 0; i < node->current && i < node->options.spec->background_count; i++)
        if (wants_own_signal(node, i))
            return true;
    return false;
}

static void destroy(struct node *node)
{
    node->destroying = true;
    start_deadline(node, POWEROFF_NS);
    send_request(node, WIRE_DESTROYPOD, agent_plain(node->next_id++));
}

static void on_finished(struct node *node, const struct agent_event *event)
{
    size_t index = command_index(node, event->id, "CMDFINISHED");

    if (index == SIZE_MAX)
        return;
    if (command_ended(node->commands[index])) {
        node_fault(node, VERDICT_FAILED, true,
                   "the guest broke the control channel: command "
                   "%zu ended twice",
                   index + 1);
        return;
    }
    command_finished(node->commands[index], event);
    if (background_at(node, index))
        background_ended(node, index, event);
    else
        check_complete(node, index);
    if (node->stop_asked && !node->destroying && !signalled_left(node))
        destroy(node);
}

static void take_event(struct node *node, const struct agent_event *event)
{
    switch (event->code) {
    case WIRE_READY:
        on_ready(node);
        break;
    case WIRE_ACK:
        on_acked(node, event);
        break;
    case WIRE_ERROR:
        on_refused(node, event);
        break;
    case WIRE_CMDREADY:
        on_command_ready(node, event->id);
        break;
    case WIRE_CMDFINISHED:
        on_finished(node, event);
        break;
    default:
        break;
    }
}

void node_on_ctl(void *context, const struct wire_ctl *frame)
{
    struct node *node = context;
    struct agent_event event;
    struct error error;
    int code;

    if (node->state == NODE_GONE)
        return;
    code = agent_read(frame, &event, &error);
    if (code < 0)
        node_fault(node, code == -EPROTO ? VERDICT_ERROR : VERDICT_FAILED, true, "%s",
                   error.message);
    else
        take_event(node, &event);
    node_changed(node);
}

void node_on_io(void *context, const struct wire_io *frame)
{
    struct node *node = context;
    struct error error;
    size_t index;

    index = command_index(node, frame->stream / 2, "output");
    if (index == SIZE_MAX) {
        node_changed(node);
        return;
    }
    if (command_output(node->commands[index], frame->stream % 2, frame->data, frame->length,
                       &error) < 0)
        node_fault(node, VERDICT_FAILED, true, "%s", error.message);
    if (step_at(node, index))
        check_complete(node, index);
    node_changed(node);
}

/* -- Time -------------------------------------------------------------------------------------- */

void node_on_ping(void *context)
{
    struct node *node = context;
    uint64_t now = clock_ns();

    if (node->state >= NODE_STOPPING)
        return;
    if (node->ping_sent_ns && now - node->ping_sent_ns >= SILENCE_NS) {
        char activity[128];

        node_activity(node, activity, sizeof activity);
        node_fault(node, VERDICT_NO_PROGRESS, true,
                   "while %s, the guest answered nothing for %.0f s, in which QEMU used %.1f s of "
                   "CPU time",
                   activity, (double)(now - node->answered_ns) / NS_PER_S,
                   (double)(vm_cpu_ms(node->vm) - node->cpu_at_answer_ms) / 1000);
        node_changed(node);
        return;
    }
    if (!node->ping_sent_ns) {
        node->ping_sent_ns = now;
        node->ping_id = node->next_id++;
        send_request(node, WIRE_PING, agent_plain(node->ping_id));
    }
    timer_start(node->ping, PING_NS);
}

void node_on_deadline(void *context)
{
    struct node *node = context;
    const struct suite_background *background = background_at(node, node->current - 1);
    char activity[128];

    node_activity(node, activity, sizeof activity);
    if (node->state == NODE_STOPPING && node->stop_asked && !node->destroying) {
        destroy(node);
        return;
    }
    if (node->state == NODE_STOPPING)
        vm_stop(node->vm);
    else if (node->state == NODE_STARTING || node->state == NODE_SAVING)
        node_give_up(node, activity);
    else if (node->state == NODE_BOOTING)
        node_fault(node, VERDICT_NO_PROGRESS, true,
                   "the guest was not ready %.0f s after its start",
                   (double)NODE_BOOT_NS / NS_PER_S);
    else if (node->state == NODE_CONFIGURING)
        node_fault(node, VERDICT_NO_PROGRESS, true,
                   "the guest was not configured %.0f s after it was told how",
                   (double)CONFIGURE_NS / NS_PER_S);
    else if (node->state == NODE_BACKGROUND) {
        blame_background(node, node->current - 1);
        node_fault(node, VERDICT_TIMEOUT, true,
                   "background process \"%s\" was not ready after %g s", background->name,
                   (double)background->ready_timeout_ns / NS_PER_S);
    } else
        node_fault(node, VERDICT_NO_PROGRESS, true,
                   "%s; its timeout is long over and the guest does not say so", activity);
    node_changed(node);
}

void node_ask_to_stop(struct node *node)
{
    for (size_t i = 0; i < node->current && i < node->options.spec->background_count; i++) {
        if (!wants_own_signal(node, i))
            continue;
        send_request(node, WIRE_KILLCONTAINER,
                     agent_kill(node->next_id++, i + 1, background_at(node, i)->stop_signal));
        node->stop_asked = true;
    }
    if (node->stop_asked)
        start_deadline(node, STOP_NS);
    else
        destroy(node);
}
