#include "runner/plan.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool plan_starts_late(const struct suite_node *node)
{
    return node->init.directory && node->after_count > 0;
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

static void format_mac(const uint8_t mac[static 6], char text[static 18])
{
    snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
}

/* The end of `link` that is at `node`, or NULL; *peer is the other one. */
static const struct suite_end *end_at(const struct suite_link *link, size_t node,
                                      const struct suite_end **peer)
{
    for (int side = 0; side < 2; side++) {
        *peer = &link->ends[1 - side];
        if (link->ends[side].node == node)
            return &link->ends[side];
    }
    return NULL;
}

static void append_links(struct buffer *out, const struct suite_case *suite_case, size_t node)
{
    const struct suite_end *end, *peer;
    char mac[18];

    for (size_t i = 0; i < suite_case->link_count; i++) {
        end = end_at(&suite_case->links[i], node, &peer);
        if (!end)
            continue;
        format_mac(end->mac, mac);
        buffer_printf(out, " duet.link=mac=%s,name=%s,mtu=%u", mac, end->interface,
                      suite_case->links[i].mtu);
        for (size_t a = 0; a < end->address_count; a++)
            buffer_printf(out, ",addr=%s", end->addresses[a].text);
    }
}

/* The addresses of `other` that `node` should use: those of a link they share, else of its first.
 */
static const struct suite_end *best_end(const struct suite_case *suite_case, size_t node,
                                        size_t other)
{
    const struct suite_end *first = NULL, *end, *peer;

    for (size_t i = 0; i < suite_case->link_count; i++) {
        end = end_at(&suite_case->links[i], other, &peer);
        if (end && peer->node == node)
            return end;
        if (end && !first)
            first = end;
    }
    return first;
}

static void append_hosts(struct buffer *out, const struct suite_case *suite_case, size_t node)
{
    for (size_t other = 0; other < suite_case->node_count; other++) {
        const struct suite_end *end = other == node ? NULL : best_end(suite_case, node, other);

        if (!end || end->address_count == 0)
            continue;
        buffer_printf(out, " duet.host=%s", suite_case->nodes[other].name);
        for (size_t a = 0; a < end->address_count; a++)
            buffer_printf(out, ",%.*s", (int)strcspn(end->addresses[a].text, "/"),
                          end->addresses[a].text);
    }
}

static void append_settings(struct buffer *out, const struct suite_node *node)
{
    for (size_t i = 0; i < node->route_count; i++)
        buffer_printf(out, " duet.route=%s,via=%.*s", node->routes[i].to.text,
                      (int)strcspn(node->routes[i].via.text, "/"), node->routes[i].via.text);
    for (size_t i = 0; i < node->sysctls.count; i++) {
        buffer_printf(out, " duet.sysctl=%s=", node->sysctls.items[i].name);
        append_encoded(out, node->sysctls.items[i].value);
    }
}

static void append_init(struct buffer *out, const struct suite_case *suite_case,
                        const struct suite_node *node)
{
    buffer_append_text(out, " duet.result=");
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
        count += end_at(&suite_case->links[i], node, &peer) != NULL;
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
    buffer_printf(&out, "duet.node=%s", node->name);
    append_links(&out, options->suite_case, index);
    append_hosts(&out, options->suite_case, index);
    append_settings(&out, node);
    append_init(&out, options->suite_case, node);
    if (node->cmdline[0])
        buffer_printf(&out, " %s", node->cmdline);
    length = out.length +
             (options->no_acpi ? count_nics(options->suite_case, index) + VM_OWN_DEVICES : 0) *
                 VM_DEVICE_WORD_MAX;
    if (length > PLAN_CMDLINE_MAX)
        return error_set(error, E2BIG,
                         "node %s: its kernel command line has %zu bytes and the kernel takes %d: "
                         "fewer links, routes, sysctls or `cmdline:` words are needed",
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

static void add_nics(const struct plan_options *options, struct plan *plan, size_t index)
{
    const struct suite_case *suite_case = options->suite_case;
    struct vm_spec *spec = &plan->machines[index].spec;
    struct vm_nic *nics = xcalloc(suite_case->link_count, sizeof *nics);
    const struct suite_end *end, *peer;

    for (size_t i = 0; i < suite_case->link_count; i++) {
        end = end_at(&suite_case->links[i], index, &peer);
        if (!end)
            continue;
        format_mac(end->mac, nics[spec->nic_count].mac);
        nics[spec->nic_count].socket_path =
            xasprintf("%s/%zu.l%zu", options->runtime_dir, options->case_index, i);
        nics[spec->nic_count].server = plan->machines[index].rank < plan->machines[peer->node].rank;
        spec->nic_count++;
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
}

int plan_make(const struct plan_options *options, struct plan *out, struct error *error)
{
    const struct suite_case *suite_case = options->suite_case;
    struct plan plan = {.machine_count = suite_case->node_count};
    int code = 0;

    plan.machines = xcalloc(plan.machine_count, sizeof *plan.machines);
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
    }
    free(plan->machines);
    *plan = (struct plan){0};
}
