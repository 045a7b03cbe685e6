#include "net/impair_refuse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int impair_refuse(const struct impair_refusal *refusal, const char *field, const char *format, ...)
{
    char what[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (refusal->mistake) {
        refusal->mistake->rule = 0;
        snprintf(refusal->mistake->field, sizeof refusal->mistake->field, "%s", field);
    }
    return error_set(refusal->error, EINVAL, "%s: %s", field, what);
}
