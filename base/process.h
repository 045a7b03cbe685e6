/* Running a program of the host to its end. */
#ifndef DUET_BASE_PROCESS_H
#define DUET_BASE_PROCESS_H

#include "base/buffer.h"
#include "base/error.h"

/* Runs argv[0] (looked up in $PATH; argv ends with NULL) with /dev/null as standard input and
 * waits for it. `directory` is its working directory, or NULL for the caller's. Standard output
 * and standard error go to `out` (at most 1 MiB is kept); NULL lets it through to the caller's
 * standard error. An exit status other than 0 is EIO with the last line that the program printed
 * in the message; a program that is not there is ENOENT. */
int process_run(const char *const argv[], const char *directory, struct buffer *out,
                struct error *error);

#endif
