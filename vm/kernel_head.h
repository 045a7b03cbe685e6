/* The head of a kernel, for a QEMU that goes on from a saved state. */
#ifndef DUET_VM_KERNEL_HEAD_H
#define DUET_VM_KERNEL_HEAD_H

#include "base/error.h"

/* QEMU reads a whole bzImage into memory of its own, which takes time and some 14 MB for as long as
 * it lives, and puts only the guest's loader to use, which ran before the state was saved. What the
 * device state asks for is the same option ROM, and QEMU chooses that by the head. So *fd becomes a
 * file in memory with the boot sector and the setup code alone (Documentation/arch/x86/boot.rst:
 * setup_sects, header), for the caller to close; or -1 where the kernel is no bzImage: QEMU maps an
 * ELF file, and takes nothing of it that is not used. */
int kernel_head_open(const char *kernel, int *fd, struct error *error);

#endif
