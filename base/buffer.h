/* A growable byte string. Zero-initialised is empty: `struct buffer text = {0};`. */
#ifndef DUET_BASE_BUFFER_H
#define DUET_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
    char *data; /* NUL after `length` bytes once anything was appended; NULL before */
    size_t length;
    size_t capacity;
};

#define cleanup_buffer __attribute__((cleanup(buffer_free)))

void buffer_free(struct buffer *buffer);
/* Forgets the contents and keeps the memory. */
void buffer_clear(struct buffer *buffer);
void buffer_append(struct buffer *buffer, const void *bytes, size_t count);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for `count` more bytes at data + length; the caller adds what it used to `length`. */
void buffer_reserve(struct buffer *buffer, size_t count);
/* Removes the first `count` (at most `length`) bytes. */
void buffer_consume(struct buffer *buffer, size_t count);
/* The contents as a string that the caller frees; the buffer is empty afterwards. Never NULL. */
char *buffer_steal(struct buffer *buffer);

#endif
