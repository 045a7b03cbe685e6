#include "runner/template_internal.h"

#include "base/fs.h"
#include "base/memory.h"
#include "runner/capacity.h"
#include "runner/node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CONSOLE_LINES = 150 };

/* -- Those of other runs ----------------------------------------------------------------------- */

static struct template_shape shape_of(const struct node_template *template)
{
    return (struct template_shape){.machine = &template->machine,
                                   .kernel_digest = template->kernel_digest,
                                   .runtime_dir = template->templates->session->rundir.path};
}

/* On a thread, as `load` is: the loop leaves the snapshot alone meanwhile. */
static int store(void *context, struct error *error)
{
    struct node_template *template = context;
    const struct template_shape shape = shape_of(template);

    return template_cache_store(&template->templates->cache, &shape, template->snapshot, error);
}

static void stored(void *context, int code, const struct error *error)
{
    struct node_template *template = context;

    template->working = false;
    if (code < 0 && code != -ECANCELED)
        terminal_say(template->templates->session->options.terminal,
                     "a template cannot be kept for later runs: %s", error->message);
    templates_check_idle(template->templates);
}

static void work(struct node_template *template, session_work_fn what, session_done_fn done)
{
    template->working = true;
    session_work(template->templates->session, what, done, template);
}

/* The next run may have a host that is less busy. */
static void become_ready(struct node_template *template)
{
    template->state = TEMPLATE_READY;
    if (template->templates->reuse && !node_timer_is_off(template->node))
        work(template, store, stored);
}

/* -- Its end ----------------------------------------------------------------------------------- */

/* Nobody needs it any more, which is no news. */
static void abandon(struct node_template *template)
{
    template->state = TEMPLATE_REFUSED;
    template->reason = xstrdup("interrupted");
}

static void fail(struct node_template *template)
{
    struct node_result result = {0};

    node_result(template->node, &result);
    template->state = TEMPLATE_FAILED;
    template->verdict = result.verdict;
    template->reason = xstrdup(result.reason);
    node_console_tail(template->node, CONSOLE_LINES, &template->console);
    node_result_free(&result);
}

/* A machine that was ended by duet has left no whole snapshot. */
static void judge(struct node_template *template)
{
    const struct templates *templates = template->templates;
    const struct node *node = template->node;

    if (verdict_is_bad(node_verdict(node)))
        fail(template);
    else if (templates->stopped)
        abandon(template);
    else if (node_refusal(node))
        template_refuse(template, node_refusal(node));
    else
        become_ready(template);
}

static void drop_snapshot(struct node_template *template)
{
    vm_snapshot_free(steal_pointer(&template->snapshot));
}

static void look(void *context)
{
    struct node_template *template = context;
    struct node *node = template->node;

    if (node_is_lost(node))
        node_stop(node, false);
    if (node_state(node) != NODE_GONE)
        return;
    judge(template);
    node_free(steal_pointer(&template->node));
    if (template->state != TEMPLATE_READY)
        drop_snapshot(template);
    template_known(template);
    templates_check_idle(template->templates);
}

static void on_changed(void *context)
{
    struct node_template *template = context;

    timer_start(template->look, 0);
}

/* -- Making one -------------------------------------------------------------------------------- */

static void copy_nics(struct node_template *template, const struct vm_spec *machine)
{
    template->nics = xcalloc(machine->nic_count, sizeof *template->nics);
    for (size_t i = 0; i < machine->nic_count; i++)
        memcpy(template->nics[i].mac, machine->nics[i].mac, sizeof template->nics[i].mac);
}

static void copy_machine(struct node_template *template, const struct vm_spec *machine)
{
    const char *directory = template->templates->session->rundir.path;
    struct vm_spec *copy = &template->machine;
    size_t number = ++template->templates->session->template_count;

    *copy = *machine;
    copy_nics(template, machine);
    copy->nics = template->nics;
    copy->initrd = xstrdup(machine->initrd);
    copy->name = xasprintf("t%zu", number);
    copy->kernel = xstrdup(machine->kernel);
    copy->emulator = xstrdup(machine->emulator);
    copy->cmdline = xstrdup(machine->cmdline);
    copy->console_path = xasprintf("%s/t%zu.con", directory, number);
    copy->ctl_path = xasprintf("%s/t%zu.ctl", directory, number);
    copy->io_path = xasprintf("%s/t%zu.io", directory, number);
}

