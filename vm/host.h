/* What vm's files share: the connection, its machines, and calls that block. */
#ifndef DUET_VM_HOST_H
#define DUET_VM_HOST_H

#include "vm/reaper.h"
#include "vm/vm.h"

#include <libvirt/libvirt.h>
#include <pthread.h>

/* libvirt starts one machine in some 100 ms, most of which it waits for QEMU. */
enum { HOST_WORKERS_MAX = 8 };

struct lifecycle_event; /* host.c */

struct vm_host {
    struct loop *loop;
    virConnectPtr connection;
    bool embedded;
    char *runtime_dir; /* of the run */
    char *root;        /* the embedded driver's directory, or NULL */
    struct reaper *reaper;
    struct vm *machines; /* the loop's thread only */
    int lifecycle;       /* libvirt's callback id, or -1 */

    pthread_t events, workers[HOST_WORKERS_MAX];
    bool events_running;
    size_t worker_count;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed, domain_ended;
    long domains; /* that libvirt has not yet called ended; below 0 while it is ahead of us */
    struct job *jobs, **jobs_end;
    bool no_more_jobs, no_more_events;
    /* What libvirt said of domains and the loop has not come to: the oldest first. */
    struct lifecycle_event *undelivered, **undelivered_end;
};

/* Runs `work(context)` on a worker's thread, then `done(context)` on the loop's. Jobs begin in the
 * order in which they came. */
void host_run(struct vm_host *host, void (*work)(void *context), void (*done)(void *context),
              void *context);

/* libvirt started a domain. Called on a worker's thread. */
void host_domain_started(struct vm_host *host);

/* What libvirt says of a domain: virDomainEventType with its detail. Called on the loop's thread;
 * machine.c implements it. */
void machine_event(struct vm_host *host, const char *name, int event, int detail);

#endif
