#include "initrd/init/process.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/container.h"
#include "initrd/init/ending.h"
#include "initrd/init/fail.h"
#include "initrd/init/links.h"
#include "initrd/init/ready.h"
#include "initrd/init/spawn.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t term_grace_ns = NS_PER_S; /* from SIGTERM to SIGKILL */

/* -- Finding ----------------------------------------------------------------------------------- */

static bool is_known_by_id(const struct process *process)
{
    return process->is_command || process->code == WIRE_WRITEFILE || process->code == WIRE_READFILE;
}

static struct process *find(const struct agent *agent, uint64_t id)
{
    struct process *process = agent->processes;

    while (process && !(process->id == id && is_known_by_id(process)))
        process = process->next;
    return process;
}

static struct process *find_pid(const struct agent *agent, pid_t pid)
{
    struct process *process = agent->processes;

    while (process && (process->reaped || process->pid != pid))
        process = process->next;
    return process;
}

int process_find(const struct agent *agent, uint64_t id, struct process **out, struct error *error)
{
    struct process *process = find(agent, id);

    if (process ? process->reaped : ids_have(&agent->ids, id))
        return error_set(error, ESRCH, "command %" PRIu64 " has finished", id);
    if (!process)
        return error_set(error, ESRCH, "there is no command %" PRIu64, id);
    *out = process;
    return 0;
}

static bool sends_on(const struct process *process, uint64_t stream)
{
    bool out_is_busy = process->out.fd >= 0 || (process->is_command && !process->status_sent);

    return (process->out.number == stream && out_is_busy) ||
           (process->err.number == stream && process->err.fd >= 0);
}

static int check_output(const struct agent *agent, uint64_t stream, struct error *error)
{
    if (stream && links_send_on(agent->links, stream))
        return error_set(error, EEXIST, "stream %" PRIu64 " is in use by a link", stream);
    for (const struct process *other = agent->processes; stream && other; other = other->next)
        if (sends_on(other, stream))
            return error_set(error, EEXIST, "stream %" PRIu64 " is in use by command %" PRIu64,
                             stream, other->id);
    return 0;
}

static int check_streams(const struct agent *agent, const struct process_streams *streams,
                         struct error *error)
{
    int code;

    if (streams->in && inlets_find(agent, streams->in))
        return error_set(error, EEXIST, "stream %" PRIu64 " to the guest is in use", streams->in);
    code = check_output(agent, streams->out, error);
    return code < 0 ? code : check_output(agent, streams->err, error);
}

int process_check(const struct agent *agent, uint64_t id, const struct process_streams *streams,
                  struct error *error)
{
    if (find(agent, id) || ids_have(&agent->ids, id) || containers_await(agent, id))
        return error_set(error, EEXIST, "there was a command %" PRIu64 " before", id);
    return check_streams(agent, streams, error);
}

/* -- Life -------------------------------------------------------------------------------------- */

struct process *process_new(struct agent *agent, uint32_t code, uint64_t id,
                            struct request *request, struct container *container)
{
    struct process *process = xcalloc(1, sizeof *process);

    *process = (struct process){.next = agent->processes,
                                .agent = agent,
                                .code = code,
                                .id = id,
                                .request = request ? request_share(request) : NULL,
                                .container = container,
                                .reports = -1,
                                .start_ns = clock_ns(),
                                .out.fd = -1,
                                .err.fd = -1};
    agent->processes = process;
    if (container)
        container_gains(container);
    return process;
}

static void close_reports(struct process *process)
{
    if (process->reports < 0)
        return;
    watch_free(process->reports_watch);
    process->reports_watch = NULL;
    close(process->reports);
    process->reports = -1;
}

static void leave_container(struct process *process)
{
    struct container *container = steal_pointer(&process->container);

    if (container)
        container_loses(container);
}

static void process_free(struct process *process)
{
    struct agent *agent = process->agent;
    struct process **at = &agent->processes;

    while (*at != process)
        at = &(*at)->next;
    *at = process->next;
    close_reports(process);
    stream_drop(&process->out);
    stream_drop(&process->err);
    if (process->in)
        inlet_leave(process->in);
    readiness_free(process->readiness);
    timer_free(process->deadline);
    request_free(process->request);
    free(process->failure);
    free(process);
    ending_progress(agent);
}

