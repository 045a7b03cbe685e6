/* A boot that went wrong without a word. The kernel measures how fast its APIC timer counts by
 * waiting for the TSC (Linux, arch/x86/kernel/apic/apic.c, calibrate_APIC_clock). A host that is
 * busy at the beginning or the end of that has it measure too little or too much, and then each
 * timer of the guest ends late, or is set anew many times over; with nearly nothing the kernel does
 * without the timer, and without another one no timer ends at all. Under KVM kernels have the TSC's
 * deadline instead, and measure nothing. */
#include "runner/node_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* QEMU and KVM have it count each ns, and kernels have it divide that by 16. */
#define APIC_HZ 62500000

/* From a failed reset to QEMU's end, which is what had it fail, as a rule. */
#define ENDING_NS (5 * NS_PER_S)

/* By how much the kernel may be wrong: 0.1 is a tenth. A host with nothing else to do has it right
 * within 0.001. The later the boot, the busier the host has shown to be. */
static const double error_max[] = {0.01, 0.01, 0.02, 0.05, 0.1};

enum { BOOTS_MAX = sizeof error_max / sizeof *error_max };

struct node_reset {
    struct node *node; /* NULL: nobody waits for it */
    double ratio;      /* of the boot that it is to end */
    bool is_ready;     /* the next boot has said READY … */
    double next_ratio; /* … with this */
};

/* What the kernel has measured by what there is; 0: it has no timer. */
static double timer_ratio(const struct control_ready *ready)
{
    if (!ready->tick_device)
        return 1;
    if (!*ready->tick_device)
        return 0;
    return strcmp(ready->tick_device, "lapic") == 0 ? (double)ready->tick_hz / APIC_HZ : 1;
}

static bool is_within(double ratio, double error)
{
    return ratio > 0 && fabs(ratio - 1) <= error;
}

static void go_on(struct node *node, double ratio)
{
    node->timer_is_off = !is_within(ratio, error_max[0]);
    node_booted(node);
}

static void fail(struct node *node, double ratio)
{
    static const char busy[] =
        "the host was too busy while it measured (fewer cases at a time may help: -j 1)";

    if (ratio > 0)
        node_fault(node, VERDICT_ERROR, true,
                   "the guest's kernel measured its timer wrong in each of %d boots, at last as "
                   "%.3f times as fast as it is: %s",
                   BOOTS_MAX, ratio, busy);
    else
        node_fault(node, VERDICT_ERROR, true,
                   "the guest's kernel measured its timer wrong in each of %d boots, and at last "
                   "found none: its command line forbids it, or %s",
                   BOOTS_MAX, busy);
}

static void judge(struct node *node, double ratio);

/* Where QEMU has ended, that is what the node's verdict is about, and it is about to be known. */
static void reset_failed(struct node *node, double ratio, const struct error *error)
{
    if (error->code != EOPNOTSUPP) {
        free(node->reset_trouble);
        node->reset_trouble = xstrdup(error->message);
        node_start_deadline(node, ENDING_NS);
    } else if (is_within(ratio, error_max[BOOTS_MAX - 1])) {
        go_on(node, ratio);
    } else {
        node_fault(node, VERDICT_ERROR, true,
                   "the guest's kernel measured its timer wrong and cannot boot again: %s",
                   error->message);
    }
}

static void on_reset(void *context, const struct error *error)
{
    struct node_reset *reset = context;
    struct node *node = reset->node;

    if (node) {
        node->reset = NULL;
        if (error && node->state == NODE_BOOTING)
            reset_failed(node, reset->ratio, error);
        else if (reset->is_ready && node->state == NODE_BOOTING)
            judge(node, reset->next_ratio);
        node_changed(node);
    }
    free(reset);
}

static void boot_again(struct node *node, double ratio)
{
    node->reboots++;
    node_start_deadline(node, NODE_BOOT_NS);
    node->reset = xcalloc(1, sizeof *node->reset);
    *node->reset = (struct node_reset){.node = node, .ratio = ratio};
    vm_reset(node->vm, on_reset, node->reset);
}

static void judge(struct node *node, double ratio)
{
    if (is_within(ratio, error_max[node->reboots]))
        go_on(node, ratio);
    else if (node->reboots + 1 < BOOTS_MAX)
        boot_again(node, ratio);
    else
        fail(node, ratio);
}

void node_says_ready(struct node *node, const struct control_ready *ready)
{
    double ratio = timer_ratio(ready);

    if (!node->reset) {
        judge(node, ratio);
        return;
    }
    /* QEMU's word may be on its way while the guest has booted; until it is there, nothing else may
     * be asked of QEMU. */
    node->reset->is_ready = true;
    node->reset->next_ratio = ratio;
}

void node_forget_reset(struct node *node)
{
    if (node->reset)
        node->reset->node = NULL;
    node->reset = NULL;
}
