/* The entries of an archive. Internal to initrd/. */
#ifndef DUET_INITRD_ARCHIVE_H
#define DUET_INITRD_ARCHIVE_H

#include "base/buffer.h"
#include "base/error.h"
#include "initrd/initrd.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What a file of the host was when it was added. */
struct identity {
    dev_t device;
    ino_t inode;
    uint64_t size; /* bytes */
    struct timespec changed;
};

struct entry {
    char *path;      /* in the guest, without the leading '/' */
    mode_t mode;     /* type and permissions */
    dev_t device;    /* of a node */
    char *host_path; /* a regular file whose content is on the host; else NULL */
    struct identity identity;
    char *bytes;   /* content of any other regular file, or a link's target */
    uint64_t size; /* bytes of content */
    char *origin;  /* where it comes from, for messages */
    bool implicit; /* a directory that nobody asked for */
};

struct module;

struct initrd {
    struct entry **entries; /* sorted by path in byte order, parents thus before children */
    size_t count;
    size_t capacity;
    char *ld_conf;           /* the loader's list of directories: /etc/ld.so.conf */
    struct module **modules; /* in the order to load them */
    size_t module_count;
};

/* The guest path with links followed (those of the layout and of this archive), without leading
 * '/'; "" is the root. The last component is followed only where `follow_last`. The caller frees
 * *resolved. Errors: EINVAL, ENAMETOOLONG, ELOOP, ENOTDIR. */
int archive_resolve(const struct initrd *initrd, const char *guest_path, bool follow_last,
                    char **resolved, struct error *error);
/* The entry at a path as archive_resolve gives it, or NULL. */
struct entry *archive_find(const struct initrd *initrd, const char *resolved);
/* True where the guest path leads to anything in this archive. */
bool archive_has(const struct initrd *initrd, const char *guest_path);

/* Takes the fields of `entry` except `path` into the archive at `guest_path`, on success and on
 * failure alike. Where `follow_last`, an entry at the end of a link counts as being at
 * `guest_path`. */
int archive_insert(struct initrd *initrd, const char *guest_path, bool follow_last,
                   struct entry entry, struct error *error);
/* Puts a new entry at a path that has none, without looking at links. */
void archive_insert_raw(struct initrd *initrd, const char *resolved, struct entry entry);
/* As initrd_add_bytes, and what was there before is replaced. */
int archive_replace_bytes(struct initrd *initrd, const char *guest_path, const void *bytes,
                          size_t count, mode_t mode, struct error *error);

/* Opens a regular file of the host and says what it is; the caller closes *fd. */
int archive_open(const char *host_path, int *fd, struct stat *info, struct error *error);
/* Adds an open file. As initrd_add_file, `info` being what archive_open gave. */
int archive_insert_file(struct initrd *initrd, const char *host_path, const struct stat *info,
                        const char *guest_path, bool follow_last, struct error *error);
/* Calls `sink` with the content of `entry`, which is checked against its identity. */
typedef int (*archive_sink)(void *context, const void *bytes, size_t count, struct error *error);
int archive_read(const struct entry *entry, archive_sink sink, void *context, struct error *error);

/* Whether two entries of one type hold the same bytes (or are the same device). */
int content_same(const struct entry *a, const struct entry *b, bool *same, struct error *error);

/* Calls `sink` with the whole newc archive. */
int cpio_stream(const struct initrd *initrd, archive_sink sink, void *context, struct error *error);

void modules_free(struct initrd *initrd);

#endif
