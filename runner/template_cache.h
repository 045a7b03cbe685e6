/* Templates that outlive a run (--reuse-templates): one directory each below the cache, named after
 * everything that decides what is in it, with the newest ones kept. All of it blocks: for
 * session_work. */
#ifndef DUET_RUNNER_TEMPLATE_CACHE_H
#define DUET_RUNNER_TEMPLATE_CACHE_H

#include "base/digest.h"
#include "vm/vm.h"

enum { TEMPLATE_CACHE_MAX = 8 }; /* some 100 MB each */

/* What decides the contents of a template. */
struct template_shape {
    const struct vm_spec *machine; /* its names, sockets and links do not matter */
    const char *kernel_digest;
    const char *runtime_dir; /* of this run: an initrd there has a name that says what is in it */
};

/* Of one run: an equal key means an equal template. */
void template_key(const struct template_shape *shape, char key[static DIGEST_HEX_SIZE]);

struct template_cache {
    const char *cache_dir;
    const char *libvirt_version;
    char emulator[DIGEST_HEX_SIZE]; /* digest of QEMU's program; empty until it is known */
};

/* `ram_directory` as in vm_snapshot_load. ENOENT where there is none; EBADMSG for one that is not
 * what was stored, which is then removed, with a message that says so. */
int template_cache_load(struct template_cache *cache, const struct template_shape *shape,
                        const char *ram_directory, struct vm_snapshot **snapshot,
                        struct error *error);
/* Removes the ones that were not used for the longest when there are too many. */
int template_cache_store(struct template_cache *cache, const struct template_shape *shape,
                         const struct vm_snapshot *snapshot, struct error *error);

#endif
