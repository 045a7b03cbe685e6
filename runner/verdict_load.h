/* Verdict logs of files, whole. */
#ifndef DUET_RUNNER_VERDICT_LOAD_H
#define DUET_RUNNER_VERDICT_LOAD_H

#include "net/verdict_text.h"

/* Reads the log at `path` into *entries, for verdict_entries_free. Errors, which name the path and
 * leave *entries alone: EBADMSG as verdict_entries_read; EFBIG for more than VERDICT_LOG_BYTES_MAX,
 * which duet never writes; those of reading a file. */
int verdict_entries_load(const char *path, struct verdict_entries *entries, struct error *error);

#endif
