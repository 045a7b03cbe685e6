/* How long a pair of nodes takes from nothing to ready: by `duet run`, and as the same two QEMUs
 * started by hand with the same kernel, initrds, command lines and accelerator. */
#include "base/base.h"
#include "bench/bench.h"
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAMPLES = 10, NODES = 2, WAIT_MS = 180000 };

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
    bool kvm;
};

/* -- Processes --------------------------------------------------------------------------------- */

/* Starts argv with `fd` (1 or 2) into a pipe and the other of the two into /dev/null. */
static int start(const char *const argv[], int fd, int *output, pid_t *pid, struct error *error)
{
    posix_spawn_file_actions_t actions;
    int ends[2], code;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 3 - fd, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], fd);
    code = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        return error_set(error, code, "cannot run %s", argv[0]);
    }
    *output = ends[0];
    return 0;
}

/* Reads all outputs until each has shown `text`. */
static int wait_for(const int outputs[], size_t count, const char *text, struct error *error)
{
    struct buffer seen[NODES] = {0};
    struct pollfd polled[NODES];
    size_t left = count;
    int code = 0;

    for (size_t i = 0; i < count; i++)
        polled[i] = (struct pollfd){.fd = outputs[i], .events = POLLIN};
    while (left > 0 && code == 0) {
        if (poll(polled, count, WAIT_MS) <= 0)
            code = error_set(error, ETIMEDOUT, "\"%s\" was not printed in time", text);
        for (size_t i = 0; i < count && code == 0; i++) {
            char chunk[4096];
            ssize_t n = polled[i].revents ? read(polled[i].fd, chunk, sizeof chunk) : 0;

            if (!polled[i].revents)
                continue;
            if (n <= 0) {
                code = error_set(error, EPIPE, "it ended without \"%s\"; its last words: %s", text,
                                 seen[i].data ? seen[i].data : "none");
                continue;
            }
            buffer_append(&seen[i], chunk, (size_t)n);
            if (memmem(seen[i].data, seen[i].length, text, strlen(text))) {
                polled[i].fd = -1;
                left--;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        buffer_free(&seen[i]);
    return code;
}

static void drain_and_reap(int output, pid_t pid)
{
    char chunk[4096];

    while (read(output, chunk, sizeof chunk) > 0)
        ;
    close(output);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* -- By duet ----------------------------------------------------------------------------------- */

static int sample_duet(const struct pair *pair, double *seconds, struct error *error)
{
    const char *const argv[] = {pair->duet,  "run",         "--verbose", "--keep",
                                "--results", pair->results, "--accel",   pair->kvm ? "kvm" : "tcg",
                                pair->suite, NULL};
    uint64_t started_ns = clock_ns();
    int output, code;
    pid_t pid;

    code = start(argv, STDERR_FILENO, &output, &pid, error);
    if (code < 0)
        return code;
    code = wait_for(&output, 1, "step \"both-are-ready\"", error);
    *seconds = (double)(clock_ns() - started_ns) / NS_PER_S;
    drain_and_reap(output, pid);
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

static int start_qemu(const struct pair *pair, int node, int *output, pid_t *pid,
                      struct error *error)
{
    cleanup_free char *ctl =
        xasprintf("socket,id=ctl,server=on,wait=off,path=%s/%d.ctl", pair->directory, node);
    cleanup_free char *io =
        xasprintf("socket,id=io,server=on,wait=off,path=%s/%d.io", pair->directory, node);
    cleanup_free char *link =
        xasprintf("stream,id=link0,server=%s,addr.type=unix,addr.path=%s/link",
                  node == 0 ? "on" : "off", pair->directory);
    const char *mac = strstr(pair->cmdline[node], "mac=");
    cleanup_free char *nic = xasprintf("virtio-net-device,netdev=link0,mac=%.17s", mac + 4);
    const char *const argv[] = {"qemu-system-x86_64",
                                "-M",
                                "microvm,acpi=on",
                                "-accel",
                                pair->kvm ? "kvm" : "tcg",
                                "-cpu",
                                pair->kvm ? "host" : "max,la57=off",
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
                                nic,
                                NULL};

    return start(argv, STDOUT_FILENO, output, pid, error);
}

/* The second QEMU connects to a socket that the first must have made. */
static void wait_for_link(const struct pair *pair)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_free char *path = xasprintf("%s/link", pair->directory);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    while (access(path, F_OK) < 0)
        usleep(1000);
}

static int sample_hand(const struct pair *pair, double *seconds, struct error *error)
{
    uint64_t started_ns = clock_ns();
    int outputs[NODES], started = 0, code = 0;
    cleanup_free char *link = xasprintf("%s/link", pair->directory);
    pid_t pids[NODES];

    for (int i = 0; i < NODES && code == 0; i++) {
        code = start_qemu(pair, i, &outputs[i], &pids[i], error);
        if (code == 0)
            started++;
        if (code == 0 && i == 0)
            wait_for_link(pair);
    }
    if (code == 0)
        code = wait_for(outputs, NODES, "DUET_READY: ", error);
    *seconds = (double)(clock_ns() - started_ns) / NS_PER_S;
    for (int i = 0; i < started; i++) {
        kill(pids[i], SIGKILL);
        drain_and_reap(outputs[i], pids[i]);
    }
    unlink(link);
    return code;
}

/* -- The measure ------------------------------------------------------------------------------- */

static int prepare(struct pair *pair, struct error *error)
{
    char template[] = "/tmp/duet-bench-XXXXXX";
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

    if (length < 0 || !mkdtemp(template))
        return error_errno(error, "cannot prepare");
    program[length] = '\0';
    *strrchr(program, '/') = '\0';
    pair->duet = xasprintf("%s/../duet", program);
    pair->directory = xstrdup(template);
    pair->suite = xasprintf("%s/pair.yaml", template);
    pair->results = xasprintf("%s/results", template);
    pair->kvm = getenv("DUET_BENCH_ACCEL") && strcmp(getenv("DUET_BENCH_ACCEL"), "kvm") == 0;
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

static int take_samples(struct pair *pair, double *duet, double *hand, double *ratios,
                        struct error *error)
{
    double warm_up;
    int code = sample_duet(pair, &warm_up, error);

    if (code == 0)
        code = learn(pair, error);
    for (int i = 0; i < SAMPLES && code == 0; i++) {
        code = sample_duet(pair, &duet[i], error);
        if (code == 0)
            code = sample_hand(pair, &hand[i], error);
        if (code == 0)
            ratios[i] = duet[i] / hand[i];
    }
    return code;
}

static int measure_cold(struct error *error)
{
    double duet[SAMPLES], hand[SAMPLES], ratios[SAMPLES];
    struct pair pair = {0};
    int code = prepare(&pair, error);

    if (code == 0)
        code = take_samples(&pair, duet, hand, ratios, error);
    release(&pair);
    if (code < 0)
        return code;
    bench_emit(&(struct bench_measure){
        .name = "start.cold_vs_hand",
        .value = bench_median(duet, SAMPLES),
        .unit = "s",
        .n = SAMPLES,
        .baseline = "the same two QEMUs by hand",
        .baseline_value = bench_median(hand, SAMPLES),
        .ratio = bench_median(ratios, SAMPLES),
        .better = "lower",
    });
    return 0;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"start.cold_vs_hand", measure_cold}};

    return bench_main(argc, argv, entries, array_size(entries));
}
