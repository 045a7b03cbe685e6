/* The cache of kernels: CACHE/kernel/<key>/{image,lib/modules/<release>/…,kernel.json}, where the
 * key is the SHA-256 of the file that an entry was made from. Internal to kernel/.
 *
 * Whatever is not finished lies in CACHE/kernel/work/<key>.{lock,partial,d}. Only the holder of the
 * lock touches the other two, so what it finds there was left by a process that died. An entry
 * appears by one rename. It is checked at every use: the image by its SHA-256, the modules by their
 * number and size. One that fails is made anew; a crash of the host may leave such a one. */
#ifndef DUET_KERNEL_STORE_H
#define DUET_KERNEL_STORE_H

#include "kernel/kernel.h"

#include <stdbool.h>

/* CACHE/kernel/work/<key><suffix>; the caller frees. */
char *kernel_store_work(const struct kernel_options *options, const char *key, const char *suffix);
/* True and a filled *out where the entry is there and whole. */
bool kernel_store_get(const struct kernel_options *options, const char *key, struct kernel *out);
/* Makes the cache's directories, and waits for the lock of `key`; the caller closes *lock. */
int kernel_store_lock(const struct kernel_options *options, const char *key, int *lock,
                      struct error *error);
/* With the lock held: an empty CACHE/kernel/work/<key>.d; the caller frees *path. */
int kernel_store_workspace(const struct kernel_options *options, const char *key, char **path,
                           struct error *error);
/* With `lock` held: makes the entry `key` from `file`, an image or a .deb, whose SHA-256 the
 * caller has checked. An image is moved, a .deb is only read. `source` says where it came from. The
 * workspace is gone afterwards, whatever happened. */
int kernel_store_install(const struct kernel_options *options, const char *key, int lock,
                         const char *file, const char *source, struct kernel *out,
                         struct error *error);

/* With the lock of `key` or of "build" held: makes the entry `key` of the directory `built`, on the
 * cache's file system, which holds what an entry has but for kernel.json, and moves it there. */
int kernel_store_publish(const struct kernel_options *options, const char *key, const char *built,
                         const char *source, struct kernel *out, struct error *error);

#endif
