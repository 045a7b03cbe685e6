/* How long a guest takes from QEMU's start to its PID 1, with the small kernel and with Debian's:
 * each as duet starts it, with the base layer that it gets, and one virtio device. */
#include "base/base.h"
#include "bench/bench.h"
#include "initrd/initrd.h"
#include "kernel/kernel.h"
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAMPLES = 10, WAIT_MS = 180000 };

/* What the kernel prints before it runs PID 1 (init/main.c). */
static const char pid_1[] = "Run /init as init process";

struct guest {
    struct kernel kernel;
    char *initrd;
};

static void on_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    if (total == 0 && done == 0)
        fprintf(stderr, "%s\n", what);
}

/* A first `make bench` builds the small kernel. */
static int get_kernel(const char *name, const char *cache_dir, struct kernel *kernel,
                      struct error *error)
{
    struct kernel_options options = {.cache_dir = cache_dir, .progress = on_progress};
    int code = kernel_get(name, &options, kernel, error);

    if (strcmp(name, KERNEL_SMALL) == 0 && (code == -ENOENT || code == -ESTALE))
        code = kernel_build(&(struct kernel_build){0}, &options, kernel, error);
    return code;
}

static int prepare(const char *name, struct guest *guest, struct error *error)
{
    static const char *const modules[] = {"virtio_mmio", "virtio_net", "virtio_console"};
    cleanup_free char *cache_dir = NULL;
    int code = fs_cache_dir(&cache_dir, error);

    if (code == 0)
        code = get_kernel(name, cache_dir, &guest->kernel, error);
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

static int start(const char *const argv[], int *output, pid_t *pid, struct error *error)
{
    posix_spawn_file_actions_t actions;
    int ends[2], code;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    code = posix_spawn(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code == 0) {
        *output = ends[0];
        return 0;
    }
    close(ends[0]);
    return error_set(error, code, "cannot run %s", argv[0]);
}

static int wait_for_pid_1(int output, struct error *error)
{
    cleanup_buffer struct buffer seen = {0};
    struct pollfd polled = {.fd = output, .events = POLLIN};

    while (!seen.data || !memmem(seen.data, seen.length, pid_1, sizeof pid_1 - 1)) {
        char chunk[4096];
        ssize_t n = poll(&polled, 1, WAIT_MS) > 0 ? read(output, chunk, sizeof chunk) : 0;

        if (n <= 0)
            return error_set(error, ETIMEDOUT, "the guest did not come to PID 1; it printed: %s",
                             seen.data ? seen.data : "nothing");
        buffer_append(&seen, chunk, (size_t)n);
    }
    return 0;
}

static int sample(const struct guest *guest, double *seconds, struct error *error)
{
    bool kvm = getenv("DUET_BENCH_ACCEL") && strcmp(getenv("DUET_BENCH_ACCEL"), "kvm") == 0;
    cleanup_free char *emulator = vm_emulator();
    cleanup_buffer struct buffer cmdline = {0};
    cleanup_fd int output = -1;
    uint64_t started_ns;
    pid_t pid;
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
                                kvm ? "host" : "max,la57=off",
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
    code = start(argv, &output, &pid, error);
    if (code < 0)
        return code;
    code = wait_for_pid_1(output, error);
    *seconds = (double)(clock_ns() - started_ns) / NS_PER_S;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return code < 0 ? error_context(error, "kernel %s", guest->kernel.name) : 0;
}

/* The first of each warms the host's page cache and is not counted. */
static int take_samples(const struct guest *small, const struct guest *debian, double *values,
                        double *baselines, double *ratios, struct error *error)
{
    double cold;
    int code = sample(small, &cold, error);

    if (code == 0)
        code = sample(debian, &cold, error);
    for (int i = 0; i < SAMPLES && code == 0; i++) {
        code = sample(small, &values[i], error);
        if (code == 0)
            code = sample(debian, &baselines[i], error);
        if (code == 0)
            ratios[i] = values[i] / baselines[i];
    }
    return code;
}

static int measure_small(struct error *error)
{
    double values[SAMPLES], baselines[SAMPLES], ratios[SAMPLES];
    struct guest small = {0}, debian = {0};
    int code = prepare(KERNEL_SMALL, &small, error);

    if (code == 0)
        code = prepare(KERNEL_DEFAULT, &debian, error);
    if (code == 0)
        code = take_samples(&small, &debian, values, baselines, ratios, error);
    kernel_free(&small.kernel);
    kernel_free(&debian.kernel);
    free(small.initrd);
    free(debian.initrd);
    if (code < 0)
        return code;
    bench_emit(&(struct bench_measure){
        .name = "kernel.small_vs_debian",
        .value = bench_median(values, SAMPLES),
        .unit = "s",
        .n = SAMPLES,
        .baseline = "Debian's cloud kernel to PID 1",
        .baseline_value = bench_median(baselines, SAMPLES),
        .ratio = bench_median(ratios, SAMPLES),
        .better = "lower",
    });
    return 0;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"kernel.small_vs_debian", measure_small}};

    return bench_main(argc, argv, entries, array_size(entries));
}
