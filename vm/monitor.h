/* Commands to a machine's QEMU, through libvirt (qemu(7), QMP), for saving, forking, resetting
 * and debugging. Each blocks until QEMU has answered: for workers' threads. */
#ifndef DUET_VM_MONITOR_H
#define DUET_VM_MONITOR_H

#include "base/error.h"
#include "vm/snapshot.h"

#include <libvirt/libvirt.h>

/* Saves the devices of a guest that runs, whose RAM is the snapshot's; the guest is stopped then.
 * EOPNOTSUPP where QEMU cannot. */
int monitor_save(virDomainPtr domain, const struct vm_snapshot *snapshot, struct error *error);
/* Has a QEMU that was started with -incoming defer go on from the snapshot. That it does not shows
 * by its end. */
int monitor_restore(virDomainPtr domain, const struct vm_snapshot *snapshot, struct error *error);
/* Resets the machine: its kernel boots anew, while its sockets stay as they are. EOPNOTSUPP where
 * QEMU cannot (before 6.0), and then nothing has changed. */
int monitor_reset(virDomainPtr domain, struct error *error);
/* Has QEMU's gdb stub listen on the unix socket `path`. */
int monitor_debug(virDomainPtr domain, const char *path, struct error *error);

#endif
