#include "initrd/atomic_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_nameless(const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory =
        slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");

    return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

int atomic_file_open(struct atomic_file *file, const char *path, struct error *error)
{
    cleanup_free char *temporary = NULL;
    struct stat info;
    int fd;

    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return error_set(error, EINVAL, "%s is there already and is not a regular file", path);
    fd = open_nameless(path);
    if (fd < 0) {
        temporary = xasprintf("%s.XXXXXX", path);
        fd = mkostemp(temporary, O_CLOEXEC);
    }
    if (fd < 0)
        return error_errno(error, "cannot make a file beside %s", path);
    *file = (struct atomic_file){fd, xstrdup(path), steal_pointer(&temporary)};
    return 0;
}

/* linkat(2) replaces nothing, hence the detour where the name is taken. */
static int name_it(struct atomic_file *file)
{
    cleanup_free char *by_fd = xasprintf("/proc/self/fd/%d", file->fd);

    if (linkat(AT_FDCWD, by_fd, AT_FDCWD, file->path, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    for (unsigned int i = 0; errno == EEXIST && i < 1000; i++) {
        cleanup_free char *temporary = xasprintf("%s.%06u", file->path, i);

        if (linkat(AT_FDCWD, by_fd, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) < 0)
            continue;
        file->temporary = steal_pointer(&temporary);
        return 0;
    }
    return -1;
}

int atomic_file_commit(struct atomic_file *file, struct error *error)
{
    if (fchmod(file->fd, 0644) < 0)
        return error_errno(error, "cannot write %s", file->path);
    if (!file->temporary && name_it(file) < 0)
        return error_errno(error, "cannot name %s", file->path);
    if (file->temporary && rename(file->temporary, file->path) < 0)
        return error_errno(error, "cannot name %s", file->path);
    free(steal_pointer(&file->temporary));
    return 0;
}

void atomic_file_close(struct atomic_file *file)
{
    if (file->temporary)
        unlink(file->temporary);
    if (file->path)
        close(file->fd);
    free(file->temporary);
    free(file->path);
    *file = (struct atomic_file){.fd = -1};
}
