/* Prints what QEMU needs for a guest of the conformance suite, KEY=VALUE a line: makes the initrd,
 * with the modules of containers and of a file system that hangs, and gets the kernel. */
#include "base/error.h"
#include "base/fs.h"
#include "base/memory.h"
#include "initrd/initrd.h"
#include "kernel/kernel.h"
#include "vm/vm.h"

#include <stdio.h>

static const char *const modules[] = {"virtio_mmio", "virtio_net", "virtio_console", "overlay",
                                      "fuse"};
static const char *const optional[] = {"virtio-rng"};

static int make(const char *cache_dir, struct kernel *kernel, char **initrd, struct error *error)
{
    const struct kernel_options options = {.cache_dir = cache_dir};
    int code = kernel_get(KERNEL_DEFAULT, &options, kernel, error);

    if (code < 0)
        return code;
    return initrd_base(&(struct initrd_base_options){.module_root = kernel->module_root,
                                                     .release = kernel->release,
                                                     .modules = modules,
                                                     .module_count = array_size(modules),
                                                     .optional_modules = optional,
                                                     .optional_module_count = array_size(optional),
                                                     .cache_dir = cache_dir,
                                                     .level = INITRD_LEVEL_STORED},
                       initrd, NULL, error);
}

static void print(const struct kernel *kernel, const char *initrd)
{
    cleanup_buffer struct buffer cmdline = {0};
    cleanup_free char *emulator = vm_emulator();

    vm_cmdline_base(VM_ACCEL_TCG, vm_tsc_khz(), &cmdline);
    printf("emulator=%s\nkernel=%s\ninitrd=%s\nacpi=%s\ncmdline=%s\n", emulator ? emulator : "",
           kernel->image, initrd, kernel->no_acpi ? "off" : "on", cmdline.data);
}

int main(void)
{
    cleanup_free char *cache_dir = NULL;
    cleanup_free char *initrd = NULL;
    struct kernel kernel = {0};
    struct error error = {0};
    int code = fs_cache_dir(&cache_dir, &error);

    if (code == 0)
        code = make(cache_dir, &kernel, &initrd, &error);
    if (code == 0)
        print(&kernel, initrd);
    else
        fprintf(stderr, "guest_image: %s\n", error.message);
    kernel_free(&kernel);
    return code < 0;
}
