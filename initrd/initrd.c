#include "initrd/initrd.h"

#include "base/fs.h"
#include "base/memory.h"
#include "initrd/archive.h"
#include "initrd/guest_program.h"
#include "initrd/layout.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int initrd_add_directory(struct initrd *initrd, const char *guest_path, mode_t mode,
                         struct error *error)
{
    return archive_insert(
        initrd, guest_path, false,
        (struct entry){.mode = S_IFDIR | (mode & 07777), .origin = xstrdup("a directory")}, error);
}

int initrd_add_bytes(struct initrd *initrd, const char *guest_path, const void *bytes, size_t count,
                     mode_t mode, struct error *error)
{
    struct entry entry = {.mode = S_IFREG | (mode & 07777), .size = count};

    if (count > UINT32_MAX)
        return error_set(error, EFBIG,
                         "%s would have %zu bytes, and an initrd's file less than "
                         "4 GiB",
                         guest_path, count);
    entry.bytes = xmalloc(count + 1);
    if (count > 0)
        memcpy(entry.bytes, bytes, count);
    entry.origin = xasprintf("%zu bytes given as text", count);
    return archive_insert(initrd, guest_path, false, entry, error);
}

int initrd_add_file(struct initrd *initrd, const char *host_path, const char *guest_path,
                    struct error *error)
{
    cleanup_fd int fd = -1;
    struct stat info;
    int code = archive_open(host_path, &fd, &info, error);

    if (code < 0)
        return code;
    return archive_insert_file(initrd, host_path, &info, guest_path, false, error);
}

/* 1 where the link is one that the layout has anyway, 0 where it is not in the layout. */
static int link_of_layout(const char *guest_path, const char *target, struct error *error)
{
    const char *path = guest_path + strspn(guest_path, "/");
    const char *have = layout_link(path);
    const char *tail;

    if (!have)
        return 0;
    /* "usr/bin", "/usr/bin" and "../run" for "/run" all lead to the same place. */
    tail = have + (strncmp(have, "../", 3) == 0 ? 3 : 0);
    if (strcmp(target, have) == 0 || (target[0] == '/' && strcmp(target + 1, tail) == 0))
        return 1;
    return error_set(error, EEXIST, "%s is a link to %s in every guest, and cannot lead to %s",
                     guest_path, have, target);
}

int initrd_add_symlink(struct initrd *initrd, const char *guest_path, const char *target,
                       struct error *error)
{
    struct entry entry = {.mode = S_IFLNK | 0777, .size = strlen(target)};
    int code;

    if (entry.size == 0 || entry.size >= PATH_MAX)
        return error_set(error, entry.size ? ENAMETOOLONG : EINVAL,
                         "the link %s has a target of %ju bytes", guest_path,
                         (uintmax_t)entry.size);
    code = link_of_layout(guest_path, target, error);
    if (code != 0)
        return code < 0 ? code : 0;
    entry.bytes = xstrdup(target);
    entry.origin = xasprintf("a link to %s", target);
    return archive_insert(initrd, guest_path, false, entry, error);
}

int initrd_add_node(struct initrd *initrd, const char *guest_path, mode_t mode, dev_t device,
                    struct error *error)
{
    if (!S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
        return error_set(error, EINVAL, "%s: mode %o is of no special file", guest_path, mode);
    return archive_insert(initrd, guest_path, false,
                          (struct entry){.mode = mode & (S_IFMT | 07777),
                                         .device = S_ISCHR(mode) || S_ISBLK(mode) ? device : 0,
                                         .origin = xstrdup("a special file")},
                          error);
}

/* Executable files of a tree, whose needs are looked at once all of the tree is in. */
struct programs {
    struct program {
        char *host_path, *guest_path;
    } * list;
    size_t count;
};

static void programs_free(struct programs *programs)
{
    for (size_t i = 0; i < programs->count; i++) {
        free(programs->list[i].host_path);
        free(programs->list[i].guest_path);
    }
    free(programs->list);
}

static int add_link(struct initrd *initrd, const char *host_path, const char *guest_path,
                    struct error *error)
{
    char target[PATH_MAX];
    ssize_t n = readlink(host_path, target, sizeof target);

    if (n < 0)
        return error_errno(error, "cannot read the link %s", host_path);
    if ((size_t)n >= sizeof target)
        return error_set(error, ENAMETOOLONG, "the target of the link %s is too long", host_path);
    target[n] = '\0';
    return initrd_add_symlink(initrd, guest_path, target, error);
}

/* Plug-ins are seldom marked as executable. */
static bool may_need_something(const char *name, mode_t mode)
{
    const char *so = strstr(name, ".so");

    return (mode & 0111) || (so && (so[3] == '\0' || so[3] == '.'));
}

static int add_found(struct initrd *initrd, const FTSENT *found, const char *guest_path,
                     struct programs *programs, struct error *error)
{
    const struct stat *info = found->fts_statp;
    int code;

    switch (found->fts_info) {
    case FTS_DP:
        return 0;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        errno = found->fts_errno;
        return error_errno(error, "cannot read %s", found->fts_path);
    case FTS_D:
        return archive_insert(initrd, guest_path, false,
                              (struct entry){.mode = S_IFDIR | (info->st_mode & 07777),
                                             .origin = xstrdup(found->fts_path)},
                              error);
    case FTS_SL:
    case FTS_SLNONE:
        return add_link(initrd, found->fts_path, guest_path, error);
    case FTS_F:
        code = initrd_add_file(initrd, found->fts_path, guest_path, error);
        if (code < 0 || !may_need_something(found->fts_name, info->st_mode))
            return code;
        programs->list = xreallocarray(programs->list, programs->count + 1, sizeof *programs->list);
        programs->list[programs->count++] =
            (struct program){xstrdup(found->fts_path), xstrdup(guest_path)};
        return 0;
    default:
        return initrd_add_node(initrd, guest_path, info->st_mode, info->st_rdev, error);
    }
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void close_fts(FTS **fts)
{
    if (*fts)
        fts_close(*fts);
}

static int walk_tree(struct initrd *initrd, const char *host_dir, const char *guest_dir,
                     struct programs *programs, struct error *error)
{
    char *const roots[] = {(char *)host_dir, NULL};
    __attribute__((cleanup(close_fts))) FTS *fts =
        fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    size_t skip = strlen(host_dir);

    if (!fts)
        return error_errno(error, "cannot read %s", host_dir);
    for (;;) {
        cleanup_free char *guest_path = NULL;
        FTSENT *found;
        int code;

        errno = 0;
        found = fts_read(fts);
        if (!found)
            return errno ? error_errno(error, "cannot read %s", host_dir) : 0;
        guest_path = xasprintf("%s/%s", guest_dir, found->fts_path + skip);
        code = add_found(initrd, found, guest_path, programs, error);
        if (code < 0)
            return code;
    }
}

int initrd_add_tree(struct initrd *initrd, const char *host_dir, const char *guest_dir, int flags,
                    struct error *error)
{
    __attribute__((cleanup(programs_free))) struct programs programs = {0};
    struct stat info;
    int code;

    if (stat(host_dir, &info) < 0)
        return error_errno(error, "cannot read %s", host_dir);
    if (!S_ISDIR(info.st_mode))
        return error_set(error, ENOTDIR, "%s is not a directory", host_dir);
    code = walk_tree(initrd, host_dir, guest_dir, &programs, error);
    for (size_t i = 0; code == 0 && (flags & INITRD_TREE_PROGRAMS) && i < programs.count; i++)
        code = program_bring_needs(initrd, programs.list[i].host_path, programs.list[i].guest_path,
                                   error);
    return code;
}
