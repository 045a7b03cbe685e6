/* Kernels that are small and made up. */
#ifndef TESTS_KERNEL_FIXTURE_H
#define TESTS_KERNEL_FIXTURE_H

#include "directory.h"

#include "base/process.h"

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#define RELEASE "6.1.0-7-test"

enum {
    BZIMAGE_SETUP = 5 * 512,
    BZIMAGE_SIZE = BZIMAGE_SETUP + 64 * 1024,
    VMLINUX_SIZE = 8192,
};

/* A bzImage with the header of boot.rst and `payload` as every byte of the rest. */
static inline char *make_bzimage(const char *release, char payload)
{
    char *image = xmalloc(BZIMAGE_SIZE);
    uint32_t paragraphs = (BZIMAGE_SIZE - BZIMAGE_SETUP) / 16;

    memset(image, 0, BZIMAGE_SETUP);
    memset(image + BZIMAGE_SETUP, payload, BZIMAGE_SIZE - BZIMAGE_SETUP);
    image[0x1f1] = 4;
    memcpy(image + 0x1f4, &paragraphs, sizeof paragraphs);
    memcpy(image + 0x1fe, "\x55\xaaxxHdrS\x0f\x02", 10);
    memcpy(image + 0x20e, "\x00\x04", 2); /* the string is at 0x600 */
    image[0x211] = 1;
    image[0x236] = 1;
    snprintf(image + 0x600, 256, "%s (someone@somewhere) #1 SMP", release);
    return image;
}

/* A vmlinux with one PT_LOAD and one PT_NOTE segment. */
static inline char *make_vmlinux(const char *release, unsigned int machine, bool pvh)
{
    char *image = xcalloc(1, VMLINUX_SIZE);
    Elf64_Ehdr *elf = (Elf64_Ehdr *)image;
    Elf64_Phdr *segments = (Elf64_Phdr *)(image + sizeof *elf);
    Elf64_Nhdr *note = (Elf64_Nhdr *)(image + 512);

    memcpy(elf->e_ident, ELFMAG "\2\1\1", 7);
    elf->e_type = ET_EXEC;
    elf->e_machine = (Elf64_Half)machine;
    elf->e_phoff = sizeof *elf;
    elf->e_phentsize = sizeof *segments;
    elf->e_phnum = 2;
    segments[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = VMLINUX_SIZE};
    segments[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = 512, .p_filesz = 20};
    *note = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 4, .n_type = pvh ? 18 : 1};
    memcpy(note + 1, "Xen", 4);
    snprintf(image + 4096, 256, "Linux version %%s and then Linux version %s (x@y) #1", release);
    return image;
}

static inline void make_file(const char *path, const void *bytes, size_t count)
{
    struct error error;

    if (fs_write(path, bytes, count, 0644, &error) < 0)
        fail_msg("%s", error.message);
}

static inline void make_text(const char *path, const char *text)
{
    make_file(path, text, strlen(text));
}

static inline void make_directory(const char *path)
{
    struct error error;

    if (fs_mkdirs(path, 0755, &error) < 0)
        fail_msg("%s", error.message);
}

static inline void make_bzimage_file(const char *path, const char *release, char payload)
{
    cleanup_free char *image = make_bzimage(release, payload);

    make_file(path, image, BZIMAGE_SIZE);
}

/* DIR/lib/modules/RELEASE with one driver as a module and one built in. */
static inline void make_modules(const char *directory)
{
    cleanup_free char *tree = xasprintf("%s/lib/modules/" RELEASE, directory);
    cleanup_free char *drivers = xasprintf("%s/kernel/drivers/virtio", tree);
    cleanup_free char *module = xasprintf("%s/virtio_mmio.ko.xz", drivers);
    cleanup_free char *builtin = xasprintf("%s/modules.builtin", tree);

    make_directory(drivers);
    make_text(module, "a module");
    make_text(builtin, "kernel/drivers/char/hw_random/rng-core.ko\nkernel/fs/ext4/ext4.ko\n");
}

static inline void run_shell(const char *command)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct error error;

    if (process_run(argv, NULL, NULL, &error) < 0)
        fail_msg("%s: %s", command, error.message);
}

static inline void assert_says(const struct error *error, const char *part)
{
    if (!strstr(error->message, part))
        fail_msg("expected \"%s\" in \"%s\"", part, error->message);
}

#endif
