/* Allocation and ownership.
 *
 * Every allocation whose size a guest, a file or a wire decides is bounded before it is made, so
 * running out of memory means the host has none: the x* functions then say so and end the process
 * with status 3, and the guardian (runner/rundir.h) ends and removes what it left. */
#ifndef DUET_BASE_MEMORY_H
#define DUET_BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
/* realloc of `count` elements of `size` bytes; an overflow of the product ends the process. */
void *xreallocarray(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t max) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* `allocated`, which a library's allocator returned; NULL ends the process as above. */
void *xchecked(void *allocated) __attribute__((returns_nonnull));

/* Scope-bound owners: `cleanup_free char *path = …;`. A file uses these or a `goto out` ladder,
 * never both. */
void cleanup_free_pointer(void *pointer_to_pointer);
void cleanup_close_fd(const int *fd);

#define cleanup_free __attribute__((cleanup(cleanup_free_pointer)))
#define cleanup_fd   __attribute__((cleanup(cleanup_close_fd)))

/* Takes the value out of a scope-bound owner and leaves NULL or -1 behind. */
#define steal_pointer(pointer)                                                                     \
    ({                                                                                             \
        __auto_type stolen_ = *(pointer);                                                          \
        *(pointer) = NULL;                                                                         \
        stolen_;                                                                                   \
    })
static inline int steal_fd(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

#define array_size(array) (sizeof(array) / sizeof((array)[0]))

#endif
