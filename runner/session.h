/* What all cases of one invocation share: the event loop, the runtime directory with its guardian,
 * libvirt, the accelerator, kernels. Opened once, closed on every path. */
#ifndef DUET_RUNNER_SESSION_H
#define DUET_RUNNER_SESSION_H

#include "base/loop.h"
#include "kernel/kernel.h"
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
    /* Of all suites: libvirt may know a machine's name for a while yet. */
    size_t case_count, template_count;
    struct session_work *works, **works_end; /* the first one runs */
    void (*cancel)(void *context);           /* session_on_cancel */
    void *cancel_context;
    struct timer *hunt; /* after a cancel that nobody takes: for QEMUs that hold libvirt up */
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

/* The first signal calls `cancel(context)` from the loop, which then goes on. NULL: nobody takes
 * it, and the loop stops. */
void session_on_cancel(struct session *session, void (*cancel)(void *context), void *context);

/* Runs `work(context)` on a thread, then `done` from the loop. What was asked for earlier is done
 * first, its `done` included: two works never run at once. ECANCELED without running `work` where a
 * signal came before its turn. `error` is for the call only, and says something where code < 0. */
typedef int (*session_work_fn)(void *context, struct error *error);
typedef void (*session_done_fn)(void *context, int code, const struct error *error);
void session_work(struct session *session, session_work_fn work, session_done_fn done,
                  void *context);

/* As session_work, and runs the loop until it is done; its result. Not while the loop runs. */
int session_block(struct session *session, session_work_fn work, void *context,
                  struct error *error);

/* The kernel `spec`, got once; it belongs to the session. */
int session_kernel(struct session *session, const char *spec, const struct kernel **kernel,
                   struct error *error);

/* Decides the accelerator (by booting `kernel`, where KVM is possible) and opens libvirt. */
int session_start_host(struct session *session, const struct kernel *kernel, struct error *error);

#endif
