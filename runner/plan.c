#include "runner/plan.h"

#include "base/memory.h"
#include "runner/pod.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool plan_starts_late(const struct suite_node *node)
{
    return node->init.directory && node->init.raw && node->after_count > 0;
}

/* -- The kernel command line ------------------------------------------------------------------- */

/* Commas and blanks would end a value; init decodes %XX (RFC 3986, 2.1). */
static void append_encoded(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("-._:/=", *text) || (*text >= '0' && *text <= '9') ||
            (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
            buffer_append(out, text, 1);
        else
            buffer_printf(out, "%%%02X", (unsigned char)*text);
    }
}

static void append_init(struct buffer *out, const struct suite_case *suite_case,
                        const struct suite_node *node)
{
    buffer_append_text(out, "duet.result=");
    append_encoded(out, suite_case->tokens.result);
    buffer_append_text(out, " duet.ready=");
    append_encoded(out, suite_case->tokens.ready);
    if (node->init.directory && node->init.raw) {
        const char *quote = strpbrk(node->init.run, " \t") ? "\"" : ""; /* the kernel's, no %XX */

        buffer_printf(out, " rdinit=%s%s%s", quote, node->init.run, quote);
    } else if (node->init.directory) {
        buffer_append_text(out, " duet.exec=");
        append_encoded(out, node->init.run);
    }
}

static size_t count_nics(const struct suite_case *suite_case, size_t node)
{
    const struct suite_end *peer;
    size_t count = 0;

    for (size_t i = 0; i < suite_case->link_count; i++)
        count += pod_end_at(&suite_case->links[i], node, &peer) != NULL;
    return count;
}

static int check_nics(const struct plan_options *options, size_t index, struct error *error)
{
    size_t count = count_nics(options->suite_case, index);

    if (!options->no_acpi || count <= VM_NICS_WITHOUT_ACPI)
        return 0;
    return error_set(error, E2BIG,
                     "node %s has %zu links, and with a kernel that has no ACPI a microvm takes %d "
                     "at most: use another kernel (--kernel debian)",
                     options->suite_case->nodes[index].name, count, VM_NICS_WITHOUT_ACPI);
}

static int make_cmdline(const struct plan_options *options, size_t index, char **cmdline,
                        struct error *error)
{
    const struct suite_node *node = &options->suite_case->nodes[index];
    cleanup_buffer struct buffer out = {0};
    size_t length;

    vm_cmdline_base(options->accel, options->tsc_khz, &out);
    append_init(&out, options->suite_case, node);
    if (node->cmdline[0])
        buffer_printf(&out, " %s", node->cmdline);
    length = out.length +
             (options->no_acpi ? count_nics(options->suite_case, index) + VM_OWN_DEVICES : 0) *
                 VM_DEVICE_WORD_MAX;
    if (length > PLAN_CMDLINE_MAX)
        return error_set(error, E2BIG,
                         "node %s: its kernel command line has %zu bytes and the kernel takes %d: "
                         "a shorter `cmdline:` is needed, or shorter `tokens:`",
                         node->name, length, PLAN_CMDLINE_MAX);
    *cmdline = buffer_steal(&out);
    return 0;
}

/* -- Machines ---------------------------------------------------------------------------------- */

static bool in_list(const size_t *list, size_t count, size_t value)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == value)
            return true;
    return false;
}

static bool all_in_list(const size_t *list, size_t count, const struct suite_node *node)
{
    for (size_t i = 0; i < node->after_count; i++)
        if (!in_list(list, count, node->after[i]))
            return false;
    return true;
}

/* Each node behind those that it comes after. The loader refuses circles in `after`, so each pass
 * over the nodes places one at least. */
static void order_nodes(const struct suite_case *suite_case, size_t *order)
{
    size_t placed = 0;

    while (placed < suite_case->node_count)
        for (size_t i = 0; i < suite_case->node_count; i++)
            if (!in_list(order, placed, i) && all_in_list(order, placed, &suite_case->nodes[i]))
                order[placed++] = i;
}

/* Those that start at once come first, whatever they wait for once they are booted: a machine that
 * starts late waits for some of them, and they wait for nobody to start. */
static void rank_machines(struct plan *plan, const struct suite_case *suite_case)
{
    cleanup_free size_t *order = xcalloc(plan->machine_count, sizeof *order);
    size_t placed = 0;

    order_nodes(suite_case, order);
    for (int late = 0; late < 2; late++)
        for (size_t i = 0; i < plan->machine_count; i++)
            if (plan_starts_late(&suite_case->nodes[order[i]]) == (late == 1))
                plan->machines[order[i]].rank = placed++;
}

