/* One booted node in this process, held as `duet up` holds one, with a raw port beside the two of
 * its agent. */
#ifndef DUET_BENCH_GUEST_H
#define DUET_BENCH_GUEST_H

#include "base/error.h"
#include "vm/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest;

/* Boots Debian's kernel. Once in a process: libvirt's driver takes no second directory. On success
 * the caller closes it. */
int guest_open(struct guest **guest, struct error *error);
/* NULL is fine. */
void guest_close(struct guest *guest);

/* Whether it still serves: EIO where it is lost, ECANCELED after Ctrl-C. */
int guest_check(const struct guest *guest, struct error *error);
/* While it serves. */
struct control *guest_control(const struct guest *guest);
/* Ends the round of guest_wait that is on, which then looks at `over`. */
void guest_wake(const struct guest *guest);
/* Runs the loop until `*over`. Errors as guest_check's. */
int guest_wait(struct guest *guest, const bool *over, struct error *error);
/* Has /bin/sh do `script`, drops what it prints, and waits until all of that has come: so many
 * bytes on standard output. EIO where it does not exit with 0; else as guest_wait. */
int guest_shell(struct guest *guest, const char *script, uint64_t *bytes, struct error *error);
/* Runs argv likewise, which ends with NULL. */
int guest_exec(struct guest *guest, const char *const argv[], uint64_t *bytes, struct error *error);
/* Waits until `bytes` have come from /dev/raw in the guest since the call before. */
int guest_drain_raw(struct guest *guest, uint64_t bytes, struct error *error);

#endif
