/* What a file that is said to be a kernel really is. Internal to kernel/. */
#ifndef DUET_KERNEL_IMAGE_H
#define DUET_KERNEL_IMAGE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KERNEL_IMAGE_HEAD = 256 << 10, /* bytes of a file that kernel_image_parse wants to see */
    KERNEL_RELEASE_SIZE = 65,      /* __NEW_UTS_LEN and a NUL */
    KERNEL_NOTES_MAX = 64 << 10,   /* bytes of ELF notes that are looked at */
};

enum kernel_image_kind {
    KERNEL_IMAGE_BZIMAGE,
    KERNEL_IMAGE_VMLINUX,
    KERNEL_IMAGE_DEB, /* a Debian package: not an image, but one may be inside */
};

struct kernel_image {
    enum kernel_image_kind kind;
    char release[KERNEL_RELEASE_SIZE]; /* "" where it is not known (yet) */
    uint64_t notes_offset;             /* vmlinux: its first PT_NOTE segment; size 0 for none */
    uint64_t notes_size;
};

/* Recognises a kernel by the first `count` bytes of a file of `size` bytes (count is the smaller of
 * size and KERNEL_IMAGE_HEAD, or more). The message says what was found instead, without the file's
 * name. Errors: EINVAL (not a kernel, or cut short), ENOTSUP (not for x86-64).
 * Sources: Documentation/arch/x86/boot.rst (bzImage), elf(5) (vmlinux). */
int kernel_image_parse(const void *head, size_t count, uint64_t size, struct kernel_image *image,
                       struct error *error);

/* Does a PT_NOTE segment hold the note that QEMU boots a vmlinux by (name "Xen", type 18, PVH:
 * Xen's docs/misc/pvh.pandoc)? */
bool kernel_notes_have_pvh(const void *notes, size_t count);

/* Copies the kernel release at the front of `text` (at most `count` bytes, ending at a space or
 * NUL). False where it is not one that can safely be part of a path. */
bool kernel_release_parse(const char *text, size_t count, char release[static KERNEL_RELEASE_SIZE]);

/* kernel_image_parse on a file, and for a vmlinux its notes and its release. */
int kernel_image_read(const char *path, struct kernel_image *image, struct error *error);

#endif
