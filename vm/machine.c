/* A machine from vm_start to `gone`.
 *
 *   STARTING  libvirt creates the domain on a worker's thread; a fork goes on from its snapshot
 *   RUNNING   QEMU runs, or is being saved
 *   ENDING    one of the three ends has shown: libvirt's event, QEMU's exit, or vm_stop
 *   GONE      QEMU is reaped and its sockets are read to their end; `gone` was called
 */
#include "base/fs.h"
#include "base/memory.h"
#include "vm/kernel_head.h"
#include "vm/machine_internal.h"
#include "vm/monitor.h"
#include "vm/qemu_log.h"
#include "vm/snapshot.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often a machine that is to stop is looked for while libvirt starts it. */
#define STARTING_NS (200 * NS_PER_MS)
/* How long the second of the two signs of an end (libvirt's event, QEMU's exit) may lag behind. */
#define ENDING_NS (5 * NS_PER_S)

struct save {
    virDomainPtr domain;
    int code;
    struct error error;
    void (*saved)(void *context, const struct error *error);
};

/* -- What the guest sends ---------------------------------------------------------------------- */

/* On a busy host a guest may speak before libvirt's call that started it has returned. */
static void tell_started(struct vm *vm)
{
    if (vm->told_started)
        return;
    vm->told_started = true;
    vm->calls.started(vm->context);
}

static void guest_spoke(struct vm *vm)
{
    vm->spoke = true;
    tell_started(vm);
}

static size_t on_console(void *context, const char *bytes, size_t count)
{
    struct vm *vm = context;

    guest_spoke(vm);
    console_write(vm->console, bytes, count);
    vm->calls.console(vm->context, bytes, count);
    return count;
}

static void lied(struct vm *vm, struct port *port, const struct error *error)
{
    port_close(port);
    vm->calls.lied(vm->context, error->message);
}

static size_t on_ctl(void *context, const char *bytes, size_t count)
{
    struct vm *vm = context;
    struct wire_ctl frame;
    struct error error;
    size_t taken = 0;
    int n;

    guest_spoke(vm);
    while ((n = wire_ctl_read(bytes + taken, count - taken, &frame, &error)) > 0) {
        vm->calls.ctl(vm->context, &frame);
        taken += (size_t)n;
    }
    if (n < 0)
        lied(vm, vm->ctl_port, &error);
    return taken;
}

static size_t on_io(void *context, const char *bytes, size_t count)
{
    struct vm *vm = context;
    struct wire_io frame;
    struct error error;
    size_t taken = 0;
    int n;

    guest_spoke(vm);
    while ((n = wire_io_read(bytes + taken, count - taken, &frame, &error)) > 0) {
        vm->calls.io(vm->context, &frame);
        taken += (size_t)n;
    }
    if (n < 0)
        lied(vm, vm->io_port, &error);
    return taken;
}

static void on_drained(void *context)
{
    struct vm *vm = context;

    if (vm->drained)
        vm->drained(vm->drained_context);
}

/* -- The end ----------------------------------------------------------------------------------- */

static void unlink_from_host(struct vm *vm)
{
    struct vm **at = &vm->host->machines;

    while (*at && *at != vm)
        at = &(*at)->next;
    if (*at)
        *at = vm->next;
}

/* A QEMU that cannot read the state it is to go on from says so in its log and exits with 1. */
static bool did_not_go_on(const struct vm *vm)
{
    return vm->fork_of && !vm->spoke && !vm->guest_ended && !vm->stop_asked && vm->gone.status == 1;
}

static char *explain(const struct vm *vm, const char *message);

static void become_gone(struct vm *vm)
{
    vm->state = GONE;
    timer_stop(vm->ending);
    if (vm->host->reaper)
        reaper_forget(vm->host->reaper, vm);
    unlink_from_host(vm);
    port_finish(vm->console_port);
    port_finish(vm->ctl_port);
    port_finish(vm->io_port);
    console_finish(vm->console);
    if (vm->saves_to)
        snapshot_seal(vm->saves_to);
    if (did_not_go_on(vm))
        vm->create_error = explain(vm, "the fork does not go on from its template");
    if (vm->create_error && !vm->stop_asked)
        vm->gone.end = VM_END_START_FAILED;
    else if (vm->guest_ended)
        vm->gone.end = VM_END_POWEROFF;
    else
        vm->gone.end = vm->stop_asked ? VM_END_STOPPED : VM_END_DIED;
    vm->gone.message = vm->create_error;
    vm->calls.gone(vm->context, &vm->gone);
}

static void kill_starting(struct vm *vm);

static void on_ending_late(void *context)
{
    struct vm *vm = context;

    if (vm->state == STARTING)
        kill_starting(vm);
    else if (vm->save)
        timer_start(vm->ending, ENDING_NS);
    else
        become_gone(vm);
}

