/* What is asked of libvirt while a machine runs: each call blocks, so a worker does it. */
#include "base/memory.h"
#include "vm/machine_internal.h"
#include "vm/monitor.h"

#include <errno.h>
#include <libvirt/virterror.h>

struct asked {
    int (*call)(const struct asked *asked, struct error *error);
    virDomainPtr domain; /* NULL: the machine does not run */
    char *path;
    vm_done_fn done;
    void *context;
    int code;
    struct error error;
    struct asked *next; /* while the machine starts: what was asked after it */
};

static void work(void *context)
{
    struct asked *asked = context;

    asked->code = asked->domain
                      ? asked->call(asked, &asked->error)
                      : error_set(&asked->error, ESRCH, "its machine does not run (any more)");
    if (asked->domain)
        virDomainFree(asked->domain);
}

static void done(void *context)
{
    struct asked *asked = context;

    asked->done(asked->context, asked->code < 0 ? &asked->error : NULL);
    free(asked->path);
    free(asked);
}

static void begin(struct vm *vm, struct asked *asked)
{
    asked->domain = machine_domain(vm);
    host_run(vm->host, work, done, asked);
}

void machine_begin_asked(struct vm *vm)
{
    while (vm->asked) {
        struct asked *asked = vm->asked;

        vm->asked = asked->next;
        begin(vm, asked);
    }
}

static void ask(struct vm *vm, int (*call)(const struct asked *asked, struct error *error),
                const char *path, vm_done_fn done_call, void *context)
{
    struct asked *asked = xcalloc(1, sizeof *asked);
    struct asked **end = &vm->asked;

    *asked = (struct asked){.call = call, .done = done_call, .context = context};
    asked->path = path ? xstrdup(path) : NULL;
    if (vm->state != STARTING) {
        begin(vm, asked);
        return;
    }
    while (*end)
        end = &(*end)->next;
    *end = asked;
}

static int suspend(const struct asked *asked, struct error *error)
{
    return virDomainSuspend(asked->domain) == 0
               ? 0
               : error_set(error, EIO, "libvirt cannot stop it: %s", virGetLastErrorMessage());
}

static int resume(const struct asked *asked, struct error *error)
{
    return virDomainResume(asked->domain) == 0
               ? 0
               : error_set(error, EIO, "libvirt cannot let it go on: %s", virGetLastErrorMessage());
}

static int debug(const struct asked *asked, struct error *error)
{
    return monitor_debug(asked->domain, asked->path, error);
}

static int reset(const struct asked *asked, struct error *error)
{
    return monitor_reset(asked->domain, error);
}

void vm_pause(struct vm *vm, vm_done_fn done_call, void *context)
{
    ask(vm, suspend, NULL, done_call, context);
}

void vm_resume(struct vm *vm, vm_done_fn done_call, void *context)
{
    ask(vm, resume, NULL, done_call, context);
}

void vm_debug(struct vm *vm, const char *path, vm_done_fn done_call, void *context)
{
    ask(vm, debug, path, done_call, context);
}

void vm_reset(struct vm *vm, vm_done_fn done_call, void *context)
{
    ask(vm, reset, NULL, done_call, context);
}
