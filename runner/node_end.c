/* How a node's machine ended, and what that says of the node. */
#include "base/fs.h"
#include "base/memory.h"
#include "runner/node_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* It was asked to, or is a foreign init that has given its result. */
static bool is_powering_off(const struct node *node)
{
    return node->destroying || (node_is_foreign(node) && node->state == NODE_DONE);
}

/* A panic that the scanner did not see, because the guest had left a line unfinished on its console
 * and the kernel went on in it. */
static bool find_panic(const struct node *node, char *message, size_t size)
{
    static const char words[] = "] Kernel panic - not syncing";
    cleanup_buffer struct buffer tail = {0};
    const char *found;

    node_console_tail(node, 200, &tail);
    found = memmem(tail.data ? tail.data : "", tail.length, words, sizeof words - 1);
    if (found)
        snprintf(message, size, "%.*s", (int)strcspn(found + 2, "\r\n"), found + 2);
    return found;
}

static void judge_power_off(struct node *node, const char *activity)
{
    char panic[256];

    if (find_panic(node, panic, sizeof panic))
        node_fault(node, VERDICT_PANIC, true, "%s", panic);
    else if (node->state == NODE_BOOTING)
        node_fault(node, VERDICT_FAILED, true,
                   "the guest powered off or rebooted by itself while booting (with %" PRIu64
                   " MiB of memory, which may be too little for its initrd)",
                   node->options.spec->memory_bytes >> 20);
    else
        node_fault(node, VERDICT_FAILED, true,
                   "the guest powered off or rebooted by itself while %s", activity);
}

static void judge_end(struct node *node, const struct vm_gone *gone)
{
    char activity[128];

    node_activity(node, activity, sizeof activity);
    switch (gone->end) {
    case VM_END_START_FAILED:
        if (!node_refuses_start(node, gone->message))
            node_fault(node, VERDICT_ERROR, true, "libvirt cannot start the machine: %s",
                       gone->message);
        break;
    case VM_END_DIED:
        if (is_powering_off(node) && gone->status == 0)
            break;
        if (gone->signal)
            node_fault(node, VERDICT_QEMU_DIED, true, "QEMU was killed by signal %d (%s) while %s",
                       gone->signal, strsignal(gone->signal), activity);
        else
            node_fault(node, VERDICT_QEMU_DIED, true, "QEMU ended with status %d while %s",
                       gone->status, activity);
        break;
    case VM_END_POWEROFF:
        if (!is_powering_off(node) && node->state != NODE_STOPPING)
            judge_power_off(node, activity);
        break;
    case VM_END_STOPPED:
        if (node->state != NODE_STOPPING)
            node_fault(node, VERDICT_ERROR, true, "duet stopped the machine while %s", activity);
        break;
    }
}

/* Evidence, not a verdict: a disk that is full is told when the results are written. libvirt goes
 * on in the file where it finds one of a machine that had the same name. */
static void keep_qemu_log(const struct node *node)
{
    cleanup_free char *from = vm_log_path(node->vm);
    cleanup_free char *to = xasprintf("%s/qemu.log", node->options.directory);
    cleanup_buffer struct buffer text = {0};

    if (!from || fs_read(from, 16 << 20, &text, NULL) < 0)
        return;
    fs_write(to, text.data, text.length, 0644, NULL);
    unlink(from);
}

void node_on_gone(void *context, const struct vm_gone *gone)
{
    struct node *node = context;

    node->cut_short = gone->end == VM_END_STOPPED && !node->console_whole;
    scanner_finish(node->scanner);
    node->gone = *gone;
    keep_qemu_log(node);
    judge_end(node, gone);
    node->state = NODE_GONE;
    timer_stop(node->deadline);
    timer_stop(node->ping);
    node_changed(node);
}