void plan_device_mac(size_t index, char text[static POD_MAC_SIZE])
{
    const uint8_t mac[] = {0x02, 'd', 'u', 'e', 't', (uint8_t)index};

    pod_format_mac(mac, text);
}

/* Each end of a link that duet carries on the host has a socket of its own, on which duet listens.
 */
static void join_nic(const struct plan_options *options, struct plan *plan, size_t index,
                     size_t link_index, struct vm_nic *nic)
{
    const struct suite_link *link = &options->suite_case->links[link_index];
    unsigned side = link->ends[1].node == index;
    size_t peer = link->ends[1 - side].node;

    if (suite_link_meets_host(link)) {
        nic->socket_path = xasprintf("%s/%zu.l%zu.%u", options->runtime_dir, options->case_index,
                                     link_index, side);
        plan->links[link_index].sockets[side] = nic->socket_path;
    } else {
        nic->socket_path =
            xasprintf("%s/%zu.l%zu", options->runtime_dir, options->case_index, link_index);
        nic->server = plan->machines[index].rank < plan->machines[peer].rank;
    }
}

static void add_nics(const struct plan_options *options, struct plan *plan, size_t index)
{
    const struct suite_case *suite_case = options->suite_case;
    struct vm_spec *spec = &plan->machines[index].spec;
    struct vm_nic *nics = xcalloc(suite_case->link_count, sizeof *nics);
    const struct suite_end *end, *peer;

    for (size_t i = 0; i < suite_case->link_count; i++) {
        end = pod_end_at(&suite_case->links[i], index, &peer);
        if (!end)
            continue;
        if (options->forked && !suite_case->nodes[index].init.raw)
            plan_device_mac(spec->nic_count, nics[spec->nic_count].mac);
        else
            pod_format_mac(end->mac, nics[spec->nic_count].mac);
        join_nic(options, plan, index, i, &nics[spec->nic_count++]);
    }
    spec->nics = nics;
}

static void add_machine(const struct plan_options *options, struct plan *plan, size_t index)
{
    const struct suite_node *node = &options->suite_case->nodes[index];
    struct vm_spec *spec = &plan->machines[index].spec;
    const char *dir = options->runtime_dir;
    size_t number = options->case_index;

    spec->name = xasprintf("c%zu-%zu-%.20s", number, index, node->name);
    spec->emulator = options->emulator;
    spec->kernel = options->kernel;
    spec->no_acpi = options->no_acpi;
    spec->accel = options->accel;
    spec->memory_bytes = node->memory_bytes;
    spec->cpus = node->cpus;
    spec->console_path = xasprintf("%s/%zu.%zu.con", dir, number, index);
    spec->ctl_path = xasprintf("%s/%zu.%zu.ctl", dir, number, index);
    spec->io_path = xasprintf("%s/%zu.%zu.io", dir, number, index);
    add_nics(options, plan, index);
    plan->machines[index].pod = pod_make(options->suite_case, index, spec->nics, options->seed);
}

int plan_make(const struct plan_options *options, struct plan *out, struct error *error)
{
    const struct suite_case *suite_case = options->suite_case;
    struct plan plan = {.machine_count = suite_case->node_count};
    int code = 0;

    plan.machines = xcalloc(plan.machine_count, sizeof *plan.machines);
    plan.links = xcalloc(suite_case->link_count, sizeof *plan.links);
    rank_machines(&plan, suite_case);
    for (size_t i = 0; i < plan.machine_count && code == 0; i++) {
        char *cmdline = NULL;

        add_machine(options, &plan, i);
        code = check_nics(options, i, error);
        if (code == 0)
            code = make_cmdline(options, i, &cmdline, error);
        plan.machines[i].spec.cmdline = cmdline;
    }
    if (code < 0) {
        plan_free(&plan);
        return code;
    }
    *out = plan;
    return 0;
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->machine_count; i++) {
        struct vm_spec *spec = &plan->machines[i].spec;

        for (size_t n = 0; n < spec->nic_count; n++)
            free(spec->nics[n].socket_path);
        free((void *)spec->nics);
        free((void *)spec->name);
        free((void *)spec->cmdline);
        free((void *)spec->console_path);
        free((void *)spec->ctl_path);
        free((void *)spec->io_path);
        free(plan->machines[i].pod);
    }
    free(plan->machines);
    free(plan->links);
    *plan = (struct plan){0};
}
