/* How long a pair of nodes takes from nothing to ready: by `duet run`, and as the same two QEMUs
 * started by hand with the same kernel, initrds, command lines and accelerator. */
#include "base/base.h"
#include "bench/bench.h"
#include "vm/vm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES = 10, NODES = 2 };

/* The step's name tells in --verbose output that both nodes are ready: none runs before. */
static const char suite_text[] = "name: pair\n"
                                 "nodes:\n"
                                 "  a:\n"
                                 "    steps: [{name: both-are-ready, run: 'true'}]\n"
                                 "  b:\n"
                                 "    steps: [{name: both-are-ready, run: 'true'}]\n"
                                 "links:\n"
                                 "  - {nodes: [a, b], subnet: 10.0.0.0/24}\n"
                                 "timeout: 3m\n";

struct pair {
    char *directory; /* temporary */
    char *duet, *suite, *results;
    char *kernel[NODES], *initrd[NODES], *cmdline[NODES];
};

/* -- By duet ----------------------------------------------------------------------------------- */

static int sample_duet(void *context, double *seconds, struct error *error)
{
    const struct pair *pair = context;
    const char *const argv[] = {pair->duet,    "run",     "--verbose",
                                "--keep",      "--cold",  "--results",
                                pair->results, "--accel", bench_kvm() ? "kvm" : "tcg",
                                pair->suite,   NULL};
    uint64_t started_ns = clock_ns();
    struct bench_process process;
    int code = bench_start(argv, STDERR_FILENO, &process, error);

    if (code < 0)
        return code;
    code = bench_wait_for(&process, 1, "step \"both-are-ready\"", NULL, error);
    *seconds = (double)(clock_ns() - started_ns) / NS_PER_S;
    bench_end(&process, 0);
    return code;
}

/* -- By hand ----------------------------------------------------------------------------------- */

/* The text of <name>…</name> in XML that duet itself wrote; its entities are of no use here. */
static char *element(const char *xml, const char *name)
{
    cleanup_free char *open = xasprintf("<%s>", name);
    cleanup_free char *close_tag = xasprintf("</%s>", name);
    const char *start_at = strstr(xml, open);
    const char *end = start_at ? strstr(start_at, close_tag) : NULL;

    if (!end)
        return NULL;
    start_at += strlen(open);
    return xstrndup(start_at, (size_t)(end - start_at));
}

/* What duet booted, out of what it kept of its first run. */
static int learn(struct pair *pair, struct error *error)
{
    static const char *const names[NODES] = {"a", "b"};

    for (int i = 0; i < NODES; i++) {
        cleanup_free char *path =
            xasprintf("%s/latest/pair/%s/domain.xml", pair->results, names[i]);
        cleanup_buffer struct buffer xml = {0};
        int code = fs_read(path, 1 << 20, &xml, error);

        if (code < 0)
            return code;
        pair->kernel[i] = element(xml.data, "kernel");
        pair->cmdline[i] = element(xml.data, "cmdline");
        pair->initrd[i] = xasprintf("%s/latest/pair/%s/initrd", pair->results, names[i]);
        if (!pair->kernel[i] || !pair->cmdline[i] || strchr(pair->cmdline[i], '&'))
            return error_set(error, EINVAL, "%s is not as expected", path);
    }
    return 0;
}

static int start_qemu(const struct pair *pair, int node, struct bench_process *process,
                      struct error *error)
{
    bool kvm = bench_kvm();
    cleanup_free char *ctl =
        xasprintf("socket,id=ctl,server=on,wait=off,path=%s/%d.ctl", pair->directory, node);
    cleanup_free char *io =
        xasprintf("socket,id=io,server=on,wait=off,path=%s/%d.io", pair->directory, node);
    cleanup_free char *link =
        xasprintf("stream,id=link0,server=%s,addr.type=unix,addr.path=%s/link",
                  node == 0 ? "on" : "off", pair->directory);
    const char *const argv[] = {"qemu-system-x86_64",
                                "-M",
                                "microvm,acpi=on",
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
                                pair->kernel[node],
                                "-initrd",
                                pair->initrd[node],
                                "-append",
                                pair->cmdline[node],
                                "-serial",
                                "stdio",
                                "-device",
                                "virtio-serial-device",
                                "-chardev",
                                ctl,
                                "-device",
                                "virtserialport,chardev=ctl,name=duet.ctl",
                                "-chardev",
                                io,
                                "-device",
                                "virtserialport,chardev=io,name=duet.io",
                                "-object",
                                "rng-random,id=rng,filename=/dev/urandom",
                                "-device",
                                "virtio-rng-device,rng=rng",
                                "-netdev",
                                link,
                                "-device",
                                "virtio-net-device,netdev=link0",
                                NULL};

    return bench_start(argv, STDOUT_FILENO, process, error);
}

/* The second QEMU connects to a socket that the first must have made. */
static void wait_for_link(const struct pair *pair)
{
    cleanup_free char *path = xasprintf("%s/link", pair->directory);

    while (access(path, F_OK) < 0)
        usleep(1000);
}

static int sample_hand(void *context, double *seconds, struct error *error)
{
    const struct pair *pair = context;
    uint64_t started_ns = clock_ns();
    struct bench_process processes[NODES];
    int started = 0, code = 0;
    cleanup_free char *link = xasprintf("%s/link", pair->directory);

    for (int i = 0; i < NODES && code == 0; i++) {
        code = start_qemu(pair, i, &processes[i], error);
        if (code == 0)
            started++;
        if (code == 0 && i == 0)
            wait_for_link(pair);
    }
    if (code == 0)
        code = bench_wait_for(processes, NODES, "DUET_READY: ", NULL, error);
    *seconds = (double)(clock_ns() - started_ns) / NS_PER_S;
    for (int i = 0; i < started; i++)
        bench_end(&processes[i], SIGKILL);
    unlink(link);
    return code;
}

/* -- The measure ------------------------------------------------------------------------------- */

static int prepare(struct pair *pair, struct error *error)
{
    int code = bench_make_directory(&pair->directory, error);

    if (code < 0)
        return code;
    pair->duet = bench_duet();
    pair->suite = xasprintf("%s/pair.yaml", pair->directory);
    pair->results = xasprintf("%s/results", pair->directory);
    return fs_write(pair->suite, suite_text, strlen(suite_text), 0644, error);
}

static void release(struct pair *pair)
{
    if (pair->directory)
        fs_remove_tree(pair->directory, NULL);
    for (int i = 0; i < NODES; i++) {
        free(pair->kernel[i]);
        free(pair->initrd[i]);
        free(pair->cmdline[i]);
    }
    free(pair->directory);
    free(pair->duet);
    free(pair->suite);
    free(pair->results);
}

/* The first run of duet gets what the cache lacks, and leaves what is started by hand. */
static int measure(struct pair *pair, struct error *error)
{
    double first;
    int code = sample_duet(pair, &first, error);

    if (code == 0)
        code = learn(pair, error);
    if (code < 0)
        return code;
    return bench_compare(&(struct bench_measure){.name = "start.cold_vs_hand",
                                                 .unit = "s",
                                                 .n = SAMPLES,
                                                 .baseline = "the same two QEMUs by hand",
                                                 .better = "lower"},
                         &(struct bench_side){sample_duet, pair},
                         &(struct bench_side){sample_hand, pair}, error);
}

static int measure_cold(struct error *error)
{
    struct pair pair = {0};
    int code = prepare(&pair, error);

    if (code == 0)
        code = measure(&pair, error);
    release(&pair);
    return code;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"start.cold_vs_hand", measure_cold}};

    return bench_main(argc, argv, entries, array_size(entries));
}
