#include "initrd/init/mounts.h"

#include "base/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *type, *target, *options;
    unsigned long flags;
    bool optional; /* the kernel may have been built without it */
} mounts[] = {
    {"devtmpfs", "/dev", "mode=0755", MS_NOSUID, false},
    {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false},
    {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false},
    {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false},
    {"tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, false},
    {"devpts", "/dev/pts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC, true},
    {"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false},
    {"cgroup2", "/sys/fs/cgroup", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true},
};

static const struct {
    const char *target, *path;
} links[] = {
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
};

/* What a file system that the kernel lacks gives: no such type, or (cgroup2) no place for it. */
static bool means_absent(int number)
{
    return number == ENODEV || number == ENOENT || number == EPERM;
}

int mounts_make(struct error *error)
{
    for (size_t i = 0; i < array_size(mounts); i++) {
        bool made = mkdir(mounts[i].target, 0755) == 0 || errno == EEXIST;

        /* sysfs takes no directories: what is missing there is missing in the kernel. */
        if (made && mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
                          mounts[i].options) == 0)
            continue;
        if (!mounts[i].optional || !means_absent(errno))
            return error_errno(error, "cannot mount %s on %s", mounts[i].type, mounts[i].target);
    }
    for (size_t i = 0; i < array_size(links); i++)
        if (symlink(links[i].target, links[i].path) < 0 && errno != EEXIST)
            return error_errno(error, "cannot make the link %s", links[i].path);
    return 0;
}

int mounts_undo(struct error *error)
{
    for (size_t i = array_size(mounts); i > 0; i--)
        if (umount2(mounts[i - 1].target, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
            return error_errno(error, "cannot unmount %s", mounts[i - 1].target);
    return 0;
}
