#include "runner/select.h"

#include "base/memory.h"

#include <fnmatch.h>
#include <string.h>

bool select_name(const char *name, const char *wanted)
{
    cleanup_free char *parts = xstrdup(name);
    char *state = NULL;

    if (strcmp(name, wanted) == 0 || fnmatch(wanted, name, 0) == 0)
        return true;
    for (char *part = strtok_r(parts, ",", &state); part; part = strtok_r(NULL, ",", &state))
        if (fnmatch(wanted, part, 0) == 0)
            return true;
    return false;
}
