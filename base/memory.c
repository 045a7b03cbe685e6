#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void *xchecked(void *allocated)
{
    static const char message[] = "duet: out of memory\n";

    if (allocated)
        return allocated;
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
        _exit(3);
    _exit(3);
}

void *xmalloc(size_t size)
{
    return xchecked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return xchecked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
    return xchecked(realloc(old, size ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        xchecked(NULL);
    return xrealloc(old, total);
}

char *xstrdup(const char *text)
{
    return xchecked(strdup(text));
}

char *xstrndup(const char *text, size_t max)
{
    return xchecked(strndup(text, max));
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    return xchecked(n < 0 ? NULL : text);
}

void cleanup_free_pointer(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

void cleanup_close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
