/* The conversation with a node's init: who it is, pings, deadlines, the end. */
#include "runner/node_internal.h"

#include "base/memory.h"
#include "runner/guest_links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A port that is closed is no news: its end came with a fault, or QEMU's end follows. */
void node_sent(struct node *node, int code, const struct error *error)
{
    if (code < 0 && node->state == NODE_STOPPING)
        vm_stop(node->vm);
    else if (code < 0 && code != -EPIPE && !control_is_broken(node->control))
        node_fault(node, code == -ENOBUFS ? VERDICT_NO_PROGRESS : VERDICT_ERROR, true, "%s",
                   error->message);
}

void node_start_deadline(struct node *node, uint64_t timeout_ns)
{
    timer_stop(node->deadline);
    if (timeout_ns > 0)
        timer_start(node->deadline, timeout_ns);
}

void node_refused(struct node *node, const char *reason)
{
    char activity[128];

    node_activity(node, activity, sizeof activity);
    node_fault(node, VERDICT_ERROR, true, "while %s, the guest's init refused: %s", activity,
               reason);
}

/* -- Up to its work ---------------------------------------------------------------------------- */

static void on_configured(void *context, const struct control_answer *answer)
{
    struct node *node = context;

    if (answer->code == -EREMOTEIO)
        node_refused(node, answer->reason);
    if (answer->code < 0 || node->state != NODE_CONFIGURING)
        return;
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

void node_configure(struct node *node)
{
    struct error error;
    int code;

    node->state = NODE_CONFIGURING;
    guest_links_open(node->options.links, node->control);
    node_start_deadline(node, CONFIGURE_NS);
    code = control_configure(node->control, node->options.pod, 0, on_configured, node, &error);
    node_sent(node, code, &error);
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

static void on_ready(void *context, const struct control_ready *ready)
{
    struct node *node = context;

    if (node_is_raw(node))
        node_fault(node, VERDICT_FAILED, true,
                   "the guest said READY on the control channel, which its init has no part in");
    else if (node->state != NODE_BOOTING)
        node_fault(node, VERDICT_FAILED, true, "the guest said READY twice: its init started anew");
    else
        node_says_ready(node, ready);
}

/* -- The channel ------------------------------------------------------------------------------- */

static void on_broken(void *context, int code, const char *message)
{
    struct node *node = context;
    bool is_guest_s = code == -EBADMSG;

    if (code != -EPIPE)
        node_fault(node, is_guest_s ? VERDICT_FAILED : VERDICT_ERROR, true, "%s", message);
}

/* What comes for users who are not there any more is no lie. */
static bool on_other_ctl(void *context, uint64_t base, const struct wire_ctl *frame)
{
    const struct node *node = context;

    if (node->others.ctl)
        node->others.ctl(node->others.context, base, frame);
    return node->was_shared;
}

static bool on_other_io(void *context, uint64_t base, const struct wire_io *frame)
{
    const struct node *node = context;

    if (node->others.io)
        node->others.io(node->others.context, base, frame);
    return node->was_shared;
}

static int send_ctl(void *context, uint32_t code, const void *payload, size_t count,
                    struct error *error)
{
    const struct node *node = context;

    return vm_send(node->vm, code, payload, count, error);
}

static int send_io(void *context, uint64_t stream, const void *bytes, size_t count,
                   struct error *error)
{
    const struct node *node = context;

    return vm_send_io(node->vm, stream, bytes, count, error);
}

void node_open_channel(struct node *node)
{
    node->control = control_new(&(struct control_options){
        .loop = node->options.loop,
        .link = {.send_ctl = send_ctl, .send_io = send_io},
        .calls = {.ready = on_ready,
                  .broken = on_broken,
                  .other_ctl = on_other_ctl,
                  .other_io = on_other_io},
        .context = node,
    });
}

void node_on_ctl(void *context, const struct wire_ctl *frame)
{
    struct node *node = context;

    if (node->state == NODE_GONE)
        return;
    control_take_ctl(node->control, frame);
    node_changed(node);
}

void node_on_io(void *context, const struct wire_io *frame)
{
    struct node *node = context;

    control_take_io(node->control, frame);
    node_changed(node);
}

/* -- Time -------------------------------------------------------------------------------------- */

/* A guest that is not run while the host goes on answers late, and where its clock stands as well,
 * that has fallen behind. */
static void check_clock(struct node *node, uint64_t sent_ns, uint64_t guest_ns)
{
    uint64_t now_ns = clock_ns(), doubt_ns = (now_ns - sent_ns) / 2;
    uint64_t ahead_ns = guest_ns - (sent_ns + doubt_ns); /* modulo 2^64: it may be behind */
    bool is_known = guest_ns != 0;                       /* an agent may not tell it */
    int64_t lost_ns = 0;
    uint64_t length_ns = 0;

    if (node->clock_known && is_known)
        lost_ns = (int64_t)(node->clock_ahead_ns - ahead_ns);
    if (lost_ns > (int64_t)(doubt_ns + node->clock_doubt_ns + HUSH_NS))
        length_ns = (uint64_t)lost_ns;
    else if (now_ns - sent_ns > HUSH_NS)
        length_ns = now_ns - sent_ns;
    if (length_ns > now_ns - node->answered_ns)
        length_ns = now_ns - node->answered_ns; /* whatever the guest says */
    if (length_ns && node->options.stalled && node->state < NODE_STOPPING)
        node->options.stalled(node->options.context, node_name(node), now_ns - length_ns,
                              length_ns);
    node->clock_known = is_known;
    node->clock_ahead_ns = ahead_ns;
    node->clock_doubt_ns = doubt_ns;
}

static void on_pong(void *context, const struct control_answer *answer)
{
    struct node *node = context;

    if (answer->code < 0)
        return;
    check_clock(node, node->ping_sent_ns, answer->clock_ns);
    node->ping_sent_ns = 0;
    node->answered_ns = clock_ns();
    node->cpu_at_answer_ms = vm_cpu_ms(node->vm);
}

static void ping(struct node *node)
{
    struct error error;

    node->ping_sent_ns = clock_ns();
    guest_links_ask(node->options.links);
    node_sent(node, control_request(node->control, WIRE_PING, "", 0, on_pong, node, &error),
              &error);
}

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
    if (!node->ping_sent_ns)
        ping(node);
    timer_start(node->ping, PING_NS);
}

static void on_destroyed(void *context, const struct control_answer *answer)
{
    struct node *node = context;

    if (answer->code == -EREMOTEIO)
        node_refused(node, answer->reason);
    if (answer->code < 0)
        return;
    node->console_whole = true;
    vm_stop(node->vm);
}

static void on_links_closed(void *context)
{
    struct node *node = context;
    struct error error;

    if (node->state != NODE_STOPPING)
        return;
    node_start_deadline(node, POWEROFF_NS);
    node_sent(node,
              control_request(node->control, WIRE_DESTROYPOD, "", 0, on_destroyed, node, &error),
              &error);
}

/* The node's links end first, and say what they have seen. */
static void destroy(struct node *node)
{
    node->destroying = true;
    node_start_deadline(node, POWEROFF_NS);
    guest_links_close(node->options.links, on_links_closed, node);
}

void node_on_deadline(void *context)
{
    struct node *node = context;
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
    else if (node->state == NODE_BOOTING && node->reset_trouble)
        node_fault(node, VERDICT_ERROR, true,
                   "the guest's kernel measured its timer wrong, and its machine was not reset: %s",
                   node->reset_trouble);
    else if (node->state == NODE_BOOTING)
        node_fault(node, VERDICT_NO_PROGRESS, true, "the guest was not ready %.0f s after its %s",
                   (double)NODE_BOOT_NS / NS_PER_S, node->reboots > 0 ? "last reset" : "start");
    else if (node->state == NODE_CONFIGURING)
        node_fault(node, VERDICT_NO_PROGRESS, true,
                   "the guest was not configured %.0f s after it was told how",
                   (double)CONFIGURE_NS / NS_PER_S);
    else if (node->state == NODE_BACKGROUND)
        node_late_background(node);
    else
        node_fault(node, VERDICT_NO_PROGRESS, true,
                   "%s; its timeout is long over and the guest does not say so", activity);
    node_changed(node);
}

void node_link_lied(struct node *node, const char *message)
{
    node_fault(node, VERDICT_FAILED, true, "the guest broke its link %s", message);
    node_changed(node);
}

/* Again when the last of those with a signal of their own has ended. */
void node_ask_to_stop(struct node *node)
{
    if (!node->stop_asked && node_signal_background(node)) {
        node->stop_asked = true;
        node_start_deadline(node, STOP_NS);
        return;
    }
    destroy(node);
}
