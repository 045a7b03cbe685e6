#include "results/verdict.h"

#include "base/memory.h"

#include <string.h>

static const char *const names[] = {
    [VERDICT_ERROR] = "error",     [VERDICT_QEMU_DIED] = "qemu_died",
    [VERDICT_PANIC] = "panic",     [VERDICT_OOM] = "oom",
    [VERDICT_OOPS] = "oops",       [VERDICT_NO_PROGRESS] = "no_progress",
    [VERDICT_INVALID] = "invalid", [VERDICT_TIMEOUT] = "timeout",
    [VERDICT_FAILED] = "failed",   [VERDICT_SKIPPED] = "skipped",
    [VERDICT_PASSED] = "passed",
};

_Static_assert(array_size(names) == VERDICT_COUNT, "every verdict has a name");

const char *verdict_name(enum verdict verdict)
{
    return (unsigned int)verdict < VERDICT_COUNT ? names[verdict] : names[VERDICT_ERROR];
}

bool verdict_from_name(const char *name, enum verdict *verdict)
{
    for (unsigned int i = 0; i < VERDICT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *verdict = (enum verdict)i;
            return true;
        }
    }
    return false;
}

enum verdict verdict_worse(enum verdict a, enum verdict b)
{
    return a < b ? a : b;
}

bool verdict_is_bad(enum verdict verdict)
{
    return verdict != VERDICT_PASSED && verdict != VERDICT_SKIPPED;
}
