/* The machine's own apt, asked as any user may ask it. Internal to kernel/.
 *
 * With `own_lists`, apt keeps its package lists and its cache in CACHE/kernel/apt and leaves the
 * machine's alone; sources, keys, proxies and credentials are the machine's in both cases. */
#ifndef DUET_KERNEL_APT_H
#define DUET_KERNEL_APT_H

#include "base/buffer.h"
#include "kernel/kernel.h"

struct kernel_package {
    char *name;                   /* linux-image-6.1.0-56-cloud-amd64 */
    char *version;                /* 6.1.192-2 */
    char digest[DIGEST_HEX_SIZE]; /* SHA-256 of the .deb */
    uint64_t size;                /* of the .deb, in bytes */
};

void kernel_package_free(struct kernel_package *package);

/* The package that the meta package `meta` stands for: the first of its dependencies whose name
 * begins with `family` ("linux-image-"), in apt's candidate version; the caller frees it. Errors:
 * ENOENT (no apt-cache; or apt does not know the package, as with empty lists), EIO, ECANCELED. */
int kernel_apt_find(const struct kernel_options *options, bool own_lists, const char *meta,
                    const char *family, struct kernel_package *package, struct error *error);
/* Fetches the lists of one's own. Sources that cannot be reached are no error, as with apt itself;
 * `complaints` then says which. */
int kernel_apt_update(const struct kernel_options *options, struct buffer *complaints,
                      struct error *error);
/* Downloads the package into `directory` and checks its SHA-256; the caller frees *path. */
int kernel_apt_download(const struct kernel_options *options, bool own_lists,
                        const struct kernel_package *package, const char *directory, char **path,
                        struct error *error);

/* The value of `field` in the first stanza of a control file (deb822(5)); the caller frees.
 * NULL where there is none. */
char *kernel_control_field(const char *text, const char *field);

#endif
