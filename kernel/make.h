/* Linux's own build, run. Internal to kernel/. */
#ifndef DUET_KERNEL_MAKE_H
#define DUET_KERNEL_MAKE_H

#include "base/buffer.h"
#include "kernel/kernel.h"

struct kernel_make {
    const struct kernel_options *options;
    const char *label;  /* of the source, for messages */
    const char *tree;   /* the source, unpacked */
    const char *config; /* the options on top of tinyconfig, as text */
    unsigned int jobs;
    int lock; /* a descriptor that make and its children keep */
};

/* Whether all that a build needs is there. Errors: ENOENT, naming all that is not. */
int kernel_make_check(const struct kernel_options *options, struct error *error);
/* Appends what the compiler and the linker say of themselves. */
int kernel_make_toolchain(const struct kernel_options *options, struct buffer *text,
                          struct error *error);
/* <tree>/.config: tinyconfig and `config`. Errors: EINVAL where kconfig drops options, with their
 * names; EIO. */
int kernel_make_configure(const struct kernel_make *make, struct error *error);
/* <tree>/vmlinux and <tree>/modules.builtin. Errors: EIO, ECANCELED. */
int kernel_make_vmlinux(const struct kernel_make *make, struct error *error);

#endif