/* The first expiry asks, also one that is stopped, the second does not. */
static void on_deadline(void *context)
{
    struct process *process = context;
    pid_t whom = process->is_command ? -process->pid : process->pid;

    kill(whom, process->ending ? SIGKILL : SIGTERM);
    kill(whom, SIGCONT);
    if (!process->ending)
        timer_start(process->deadline, term_grace_ns);
    process->timed_out = process->is_command;
    process->ending = true;
}

static void set_deadline(struct process *process, uint64_t delay_ns)
{
    if (!process->deadline)
        process->deadline = loop_timer(process->agent->loop, on_deadline, process);
    timer_start(process->deadline, delay_ns);
}

/* -- From the launch to exec ------------------------------------------------------------------- */

static void command_started(struct process *process)
{
    const struct exec_request *exec = &process->request->exec;

    process->started = true;
    process->start_ns = clock_ns();
    ids_add(&process->agent->ids, process->id);
    process->launched(process, NULL);
    if (process->in)
        inlet_start(process->in);
    if (exec->timeout_ms)
        set_deadline(process, exec->timeout_ms * NS_PER_MS);
    if (exec->ready != READY_NONE)
        process->readiness = readiness_new(process);
    stream_start(&process->out);
    stream_start(&process->err);
    channel_flush(&process->agent->ctl);
}

static void command_failed(struct process *process, const struct error *failure)
{
    leave_container(process);
    process->launched(process, failure);
    channel_flush(&process->agent->ctl);
    process_free(process);
}

/* False when the process is gone by what it said. */
static bool hear(struct process *process)
{
    struct report report;
    int code = report_receive(process->reports, &report);

    if (code == -EAGAIN)
        return true;
    close_reports(process);
    if (code == 0)
        command_started(process);
    else
        command_failed(process, &report.error);
    return code == 0;
}

static void on_reports(void *context, uint32_t events)
{
    (void)events;
    hear(context);
}

static int check_probe(const struct process_launch *launch, struct error *error)
{
    if (launch->request->exec.ready == READY_COMMAND && !launch->container &&
        access("/bin/sh", X_OK) < 0)
        return error_errno(error, "a command that tells readiness needs /bin/sh");
    return 0;
}

int process_launch(struct agent *agent, const struct process_launch *launch, struct process **out,
                   struct error *error)
{
    const struct exec_request *exec = &launch->request->exec;
    struct process *process;
    struct spawned spawned;
    int code = check_streams(agent, &launch->streams, error);

    if (code == 0)
        code = check_probe(launch, error);
    if (code == 0)
        code = spawn(exec, launch->streams.in > 0,
                     launch->container ? container_sandbox(launch->container) : 0, &spawned, error);
    if (code < 0)
        return code;
    process = process_new(agent, launch->code, launch->id, launch->request, launch->container);
    process->is_command = true;
    process->launched = launch->launched;
    process->pid = spawned.pid;
    process->reports = spawned.reports;
    stream_open(&process->out, process, launch->streams.out, spawned.out, exec->terminal);
    stream_open(&process->err, process, launch->streams.err, spawned.err, false);
    if (spawned.in >= 0)
        process->in = inlet_new(process, launch->streams.in, spawned.in, exec->terminal);
    code = loop_watch(agent->loop, spawned.reports, EPOLLIN, on_reports, process,
                      &process->reports_watch, error);
    must(code, error);
    *out = process;
    return 0;
}

/* -- While it runs ----------------------------------------------------------------------------- */

static int signal_errand(struct process *process, int number)
{
    if (number != SIGKILL)
        return kill(process->pid, number);
    if (!process->ending)
        set_deadline(process, 0);
    return 0;
}

int process_signal(struct process *process, int number, struct error *error)
{
    int result;

    if (!process->is_command)
        result = signal_errand(process, number);
    else
        result = kill(process->started ? -process->pid : process->pid, number);
    if (result < 0)
        return error_errno(error, "cannot send signal %d to command %" PRIu64, number, process->id);
    return 0;
}

