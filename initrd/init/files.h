/* Small files, as /proc, /sys and /etc have them. */
#ifndef DUET_INIT_FILES_H
#define DUET_INIT_FILES_H

#include "base/buffer.h"
#include "base/error.h"

enum { FILES_MAX = 4 << 20 }; /* bytes that files_read takes */

/* Appends the file to `out`. Files that say they are empty, as in /proc, are read, too. */
int files_read(const char *path, struct buffer *out, struct error *error);
/* Writes `text` in one write(2) into a file that exists. */
int files_set(const char *path, const char *text, struct error *error);

#endif
