/* The modules of a kernel package, without depmod. Internal to initrd/. */
#ifndef DUET_INITRD_MODULE_TREE_H
#define DUET_INITRD_MODULE_TREE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { MODULE_NAME_BYTES = 64 }; /* MODULE_NAME_LEN is 64 - sizeof(long) */

struct module_file {
    char name[MODULE_NAME_BYTES]; /* with '_' for '-', without ".ko" and what follows */
    char *path;                   /* from `directory` on */
};

struct module_tree {
    char *directory; /* …/lib/modules/<release> */
    struct module_file *files;
    size_t count;
    char (*builtin)[MODULE_NAME_BYTES];
    size_t builtin_count;
};

/* The caller frees *tree with module_tree_free. */
int module_tree_open(const char *module_root, const char *release, struct module_tree *tree,
                     struct error *error);
void module_tree_free(struct module_tree *tree);

/* "virtio-rng", "kernel/…/virtio-rng.ko.gz": "virtio_rng"; false where it is too long. */
bool module_name(const char *path, char name[static MODULE_NAME_BYTES]);
/* NULL where it is not there. */
const struct module_file *module_tree_find(const struct module_tree *tree, const char *name);
bool module_tree_builtin(const struct module_tree *tree, const char *name);
/* The name nearest to `name`, or NULL where none is near. */
const char *module_tree_nearest(const struct module_tree *tree, const char *name);
/* Appends the module's ELF file, unpacked, to `out`. */
int module_tree_read(const struct module_tree *tree, const struct module_file *file,
                     struct buffer *out, struct error *error);

#endif
