/* Names of what is in the cache: CACHE/kernel/<name>.json says which entry a name stands for.
 * Internal to kernel/. */
#ifndef DUET_KERNEL_NAMED_H
#define DUET_KERNEL_NAMED_H

#include "kernel/kernel.h"

enum { KERNEL_NAME_MAX = 31 };

struct kernel_name {
    char key[DIGEST_HEX_SIZE];    /* of the entry */
    char config[DIGEST_HEX_SIZE]; /* SHA-256 of the small.config that it was built with, or "" */
};

/* Fit for kernel_build. The error says what a name is. */
int kernel_name_check(const char *name, struct error *error);
/* False where there is no such name, or its file cannot be understood. */
bool kernel_name_read(const struct kernel_options *options, const char *name,
                      struct kernel_name *out);
int kernel_name_write(const struct kernel_options *options, const char *name, const char *key,
                      const char *source, struct error *error);

#endif