/* A QEMU that duet itself kills is gone when it is reaped; otherwise libvirt's word is waited for,
 * since it tells a guest that powered off from a QEMU that died. */
static void check_end(struct vm *vm)
{
    bool exit_known = vm->reaped || vm->gone.pid == 0;
    bool cause_known = vm->domain_stopped || (vm->stop_asked && vm->reaped);

    if (vm->state != RUNNING && vm->state != ENDING)
        return;
    if (exit_known && cause_known && !vm->save) {
        become_gone(vm);
        return;
    }
    if (vm->state == RUNNING) {
        vm->state = ENDING;
        timer_start(vm->ending, ENDING_NS);
    }
}

static void on_reaped(void *context, int wait_status)
{
    struct vm *vm = context;

    vm->reaped = true;
    vm->gone.status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
    vm->gone.signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    check_end(vm);
}

void machine_event(struct vm_host *host, const char *name, int event, int detail)
{
    struct vm *vm = host->machines;

    while (vm && strcmp(vm->name, name) != 0)
        vm = vm->next;
    if (!vm)
        return;
    if (event == VIR_DOMAIN_EVENT_SHUTDOWN && detail != VIR_DOMAIN_EVENT_SHUTDOWN_HOST)
        vm->guest_ended = true;
    if (event == VIR_DOMAIN_EVENT_STOPPED) {
        vm->domain_stopped = true;
        check_end(vm);
    }
}

/* -- Saving ------------------------------------------------------------------------------------ */

static void save(void *context)
{
    struct vm *vm = context;

    vm->save->code = monitor_save(vm->save->domain, vm->saves_to, &vm->save->error);
}

static void save_done(void *context)
{
    struct vm *vm = context;
    struct save *save = steal_pointer(&vm->save);

    virDomainFree(save->domain);
    save->saved(vm->context, save->code < 0 ? &save->error : NULL);
    free(save);
    if (vm->state == ENDING)
        check_end(vm);
}

static void begin_save(struct vm *vm)
{
    vm->save->domain = vm->domain;
    virDomainRef(vm->domain);
    host_run(vm->host, save, save_done, vm);
}

/* The machine that was to be saved did not come to run. */
static void drop_save(struct vm *vm)
{
    struct save *save = steal_pointer(&vm->save);

    if (!save)
        return;
    error_set(&save->error, ECANCELED, "the machine did not start");
    save->saved(vm->context, &save->error);
    free(save);
}

/* A guest may be ready before libvirt's call that started it has returned. */
void vm_save(struct vm *vm, void (*saved)(void *context, const struct error *error))
{
    vm->save = xcalloc(1, sizeof *vm->save);
    vm->save->saved = saved;
    if (vm->state != STARTING)
        begin_save(vm);
}

/* -- The start --------------------------------------------------------------------------------- */

/* Where QEMU ends at once libvirt may have met no more than a closed socket. */
static char *explain(const struct vm *vm, const char *message)
{
    cleanup_free char *path = vm_log_path(vm);
    cleanup_buffer struct buffer log = {0};
    const char *line = NULL;
    size_t length;

    if (path && fs_read(path, 1 << 20, &log, NULL) == 0)
        line = qemu_log_last_line(log.data, &length);
    if (!line || memmem(message, strlen(message), line, length))
        return xstrdup(message);
    return xasprintf("%s; QEMU said: %.*s", message, (int)length, line);
}

static void restore(struct vm *vm)
{
    struct error error;

    if (monitor_restore(vm->domain, vm->fork_of, &error) == 0)
        return;
    vm->create_error = explain(vm, error.message);
    virDomainDestroy(vm->domain);
    virDomainFree(vm->domain);
    vm->domain = NULL;
}

static void create(void *context)
{
    struct vm *vm = context;

    vm->domain = virDomainCreateXML(vm->host->connection, vm->xml,
                                    vm->fork_of ? VIR_DOMAIN_START_PAUSED : 0);
    if (!vm->domain) {
        vm->create_error = explain(vm, virGetLastErrorMessage());
        return;
    }
    host_domain_started(vm->host);
    if (vm->fork_of)
        restore(vm);
}

/* The driver writes run/qemu/NAME.pid below its root. */
static pid_t read_pid(const struct vm *vm)
{
    cleanup_free char *path = NULL;
    cleanup_buffer struct buffer text = {0};

    if (!vm->host->root)
        return 0;
    path = xasprintf("%s/run/qemu/%s.pid", vm->host->root, vm->name);
    if (fs_read(path, 64, &text, NULL) < 0)
        return 0;
    return (pid_t)strtol(text.data, NULL, 10);
}

static void kill_qemu(struct vm *vm);

