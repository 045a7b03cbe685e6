/* Snapshots that outlive the process, in a directory each. */
#include "vm/snapshot.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, CHUNK = 1 << 20 };

/* What is copied, and what is digested on the way: the pages that are not zero, each behind its
 * number, so that the digest does not depend on where a file system has holes. */
struct copy {
    int from, to;
    struct digest *digest;
    char *chunk;
};

static bool is_zero(const char *page, size_t count)
{
    return page[0] == '\0' && memcmp(page, page + 1, count - 1) == 0;
}

static int copy_page(const struct copy *copy, const char *page, size_t count, off_t at,
                     struct error *error)
{
    char number[24];

    if (is_zero(page, count))
        return 0;
    snprintf(number, sizeof number, "%" PRIu64, (uint64_t)at);
    digest_update_field(copy->digest, number);
    digest_update(copy->digest, page, count);
    if (copy->to < 0 || pwrite(copy->to, page, count, at) == (ssize_t)count)
        return 0;
    return error_errno(error, "cannot write a template's memory");
}

static int copy_extent(const struct copy *copy, off_t at, off_t end, struct error *error)
{
    while (at < end) {
        size_t wanted = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
        ssize_t n = pread(copy->from, copy->chunk, wanted, at);
        int code = 0;

        if (n <= 0)
            return n < 0 ? error_errno(error, "cannot read a template's memory")
                         : error_set(error, EBADMSG, "a template's memory is cut short");
        for (ssize_t i = 0; i < n && code == 0; i += PAGE)
            code = copy_page(copy, copy->chunk + i, n - i < PAGE ? (size_t)(n - i) : PAGE, at + i,
                             error);
        if (code < 0)
            return code;
        at += n;
    }
    return 0;
}

/* lseek(2): a file system without holes has one extent; ENXIO means that none is left. An extent
 * begins and ends with a page, of which a short read would give a part: CHUNK is whole pages. */
static int copy_ram(const struct copy *copy, struct error *error)
{
    off_t at = 0;

    for (;;) {
        off_t start = lseek(copy->from, at, SEEK_DATA);
        int code;

        if (start < 0)
            return errno == ENXIO ? 0 : error_errno(error, "cannot read a template's memory");
        start -= start % PAGE;
        at = lseek(copy->from, start, SEEK_HOLE);
        if (at < 0)
            return error_errno(error, "cannot read a template's memory");
        at += (PAGE - at % PAGE) % PAGE;
        code = copy_extent(copy, start, at, error);
        if (code < 0)
            return code;
    }
}

/* The digest of a snapshot whose RAM is copied from one file to another; `to` may be -1. */
static int copy_and_digest(int from, int to, const struct buffer *state,
                           char hex[static DIGEST_HEX_SIZE], struct error *error)
{
    cleanup_free char *chunk = xmalloc(CHUNK);
    struct copy copy = {.from = from, .to = to, .digest = digest_new(), .chunk = chunk};
    int code;

    digest_update_field(copy.digest, "duet-template-1");
    digest_update(copy.digest, state->data, state->length);
    code = copy_ram(&copy, error);
    if (code == 0)
        digest_finish(copy.digest, hex);
    else
        digest_free(copy.digest);
    return code;
}

static int read_state(const struct vm_snapshot *snapshot, struct buffer *state, struct error *error)
{
    char path[SNAPSHOT_PATH_SIZE];

    snprintf(path, sizeof path, "/proc/self/fd/%d", snapshot->state);
    return fs_read(path, SNAPSHOT_STATE_MAX, state, error);
}

static int write_files(const struct vm_snapshot *snapshot, const char *directory,
                       struct error *error)
{
    cleanup_free char *ram_path = xasprintf("%s/ram", directory);
    cleanup_free char *state_path = xasprintf("%s/state", directory);
    cleanup_free char *digest_path = xasprintf("%s/digest", directory);
    cleanup_fd int ram = open(ram_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cleanup_buffer struct buffer state = {0};
    char hex[DIGEST_HEX_SIZE];
    int code;

    if (ram < 0 || ftruncate(ram, (off_t)snapshot->memory_bytes) < 0)
        return error_errno(error, "cannot make %s", ram_path);
    if ((code = read_state(snapshot, &state, error)) < 0 ||
        (code = copy_and_digest(snapshot->ram, ram, &state, hex, error)) < 0 ||
        (code = fs_write(state_path, state.data, state.length, 0600, error)) < 0)
        return code;
    return fs_write(digest_path, hex, strlen(hex), 0600, error);
}

int vm_snapshot_store(const struct vm_snapshot *snapshot, const char *directory,
                      struct error *error)
{
    cleanup_free char *making = xasprintf("%s.XXXXXX", directory);
    int code;

    if (!mkdtemp(making))
        return error_errno(error, "cannot make %s", making);
    code = write_files(snapshot, making, error);
    if (code == 0 && rename(making, directory) < 0)
        code = errno == ENOTEMPTY || errno == EEXIST
                   ? error_set(error, EEXIST, "%s is there already", directory)
                   : error_errno(error, "cannot make %s", directory);
    if (code < 0)
        fs_remove_tree(making, NULL);
    return code;
}

static int open_ram(const char *directory, uint64_t memory_bytes, int *fd, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/ram", directory);
    struct stat info;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0 || fstat(*fd, &info) < 0)
        return error_errno(error, "cannot read %s", path);
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size != memory_bytes)
        return error_set(error, EBADMSG, "%s has %" PRIu64 " bytes instead of %" PRIu64, path,
                         (uint64_t)info.st_size, memory_bytes);
    return 0;
}

static int load(const char *directory, struct vm_snapshot *snapshot, struct error *error)
{
    cleanup_free char *state_path = xasprintf("%s/state", directory);
    cleanup_free char *digest_path = xasprintf("%s/digest", directory);
    cleanup_buffer struct buffer state = {0}, wanted = {0};
    cleanup_fd int ram = -1;
    char hex[DIGEST_HEX_SIZE];
    int code;

    if ((code = open_ram(directory, snapshot->memory_bytes, &ram, error)) < 0 ||
        (code = fs_read(state_path, SNAPSHOT_STATE_MAX, &state, error)) < 0 ||
        (code = fs_read(digest_path, DIGEST_HEX_SIZE, &wanted, error)) < 0 ||
        (code = copy_and_digest(ram, snapshot->ram, &state, hex, error)) < 0)
        return code;
    if (wanted.length != strlen(hex) || memcmp(wanted.data, hex, wanted.length) != 0)
        return error_set(error, EBADMSG, "%s is not what was stored there", directory);
    return fs_write_all(snapshot->state, state.data, state.length, error);
}

int vm_snapshot_load(const char *directory, uint64_t memory_bytes, const char *ram_directory,
                     struct vm_snapshot **out, struct error *error)
{
    struct vm_snapshot *snapshot = NULL;
    int code = vm_snapshot_new(memory_bytes, ram_directory, &snapshot, error);

    if (code == 0)
        code = load(directory, snapshot, error);
    if (code < 0) {
        vm_snapshot_free(snapshot);
        return code == -EFBIG
                   ? error_set(error, EBADMSG, "%s is not what was stored there", directory)
                   : code;
    }
    snapshot_seal(snapshot);
    *out = snapshot;
    return 0;
}
