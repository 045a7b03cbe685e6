/* From a case of a suite to machines: names, sockets, links, kernel command lines, and what each is
 * told when it has booted. Pure but for what it allocates. */
#ifndef DUET_RUNNER_PLAN_H
#define DUET_RUNNER_PLAN_H

#include "base/error.h"
#include "runner/pod.h"
#include "runner/suite.h"
#include "vm/vm.h"

enum {
    PLAN_CMDLINE_MAX = 2046, /* with more, a microvm of QEMU 7.2 hangs before it prints anything */
};

struct plan_machine {
    struct vm_spec spec; /* its texts belong to the plan, but for kernel, initrd and emulator */
    char *pod;           /* what the node is told that boots in it: pod_make */
    size_t rank;         /* the order in which machines start: who serves a link starts first */
};

/* Where the ends of a link connect that duet carries; NULL where it does not. Texts of the specs.
 */
struct plan_link {
    const char *sockets[2];
};

struct plan {
    struct plan_machine *machines; /* one for each of the case's nodes, in their order */
    size_t machine_count;
    struct plan_link *links; /* one for each of the case's links, in their order */
};

struct plan_options {
    const struct suite_case *suite_case;
    size_t case_index;       /* makes names unique in the run */
    const char *runtime_dir; /* sockets go there */
    const char *emulator, *kernel;
    bool no_acpi; /* of the kernel, as in struct vm_spec */
    enum vm_accel accel;
    uint64_t tsc_khz;
    uint64_t seed; /* of the run */
    bool forked; /* NICs have the MAC addresses of a template's; the nodes change them to their own
                  */
};

/* E2BIG for a kernel command line that the kernel would cut. The caller sets each spec's initrd
 * and frees the plan. */
int plan_make(const struct plan_options *options, struct plan *plan, struct error *error);
void plan_free(struct plan *plan);

/* The MAC address of the NIC number `index` in every machine that nodes are forked from. */
void plan_device_mac(size_t index, char text[static POD_MAC_SIZE]);

/* An init that the kernel itself runs cannot be told to wait, so its machine starts when the nodes
 * that it comes after are up; all others start at once. */
bool plan_starts_late(const struct suite_node *node);

#endif
