/* From entries to a file. */
#include "base/fs.h"
#include "base/memory.h"
#include "initrd/archive.h"
#include "initrd/atomic_file.h"
#include "initrd/gzip_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define cleanup_atomic __attribute__((cleanup(atomic_file_close)))

enum { COPY_BYTES = 1 << 18 };

static void free_writer(struct gzip_writer **writer)
{
    gzip_writer_free(*writer);
}

static int sink_gzip(void *context, const void *bytes, size_t count, struct error *error)
{
    return gzip_writer_write(context, bytes, count, error);
}

static int write_member(const struct initrd *initrd, int fd, int level, struct error *error)
{
    __attribute__((cleanup(free_writer))) struct gzip_writer *writer = NULL;
    int code = gzip_writer_new(fd, level, gzip_writer_threads(), &writer, error);

    if (code == 0)
        code = cpio_stream(initrd, sink_gzip, writer, error);
    return code < 0 ? code : gzip_writer_finish(writer, error);
}

int initrd_write(struct initrd *initrd, const char *path, int level, struct error *error)
{
    cleanup_atomic struct atomic_file file = {.fd = -1};
    int code = atomic_file_open(&file, path, error);

    if (code < 0)
        return code;
    code = write_member(initrd, file.fd, level, error);
    if (code < 0)
        return error_context(error, "cannot make the initrd %s", path);
    return atomic_file_commit(&file, error);
}

static int sink_digest(void *context, const void *bytes, size_t count, struct error *error)
{
    (void)error;
    digest_update(context, bytes, count);
    return 0;
}

int initrd_digest(struct initrd *initrd, char hex[static DIGEST_HEX_SIZE], struct error *error)
{
    struct digest *digest = digest_new();
    int code = cpio_stream(initrd, sink_digest, digest, error);

    if (code < 0)
        digest_free(digest);
    else
        digest_finish(digest, hex);
    return code;
}

/* What a killed process left; only under the lock, when nobody is writing. */
static void sweep(const char *directory)
{
    cleanup_free char *pattern = xasprintf("%s/*.cpio.gz.??????", directory);
    glob_t found;

    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
    globfree(&found);
}

static int write_locked(struct initrd *initrd, const char *directory, const char *path, int level,
                        struct error *error)
{
    cleanup_free char *lock_path = xasprintf("%s/lock", directory);
    cleanup_fd int lock = -1;
    int code = fs_lock(lock_path, &lock, error);

    if (code < 0)
        return code;
    if (fs_exists(path))
        return 0;
    sweep(directory);
    return initrd_write(initrd, path, level, error);
}

int initrd_write_cached(struct initrd *initrd, const char *cache_dir, int level, char **path,
                        char *hex, struct error *error)
{
    cleanup_free char *directory = xasprintf("%s/initrd", cache_dir);
    cleanup_free char *made = NULL;
    char content[DIGEST_HEX_SIZE], name[DIGEST_HEX_SIZE];
    struct digest *digest;
    int code = initrd_digest(initrd, content, error);

    if (code == 0)
        code = fs_mkdirs(directory, 0755, error);
    if (code < 0)
        return code;
    digest = digest_new();
    digest_update_field(digest, content);
    digest_update(digest, &level, sizeof level);
    digest_finish(digest, name);
    made = xasprintf("%s/%s.cpio.gz", directory, name);
    if (!fs_exists(made))
        code = write_locked(initrd, directory, made, level, error);
    if (code < 0)
        return code;
    if (hex)
        memcpy(hex, name, sizeof name);
    *path = steal_pointer(&made);
    return 0;
}

static int append_file(const char *path, int out, struct error *error)
{
    cleanup_free unsigned char *chunk = xmalloc(COPY_BYTES);
    cleanup_fd int fd = -1;
    uint64_t total = 0;
    struct stat info;
    int code = archive_open(path, &fd, &info, error);

    if (code < 0)
        return code;
    for (;;) {
        ssize_t n = read(fd, chunk, COPY_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, "cannot read %s", path);
        if (total == 0 && (n < 2 || chunk[0] != 0x1f || chunk[1] != 0x8b))
            return error_set(error, EINVAL, "%s is not a gzip file", path);
        total += (uint64_t)n;
        if (n == 0)
            return total == (uint64_t)info.st_size
                       ? 0
                       : error_set(error, ESTALE, "%s changed while it was being read", path);
        code = fs_write_all(out, chunk, (size_t)n, error);
        if (code < 0)
            return code;
    }
}

int initrd_concatenate(const char *const paths[], size_t count, const char *out_path,
                       struct error *error)
{
    cleanup_atomic struct atomic_file file = {.fd = -1};
    int code = atomic_file_open(&file, out_path, error);

    if (code < 0)
        return code;
    for (size_t i = 0; i < count; i++) {
        code = append_file(paths[i], file.fd, error);
        if (code < 0)
            return error_context(error, "cannot make the initrd %s", out_path);
    }
    return atomic_file_commit(&file, error);
}
