#include "base/fs.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int fs_mkdirs(const char *path, mode_t mode, struct error *error)
{
    cleanup_free char *copy = xstrdup(path);
    struct stat info;

    for (char *slash = copy + 1; *copy; slash++) {
        char kept = *slash;

        if (kept != '/' && kept != '\0')
            continue;
        *slash = '\0';
        if (mkdir(copy, mode) < 0 && (errno != EEXIST && errno != EISDIR && errno != EROFS))
            return error_errno(error, "cannot make directory %s", copy);
        *slash = kept;
        if (!kept)
            break;
    }
    if (stat(path, &info) < 0)
        return error_errno(error, "cannot make directory %s", path);
    if (!S_ISDIR(info.st_mode))
        return error_set(error, ENOTDIR, "%s is there already and is not a directory", path);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    if (remove(path) < 0 && errno != ENOENT)
        return -1;
    return 0;
}

int fs_remove_tree(const char *path, struct error *error)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
        return error_errno(error, "cannot remove %s", path);
    return 0;
}

static int read_up_to(int fd, const char *path, size_t max, struct buffer *out, struct error *error)
{
    size_t start = out->length;
    ssize_t n;

    do {
        buffer_reserve(out, 1 << 16);
        n = read(fd, out->data + out->length, 1 << 16);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, "cannot read %s", path);
        out->length += (size_t)n;
        if (out->length - start > max)
            return error_set(error, EFBIG, "%s is larger than %zu bytes", path, max);
    } while (n != 0);
    return 0;
}

int fs_read(const char *path, size_t max, struct buffer *out, struct error *error)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t start = out->length;
    int code;

    if (fd < 0)
        return error_errno(error, "cannot open %s", path);
    code = read_up_to(fd, path, max, out, error);
    if (code < 0)
        out->length = start;
    out->data[out->length] = '\0';
    return code;
}

int fs_write_all(int fd, const void *bytes, size_t count, struct error *error)
{
    const char *at = bytes;

    while (count > 0) {
        ssize_t n = write(fd, at, count);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, "cannot write");
        at += n;
        count -= (size_t)n;
    }
    return 0;
}

int fs_write(const char *path, const void *bytes, size_t count, mode_t mode, struct error *error)
{
    cleanup_free char *temporary = xasprintf("%s.XXXXXX", path);
    cleanup_fd int fd = mkostemp(temporary, O_CLOEXEC);
    int code;

    if (fd < 0)
        return error_errno(error, "cannot make a file beside %s", path);
    code = fs_write_all(fd, bytes, count, error);
    if (code < 0) {
        unlink(temporary);
        return error_context(error, "%s", path);
    }
    if (fchmod(fd, mode) < 0 || rename(temporary, path) < 0) {
        code = error_errno(error, "cannot write %s", path);
        unlink(temporary);
        return code;
    }
    return 0;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int fs_cache_dir(char **path, struct error *error)
{
    const char *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    cleanup_free char *directory = NULL;
    int code;

    /* The XDG specification: a relative path is invalid and is ignored. */
    if (xdg && xdg[0] == '/')
        directory = xasprintf("%s/duet", xdg);
    else if (home && home[0] == '/')
        directory = xasprintf("%s/.cache/duet", home);
    else
        return error_set(error, ENOENT, "no cache directory: set HOME or XDG_CACHE_HOME");
    code = fs_mkdirs(directory, 0755, error);
    if (code < 0)
        return code;
    *path = steal_pointer(&directory);
    return 0;
}

static bool is_program(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

char *fs_find_program(const char *program)
{
    static const char sbin[] = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";
    const char *path = getenv("PATH");
    cleanup_free char *all = xasprintf("%s:%s", path ? path : "", sbin);
    char *state = NULL;

    if (strchr(program, '/'))
        return is_program(program) ? realpath(program, NULL) : NULL;
    for (char *dir = strtok_r(all, ":", &state); dir; dir = strtok_r(NULL, ":", &state)) {
        char *candidate = xasprintf("%s/%s", dir, program);

        if (is_program(candidate))
            return candidate;
        free(candidate);
    }
    return NULL;
}

int fs_realpath(const char *path, char **resolved, struct error *error)
{
    char *real = realpath(path, NULL);

    if (!real)
        return error_errno(error, "cannot resolve %s", path);
    *resolved = real;
    return 0;
}

int fs_lock(const char *path, int *fd, struct error *error)
{
    cleanup_fd int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (opened < 0)
        return error_errno(error, "cannot open the lock %s", path);
    while (flock(opened, LOCK_EX) < 0)
        if (errno != EINTR)
            return error_errno(error, "cannot lock %s", path);
    *fd = steal_fd(&opened);
    return 0;
}
