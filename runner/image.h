/* A node's image: the base layer of its kernel, and a layer with what the suite gives the node. */
#ifndef DUET_RUNNER_IMAGE_H
#define DUET_RUNNER_IMAGE_H

#include "base/error.h"
#include "kernel/kernel.h"
#include "runner/suite.h"

struct image_options {
    const struct kernel *kernel;
    const struct suite_case *suite_case; /* the node's; NULL: it has no links that need a driver */
    const char *cache_dir;               /* base layers are kept here */
    const char *runtime_dir;             /* images go here */
};

/* Makes the node's initrd, or finds the one that an equal node of this run has. Takes from some
 * milliseconds to, the first time for a kernel, a second. The caller frees *path.
 * Errors: of the initrd module; ENODEV for a kernel without the drivers of a microvm, or
 * without those that the node's links or the node itself ask for. */
int image_make(const struct image_options *options, const struct suite_node *node, char **path,
               struct error *error);

/* Removes the run's images but those at `paths`, so that a suite of many cases does not fill a
 * runtime directory that is in memory. */
void image_keep_only(const char *runtime_dir, const char *const paths[], size_t count);

#endif
