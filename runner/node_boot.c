/* A boot that went wrong without a word. The kernel measures how fast its APIC timer counts by
 * waiting for the TSC (Linux, arch/x86/kernel/apic/apic.c, calibrate_APIC_clock). A host that is
 * busy at the beginning or the end of that has it measure too little or too much, and then each
 * timer of the guest ends late, or is set anew many times over; with nearly nothing the kernel does
 * without the timer, and without another one no timer ends at all. Under KVM kernels have the TSC's
 * deadline instead, and measure nothing. */
#include "runner/node_internal.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* QEMU and KVM have it count each ns, and kernels have it divide that by 16. */
#define APIC_HZ 62500000

/* A host with nothing else to do has it right within 0.001. */
#define GOOD_ERROR 0.01
#define LAST_ERROR 0.1 /* of the last boot, where none before it was good */

enum { REBOOTS_MAX = 4 };

struct node_reset {
    struct node *node; /* NULL: nobody waits for it */
    bool may_stay;     /* the boot that it is to end will do where there is no other */
};

/* By how much the kernel is wrong: 0.1 is a tenth. */
static double timer_error(const struct control_ready *ready)
{
    if (!ready->tick_device)
        return 0;
    if (!*ready->tick_device)
        return INFINITY;
    if (strcmp(ready->tick_device, "lapic") != 0 || ready->tick_hz == 0)
        return 0;
    return fabs((double)ready->tick_hz / APIC_HZ - 1);
}

static void fail(struct node *node, const struct control_ready *ready)
{
    static const char busy[] =
        "the host was too busy while it measured (fewer cases at a time may help: -j 1)";

    if (*ready->tick_device)
        node_fault(node, VERDICT_ERROR, true,
                   "the guest's kernel took its timer for %.3f times as fast as it is, in each of "
                   "%d boots: %s",
                   (double)ready->tick_hz / APIC_HZ, REBOOTS_MAX + 1, busy);
    else
        node_fault(node, VERDICT_ERROR, true,
                   "the guest's kernel found no timer, in each of %d boots: its command line "
                   "forbids it, or %s",
                   REBOOTS_MAX + 1, busy);
}

void node_forget_reset(struct node *node)
{
    if (node->reset)
        node->reset->node = NULL;
    node->reset = NULL;
}

static void on_reset(void *context, const struct error *error)
{
    struct node_reset *reset = context;
    struct node *node = reset->node;
    bool may_stay = reset->may_stay;

    free(reset);
    if (!node)
        return;
    node->reset = NULL;
    if (!error || node->state != NODE_BOOTING)
        return;
    if (may_stay)
        node_booted(node);
    else
        node_fault(node, VERDICT_ERROR, true,
                   "the guest's kernel measured its timer wrong and cannot boot again: %s",
                   error->message);
    node_changed(node);
}

static void boot_again(struct node *node, bool may_stay)
{
    node->reboots++;
    node_start_deadline(node, NODE_BOOT_NS);
    node_forget_reset(node);
    node->reset = xcalloc(1, sizeof *node->reset);
    *node->reset = (struct node_reset){.node = node, .may_stay = may_stay};
    vm_reset(node->vm, on_reset, node->reset);
}

bool node_boots_again(struct node *node, const struct control_ready *ready)
{
    double error = timer_error(ready);

    if (error <= GOOD_ERROR || (node->reboots == REBOOTS_MAX && error <= LAST_ERROR))
        return false;
    if (node->reboots == REBOOTS_MAX)
        fail(node, ready);
    else
        boot_again(node, error <= LAST_ERROR);
    return true;
}
