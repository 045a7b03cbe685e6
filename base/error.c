#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *error, int code, const char *format, ...)
{
    va_list args;

    if (!error)
        return -code;
    error->code = code;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return -code;
}

int error_errno(struct error *error, const char *format, ...)
{
    int code = errno ? errno : EIO;
    va_list args;
    int n;

    if (!error)
        return -code;
    error->code = code;
    va_start(args, format);
    n = vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof error->message)
        snprintf(error->message + n, sizeof error->message - (size_t)n, ": %s", strerror(code));
    return -code;
}

int error_context(struct error *error, const char *format, ...)
{
    char tail[ERROR_MESSAGE_MAX];
    va_list args;
    int n;

    if (!error)
        return -EIO;
    memcpy(tail, error->message, sizeof tail);
    va_start(args, format);
    n = vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof error->message &&
        snprintf(error->message + n, sizeof error->message - (size_t)n, ": %s", tail) < 0)
        error->message[n] = '\0';
    return -error->code;
}
