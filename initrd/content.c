/* What files hold: opening, reading and comparing them. */
#include "base/digest.h"
#include "base/memory.h"
#include "initrd/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18 };

static struct identity identity_of(const struct stat *info)
{
    return (struct identity){.device = info->st_dev,
                             .inode = info->st_ino,
                             .size = (uint64_t)info->st_size,
                             .changed = info->st_mtim};
}

static bool identity_same(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

int archive_open(const char *host_path, int *fd, struct stat *info, struct error *error)
{
    /* O_NONBLOCK: a FIFO must not hold us until somebody writes into it. */
    cleanup_fd int opened = -1;

    if (stat(host_path, info) < 0)
        return error_errno(error, "cannot read %s", host_path);
    if (S_ISDIR(info->st_mode))
        return error_set(error, EISDIR, "%s is a directory, expected a file", host_path);
    if (!S_ISREG(info->st_mode))
        return error_set(error, EINVAL, "%s is not a regular file", host_path);
    opened = open(host_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0 || fstat(opened, info) < 0)
        return error_errno(error, "cannot read %s", host_path);
    if (!S_ISREG(info->st_mode))
        return error_set(error, EINVAL, "%s is not a regular file", host_path);
    *fd = steal_fd(&opened);
    return 0;
}

int archive_insert_file(struct initrd *initrd, const char *host_path, const struct stat *info,
                        const char *guest_path, bool follow_last, struct error *error)
{
    /* newc has 8 hexadecimal digits for the size. */
    if ((uint64_t)info->st_size > UINT32_MAX)
        return error_set(error, EFBIG, "%s has %jd bytes, and an initrd's file less than 4 GiB",
                         host_path, (intmax_t)info->st_size);
    return archive_insert(initrd, guest_path, follow_last,
                          (struct entry){.mode = S_IFREG | (info->st_mode & 07777),
                                         .host_path = xstrdup(host_path),
                                         .identity = identity_of(info),
                                         .size = (uint64_t)info->st_size,
                                         .origin = xstrdup(host_path)},
                          error);
}

static int changed(const struct entry *entry, struct error *error)
{
    return error_set(error, ESTALE, "%s changed while it was being put into the initrd",
                     entry->host_path);
}

static int read_host(int fd, const struct entry *entry, archive_sink sink, void *context,
                     struct error *error)
{
    cleanup_free char *chunk = xmalloc(READ_BYTES);
    uint64_t total = 0;

    for (;;) {
        ssize_t n = read(fd, chunk, READ_BYTES);
        int code;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, "cannot read %s", entry->host_path);
        total += (uint64_t)n;
        if (total > entry->size || (n == 0 && total < entry->size))
            return changed(entry, error);
        if (n == 0)
            return 0;
        code = sink(context, chunk, (size_t)n, error);
        if (code < 0)
            return code;
    }
}

int archive_read(const struct entry *entry, archive_sink sink, void *context, struct error *error)
{
    cleanup_fd int fd = -1;
    struct identity identity;
    struct stat info;
    int code;

    if (!entry->host_path)
        return entry->size ? sink(context, entry->bytes, entry->size, error) : 0;
    code = archive_open(entry->host_path, &fd, &info, error);
    if (code < 0)
        return code;
    identity = identity_of(&info);
    if (!identity_same(&identity, &entry->identity))
        return changed(entry, error);
    return read_host(fd, entry, sink, context, error);
}

static int sink_digest(void *context, const void *bytes, size_t count, struct error *error)
{
    (void)error;
    digest_update(context, bytes, count);
    return 0;
}

static int content_digest(const struct entry *entry, char hex[static DIGEST_HEX_SIZE],
                          struct error *error)
{
    struct digest *digest = digest_new();
    int code = archive_read(entry, sink_digest, digest, error);

    if (code < 0)
        digest_free(digest);
    else
        digest_finish(digest, hex);
    return code;
}

int content_same(const struct entry *a, const struct entry *b, bool *same, struct error *error)
{
    char of_a[DIGEST_HEX_SIZE], of_b[DIGEST_HEX_SIZE];
    int code;

    if (a->size != b->size || a->device != b->device) {
        *same = false;
        return 0;
    }
    if (a->host_path && b->host_path && identity_same(&a->identity, &b->identity)) {
        *same = true;
        return 0;
    }
    code = content_digest(a, of_a, error);
    if (code == 0)
        code = content_digest(b, of_b, error);
    if (code == 0)
        *same = strcmp(of_a, of_b) == 0;
    return code;
}
