#include "initrd/init/process.h"

#include "base/memory.h"
#include "initrd/init/ready.h"
#include "initrd/init/spawn.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t term_grace_ns = NS_PER_S; /* from SIGTERM to SIGKILL */

static struct process *find(const struct agent *agent, uint64_t id)
{
    struct process *process = agent->processes;

    while (process && process->request->id != id)
        process = process->next;
    return process;
}

static bool has_finished(const struct agent *agent, uint64_t id)
{
    for (size_t i = 0; i < agent->finished_count; i++)
        if (agent->finished[i] == id)
            return true;
    return false;
}

/* The first expiry asks, the second does not. */
static void on_deadline(void *context)
{
    struct process *process = context;

    kill(-process->pid, process->timed_out ? SIGKILL : SIGTERM);
    if (!process->timed_out)
        timer_start(process->deadline, term_grace_ns);
    process->timed_out = true;
}

static int check_streams(const struct agent *agent, const struct exec_request *exec,
                         struct error *error)
{
    for (const struct process *other = agent->processes; other; other = other->next) {
        const uint64_t used[] = {other->out.number, other->err.number};

        for (size_t i = 0; i < array_size(used); i++)
            if (used[i] == exec->stdout_stream || used[i] == exec->stderr_stream)
                return error_set(error, EEXIST, "stream %" PRIu64 " is in use by command %" PRIu64,
                                 used[i], other->request->id);
    }
    return 0;
}

static int check_new(const struct agent *agent, const struct request *request, struct error *error)
{
    if (find(agent, request->id) || has_finished(agent, request->id))
        return error_set(error, EEXIST, "there was a command %" PRIu64 " before", request->id);
    if (request->exec.ready == READY_COMMAND && access("/bin/sh", X_OK) < 0)
        return error_errno(error, "a command that tells readiness needs /bin/sh");
    return check_streams(agent, &request->exec, error);
}

int process_start(struct agent *agent, struct request **request, struct error *error)
{
    const struct exec_request *exec = &(*request)->exec;
    struct process *process;
    struct spawned spawned;
    int code = check_new(agent, *request, error);

    if (code == 0)
        code = spawn(exec, &spawned, error);
    if (code < 0)
        return code;
    process = xcalloc(1, sizeof *process);
    process->next = agent->processes;
    process->agent = agent;
    process->request = steal_pointer(request);
    process->pid = spawned.pid;
    process->start_ns = clock_ns();
    process->deadline = loop_timer(agent->loop, on_deadline, process);
    agent->processes = process;
    if (exec->timeout_ms)
        timer_start(process->deadline, exec->timeout_ms * NS_PER_MS);
    if (exec->ready != READY_NONE)
        process->readiness = readiness_new(process);
    stream_open(&process->out, process, exec->stdout_stream, spawned.out);
    stream_open(&process->err, process, exec->stderr_stream, spawned.err);
    return 0;
}

int process_signal(struct agent *agent, uint64_t id, int number, struct error *error)
{
    const struct process *process = find(agent, id);

    if ((process && process->reaped) || has_finished(agent, id))
        return error_set(error, ESRCH, "command %" PRIu64 " has finished", id);
    if (!process)
        return error_set(error, ESRCH, "there is no command %" PRIu64, id);
    if (kill(-process->pid, number) < 0)
        return error_errno(error, "cannot send signal %d to command %" PRIu64, number, id);
    return 0;
}

static void process_free(struct process *process)
{
    struct agent *agent = process->agent;
    struct process **at = &agent->processes;

    while (*at != process)
        at = &(*at)->next;
    *at = process->next;
    agent->finished =
        xreallocarray(agent->finished, agent->finished_count + 1, sizeof *agent->finished);
    agent->finished[agent->finished_count++] = process->request->id;
    timer_free(process->deadline);
    request_free(process->request);
    free(process);
    agent_process_gone(agent);
}

static void finish(struct process *process)
{
    struct agent *agent = process->agent;

    process->finished = true;
    process->end.stdout_bytes = process->out.sent;
    process->end.stderr_bytes = process->err.sent;
    reply_finished(channel_out(&agent->ctl), process->request->id, &process->end);
    channel_flush(&agent->ctl);
}

void process_progress(struct process *process)
{
    bool closed = process->out.fd < 0 && process->err.fd < 0;

    if (!process->reaped)
        return;
    if (!process->finished && process->out.owed == 0 && process->err.owed == 0)
        finish(process);
    if (!process->status_sent && process->out.fd < 0) {
        process->status_sent = true;
        stream_status(&process->out, process->end.status);
    }
    /* A daemon's parent may be done before the daemon is ready; its output ends with its pipes. */
    if (process->readiness &&
        (process->end.status != 0 || (closed && process->request->exec.ready == READY_OUTPUT))) {
        readiness_free(process->readiness);
        process->readiness = NULL;
    }
    if (process->finished && closed && !process->readiness)
        process_free(process);
}

static struct process *find_pid(const struct agent *agent, pid_t pid)
{
    struct process *process = agent->processes;

    while (process && (process->reaped || process->pid != pid))
        process = process->next;
    return process;
}

void processes_dying(struct agent *agent, pid_t pid)
{
    const struct process *process = find_pid(agent, pid);

    if (process && process->timed_out)
        kill(-pid, SIGKILL);
}

static void take_end(struct process *process, const siginfo_t *info)
{
    bool exited = info->si_code == CLD_EXITED;

    process->reaped = true;
    timer_stop(process->deadline);
    process->end = (struct finish){.status = exited ? info->si_status : 128 + info->si_status,
                                   .signal = exited ? 0 : info->si_status,
                                   .timed_out = process->timed_out,
                                   .duration_ms = (clock_ns() - process->start_ns) / NS_PER_MS};
    stream_owe(&process->out);
    stream_owe(&process->err);
    process_progress(process);
}

void processes_reaped(struct agent *agent, const siginfo_t *info)
{
    struct process *process = find_pid(agent, info->si_pid);

    if (process) {
        take_end(process, info);
        return;
    }
    for (process = agent->processes; process; process = process->next)
        if (process->readiness && readiness_probe_ended(process->readiness, info))
            return;
}

void processes_abandon_readiness(struct agent *agent)
{
    struct process *next;

    for (struct process *process = agent->processes; process; process = next) {
        next = process->next;
        readiness_free(process->readiness);
        process->readiness = NULL;
        process_progress(process);
    }
}
