/* One gzip member (RFC 1952) compressed by several threads. Internal to initrd/.
 *
 * The input is cut into blocks of one size. Each is deflated on its own and ends with a sync flush,
 * on a byte boundary, so that the results put one behind the other are one deflate stream, which
 * does not depend on how many threads there were. */
#ifndef DUET_INITRD_GZIP_WRITER_H
#define DUET_INITRD_GZIP_WRITER_H

#include "base/error.h"

#include <stddef.h>

struct gzip_writer;

enum { GZIP_WRITER_THREADS_MAX = 4 };

/* Writes to `fd`, which stays the caller's. `level` is 0 to 9 (else EINVAL); `threads` from 1. */
int gzip_writer_new(int fd, int level, unsigned int threads, struct gzip_writer **writer,
                    struct error *error);
/* Ends the threads; NULL is fine. */
void gzip_writer_free(struct gzip_writer *writer);
int gzip_writer_write(struct gzip_writer *writer, const void *bytes, size_t count,
                      struct error *error);
/* Writes what is left and the trailer. Nothing may be written afterwards. */
int gzip_writer_finish(struct gzip_writer *writer, struct error *error);
/* How many threads this process may run at once. */
unsigned int gzip_writer_threads(void);

#endif
