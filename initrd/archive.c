#include "initrd/archive.h"

#include "base/memory.h"
#include "initrd/layout.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { LINKS_MAX = 40 }; /* as the kernel's MAXSYMLINKS */

/* Index of the first entry whose path is not less than `path`. */
static size_t lower_bound(const struct initrd *initrd, const char *path)
{
    size_t low = 0, high = initrd->count;

    /* What comes in sorted order goes to the end. */
    if (high > 0 && strcmp(initrd->entries[high - 1]->path, path) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(initrd->entries[middle]->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct entry *archive_find(const struct initrd *initrd, const char *resolved)
{
    size_t at = lower_bound(initrd, resolved);

    if (at < initrd->count && strcmp(initrd->entries[at]->path, resolved) == 0)
        return initrd->entries[at];
    return NULL;
}

static int check_path(const char *guest_path, struct error *error)
{
    const char *at = guest_path;

    if (guest_path[0] != '/')
        return error_set(error, EINVAL, "the guest path \"%s\" is not absolute", guest_path);
    if (strlen(guest_path) >= PATH_MAX)
        return error_set(error, ENAMETOOLONG, "a guest path of %zu bytes is too long: \"%.60s…\"",
                         strlen(guest_path), guest_path);
    while ((at = strstr(at, "/..")) != NULL) {
        if (at[3] == '/' || at[3] == '\0')
            return error_set(error, EINVAL, "the guest path \"%s\" has a \"..\"", guest_path);
        at += 3;
    }
    return 0;
}

/* The walk through a path: `done` is resolved, `rest` is still to do. */
struct walk {
    struct buffer done;
    char *rest;
    int links;
};

static void walk_free(struct walk *walk)
{
    buffer_free(&walk->done);
    free(walk->rest);
}

static void walk_up(struct walk *walk)
{
    const char *slash = walk->done.data ? strrchr(walk->done.data, '/') : NULL;

    walk->done.length = slash ? (size_t)(slash - walk->done.data) : 0;
    if (walk->done.data)
        walk->done.data[walk->done.length] = '\0';
}

/* Replaces the last component of `done`, a link to `target`. */
static int walk_link(struct walk *walk, const char *target, const char *after, struct error *error)
{
    char *rest = xasprintf("%s/%s", target, after);

    if (target[0] == '/')
        buffer_clear(&walk->done);
    else
        walk_up(walk);
    free(walk->rest);
    walk->rest = rest;
    if (++walk->links > LINKS_MAX)
        return error_set(error, ELOOP, "too many links");
    return 0;
}

/* Takes one component from `rest`. */
static int walk_step(const struct initrd *initrd, struct walk *walk, bool follow_last,
                     struct error *error)
{
    size_t length = strcspn(walk->rest, "/");
    const char *after = walk->rest + length + strspn(walk->rest + length, "/");
    cleanup_free char *kept = xstrdup(after);
    const struct entry *entry;
    const char *target;

    if (length == 2 && strncmp(walk->rest, "..", 2) == 0) {
        walk_up(walk);
    } else if (length > 0 && !(length == 1 && walk->rest[0] == '.')) {
        if (walk->done.length > 0)
            buffer_append(&walk->done, "/", 1);
        buffer_append(&walk->done, walk->rest, length);
        target = layout_link(walk->done.data);
        entry = archive_find(initrd, walk->done.data);
        if (!target && entry && S_ISLNK(entry->mode) && (*kept || follow_last))
            target = entry->bytes;
        if (target)
            return walk_link(walk, target, kept, error);
        if (*kept && entry && !S_ISDIR(entry->mode))
            return error_set(error, ENOTDIR, "/%s (%s) is not a directory", entry->path,
                             entry->origin);
    }
    free(walk->rest);
    walk->rest = steal_pointer(&kept);
    return 0;
}

int archive_resolve(const struct initrd *initrd, const char *guest_path, bool follow_last,
                    char **resolved, struct error *error)
{
    __attribute__((cleanup(walk_free))) struct walk walk = {0};
    int code = check_path(guest_path, error);

    if (code < 0)
        return code;
    walk.rest = xstrdup(guest_path + strspn(guest_path, "/"));
    while (*walk.rest) {
        code = walk_step(initrd, &walk, follow_last, error);
        if (code < 0)
            return error_context(error, "the guest path %s", guest_path);
    }
    if (walk.done.length >= PATH_MAX)
        return error_set(error, ENAMETOOLONG, "the guest path %s leads to one that is too long",
                         guest_path);
    *resolved = buffer_steal(&walk.done);
    return 0;
}

bool archive_has(const struct initrd *initrd, const char *guest_path)
{
    cleanup_free char *resolved = NULL;

    return archive_resolve(initrd, guest_path, true, &resolved, NULL) == 0 &&
           archive_find(initrd, resolved) != NULL;
}

static void entry_clear(struct entry *entry)
{
    free(entry->path);
    free(entry->host_path);
    free(entry->bytes);
    free(entry->origin);
    *entry = (struct entry){0};
}

static void insert_new(struct initrd *initrd, const char *resolved, struct entry *entry)
{
    size_t at = lower_bound(initrd, resolved);
    struct entry *kept = xmalloc(sizeof *kept);

    if (initrd->count == initrd->capacity) {
        initrd->capacity = initrd->capacity ? 2 * initrd->capacity : 64;
        initrd->entries = xreallocarray(initrd->entries, initrd->capacity, sizeof(struct entry *));
    }
    memmove(initrd->entries + at + 1, initrd->entries + at,
            (initrd->count - at) * sizeof(struct entry *));
    *kept = *entry;
    *entry = (struct entry){0};
    kept->path = xstrdup(resolved);
    initrd->entries[at] = kept;
    initrd->count++;
}

static void insert_parents(struct initrd *initrd, const char *resolved)
{
    cleanup_free char *parent = xstrdup(resolved);

    for (char *slash = strchr(parent, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (!archive_find(initrd, parent)) {
            struct entry entry = {.mode = S_IFDIR | layout_mode(parent),
                                  .origin = xstrdup("made as a parent"),
                                  .implicit = true};

            insert_new(initrd, parent, &entry);
        }
        *slash = '/';
    }
}

static int conflict(const struct entry *old, const struct entry *new, const char *what,
                    struct error *error)
{
    return error_set(error, EEXIST, "/%s would be two things: %s and %s (%s)", old->path,
                     old->origin, new->origin, what);
}

/* Two adds of one path: fine where they say the same. */
static int merge(struct entry *old, struct entry *new, struct error *error)
{
    bool same;
    int code;

    if ((old->mode & S_IFMT) != (new->mode &S_IFMT))
        return conflict(old, new, "of different types", error);
    if (S_ISDIR(old->mode) && (old->implicit || new->implicit)) {
        if (old->implicit && !new->implicit) {
            old->mode = new->mode;
            free(old->origin);
            old->origin = steal_pointer(&new->origin);
            old->implicit = false;
        }
        return 0;
    }
    if (old->mode != new->mode)
        return error_set(error, EEXIST,
                         "/%s would be two things: %s with mode %04o and %s with mode %04o",
                         old->path, old->origin, old->mode & 07777, new->origin, new->mode & 07777);
    code = content_same(old, new, &same, error);
    if (code < 0)
        return code;
    return same ? 0 : conflict(old, new, "with different contents", error);
}

int archive_insert(struct initrd *initrd, const char *guest_path, bool follow_last,
                   struct entry entry, struct error *error)
{
    __attribute__((cleanup(entry_clear))) struct entry given = entry;
    cleanup_free char *resolved = NULL;
    struct entry *old;
    int code = archive_resolve(initrd, guest_path, follow_last, &resolved, error);

    if (code < 0)
        return code;
    if (resolved[0] == '\0')
        return S_ISDIR(given.mode)
                   ? 0
                   : error_set(error, EISDIR, "%s is the guest's root directory", guest_path);
    old = archive_find(initrd, resolved);
    if (old)
        return merge(old, &given, error);
    insert_parents(initrd, resolved);
    insert_new(initrd, resolved, &given);
    return 0;
}

int archive_replace_bytes(struct initrd *initrd, const char *guest_path, const void *bytes,
                          size_t count, mode_t mode, struct error *error)
{
    cleanup_free char *resolved = NULL;
    struct entry *old;
    int code = archive_resolve(initrd, guest_path, false, &resolved, error);

    if (code < 0)
        return code;
    old = archive_find(initrd, resolved);
    if (!old)
        return initrd_add_bytes(initrd, guest_path, bytes, count, mode, error);
    if (!S_ISREG(old->mode) || old->host_path)
        return error_set(error, EEXIST, "/%s is %s, and duet needs to write it", old->path,
                         old->origin);
    free(old->bytes);
    old->bytes = memcpy(xmalloc(count + 1), bytes, count);
    old->size = count;
    return 0;
}

void archive_insert_raw(struct initrd *initrd, const char *resolved, struct entry entry)
{
    insert_parents(initrd, resolved);
    insert_new(initrd, resolved, &entry);
}

struct initrd *initrd_new(void)
{
    struct initrd *initrd = xcalloc(1, sizeof *initrd);

    initrd->ld_conf = xstrdup("/etc/ld.so.conf");
    return initrd;
}

void initrd_free(struct initrd *initrd)
{
    if (!initrd)
        return;
    for (size_t i = 0; i < initrd->count; i++) {
        entry_clear(initrd->entries[i]);
        free(initrd->entries[i]);
    }
    modules_free(initrd);
    free(initrd->entries);
    free(initrd->ld_conf);
    free(initrd);
}
