/* What is said to a machine and asked of it while it lives. */
#include "vm/machine_internal.h"

#include "base/memory.h"
#include "base/proc_stat.h"

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

uint64_t vm_cpu_ms(const struct vm *vm)
{
    struct proc_stat stat;

    if (vm->gone.pid <= 0 || !proc_stat_read(vm->gone.pid, &stat))
        return 0;
    return stat.ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
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
