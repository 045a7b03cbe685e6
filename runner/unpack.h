/* A tar archive from a guest, unpacked into a directory. Nothing outside of it is reached, whatever
 * the archive says: no link is followed, no device is made, and nobody gets more than read, write
 * and execute. Each file is made whole or not at all, and nothing is removed. */
#ifndef DUET_RUNNER_UNPACK_H
#define DUET_RUNNER_UNPACK_H

#include "base/error.h"

#include <stddef.h>

/* Reads `fd` to its end, and blocks. `left_out`, where not NULL, is called with the name of each
 * device or pipe, fit for a terminal. `*top_mode` are the permissions of the archive's own
 * directory, untouched where it has none. EBADMSG for what is no archive, EPIPE where it ends
 * early. */
int unpack(int fd, int directory, void (*left_out)(void *context, const char *name), void *context,
           unsigned *top_mode, struct error *error);

#endif
