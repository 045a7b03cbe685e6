/* From a case of a suite to machines: names, sockets, links, kernel command lines. Pure but for
 * what it allocates. */
#ifndef DUET_RUNNER_PLAN_H
#define DUET_RUNNER_PLAN_H

#include "base/error.h"
#include "runner/suite.h"
#include "vm/vm.h"

enum {
    PLAN_CMDLINE_MAX = 2046, /* with more, a microvm of QEMU 7.2 hangs before it prints anything */
};

struct plan_machine {
    struct vm_spec spec; /* its texts belong to the plan, but for kernel, initrd and emulator */
    size_t rank;         /* the order in which machines start: who serves a link starts first */
};

struct plan {
    struct plan_machine *machines; /* one for each of the case's nodes, in their order */
    size_t machine_count;
};

struct plan_options {
    const struct suite_case *suite_case;
    size_t case_index;       /* makes names unique in the run */
    const char *runtime_dir; /* sockets go there */
    const char *emulator, *kernel;
    bool no_acpi; /* of the kernel, as in struct vm_spec */
    enum vm_accel accel;
    uint64_t tsc_khz;
};

/* E2BIG for a kernel command line that the kernel would cut. The caller sets each spec's initrd
 * and frees the plan. */
int plan_make(const struct plan_options *options, struct plan *plan, struct error *error);
void plan_free(struct plan *plan);

/* A foreign init cannot be told to wait once it runs, so its machine starts when the nodes that it
 * comes after are up; all others start at once. */
bool plan_starts_late(const struct suite_node *node);

#endif
