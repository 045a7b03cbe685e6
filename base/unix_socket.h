/* Stream sockets with a path (unix(7)), which has 107 bytes at most: ENAMETOOLONG. */
#ifndef DUET_BASE_UNIX_SOCKET_H
#define DUET_BASE_UNIX_SOCKET_H

#include "base/error.h"

/* *fd listens, does not block, and lets only this user connect. It is the caller's, and so is the
 * file, which must not have been there: EADDRINUSE. `backlog` as for listen(2). */
int unix_listen(const char *path, int backlog, int *fd, struct error *error);
/* *fd blocks, `patience_s` seconds at most for each read and write (0: any time), then EAGAIN. */
int unix_connect(const char *path, unsigned patience_s, int *fd, struct error *error);

#endif
