/* The files of a snapshot, for vm's own use. */
#ifndef DUET_VM_SNAPSHOT_H
#define DUET_VM_SNAPSHOT_H

#include "vm/vm.h"

enum {
    SNAPSHOT_PATH_SIZE = 64,
    SNAPSHOT_STATE_MAX = 64 << 20, /* what a microvm's devices are worth is some 50 KB */
};

struct vm_snapshot {
    uint64_t memory_bytes;
    int ram;
    int state; /* QEMU's migration stream; empty until it was saved */
};

/* Where another process of this user finds an open file (proc_pid_fd(5)) while this one lives. */
void snapshot_fd_path(int fd, char path[static SNAPSHOT_PATH_SIZE]);
/* The state from its beginning; the caller closes *fd. */
int snapshot_open_state(const struct vm_snapshot *snapshot, int *fd, struct error *error);
/* Nobody can write to it any more (fcntl(2), F_ADD_SEALS), where it is in memory. Its machine must
 * be gone. */
void snapshot_seal(const struct vm_snapshot *snapshot);

#endif
