/* The verdict logs that a person means. */
#ifndef DUET_RUNNER_VERDICT_LOGS_H
#define DUET_RUNNER_VERDICT_LOGS_H

#include "base/error.h"

#include <stddef.h>

struct verdict_log_file {
    char *path;
    const char *name; /* in `path`: behind the directory that was meant, or all of it */
};

/* Zero-initialised is empty. */
struct verdict_log_files {
    struct verdict_log_file *items; /* by directory, in each by name, numbers as numbers */
    size_t count;
};

/* Finds those of `operand`: a log, or a directory with logs in it and below; else SUITE, SUITE/CASE
 * or CASE of the newest run below the directory `results` that has it. Appends to `files`, which
 * the caller frees with verdict_log_files_free in any case. ENOENT: there are none. */
int verdict_logs_find(const char *results, const char *operand, struct verdict_log_files *files,
                      struct error *error);
/* The same of the newest run. */
int verdict_logs_find_newest(const char *results, struct verdict_log_files *files,
                             struct error *error);
void verdict_log_files_free(struct verdict_log_files *files);

#endif