static void choose_place(struct node_template *template)
{
    const struct session *session = template->templates->session;
    uint64_t memory_bytes = template->machine.memory_bytes;
    struct capacity capacity;

    capacity_read(template->templates->root, &capacity);
    if (capacity.memory_bytes >= memory_bytes)
        return;
    template->ram_directory = session->cache_dir;
    terminal_say(session->options.terminal,
                 "the memory of a template goes to the disk, in %s: it wants %" PRIu64
                 " MiB, and there are %" PRIu64 " MiB that may be used",
                 session->cache_dir, memory_bytes >> 20, capacity.memory_bytes >> 20);
}

static int write_xml(const struct node_template *template, const char *directory,
                     struct error *error)
{
    cleanup_free char *path = xasprintf("%s/domain.xml", directory);
    cleanup_free char *xml = vm_domain_xml(&template->machine);

    return fs_write(path, xml, strlen(xml), 0644, error);
}

static int make_node(struct node_template *template, struct error *error)
{
    cleanup_free char *directory = xasprintf("%s/%s", template->run_directory, template->directory);
    const struct node_options options = {
        .loop = template->templates->session->loop,
        .host = template->templates->session->host,
        .suite_case = &template->suite_case,
        .spec = &template->spec,
        .machine = &template->machine,
        .directory = directory,
        .relative = template->directory,
        .changed = on_changed,
        .context = template,
    };
    int code = fs_mkdirs(directory, 0755, error);

    if (code == 0)
        code = write_xml(template, directory, error);
    return code < 0 ? code : node_new(&options, &template->node, error);
}

static void boot(struct node_template *template)
{
    struct error error;
    int code = vm_snapshot_new(template->machine.memory_bytes, template->ram_directory,
                               &template->snapshot, &error);

    template->machine.saves_to = template->snapshot;
    if (code == 0)
        code = make_node(template, &error);
    if (code < 0) {
        template_refuse(template, error.message);
        drop_snapshot(template);
        return;
    }
    node_start(template->node);
    timer_start(template->look, 0);
}

/* On a thread. */
static int load(void *context, struct error *error)
{
    struct node_template *template = context;
    const struct template_shape shape = shape_of(template);

    return template_cache_load(&template->templates->cache, &shape, template->ram_directory,
                               &template->snapshot, error);
}

static void loaded(void *context, int code, const struct error *error)
{
    struct node_template *template = context;
    struct session *session = template->templates->session;

    template->working = false;
    if (code < 0 && code != -ENOENT && code != -ECANCELED)
        terminal_say(session->options.terminal, "%s; it is made anew", error->message);
    if (code == 0)
        template->state = TEMPLATE_READY;
    else if (session->cancel_seen || template->templates->stopped)
        abandon(template);
    else
        boot(template);
    if (template->state != TEMPLATE_BOOTING)
        template_known(template);
    templates_check_idle(template->templates);
}

/* -- Life -------------------------------------------------------------------------------------- */

void template_free(struct node_template *template)
{
    vm_snapshot_free(template->snapshot);
    timer_free(template->look);
    free(template->nics);
    free((void *)template->machine.name);
    free((void *)template->machine.initrd);
    free((void *)template->machine.kernel);
    free((void *)template->machine.emulator);
    free((void *)template->machine.cmdline);
    free((void *)template->machine.console_path);
    free((void *)template->machine.ctl_path);
    free((void *)template->machine.io_path);
    free(template->suite_case.tokens.result);
    free(template->suite_case.tokens.ready);
    free(template->kernel_digest);
    free(template->run_directory);
    free(template->directory);
    free(template->reason);
    buffer_free(&template->console);
    free(template);
}

void template_make(struct node_template *template, const struct template_request *request)
{
    struct templates *templates = template->templates;

    template->directory = xasprintf("templates/%zu", template->number);
    template->run_directory = xstrdup(request->run_directory);
    template->kernel_digest = xstrdup(request->kernel_digest);
    template->spec = (struct suite_node){.name = (char *)"template",
                                         .memory_bytes = request->machine->memory_bytes,
                                         .cpus = request->machine->cpus};
    template->suite_case.name = (char *)"template";
    template->suite_case.tokens.result = xstrdup(request->suite_case->tokens.result);
    template->suite_case.tokens.ready = xstrdup(request->suite_case->tokens.ready);
    template->look = loop_timer(templates->session->loop, look, template);
    copy_machine(template, request->machine);
    choose_place(template);
    if (templates->reuse)
        work(template, load, loaded);
    else
        boot(template);
}
