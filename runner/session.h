/* What all cases of one invocation share: the event loop, the runtime directory with its guardian,
 * libvirt, the accelerator, kernels. Opened once, closed on every path. */
#ifndef DUET_RUNNER_SESSION_H
#define DUET_RUNNER_SESSION_H

#include "base/loop.h"
#include "kernel/kernel.h"
#include "runner/case_run.h"
#include "runner/rundir.h"
#include "runner/terminal.h"
#include "vm/vm.h"

#include <stdatomic.h>

enum accel_choice { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

struct session_options {
    const char *connect; /* libvirt URI, or NULL */
    enum accel_choice accel;
    bool debug;       /* libvirt logs all it does */
    bool no_machines; /* kernels are all that is wanted: QEMU need not be there */
    struct terminal *terminal;
};

struct session_kernel {
    struct kernel kernel;
    struct session_kernel *next;
};

struct session {
    struct session_options options;
    struct loop *loop;
    struct rundir rundir;
    char *cache_dir;
    char *emulator;
    struct vm_host *host; /* NULL until session_start_host */
    enum vm_accel accel;
    char accel_reason[320]; /* why `auto` chose it; else empty */
    char libvirt_version[32], qemu_version[32];
    uint64_t tsc_khz;
    struct session_kernel *kernels;
    size_t case_count;        /* of all suites: libvirt may know a machine's name for a while yet */
    struct case_run *running; /* a first Ctrl-C ends it */
    struct timer *hunt;       /* after one without a case: for QEMUs that hold libvirt up */
    atomic_bool cancelled;
    bool cancel_seen; /* the same, for the loop's thread alone */
    int signal_number;
};

/* Makes the loop and the runtime directory and takes SIGINT, SIGTERM and SIGHUP over: the first
 * one cancels, a second one ends the process at once, and the guardian cleans up. Before any
 * thread. */
int session_open(struct session *session, const struct session_options *options,
                 struct error *error);
void session_close(struct session *session);

/* Runs `work(context)` on a thread of its own while the loop serves signals; its result. */
int session_block(struct session *session, int (*work)(void *context, struct error *error),
                  void *context, struct error *error);

/* The kernel `spec`, got once; it belongs to the session. */
int session_kernel(struct session *session, const char *spec, const struct kernel **kernel,
                   struct error *error);

/* Decides the accelerator (by booting `kernel`, where KVM is possible) and opens libvirt. */
int session_start_host(struct session *session, const struct kernel *kernel, struct error *error);

#endif
