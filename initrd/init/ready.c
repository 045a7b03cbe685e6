#include "initrd/init/ready.h"

#include "base/memory.h"
#include "initrd/init/child.h"
#include "initrd/init/container.h"
#include "initrd/init/files.h"
#include "initrd/init/matcher.h"
#include "initrd/init/reply.h"
#include "initrd/init/sockets.h"
#include "initrd/init/spawn.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t first_look_ns = 10 * NS_PER_MS;
static const uint64_t slowest_look_ns = 50 * NS_PER_MS;

struct readiness {
    struct process *process;
    struct timer *timer;
    uint64_t interval_ns;
    struct matcher *out, *err; /* READY_OUTPUT */
    pid_t probe;               /* READY_COMMAND, READY_PATH: that runs; 0: none */
};

/* The process whose world the command's is: its container's first, or init. 0 when that has ended,
 * and nothing will be ready any more. */
static pid_t world_of(const struct process *process)
{
    return process->container ? container_sandbox(process->container) : getpid();
}

/* `name`: "tcp", …, as the world's network namespace has it. */
static bool table_has(pid_t world, const char *name, uint16_t port, int state)
{
    cleanup_free char *path = xasprintf("/proc/%d/net/%s", (int)world, name);
    cleanup_buffer struct buffer table = {0};

    return files_read(path, &table, NULL) == 0 &&
           sockets_have(table.data, table.length, port, state);
}

/* Links in `path` lead nowhere else than within the world (openat2(2), Linux 5.6). */
static bool path_exists(pid_t world, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    cleanup_free char *root_path = xasprintf("/proc/%d/root", (int)world);
    cleanup_fd int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_fd int found = -1;

    if (root >= 0)
        found = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    return found >= 0;
}

static bool is_ready(const struct process *process)
{
    const struct exec_request *exec = &process->request->exec;
    uint16_t port = exec->ready_port;
    pid_t world = world_of(process);

    switch (exec->ready) {
    case READY_TCP:
        return table_has(world, "tcp", port, SOCKETS_LISTEN) ||
               table_has(world, "tcp6", port, SOCKETS_LISTEN);
    case READY_UDP:
        return table_has(world, "udp", port, SOCKETS_ANY_STATE) ||
               table_has(world, "udp6", port, SOCKETS_ANY_STATE);
    default:
        return false;
    }
}

static void look_again(struct readiness *readiness)
{
    timer_start(readiness->timer, readiness->interval_ns);
    readiness->interval_ns += readiness->interval_ns / 2;
    if (readiness->interval_ns > slowest_look_ns)
        readiness->interval_ns = slowest_look_ns;
}

static void announce(struct readiness *readiness)
{
    struct process *process = readiness->process;
    struct channel *ctl = &process->agent->ctl;

    reply_command_ready(channel_out(ctl), process->id,
                        (clock_ns() - process->start_ns) / NS_PER_MS);
    channel_flush(ctl);
    process->readiness = NULL;
    readiness_free(readiness);
}

/* By a child, for the file system may hang. */
static int probe_path(const struct process *process, pid_t world, pid_t *probe)
{
    const char *path = process->request->exec.ready_text;
    pid_t pid = child_fork(0);

    if (pid == 0) {
        child_close_files(-1);
        child_unblock_signals();
        _exit(process->container ? !path_exists(world, path) : access(path, F_OK) != 0);
    }
    if (pid < 0)
        return -1;
    *probe = pid;
    return 0;
}

/* A probe that cannot be started, because memory is short perhaps, is a probe that failed. */
static void start_probe(struct readiness *readiness)
{
    const struct process *process = readiness->process;
    const struct exec_request *exec = &process->request->exec;
    pid_t world = world_of(process);
    int code = -1;

    if (world && exec->ready == READY_PATH)
        code = probe_path(process, world, &readiness->probe);
    else if (world)
        code = spawn_probe(exec, process->container ? world : 0, &readiness->probe, NULL);
    if (code < 0)
        look_again(readiness);
}

static void on_timer(void *context)
{
    struct readiness *readiness = context;
    struct process *process = readiness->process;
    enum ready_kind kind = process->request->exec.ready;

    if (kind == READY_COMMAND || kind == READY_PATH) {
        start_probe(readiness);
    } else if (is_ready(process)) {
        announce(readiness);
        process_progress(process);
    } else {
        look_again(readiness);
    }
}

struct readiness *readiness_new(struct process *process)
{
    struct readiness *readiness = xcalloc(1, sizeof *readiness);
    const struct exec_request *exec = &process->request->exec;

    readiness->process = process;
    readiness->interval_ns = first_look_ns;
    readiness->timer = loop_timer(process->agent->loop, on_timer, readiness);
    if (exec->ready == READY_OUTPUT) {
        readiness->out = matcher_new(exec->ready_text);
        readiness->err = matcher_new(exec->ready_text);
    } else {
        look_again(readiness);
    }
    return readiness;
}

/* Its process group may be yet to come. */
static void kill_probe(pid_t probe)
{
    if (kill(-probe, SIGKILL) < 0)
        kill(probe, SIGKILL);
}

void readiness_free(struct readiness *readiness)
{
    if (!readiness)
        return;
    if (readiness->probe)
        kill_probe(readiness->probe);
    timer_free(readiness->timer);
    matcher_free(readiness->out);
    matcher_free(readiness->err);
    free(readiness);
}

void readiness_output(struct readiness *readiness, bool is_stdout, const void *bytes, size_t count)
{
    struct matcher *matcher = is_stdout ? readiness->out : readiness->err;

    if (matcher && matcher_feed(matcher, bytes, count))
        announce(readiness);
}

bool readiness_probe_ended(struct readiness *readiness, const siginfo_t *info)
{
    struct process *process = readiness->process;

    if (readiness->probe != info->si_pid)
        return false;
    readiness->probe = 0;
    if (info->si_code == CLD_EXITED && info->si_status == 0) {
        announce(readiness);
        process_progress(process);
    } else {
        look_again(readiness);
    }
    return true;
}
