/* Configurations of Linux as text (Documentation/kbuild/kconfig.rst): `CONFIG_NAME=value` and
 * `# CONFIG_NAME is not set`, one a line. Internal to kernel/. */
#ifndef DUET_KERNEL_KCONFIG_H
#define DUET_KERNEL_KCONFIG_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>

/* Whether each line of `text` is an option, a comment or blank. Errors: EINVAL, naming the line.
 * `path` is for the message. */
int kconfig_check(const char *text, const char *path, struct error *error);

/* How many options of `asked` are not in `got` as they were asked for; of an option that is there
 * twice, the last counts, and `CONFIG_NAME=n` is the same as not set. Appends what became of each
 * to `out`, joined by "; ". */
size_t kconfig_dropped(const char *asked, const char *got, struct buffer *out);

#endif
