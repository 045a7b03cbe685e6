/* The providers behind kernel_get, and what they share. Internal to kernel/.
 *
 * A provider fills everything in `out` but `name`, and leaves it untouched on failure. */
#ifndef DUET_KERNEL_PROVIDER_H
#define DUET_KERNEL_PROVIDER_H

#include "kernel/kernel.h"

#include <stdbool.h>

int kernel_debian_get(const struct kernel_options *options, struct kernel *out,
                      struct error *error);
int kernel_host_get(const struct kernel_options *options, struct kernel *out, struct error *error);
int kernel_path_get(const char *path, const struct kernel_options *options, struct kernel *out,
                    struct error *error);
int kernel_url_get(const char *url, const struct kernel_options *options, struct kernel *out,
                   struct error *error);
/* One that kernel_build made: "small", or a name that kernel_is_named. */
int kernel_named_get(const char *name, const struct kernel_options *options, struct kernel *out,
                     struct error *error);
bool kernel_is_named(const char *name, const struct kernel_options *options);

/* The SHA-256 that `url` says its file has. Errors: EINVAL for a URL that duet does not fetch. */
int kernel_url_digest(const char *url, char digest[static DIGEST_HEX_SIZE], struct error *error);
/* Fetches the file to `path`, of which a part may be there. Errors: as kernel_download. */
int kernel_url_fetch(const char *url, const struct kernel_options *options, const char *path,
                     struct error *error);

void kernel_progress(const struct kernel_options *options, uint64_t done, uint64_t total,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
bool kernel_cancelled(const struct kernel_options *options);
int kernel_cancel_error(struct error *error);

/* Recognises and digests `image`; `module_root` is taken where lib/modules/<release> is there. */
int kernel_from_image(const char *image, const char *module_root, struct kernel *out,
                      struct error *error);
/* Finds the one kernel under `directory`: boot/vmlinuz-*, vmlinuz-* or image. The caller frees
 * *path. Errors: ENOENT, EINVAL (several; they are named). */
int kernel_find_image(const char *directory, char **path, struct error *error);

#endif
