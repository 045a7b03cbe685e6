/* What machine.c (a machine's life), machine_talk.c (what is said to it and read of it) and ask.c
 * (what is asked of libvirt) share. */
#ifndef DUET_VM_MACHINE_INTERNAL_H
#define DUET_VM_MACHINE_INTERNAL_H

#include "vm/console.h"
#include "vm/host.h"
#include "vm/port.h"

enum machine_state { STARTING, RUNNING, ENDING, GONE };

struct save;  /* machine.c */
struct asked; /* ask.c */

struct vm {
    struct vm_host *host;
    struct vm *next;
    char *name, *xml;
    struct vm_calls calls;
    void *context;

    struct console *console;
    struct port *console_port, *ctl_port, *io_port;
    void (*drained)(void *context); /* vm_on_drained; or NULL */
    void *drained_context;

    enum machine_state state;
    virDomainPtr domain; /* a worker's until `created` ran, then the loop's */
    char *create_error;
    struct vm_snapshot *saves_to;      /* the spec's */
    const struct vm_snapshot *fork_of; /* the spec's; not read once it was started */
    int kernel_head;                   /* what a fork has for its kernel, or -1 */
    struct save *save;                 /* while a worker saves it */
    struct asked *asked;               /* what waits until it has started, the oldest first */
    bool told_started;
    bool spoke; /* a byte came from the guest */
    bool stop_asked;
    bool guest_ended;    /* libvirt: the guest shut down or reset */
    bool domain_stopped; /* libvirt: the domain is no more */
    bool reaped;
    struct timer *ending;
    struct vm_gone gone;
};

/* The machine has started, or will not. */
void machine_begin_asked(struct vm *vm);

/* The domain of a machine that runs, with a reference that is the caller's; else NULL. */
virDomainPtr machine_domain(const struct vm *vm);

#endif
