/* How long a guest takes from QEMU's start to its PID 1, with the small kernel and with Debian's:
 * each as duet starts it, with the base layer that it gets, and one virtio device. */
#include "base/base.h"
#include "bench/bench.h"
#include "initrd/initrd.h"
#include "kernel/kernel.h"
#include "vm/vm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES = 10 };

/* What the kernel prints before it runs PID 1 (init/main.c). */
static const char pid_1[] = "Run /init as init process";

struct guest {
    struct kernel kernel;
    char *initrd;
};

static int prepare(const char *name, struct guest *guest, struct error *error)
{
    static const char *const modules[] = {"virtio_mmio", "virtio_net", "virtio_console"};
    cleanup_free char *cache_dir = NULL;
    int code = fs_cache_dir(&cache_dir, error);

    if (code == 0)
        code = bench_kernel(name, cache_dir, &guest->kernel, error);
    if (code < 0)
        return code;
    return initrd_base(&(struct initrd_base_options){.module_root = guest->kernel.module_root,
                                                     .release = guest->kernel.release,
                                                     .modules = modules,
                                                     .module_count = array_size(modules),
                                                     .cache_dir = cache_dir,
                                                     .level = INITRD_LEVEL_STORED},
                       &guest->initrd, NULL, error);
}

static int sample(void *context, double *seconds, struct error *error)
{
    const struct guest *guest = context;
    bool kvm = bench_kvm();
    cleanup_free char *emulator = vm_emulator();
    cleanup_buffer struct buffer cmdline = {0};
    struct bench_process process;
    uint64_t started_ns;
    int code;

    if (!emulator)
        return error_set(error, ENOENT, "qemu-system-x86_64 is not there");
    vm_cmdline_base(kvm ? VM_ACCEL_KVM : VM_ACCEL_TCG, vm_tsc_khz(), &cmdline);
    const char *const argv[] = {emulator,
                                "-M",
                                guest->kernel.no_acpi ? "microvm,acpi=off" : "microvm,acpi=on",
                                "-accel",
                                kvm ? "kvm" : "tcg",
                                "-cpu",
                                kvm ? "host" : "max,la57=off,erms=off",
                                "-m",
                                "256",
                                "-nodefaults",
                                "-no-user-config",
                                "-no-reboot",
                                "-display",
                                "none",
                                "-kernel",
                                guest->kernel.image,
                                "-initrd",
                                guest->initrd,
                                "-append",
                                cmdline.data,
                                "-serial",
                                "stdio",
                                "-device",
                                "virtio-serial-device",
                                NULL};

    started_ns = clock_ns();
    code = bench_start(argv, STDOUT_FILENO, &process, error);
    if (code < 0)
        return code;
    code = bench_wait_for(&process, 1, pid_1, NULL, error);
    *seconds = (double)(clock_ns() - started_ns) / NS_PER_S;
    bench_end(&process, SIGKILL);
    return code < 0 ? error_context(error, "kernel %s", guest->kernel.name) : 0;
}

/* The first of each warms the host's page cache and is not counted. */
static int measure(struct guest *small, struct guest *debian, struct error *error)
{
    double cold;
    int code = sample(small, &cold, error);

    if (code == 0)
        code = sample(debian, &cold, error);
    if (code < 0)
        return code;
    return bench_compare(&(struct bench_measure){.name = "kernel.small_vs_debian",
                                                 .unit = "s",
                                                 .n = SAMPLES,
                                                 .baseline = "Debian's cloud kernel to PID 1",
                                                 .better = "lower"},
                         &(struct bench_side){sample, small}, &(struct bench_side){sample, debian},
                         error);
}

static int measure_small(struct error *error)
{
    struct guest small = {0}, debian = {0};
    int code = prepare(KERNEL_SMALL, &small, error);

    if (code == 0)
        code = prepare(KERNEL_DEFAULT, &debian, error);
    if (code == 0)
        code = measure(&small, &debian, error);
    kernel_free(&small.kernel);
    kernel_free(&debian.kernel);
    free(small.initrd);
    free(debian.initrd);
    return code;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"kernel.small_vs_debian", measure_small}};

    return bench_main(argc, argv, entries, array_size(entries));
}
