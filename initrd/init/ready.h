/* Whether a background command is ready. The kernel has no event for a port that begins to listen,
 * so the state is looked at on a short timer, and only while somebody waits for it. */
#ifndef DUET_INIT_READY_H
#define DUET_INIT_READY_H

#include "initrd/init/process.h"

struct readiness;

/* Begins to look. When the command is ready, CMDREADY is sent and process->readiness is freed and
 * NULL. */
struct readiness *readiness_new(struct process *process);
/* NULL is fine; a probe that runs is killed. */
void readiness_free(struct readiness *readiness);
/* Output of the command has arrived. `readiness` may be gone afterwards. */
void readiness_output(struct readiness *readiness, bool is_stdout, const void *bytes, size_t count);
/* A child was reaped: true if it was this one's probe. `readiness` may be gone afterwards. */
bool readiness_probe_ended(struct readiness *readiness, const siginfo_t *info);

#endif
