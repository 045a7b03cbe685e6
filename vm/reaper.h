/* Reaps QEMU processes that libvirt daemonised.
 *
 * A QEMU of the embedded driver is nobody's child once it runs. Where nothing reaps it, libvirt
 * waits for seconds at each stop for a zombie to go away. The process therefore becomes a child
 * subreaper (prctl(2)) and reaps the orphans that it adopts, and only these: libvirt waits for its
 * own children itself. */
#ifndef DUET_VM_REAPER_H
#define DUET_VM_REAPER_H

#include "base/error.h"
#include "base/loop.h"

#include <sys/types.h>

struct reaper;

/* `wait_status` as of wait(2). */
typedef void (*reaped_fn)(void *context, int wait_status);

/* Takes SIGCHLD over. */
int reaper_new(struct loop *loop, struct reaper **reaper, struct error *error);
void reaper_free(struct reaper *reaper);
/* Has `call` run once when `pid` was reaped; at once if it was already. */
void reaper_expect(struct reaper *reaper, pid_t pid, reaped_fn call, void *context);
/* Drops what `context` expects. */
void reaper_forget(struct reaper *reaper, const void *context);

#endif
