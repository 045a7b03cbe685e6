#include "initrd/init/ready.h"

#include "base/memory.h"
#include "initrd/init/files.h"
#include "initrd/init/matcher.h"
#include "initrd/init/reply.h"
#include "initrd/init/sockets.h"
#include "initrd/init/spawn.h"

#include <sys/wait.h>
#include <unistd.h>

static const uint64_t first_look_ns = 10 * NS_PER_MS;
static const uint64_t slowest_look_ns = 50 * NS_PER_MS;

struct readiness {
    struct process *process;
    struct timer *timer;
    uint64_t interval_ns;
    struct matcher *out, *err; /* READY_OUTPUT */
    pid_t probe;               /* READY_COMMAND: that runs; 0: none */
};

static bool table_has(const char *path, uint16_t port, int state)
{
    cleanup_buffer struct buffer table = {0};

    return files_read(path, &table, NULL) == 0 &&
           sockets_have(table.data, table.length, port, state);
}

static bool is_ready(const struct exec_request *exec)
{
    uint16_t port = exec->ready_port;

    switch (exec->ready) {
    case READY_TCP:
        return table_has("/proc/net/tcp", port, SOCKETS_LISTEN) ||
               table_has("/proc/net/tcp6", port, SOCKETS_LISTEN);
    case READY_UDP:
        return table_has("/proc/net/udp", port, SOCKETS_ANY_STATE) ||
               table_has("/proc/net/udp6", port, SOCKETS_ANY_STATE);
    case READY_PATH:
        return access(exec->ready_text, F_OK) == 0;
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

    reply_command_ready(channel_out(ctl), process->request->id,
                        (clock_ns() - process->start_ns) / NS_PER_MS);
    channel_flush(ctl);
    process->readiness = NULL;
    readiness_free(readiness);
}

/* A probe that cannot be started, because memory is short perhaps, is a probe that failed. */
static void start_probe(struct readiness *readiness)
{
    if (spawn_probe(&readiness->process->request->exec, &readiness->probe, NULL) < 0)
        look_again(readiness);
}

static void on_timer(void *context)
{
    struct readiness *readiness = context;
    struct process *process = readiness->process;

    if (process->request->exec.ready == READY_COMMAND) {
        start_probe(readiness);
    } else if (is_ready(&process->request->exec)) {
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

void readiness_free(struct readiness *readiness)
{
    if (!readiness)
        return;
    if (readiness->probe)
        kill(-readiness->probe, SIGKILL);
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
