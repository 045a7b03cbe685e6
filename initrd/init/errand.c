#include "initrd/init/errand.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/child.h"
#include "initrd/init/container.h"
#include "initrd/init/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

static int enter(const struct errand *errand, const int in[2], const int out[2],
                 struct error *error)
{
    if ((in[0] >= 0 && dup2(in[0], STDIN_FILENO) < 0) ||
        (out[1] >= 0 && dup2(out[1], STDOUT_FILENO) < 0))
        return error_errno(error, "cannot set up its files");
    if (errand->container && child_join(container_sandbox(errand->container), CLONE_NEWNS) < 0)
        return error_errno(error, "cannot enter the container");
    return 0;
}

static void be_errand(const struct errand *errand, const int in[2], const int out[2], int reports)
    __attribute__((noreturn));
static void be_errand(const struct errand *errand, const int in[2], const int out[2], int reports)
{
    struct report report = {0};
    int code = enter(errand, in, out, &report.error);

    child_close_files(reports);
    if (!errand->careful)
        child_unblock_signals();
    if (code == 0)
        errand->run(errand, &report);
    report_send(reports, &report);
    _exit(0);
}

static void close_both(const int ends[2])
{
    cleanup_close_fd(&ends[0]);
    cleanup_close_fd(&ends[1]);
}

static struct process *register_errand(struct agent *agent, const struct errand *errand, pid_t pid)
{
    struct process *process =
        process_new(agent, errand->code, errand->id, errand->request, errand->container);

    process->pid = pid;
    process->started = true;
    process->done = errand->done;
    return process;
}

static void open_streams(struct process *process, const struct errand *errand, int *in, int *out)
{
    if (errand->streams.in) {
        process->in = inlet_new(process, errand->streams.in, steal_fd(in), false);
        inlet_start(process->in);
    }
    if (errand->streams.out) {
        stream_open(&process->out, process, errand->streams.out, steal_fd(out), false);
        stream_start(&process->out);
    }
}

int errand_start(struct agent *agent, const struct errand *errand, struct process **process,
                 struct error *error)
{
    int reports[2] = {-1, -1}, in[2] = {-1, -1}, out[2] = {-1, -1};
    int code = report_pipe(reports, error);
    pid_t pid = -1;

    if (code == 0 && errand->streams.in)
        code = spawn_pipe(in, 1, WIRE_WINDOW, error);
    if (code == 0 && errand->streams.out)
        code = spawn_pipe(out, 0, WIRE_WINDOW, error);
    if (code == 0) {
        pid = child_fork(0);
        if (pid == 0)
            be_errand(errand, in, out, reports[1]);
        code = pid < 0 ? error_errno(error, "cannot fork") : 0;
    }
    if (code == 0) {
        *process = register_errand(agent, errand, pid);
        (*process)->reports = steal_fd(&reports[0]);
        open_streams(*process, errand, &in[1], &out[0]);
    }
    close_both(reports);
    close_both(in);
    close_both(out);
    return code;
}

void errand_answer(struct process *process)
{
    struct buffer *ctl = channel_out(&process->agent->ctl);

    if (process->report.error.code)
        reply_error(ctl, process->code, process->id, process->report.error.message);
    else
        reply_ack(ctl, process->code, process->id);
}
