/* A file that appears whole or not at all. Internal to initrd/.
 *
 * Until it is committed it has no name (O_TMPFILE), so that not even SIGKILL leaves it behind;
 * where the file system cannot do that it is a temporary file beside its place, <path>.XXXXXX. */
#ifndef DUET_INITRD_ATOMIC_FILE_H
#define DUET_INITRD_ATOMIC_FILE_H

#include "base/error.h"

struct atomic_file {
    int fd;
    char *path;
    char *temporary; /* NULL while the file has no name */
};

/* Refuses a `path` that is there and is not a regular file (EINVAL). */
int atomic_file_open(struct atomic_file *file, const char *path, struct error *error);
/* Gives the file its name, in the place of what has it, and mode 0644. */
int atomic_file_commit(struct atomic_file *file, struct error *error);
/* Drops what was not committed, and frees; a zeroed or failed one is fine. */
void atomic_file_close(struct atomic_file *file);

#endif
