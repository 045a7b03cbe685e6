#include "runner/unpack.h"

#include "base/buffer.h"
#include "base/fs.h"
#include "base/memory.h"
#include "results/text.h"
#include "runner/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LONG_MAX_BYTES = 1 << 16, CHUNK = 1 << 16, PERMISSIONS = 0777 };

struct made {
    char *path;
    unsigned mode;
};

struct unpacking {
    int fd, root;
    char temporary[32]; /* a name for what is not in its place yet */
    void (*left_out)(void *context, const char *name);
    void *context;
    char *long_name, *long_link; /* of the next entry; NULL: it has its own */
    struct made *made;           /* directories that are new */
    size_t made_count;
    unsigned *top_mode;
};

/* -- Bytes ------------------------------------------------------------------------------------- */

static int read_exactly(int fd, void *bytes, size_t count, struct error *error)
{
    size_t done = 0;

    while (done < count) {
        ssize_t n = read(fd, (char *)bytes + done, count - done);

        if (n == 0)
            return error_set(error, EPIPE, "the archive ends early");
        if (n < 0 && errno != EINTR)
            return error_errno(error, "cannot read the archive");
        done += n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

static uint64_t padding(uint64_t size)
{
    return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}

/* To `out`, or to nowhere where that is negative. */
static int move_bytes(int fd, uint64_t size, int out, struct error *error)
{
    char bytes[CHUNK];
    int code = 0;

    while (code == 0 && size > 0) {
        size_t piece = size < sizeof bytes ? (size_t)size : sizeof bytes;

        code = read_exactly(fd, bytes, piece, error);
        if (code == 0 && out >= 0)
            code = fs_write_all(out, bytes, piece, error);
        size -= piece;
    }
    return code;
}

/* What writes the archive is not to wait for ever. */
static void drain(int fd)
{
    char bytes[CHUNK];
    ssize_t n;

    do
        n = read(fd, bytes, sizeof bytes);
    while (n > 0 || (n < 0 && errno == EINTR));
}

/* -- Names ------------------------------------------------------------------------------------- */

/* Fit for a terminal; the caller frees it. */
static char *printable(const char *name)
{
    struct buffer shown = {0};

    text_printable(&shown, name, strlen(name));
    return buffer_steal(&shown);
}

static int complain(const char *name, struct error *error, const char *what)
{
    int cause = errno;
    cleanup_free char *shown = printable(name);

    return error_set(error, cause, "cannot %s %s: %s", what, shown, strerror(cause));
}

/* Without slashes and "." at its ends; "" for the archive's own directory. */
static char *trim(const char *name)
{
    size_t length;

    while (name[0] == '/' || (name[0] == '.' && (name[1] == '/' || name[1] == '\0')))
        name++;
    length = strlen(name);
    while (length > 0 && name[length - 1] == '/')
        length--;
    return xstrndup(name, length);
}

static int open_beneath(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

    return (int)syscall(SYS_openat2, root, path[0] ? path : ".", &how, sizeof how);
}

/* The directory that has `path`, and what it is called there. "..": openat2 would allow it where it
 * stays beneath, but as a name of its own it is none. */
static int open_parent(const struct unpacking *unpacking, const char *path, int *parent,
                       const char **base, struct error *error)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory = xstrndup(path, slash ? (size_t)(slash - path) : 0);

    *base = slash ? slash + 1 : path;
    if (strcmp(*base, "..") == 0 || strcmp(*base, ".") == 0) {
        errno = EINVAL;
        return complain(path, error, "make");
    }
    *parent = open_beneath(unpacking->root, directory, O_PATH | O_DIRECTORY);
    return *parent < 0 ? complain(path, error, "make") : 0;
}

/* -- Entries ----------------------------------------------------------------------------------- */

static int fill(struct unpacking *unpacking, const struct tar_header *header, int file,
                struct error *error)
{
    int code = move_bytes(unpacking->fd, header->size, file, error);

    if (code == 0)
        code = move_bytes(unpacking->fd, padding(header->size), -1, error);
    if (code == 0 && fchmod(file, header->mode & PERMISSIONS) < 0)
        code = error_errno(error, "cannot set the mode");
    return code;
}

static int make_file(struct unpacking *unpacking, const struct tar_header *header, const char *path,
                     int parent, const char *base, struct error *error)
{
    cleanup_fd int file = openat(parent, unpacking->temporary,
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    cleanup_free char *shown = printable(path);
    int code;

    if (file < 0)
        return complain(path, error, "make");
    code = fill(unpacking, header, file, error);
    if (code < 0)
        error_context(error, "%s", shown);
    else if (renameat(parent, unpacking->temporary, parent, base) < 0)
        code = complain(path, error, "write");
    if (code < 0)
        unlinkat(parent, unpacking->temporary, 0);
    return code;
}

static int put_in_place(const struct unpacking *unpacking, const char *path, int parent,
                        const char *base, struct error *error)
{
    int code = renameat(parent, unpacking->temporary, parent, base);

    if (code < 0)
        code = complain(path, error, "link");
    /* Two names of one file stay as they are, renamed or not. */
    unlinkat(parent, unpacking->temporary, 0);
    return code;
}

static int make_symlink(const struct unpacking *unpacking, const char *path, const char *link,
                        int parent, const char *base, struct error *error)
{
    if (symlinkat(link, parent, unpacking->temporary) < 0)
        return complain(path, error, "link");
    return put_in_place(unpacking, path, parent, base, error);
}

static int make_hard_link(const struct unpacking *unpacking, const char *path, const char *link,
                          int parent, const char *base, struct error *error)
{
    cleanup_free char *target = trim(link);
    cleanup_fd int file = open_beneath(unpacking->root, target, O_PATH | O_NOFOLLOW);
    struct stat info;
    char name[32];

    if (file < 0 || fstat(file, &info) < 0)
        return complain(path, error, "link");
    errno = EPERM;
    if (!S_ISREG(info.st_mode))
        return complain(path, error, "link");
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    if (linkat(AT_FDCWD, name, parent, unpacking->temporary, AT_SYMLINK_FOLLOW) < 0)
        return complain(path, error, "link");
    return put_in_place(unpacking, path, parent, base, error);
}

/* Its mode is set when everything in it is there. */
static int make_directory(struct unpacking *unpacking, unsigned mode, const char *path, int parent,
                          const char *base, struct error *error)
{
    struct stat info;

    if (mkdirat(parent, base, 0700) == 0) {
        unpacking->made =
            xreallocarray(unpacking->made, unpacking->made_count + 1, sizeof *unpacking->made);
        unpacking->made[unpacking->made_count++] =
            (struct made){.path = xstrdup(path), .mode = mode & PERMISSIONS};
        return 0;
    }
    if (errno == EEXIST && fstatat(parent, base, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        if (S_ISDIR(info.st_mode))
            return 0;
    }
    return complain(path, error, "make");
}

static void leave_out(const struct unpacking *unpacking, const char *path)
{
    cleanup_free char *shown = printable(path);

    if (unpacking->left_out)
        unpacking->left_out(unpacking->context, shown);
}

static int make_entry(struct unpacking *unpacking, const struct tar_header *header,
                      const char *path, const char *link, struct error *error)
{
    cleanup_fd int parent = -1;
    const char *base;
    int code;

    if (header->type == TAR_SPECIAL) {
        leave_out(unpacking, path);
        return 0;
    }
    if (!path[0] && header->type == TAR_DIRECTORY) {
        *unpacking->top_mode = header->mode & PERMISSIONS;
        return 0;
    }
    code = open_parent(unpacking, path, &parent, &base, error);
    if (code < 0)
        return code;
    switch (header->type) {
    case TAR_FILE:
        return make_file(unpacking, header, path, parent, base, error);
    case TAR_SYMLINK:
        return make_symlink(unpacking, path, link, parent, base, error);
    case TAR_HARD_LINK:
        return make_hard_link(unpacking, path, link, parent, base, error);
    default:
        return make_directory(unpacking, header->mode, path, parent, base, error);
    }
}

static int read_long(struct unpacking *unpacking, uint64_t size, char **text, struct error *error)
{
    char *name;
    int code;

    if (size > LONG_MAX_BYTES)
        return error_set(error, EBADMSG, "the archive has a name of %ju bytes", (uintmax_t)size);
    name = xcalloc(1, (size_t)size + 1);
    code = read_exactly(unpacking->fd, name, (size_t)size, error);
    if (code == 0)
        code = move_bytes(unpacking->fd, padding(size), -1, error);
    free(*text);
    *text = name;
    return code;
}

static int take_entry(struct unpacking *unpacking, const struct tar_header *header,
                      struct error *error)
{
    cleanup_free char *path = NULL;
    int code;

    if (header->type == TAR_LONG_NAME)
        return read_long(unpacking, header->size, &unpacking->long_name, error);
    if (header->type == TAR_LONG_LINK)
        return read_long(unpacking, header->size, &unpacking->long_link, error);
    path = trim(unpacking->long_name ? unpacking->long_name : header->name);
    code = make_entry(unpacking, header, path,
                      unpacking->long_link ? unpacking->long_link : header->link, error);
    free(steal_pointer(&unpacking->long_name));
    free(steal_pointer(&unpacking->long_link));
    return code;
}

/* -- All of it --------------------------------------------------------------------------------- */

/* The innermost first, for one that may not be searched hides those in it. */
static int set_modes(const struct unpacking *unpacking, struct error *error)
{
    for (size_t i = unpacking->made_count; i-- > 0;) {
        const struct made *made = &unpacking->made[i];
        cleanup_fd int fd = open_beneath(unpacking->root, made->path, O_RDONLY | O_DIRECTORY);

        if (fd < 0 || fchmod(fd, made->mode) < 0)
            return complain(made->path, error, "set the mode of");
    }
    return 0;
}

static int take_entries(struct unpacking *unpacking, struct error *error)
{
    unsigned char block[TAR_BLOCK];
    struct tar_header header = {.type = TAR_FILE};
    int code = 0;

    while (code == 0 && header.type != TAR_END) {
        code = read_exactly(unpacking->fd, block, sizeof block, error);
        if (code == 0)
            code = tar_header_read(block, &header, error);
        if (code == 0 && header.type != TAR_END)
            code = take_entry(unpacking, &header, error);
    }
    return code;
}

int unpack(int fd, int directory, void (*left_out)(void *context, const char *name), void *context,
           unsigned *top_mode, struct error *error)
{
    struct unpacking unpacking = {.fd = fd,
                                  .root = directory,
                                  .left_out = left_out,
                                  .context = context,
                                  .top_mode = top_mode};
    int code;

    /* Another one may unpack into the same directory, or have been killed there. */
    snprintf(unpacking.temporary, sizeof unpacking.temporary, ".duet-unpack-%d", (int)getpid());
    code = take_entries(&unpacking, error);
    if (code == 0)
        drain(fd);
    if (code == 0)
        code = set_modes(&unpacking, error);
    for (size_t i = 0; i < unpacking.made_count; i++)
        free(unpacking.made[i].path);
    free(unpacking.made);
    free(unpacking.long_name);
    free(unpacking.long_link);
    return code;
}
