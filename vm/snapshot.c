#include "vm/snapshot.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linux 6.3 and newer may refuse a memfd that could be executed (sysctl vm.memfd_noexec), older
 * ones do not know the flag. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif

static int make_memfd(const char *name, int *fd, struct error *error)
{
    const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

    *fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
    if (*fd < 0 && errno == EINVAL)
        *fd = memfd_create(name, flags);
    return *fd < 0 ? error_errno(error, "cannot make a file in memory (memfd_create)") : 0;
}

static int make_on_disk(const char *directory, uint64_t size_bytes, int *fd, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/ram-XXXXXX", directory);
    int code;

    *fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        *fd = mkostemp(path, O_CLOEXEC);
        if (*fd >= 0)
            unlink(path);
    }
    if (*fd < 0)
        return error_errno(error, "cannot make a file in %s", directory);
    code = posix_fallocate(*fd, 0, (off_t)size_bytes);
    return code == 0 ? 0
                     : error_set(error, code, "cannot reserve %llu MiB in %s: %s",
                                 (unsigned long long)size_bytes >> 20, directory, strerror(code));
}

int vm_snapshot_new(uint64_t memory_bytes, const char *directory, struct vm_snapshot **out,
                    struct error *error)
{
    struct vm_snapshot *snapshot = xcalloc(1, sizeof *snapshot);
    int code;

    *snapshot = (struct vm_snapshot){.memory_bytes = memory_bytes, .ram = -1, .state = -1};
    code = directory ? make_on_disk(directory, memory_bytes, &snapshot->ram, error)
                     : make_memfd("duet-ram", &snapshot->ram, error);
    if (code == 0)
        code = make_memfd("duet-state", &snapshot->state, error);
    if (code == 0 && ftruncate(snapshot->ram, (off_t)memory_bytes) < 0)
        code = error_errno(error, "cannot make a file of %llu MiB",
                           (unsigned long long)memory_bytes >> 20);
    if (code < 0) {
        vm_snapshot_free(snapshot);
        return code;
    }
    *out = snapshot;
    return 0;
}

void vm_snapshot_free(struct vm_snapshot *snapshot)
{
    if (!snapshot)
        return;
    if (snapshot->ram >= 0)
        close(snapshot->ram);
    if (snapshot->state >= 0)
        close(snapshot->state);
    free(snapshot);
}

void snapshot_fd_path(int fd, char path[static SNAPSHOT_PATH_SIZE])
{
    snprintf(path, SNAPSHOT_PATH_SIZE, "/proc/%d/fd/%d", (int)getpid(), fd);
}

/* Opened anew, since forks that start at once must not share one position. */
int snapshot_open_state(const struct vm_snapshot *snapshot, int *fd, struct error *error)
{
    char path[SNAPSHOT_PATH_SIZE];

    snprintf(path, sizeof path, "/proc/self/fd/%d", snapshot->state);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? error_errno(error, "cannot read a template's state (%s)", path) : 0;
}

/* A file on a disk cannot be sealed; only this user's processes can write to it. */
void snapshot_seal(const struct vm_snapshot *snapshot)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

    fcntl(snapshot->ram, F_ADD_SEALS, seals);
    fcntl(snapshot->state, F_ADD_SEALS, seals);
}
