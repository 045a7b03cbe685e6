/* What programs of the host need in the guest. Internal to initrd/. */
#ifndef DUET_INITRD_GUEST_PROGRAM_H
#define DUET_INITRD_GUEST_PROGRAM_H

#include "base/error.h"

struct initrd;

/* Brings what the file at `host_path` needs, which is in the archive at `guest_path` already, as
 * initrd_add_program says; a file that cannot run here, or needs what is not there, is left alone.
 */
int program_bring_needs(struct initrd *initrd, const char *host_path, const char *guest_path,
                        struct error *error);

#endif
