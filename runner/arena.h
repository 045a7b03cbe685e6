/* Memory with one owner: everything that is made in an arena is freed with it, at once. */
#ifndef DUET_RUNNER_ARENA_H
#define DUET_RUNNER_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* NULL is fine. */
void arena_free(struct arena *arena);

/* Zeroed; lives until arena_free. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
/* An array of `count` zeroed elements; an overflow of the product ends the process. */
void *arena_array(struct arena *arena, size_t count, size_t size) __attribute__((returns_nonnull));
char *arena_copy(struct arena *arena, const char *text, size_t length)
    __attribute__((returns_nonnull));
char *arena_text(struct arena *arena, const char *text) __attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((returns_nonnull, format(printf, 2, 3)));

#endif
