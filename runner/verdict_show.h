/* Verdict logs on standard output. */
#ifndef DUET_RUNNER_VERDICT_SHOW_H
#define DUET_RUNNER_VERDICT_SHOW_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum verdict_show_which {
    VERDICT_SHOW_CHANGED, /* packets to which something happened */
    VERDICT_SHOW_LOST,
    VERDICT_SHOW_ALL,
};

/* Prints a heading with what there is in the log at `path`, then its packets in their order, a line
 * each. EBADMSG: it is no log, or is cut, which is told when all else was printed. */
int verdict_show(const char *path, enum verdict_show_which which, bool json, struct error *error);

/* Prints where two logs differ in one of `fields` (enum verdict_field), and adds to *differences
 * how often; a log that is not there (NULL) is one more. EBADMSG: one of them is not whole. */
int verdict_show_differences(const char *one, const char *other, unsigned fields, bool json,
                             size_t *differences, struct error *error);

#endif
