/* kernel: guest kernels, from wherever the user wants them.
 *
 * A kernel is asked for by name: `debian` (the newest linux-image-cloud-amd64 that the machine's
 * own apt offers), `host` (the running kernel), `small` or another name given to kernel_build, a
 * path (bzImage, vmlinux, .deb, or a directory with boot/ and lib/modules/), or
 * `https://…#sha256=HEX`. docs/kernels.md is the user's side.
 *
 * What is fetched, unpacked or built lives in CACHE/kernel/<sha256 of what it was made from>/ and
 * appears there whole or not at all; any number of processes may ask for it at once. */
#ifndef DUET_KERNEL_H
#define DUET_KERNEL_H

#include "base/digest.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_DEFAULT "debian"
#define KERNEL_SMALL   "small"

struct kernel {
    char *name;        /* as asked for */
    char *image;       /* absolute path of a bzImage or a vmlinux */
    char *release;     /* as `uname -r` will say it; NULL where the image does not tell */
    char *module_root; /* absolute; contains lib/modules/<release>; NULL where there are none */
    char digest[DIGEST_HEX_SIZE]; /* SHA-256 of the image */
    bool no_acpi; /* its configuration is beside it (`config`, or `config-<release>` as Debian
                     calls it) and says that it has no ACPI */
};

/* `what` is one line for a person. `done` of `total` bytes; `total` 0: a step without a size, of
 * which `done` counts what there is to count (the files that a build compiled), or is 0. */
typedef void (*kernel_progress_fn)(void *context, const char *what, uint64_t done, uint64_t total);

/* Zero-initialised is valid where only `host` or a plain image is asked for. */
struct kernel_options {
    const char *cache_dir; /* absolute, made if missing; `debian`, URLs and .deb files need it */
    bool offline;          /* what is in the cache, or an error */
    kernel_progress_fn progress; /* called by the thread that calls kernel_get; NULL for none */
    void *progress_context;
    const atomic_bool
        *cancel;              /* kernel_get stops with ECANCELED within a second of true; or NULL */
    unsigned stall_seconds;   /* a transfer without a byte for so long is cut; 0: 30 */
    const char *host_root;    /* where this machine's /boot, /lib/modules and /var/lib/apt/lists are
                                 looked for; NULL: "/" */
    const char *host_release; /* the running kernel; NULL: what uname(2) says */
};

/* Gets the kernel `spec`, which may take a download. On success the caller frees *out with
 * kernel_free. Errors: EINVAL (a spec or an image that cannot be right), ENOENT (not there),
 * EACCES, ENOTSUP (a machine or an image other than x86-64), EBADMSG (the SHA-256 does not match),
 * ENOSPC, ECANCELED, EIO (apt, dpkg-deb or the network failed). */
int kernel_get(const char *spec, const struct kernel_options *options, struct kernel *out,
               struct error *error);
/* Frees what kernel_get filled in, not `kernel` itself; NULL and zero-initialised are fine. */
void kernel_free(struct kernel *kernel);

enum kernel_driver {
    KERNEL_DRIVER_UNKNOWN, /* the modules of this kernel are not known */
    KERNEL_DRIVER_ABSENT,
    KERNEL_DRIVER_MODULE,
    KERNEL_DRIVER_BUILTIN,
};

/* How `kernel` has the driver `module` ("virtio_mmio"; `-` and `_` are the same). Source: the
 * kernel's modules.builtin (Documentation/kbuild/kbuild.rst) and the module files themselves, not
 * modules.dep, which a package does not have before depmod ran. */
enum kernel_driver kernel_find_driver(const struct kernel *kernel, const char *module);

/* -- Kernels that duet builds ------------------------------------------------------------------ */

struct kernel_build {
    const char *name;   /* what kernel_get will know it by: [a-z0-9] and ._- inside, at most 31
                           characters; NULL: KERNEL_SMALL */
    const char *source; /* NULL: Debian's newest linux-source, through the machine's own apt; else
                           https://…#sha256=HEX of a tar archive of Linux */
    const char *config; /* the path of options that come after duet's own; NULL: none */
    unsigned int jobs;  /* compilers side by side; 0: as many as there are processors */
};

/* Builds a kernel from source: `make tinyconfig`, then kernel/small.config, then `config`. Minutes,
 * unless one of the same source, options, compiler and linker is in the cache. On success `name` is
 * that kernel from now on, and the caller frees *out. `cancel` ends the compilers at once; to clear
 * away what they left takes some seconds more. Where the build fails, CACHE/kernel/build.log has
 * its output.
 * Errors: as kernel_get; ENOENT for tools that are missing, all of them named; EINVAL for a name or
 * options that cannot be right, such as those that kconfig drops; EIO where make fails. */
int kernel_build(const struct kernel_build *build, const struct kernel_options *options,
                 struct kernel *out, struct error *error);
/* kernel/small.config, a string of `*size` bytes. */
const char *kernel_small_config(size_t *size);

/* -- The cache --------------------------------------------------------------------------------- */

struct kernel_entry {
    char *name;          /* "debian", "small", …: by what kernel_get knows it; NULL for none */
    char *release;       /* "" where the image does not tell */
    char *source;        /* a package and its version, a URL, a path */
    char *image;         /* its path */
    uint64_t size_bytes; /* with its modules */
};

/* All kernels in the cache that are whole, those with names first. The caller frees them with
 * kernel_entries_free. */
int kernel_list(const struct kernel_options *options, struct kernel_entry **entries, size_t *count,
                struct error *error);
void kernel_entries_free(struct kernel_entry *entries, size_t count);

#endif
