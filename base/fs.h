/* Files and directories. Every function that makes a file makes it whole or not at all. */
#ifndef DUET_BASE_FS_H
#define DUET_BASE_FS_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* mkdir -p. Existing directories are fine. */
int fs_mkdirs(const char *path, mode_t mode, struct error *error);
/* rm -rf, without following links. A missing path is fine. */
int fs_remove_tree(const char *path, struct error *error);
/* Appends the file to `out`; more than `max` bytes is EFBIG. */
int fs_read(const char *path, size_t max, struct buffer *out, struct error *error);
/* Writes a temporary file beside `path`, then renames: readers see the old or the new, whole. */
int fs_write(const char *path, const void *bytes, size_t count, mode_t mode, struct error *error);
/* write(2) until all is written. */
int fs_write_all(int fd, const void *bytes, size_t count, struct error *error);
bool fs_exists(const char *path);
/* $XDG_CACHE_HOME/duet or ~/.cache/duet, made if missing. The caller frees *path. */
int fs_cache_dir(char **path, struct error *error);
/* Absolute path of `program` in $PATH and in the sbin directories, or NULL. The caller frees. */
char *fs_find_program(const char *program);
/* Absolute and without links; the caller frees *resolved. */
int fs_realpath(const char *path, char **resolved, struct error *error);
/* Takes flock(LOCK_EX) on `path`, made if missing, waiting for it; the caller closes *fd. */
int fs_lock(const char *path, int *fd, struct error *error);

#endif
