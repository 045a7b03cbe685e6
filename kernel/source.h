/* Where Linux's source comes from. Internal to kernel/. */
#ifndef DUET_KERNEL_SOURCE_H
#define DUET_KERNEL_SOURCE_H

#include "kernel/apt.h"
#include "kernel/kernel.h"

struct kernel_source {
    char digest[DIGEST_HEX_SIZE];  /* SHA-256 of the package or of the archive */
    char *label;                   /* "linux-source-6.1 6.1.192-2", or the URL */
    struct kernel_package package; /* without a name for a URL */
    bool own_lists;
};

void kernel_source_free(struct kernel_source *source);

/* Whether `spec` (kernel_build.source) can be right, without a look at anything: EINVAL. */
int kernel_source_check(const char *spec, struct error *error);
/* Finds the source `spec` (kernel_build.source) without fetching it; of Debian's, by the machine's
 * package lists or by duet's own. The caller frees *source. */
int kernel_source_find(const struct kernel_options *options, const char *spec, bool own_lists,
                       struct kernel_source *source, struct error *error);
/* Whether `code`, of the two others here, may be the fault of old package lists. */
bool kernel_source_is_stale(const char *spec, int code);
/* Fetches the source and unpacks it to <work>/linux. `lock` is held, and kept by what unpacks. */
int kernel_source_unpack(const struct kernel_options *options, const struct kernel_source *source,
                         int lock, const char *work, struct error *error);

#endif
