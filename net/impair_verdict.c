#include "net/impair_verdict.h"

#include <stddef.h>

const char *impair_cause_name(unsigned cause)
{
    static const char *const names[IMPAIR_CAUSES] = {
        [IMPAIR_DOWN] = "down",
        [IMPAIR_BLACKHOLE] = "blackhole",
        [IMPAIR_MTU] = "mtu",
        [IMPAIR_RULE] = "rule",
        [IMPAIR_RESET] = "reset",
        [IMPAIR_LOSS] = "loss",
        [IMPAIR_QUEUE] = "queue",
        [IMPAIR_CODEL] = "codel",
        [IMPAIR_FULL] = "full",
        [IMPAIR_FLUSHED] = "flushed",
        [IMPAIR_COPY] = "copy",
        [IMPAIR_REORDERED] = "reordered",
        [IMPAIR_CORRUPTED] = "corrupted",
        [IMPAIR_MANGLED] = "mangled",
        [IMPAIR_HELD] = "held",
        [IMPAIR_FORGED] = "forged",
        [IMPAIR_UNMADE] = "unmade",
        [IMPAIR_UPKEEP] = "upkeep",
    };

    return cause < IMPAIR_CAUSES ? names[cause] : NULL;
}