void process_abort(struct process *process, const char *reason)
{
    if (process->reaped || process->failure)
        return;
    process->failure = xstrdup(reason);
    signal_errand(process, SIGKILL);
}

void processes_grant(struct agent *agent, uint64_t stream, uint64_t bytes)
{
    for (struct process *process = agent->processes; process; process = process->next) {
        if (process->out.number == stream && process->out.fd >= 0) {
            stream_grant(&process->out, bytes);
            return;
        }
        if (process->err.number == stream && process->err.fd >= 0) {
            stream_grant(&process->err, bytes);
            return;
        }
    }
}

/* -- The end ----------------------------------------------------------------------------------- */

static void finish(struct process *process)
{
    struct agent *agent = process->agent;

    process->finished = true;
    process->end.stdout_bytes = process->out.sent;
    process->end.stderr_bytes = process->err.sent;
    reply_finished(channel_out(&agent->ctl), process->id, &process->end);
    channel_flush(&agent->ctl);
}

static void command_progress(struct process *process)
{
    bool closed = process->out.fd < 0 && process->err.fd < 0;

    if (!process->finished && process->out.owed == 0 && process->err.owed == 0 &&
        !(process->container && container_holds(process->container, process)))
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

static void errand_progress(struct process *process)
{
    if (process->report.error.code)
        stream_drop(&process->out);
    if (process->out.fd >= 0)
        return;
    process->finished = true;
    process->done(process);
    channel_flush(&process->agent->ctl);
    process_free(process);
}

void process_progress(struct process *process)
{
    if (!process->reaped)
        return;
    if (process->is_command)
        command_progress(process);
    else
        errand_progress(process);
}

void process_abandon_readiness(struct process *process)
{
    readiness_free(process->readiness);
    process->readiness = NULL;
    process_progress(process);
}

void processes_dying(struct agent *agent, pid_t pid)
{
    const struct process *process = find_pid(agent, pid);

    if (process && process->timed_out)
        kill(-pid, SIGKILL);
}

/* What an errand says of itself, or what is known of one that did not come to that. */
static void take_report(struct process *process, const siginfo_t *info)
{
    struct error *error = &process->report.error;
    bool reported = report_receive(process->reports, &process->report) == 1;

    close_reports(process);
    if (process->failure)
        error_set(error, ECANCELED, "%s", process->failure);
    else if (!reported && info->si_code != CLD_EXITED)
        error_set(error, ECANCELED, "it was ended by signal %d", info->si_status);
    else if (!reported)
        error_set(error, EIO, "it ended without a word");
}

static void take_end(struct process *process, const siginfo_t *info)
{
    bool exited = info->si_code == CLD_EXITED;
    struct container *container = process->container;
    bool was_main = container && container_holds(container, process);

    process->reaped = true;
    if (process->deadline)
        timer_stop(process->deadline);
    if (!process->is_command)
        take_report(process, info);
    process->end = (struct finish){.status = exited ? info->si_status : 128 + info->si_status,
                                   .signal = exited ? 0 : info->si_status,
                                   .timed_out = process->timed_out,
                                   .duration_ms = (clock_ns() - process->start_ns) / NS_PER_MS};
    if (process->in)
        inlet_leave(process->in);
    process->in = NULL;
    stream_owe(&process->out);
    stream_owe(&process->err);
    process_progress(process);
    if (container)
        container_reaped(container, was_main);
}

bool processes_reaped(struct agent *agent, const siginfo_t *info)
{
    struct process *process = find_pid(agent, info->si_pid);

    if (process && process->is_command && !process->started && !hear(process))
        return true;
    if (process)
        take_end(process, info);
    for (struct process *other = process ? NULL : agent->processes; other; other = other->next)
        if (other->readiness && readiness_probe_ended(other->readiness, info))
            return true;
    return process != NULL;
}

bool processes_finished(const struct agent *agent)
{
    for (const struct process *process = agent->processes; process; process = process->next)
        if (!process->finished)
            return false;
    return true;
}

void processes_abandon_readiness(struct agent *agent)
{
    struct process *next;

    for (struct process *process = agent->processes; process; process = next) {
        next = process->next;
        if (process->readiness)
            process_abandon_readiness(process);
    }
}
