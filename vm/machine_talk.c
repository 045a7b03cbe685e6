/* What is said to a machine and asked of it while it lives. */
#include "vm/machine_internal.h"

#include "base/fs.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- To the guest ------------------------------------------------------------------------------ */

int vm_send(struct vm *vm, uint32_t code, const void *payload, size_t count, struct error *error)
{
    cleanup_buffer struct buffer frame = {0};
    int result = wire_ctl_write(&frame, code, payload, count, error);

    return result < 0 ? result : port_send(vm->ctl_port, frame.data, frame.length, error);
}

int vm_send_io(struct vm *vm, uint64_t stream, const void *bytes, size_t count, struct error *error)
{
    char header[WIRE_IO_HEADER];
    int result = wire_io_check(count, error);

    if (result < 0)
        return result;
    wire_io_header(header, stream, count);
    return port_send_frame(vm->io_port, header, sizeof header, bytes, count, error);
}

size_t vm_waiting(const struct vm *vm)
{
    size_t ctl = port_waiting(vm->ctl_port);
    size_t io = port_waiting(vm->io_port);

    return ctl > io ? ctl : io;
}

void vm_on_drained(struct vm *vm, void (*drained)(void *context), void *context)
{
    vm->drained = drained;
    vm->drained_context = context;
}

int vm_type(struct vm *vm, const void *bytes, size_t count, struct error *error)
{
    return port_send(vm->console_port, bytes, count, error);
}

/* -- Questions --------------------------------------------------------------------------------- */

/* proc(5): fields 14 and 15 of /proc/PID/stat are utime and stime in clock ticks. */
uint64_t vm_cpu_ms(const struct vm *vm)
{
    cleanup_free char *path = xasprintf("/proc/%d/stat", (int)vm->gone.pid);
    cleanup_buffer struct buffer text = {0};
    unsigned long long user, system;
    const char *after;

    if (vm->gone.pid <= 0 || fs_read(path, 4096, &text, NULL) < 0)
        return 0;
    after = strrchr(text.data, ')');
    if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                         &system) != 2)
        return 0;
    return (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

void vm_console_state(const struct vm *vm, struct vm_console_state *state)
{
    console_state(vm->console, state);
}

char *vm_log_path(const struct vm *vm)
{
    return vm->host->root ? xasprintf("%s/log/qemu/%s.log", vm->host->root, vm->name) : NULL;
}

pid_t vm_pid(const struct vm *vm)
{
    return vm->state == GONE ? 0 : vm->gone.pid;
}

virDomainPtr machine_domain(const struct vm *vm)
{
    bool runs = (vm->state == RUNNING || vm->state == ENDING) && vm->domain;

    if (runs)
        virDomainRef(vm->domain);
    return runs ? vm->domain : NULL;
}

struct vm_host *machine_host(const struct vm *vm)
{
    return vm->host;
}
