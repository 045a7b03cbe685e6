#include "initrd/init/spawn.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/child.h"
#include "initrd/init/report.h"
#include "initrd/init/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct plan {
    char *const *argv;
    const struct exec_request *exec;
    pid_t sandbox;
    int files[3]; /* standard input, output and error; -1: /dev/null */
    bool terminal;
};

/* Not execvp(3): that hands a program of another architecture to the shell. */
static void exec_in_path(char *const argv[])
{
    const char *at = getenv("PATH");
    int number = ENOENT;

    if (strchr(argv[0], '/') || !at) {
        execve(argv[0], argv, environ);
        return;
    }
    for (const char *end; at; at = *end ? end + 1 : NULL) {
        char path[4096];
        int length;

        end = strchrnul(at, ':');
        length = snprintf(path, sizeof path, "%.*s/%s", (int)(end - at), at, argv[0]);
        if (length < 0 || (size_t)length >= sizeof path)
            continue;
        execve(path, argv, environ);
        if (errno != ENOENT && errno != ENOTDIR)
            number = errno;
    }
    errno = number;
}

static int set_environment(char *const env[])
{
    static const char *const base[][2] = {
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        {"HOME", "/root"},
        {"TERM", "linux"},
    };

    clearenv();
    for (size_t i = 0; i < array_size(base); i++)
        if (setenv(base[i][0], base[i][1], 1) < 0)
            return -1;
    for (; *env; env++)
        if (putenv(*env) != 0)
            return -1;
    return 0;
}

static int set_standard_fds(const struct plan *plan)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0)
        return -1;
    for (int i = 0; i < 3; i++)
        if (dup2(plan->files[i] < 0 ? null : plan->files[i], i) < 0)
            return -1;
    return null > 2 ? close(null) : 0;
}

/* -- In the child ------------------------------------------------------------------------------ */

/* What hangs here, as file systems do, holds no pipe of another command. */
static int prepare(const struct plan *plan, int reports, struct error *error)
{
    const char *name = plan->exec->name;

    if (setsid() < 0 || set_standard_fds(plan) < 0 || set_environment(plan->exec->env) < 0)
        return error_errno(error, "cannot prepare %s", name);
    child_close_files(reports);
    if (plan->terminal && terminal_take(0) < 0)
        return error_errno(error, "cannot give %s its terminal", name);
    if (plan->sandbox &&
        child_join(plan->sandbox, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) < 0)
        return error_errno(error, "cannot enter the container of %s", name);
    if (chdir(plan->exec->cwd) < 0)
        return error_errno(error, "cannot run %s in %s", plan->argv[0], plan->exec->cwd);
    return 0;
}

static int run(const struct plan *plan, struct error *error)
{
    const char *program = plan->argv[0];

    child_unblock_signals();
    exec_in_path(plan->argv);
    if (errno == ENOENT && strchr(program, '/') && access(program, F_OK) == 0)
        return error_set(error, ENOENT,
                         "cannot run %s: it is there, but not the interpreter that it names",
                         program);
    return error_errno(error, "cannot run %s", program);
}

static void become(const struct plan *plan, int reports)
{
    struct report report = {0};

    if (prepare(plan, reports, &report.error) == 0)
        run(plan, &report.error);
    if (reports >= 0)
        report_send(reports, &report);
    _exit(127);
}

/* -- In init ----------------------------------------------------------------------------------- */

static int start(const struct plan *plan, int reports, pid_t *out, struct error *error)
{
    pid_t pid = child_fork(plan->sandbox);

    if (pid == 0)
        become(plan, reports);
    if (pid < 0 && plan->sandbox)
        return error_errno(error, "cannot fork into the container");
    if (pid < 0)
        return error_errno(error, "cannot fork");
    *out = pid;
    return 0;
}

int spawn_pipe(int ends[2], int end, int size, struct error *error)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    /* Only our end: a program does not expect its own to be non-blocking. */
    fcntl(ends[end], F_SETFL, O_NONBLOCK);
    if (size > 0)
        fcntl(ends[end], F_SETPIPE_SZ, size);
    return 0;
}

/* What a command's files are: init's ends and its own. */
struct ends {
    int reports[2], in[2], out[2], err[2]; /* [0] is read from; a terminal's master is out[0] */
};

static void close_both(const int ends[2])
{
    cleanup_close_fd(&ends[0]);
    cleanup_close_fd(&ends[1]);
}

static void close_ends(const struct ends *ends)
{
    close_both(ends->reports);
    close_both(ends->in);
    close_both(ends->out);
    close_both(ends->err);
}

/* What is typed at a terminal goes to another descriptor of the same master. */
static int open_terminal(const struct exec_request *exec, struct ends *ends, struct error *error)
{
    int code = terminal_open(exec->rows, exec->columns, &ends->out[0], &ends->out[1], error);

    if (code < 0)
        return code;
    ends->in[1] = fcntl(ends->out[0], F_DUPFD_CLOEXEC, 0);
    return ends->in[1] < 0 ? error_errno(error, "cannot duplicate a terminal's end") : 0;
}

static int open_pipes(bool has_input, struct ends *ends, struct error *error)
{
    int code = has_input ? spawn_pipe(ends->in, 1, WIRE_WINDOW, error) : 0;

    if (code == 0)
        code = spawn_pipe(ends->out, 0, WIRE_WINDOW, error);
    return code < 0 ? code : spawn_pipe(ends->err, 0, 0, error);
}

int spawn(const struct exec_request *exec, bool has_input, pid_t sandbox, struct spawned *spawned,
          struct error *error)
{
    struct ends ends = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    pid_t pid = 0;
    int code = report_pipe(ends.reports, error);

    if (code == 0)
        code = exec->terminal ? open_terminal(exec, &ends, error)
                              : open_pipes(has_input, &ends, error);
    if (code == 0) {
        const struct plan plan = {.argv = exec->argv,
                                  .exec = exec,
                                  .sandbox = sandbox,
                                  .files = {exec->terminal ? ends.out[1] : ends.in[0], ends.out[1],
                                            exec->terminal ? ends.out[1] : ends.err[1]},
                                  .terminal = exec->terminal};

        code = start(&plan, ends.reports[1], &pid, error);
    }
    if (code == 0)
        *spawned = (struct spawned){.pid = pid,
                                    .reports = steal_fd(&ends.reports[0]),
                                    .in = steal_fd(&ends.in[1]),
                                    .out = steal_fd(&ends.out[0]),
                                    .err = steal_fd(&ends.err[0])};
    close_ends(&ends);
    return code;
}

int spawn_probe(const struct exec_request *exec, pid_t sandbox, pid_t *pid, struct error *error)
{
    char shell[] = "/bin/sh", option[] = "-c";
    char *argv[] = {shell, option, exec->ready_text, NULL};
    const struct plan plan = {
        .argv = argv, .exec = exec, .sandbox = sandbox, .files = {-1, -1, -1}};

    return start(&plan, -1, pid, error);
}
