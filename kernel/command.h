/* apt, dpkg, tar and make, run so that they can be watched, stopped, and understood. Internal to
 * kernel/.
 *
 * base/process.h is for programs whose output is one stream and which nobody cancels. */
#ifndef DUET_KERNEL_COMMAND_H
#define DUET_KERNEL_COMMAND_H

#include "base/buffer.h"
#include "kernel/kernel.h"

struct kernel_command {
    const char *const *argv; /* argv[0] is looked up as by fs_find_program; ends with NULL */
    const char *directory;   /* the working directory, or NULL */
    const int *inherit;      /* a descriptor that the program and its children keep; or NULL */
    bool group;              /* it gets a process group, and all of that is ended on cancel */
    struct buffer *out;      /* standard output, at most 4 MiB of it; or NULL */
    struct buffer *err;      /* standard error, at most 64 KiB of it; or NULL */
    void (*line)(void *context, const char *line); /* each line of standard output; or NULL */
    void *context;
};

/* Runs the program in the C locale to its end. It is ended when the caller cancels, and when the
 * calling thread dies. Errors: ENOENT (no such program), ECANCELED, EIO (an exit status other than
 * 0; the message has what it complained about). */
int kernel_command_run(const struct kernel_options *options, const struct kernel_command *command,
                       struct error *error);
/* Appends to `out` the lines in which apt or dpkg say what went wrong ("E: …", "dpkg-deb: error …",
 * else the last lines), joined by "; ". */
void kernel_command_complaints(const struct buffer *err, struct buffer *out);

#endif
