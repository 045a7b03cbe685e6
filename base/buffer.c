#include "base/buffer.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buffer_free(struct buffer *buffer)
{
    if (!buffer)
        return;
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

void buffer_reserve(struct buffer *buffer, size_t count)
{
    size_t need = buffer->length + count + 1;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;

    if (buffer->data && need <= buffer->capacity)
        return;
    while (capacity < need)
        capacity *= 2;
    buffer->data = xrealloc(buffer->data, capacity);
    buffer->capacity = capacity;
    buffer->data[buffer->length] = '\0';
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t count)
{
    buffer_reserve(buffer, count);
    if (count)
        memcpy(buffer->data + buffer->length, bytes, count);
    buffer->length += count;
    buffer->data[buffer->length] = '\0';
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

/* Mostly there is room already, and what is formatted need not be so twice. */
void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    size_t room;
    int n;

    buffer_reserve(buffer, 0);
    room = buffer->capacity - buffer->length;
    va_start(args, format);
    n = vsnprintf(buffer->data + buffer->length, room, format, args);
    va_end(args);
    if (n < 0) {
        buffer->data[buffer->length] = '\0';
        return;
    }
    if ((size_t)n >= room) {
        buffer_reserve(buffer, (size_t)n);
        va_start(args, format);
        vsnprintf(buffer->data + buffer->length, (size_t)n + 1, format, args);
        va_end(args);
    }
    buffer->length += (size_t)n;
}

void buffer_consume(struct buffer *buffer, size_t count)
{
    if (count > buffer->length)
        count = buffer->length;
    if (count == 0)
        return;
    memmove(buffer->data, buffer->data + count, buffer->length - count);
    buffer->length -= count;
    buffer->data[buffer->length] = '\0';
}

char *buffer_steal(struct buffer *buffer)
{
    char *text;

    buffer_reserve(buffer, 0);
    text = buffer->data;
    *buffer = (struct buffer){0};
    return text;
}
