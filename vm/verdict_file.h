/* A verdict log (net/verdict_log.h) on its way into a file, which another thread writes
 * (base/writer.h): a disk that hangs holds no packet up. What there is no room for meanwhile is
 * counted in the log. */
#ifndef DUET_VM_VERDICT_FILE_H
#define DUET_VM_VERDICT_FILE_H

#include "net/packet.h"
#include "net/verdict_log.h"

struct verdict_file;

/* Makes the file, in place of one that is there. It never has more than `most` bytes: what comes
 * beyond is counted in the log as missing. */
int verdict_file_new(const char *path, const struct verdict_log_header *header, size_t most,
                     struct verdict_file **file, struct error *error);
/* Adds what became of a packet that was parsed. Trouble is kept for verdict_file_close. */
void verdict_file_add(struct verdict_file *file, const struct impair_verdict *verdict,
                      const struct packet *packet);
/* Frees it in any case. The first error of all that was written, with the file's path. NULL is
 * fine. */
int verdict_file_close(struct verdict_file *file, struct error *error);

#endif
