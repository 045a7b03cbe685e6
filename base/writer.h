/* A file that is written behind a bounded ring by a thread of its own, so that a slow disk never
 * holds up who has something to write.
 *
 * What does not fit the ring is not waited for: there is no room, and the caller counts what it
 * leaves out. Whatever goes wrong with the file is remembered and is what closing returns. One
 * thread may call these functions. */
#ifndef DUET_BASE_WRITER_H
#define DUET_BASE_WRITER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct writer;

enum { WRITER_RING_MIN = 1 << 16 };

/* Makes the file, or empties the one that is there. A `ring_bytes` below WRITER_RING_MIN counts as
 * that. The caller ends *writer with writer_close. Errors are open's and those of starting a
 * thread. */
int writer_open(const char *path, size_t ring_bytes, struct writer **writer, struct error *error);
/* As writer_open, to a descriptor, which becomes the writer's in any case; `path` is its name for
 * messages. */
int writer_start(int fd, const char *path, size_t ring_bytes, struct writer **writer,
                 struct error *error);

/* Room for up to `most` bytes, in one piece, which stay unwritten until they are published; NULL
 * where the ring has none. A second call before that begins anew. */
uint8_t *writer_reserve(struct writer *writer, size_t most);
/* The first `count` bytes of the room are to be written. */
void writer_publish(struct writer *writer, size_t count);
/* Has what was published written soon, for who reads along; otherwise the thread waits until it is
 * worth its while. Does not wait. */
void writer_flush(struct writer *writer);

/* Writes what is left, then the `length` bytes of `last`, and closes the file. Frees `writer` in
 * any case. The first error of all that was written, with the file's name: the file is cut there.
 * NULL is fine. */
int writer_close(struct writer *writer, const void *last, size_t length, struct error *error);

#endif