static void created(void *context)
{
    struct vm *vm = context;

    timer_stop(vm->ending);
    if (!vm->domain) {
        drop_save(vm);
        machine_begin_asked(vm);
        become_gone(vm);
        return;
    }
    vm->state = RUNNING;
    vm->gone.pid = vm->host->reaper ? read_pid(vm) : 0;
    machine_begin_asked(vm);
    tell_started(vm);
    if (vm->state != RUNNING)
        return;
    if (vm->gone.pid > 0)
        reaper_expect(vm->host->reaper, vm->gone.pid, on_reaped, vm);
    if (vm->state == GONE)
        return;
    if (vm->domain_stopped)
        check_end(vm);
    else if (vm->stop_asked)
        kill_qemu(vm);
    if (vm->save)
        begin_save(vm);
}

static int describe(struct vm *vm, const struct vm_spec *spec, struct error *error)
{
    struct vm_spec own = *spec;
    char path[SNAPSHOT_PATH_SIZE];
    int code = spec->fork_of ? kernel_head_open(spec->kernel, &vm->kernel_head, error) : 0;

    if (vm->kernel_head >= 0) {
        snapshot_fd_path(vm->kernel_head, path);
        own.kernel = path;
    }
    vm->xml = vm_domain_xml(&own);
    return code;
}

int vm_start(struct vm_host *host, const struct vm_spec *spec, const char *console_log,
             const struct vm_calls *calls, void *context, struct vm **out, struct error *error)
{
    static const struct port_calls console_calls = {.data = on_console};
    static const struct port_calls ctl_calls = {.data = on_ctl, .drained = on_drained};
    static const struct port_calls io_calls = {.data = on_io, .drained = on_drained};
    struct vm *vm = xcalloc(1, sizeof *vm);
    int code;

    *vm = (struct vm){
        .host = host, .calls = *calls, .context = context, .kernel_head = -1, .gone.status = -1};
    vm->name = xstrdup(spec->name);
    vm->saves_to = spec->saves_to;
    vm->fork_of = spec->fork_of;
    if ((code = describe(vm, spec, error)) < 0 ||
        (code = port_listen(host->loop, spec->console_path, &console_calls, vm, &vm->console_port,
                            error)) < 0 ||
        (code = port_listen(host->loop, spec->ctl_path, &ctl_calls, vm, &vm->ctl_port, error)) <
            0 ||
        (code = port_listen(host->loop, spec->io_path, &io_calls, vm, &vm->io_port, error)) < 0) {
        vm_free(vm);
        return code;
    }
    vm->console = console_new(console_log);
    vm->ending = loop_timer(host->loop, on_ending_late, vm);
    vm->next = host->machines;
    host->machines = vm;
    *out = vm;
    host_run(host, create, created, vm);
    return 0;
}

/* -- The stop ---------------------------------------------------------------------------------- */

static void destroy(void *context)
{
    virDomainPtr domain = context;

    virDomainDestroy(domain);
}

static void destroyed(void *context)
{
    virDomainFree(context);
}

/* libvirt's own destroy waits in steps of 200 ms; a child of ours can simply be killed, and the
 * driver notices. */
static void kill_qemu(struct vm *vm)
{
    if (vm->gone.pid > 0) {
        if (!vm->reaped)
            kill(vm->gone.pid, SIGKILL);
    } else {
        virDomainRef(vm->domain);
        host_run(vm->host, destroy, destroyed, vm->domain);
    }
}

static bool is_of(const struct vm_host *host, pid_t pid)
{
    cleanup_free char *path = xasprintf("/proc/%d/cmdline", (int)pid);
    cleanup_buffer struct buffer text = {0};

    return fs_read(path, 1 << 20, &text, NULL) == 0 &&
           memmem(text.data, text.length, host->root, strlen(host->root));
}

/* A QEMU that hangs would hold libvirt's call up for ever. The driver writes its process number
 * before QEMU begins; there may be none yet, so it is looked for until the call returns. */
static void kill_starting(struct vm *vm)
{
    pid_t pid = read_pid(vm);

    if (pid > 0 && is_of(vm->host, pid))
        kill(pid, SIGKILL);
    timer_start(vm->ending, STARTING_NS);
}

void vm_stop(struct vm *vm)
{
    if (vm->stop_asked)
        return;
    vm->stop_asked = true;
    if (vm->state == STARTING)
        kill_starting(vm);
    if (vm->state == RUNNING || vm->state == ENDING)
        kill_qemu(vm);
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    if (vm->domain)
        virDomainFree(vm->domain);
    timer_free(vm->ending);
    if (vm->kernel_head >= 0)
        close(vm->kernel_head);
    port_free(vm->console_port);
    port_free(vm->ctl_port);
    port_free(vm->io_port);
    console_free(vm->console);
    free(vm->create_error);
    free(vm->name);
    free(vm->xml);
    free(vm);
}
