#include "initrd/init/moddep.h"

#include "base/memory.h"

#include <string.h>

/* `path` of `length` bytes is DIR/NAME.ko with perhaps a compression suffix. */
static bool path_is_module(const char *path, size_t length, const char *name)
{
    const char *slash = memrchr(path, '/', length);
    const char *at = slash ? slash + 1 : path;
    const char *end = path + length;

    for (; *name; name++, at++) {
        if (at == end)
            return false;
        if (*at != *name && !(strchr("-_", *at) && strchr("-_", *name)))
            return false;
    }
    return end - at >= 3 && memcmp(at, ".ko", 3) == 0 && (end - at == 3 || at[3] == '.');
}

static int load_in_order(const char *line, size_t length, moddep_fn each, void *context)
{
    cleanup_free char *copy = xstrndup(line, length);
    char *space;
    int code = 0;

    *strchr(copy, ':') = ' ';
    while (code >= 0 && (space = strrchr(copy, ' '))) {
        if (space[1])
            code = each(context, space + 1);
        *space = '\0';
    }
    if (code >= 0)
        code = each(context, copy);
    return code < 0 ? code : 1;
}

int moddep_each(const char *text, const char *name, moddep_fn each, void *context)
{
    while (*text) {
        const char *end = strchrnul(text, '\n');
        const char *colon = memchr(text, ':', (size_t)(end - text));

        if (colon && path_is_module(text, (size_t)(colon - text), name))
            return load_in_order(text, (size_t)(end - text), each, context);
        text = *end ? end + 1 : end;
    }
    return 0;
}

bool moddep_builtin(const char *text, const char *name)
{
    while (*text) {
        const char *end = strchrnul(text, '\n');

        if (path_is_module(text, (size_t)(end - text), name))
            return true;
        text = *end ? end + 1 : end;
    }
    return false;
}
