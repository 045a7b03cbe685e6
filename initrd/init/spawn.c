#include "initrd/init/spawn.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child says through a pipe that exec closes. */
struct failure {
    int number; /* errno */
    enum { AT_SETUP, AT_DIRECTORY, AT_EXEC } at;
};

struct plan {
    char *const *argv;
    const struct exec_request *exec;
    int out, err; /* -1: /dev/null */
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

/* Handlers go by themselves. */
void spawn_reset_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
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

    if (null < 0 || dup2(null, 0) < 0)
        return -1;
    if (dup2(plan->out < 0 ? null : plan->out, 1) < 0)
        return -1;
    if (dup2(plan->err < 0 ? null : plan->err, 2) < 0)
        return -1;
    return null > 2 ? close(null) : 0;
}

static struct failure become(const struct plan *plan)
{
    if (setsid() < 0 || set_standard_fds(plan) < 0 || set_environment(plan->exec->env) < 0)
        return (struct failure){.number = errno, .at = AT_SETUP};
    spawn_reset_signals();
    if (chdir(plan->exec->cwd) < 0)
        return (struct failure){.number = errno, .at = AT_DIRECTORY};
    exec_in_path(plan->argv);
    return (struct failure){.number = errno, .at = AT_EXEC};
}

static int explain(const struct plan *plan, const struct failure *failure, struct error *error)
{
    const char *program = plan->argv[0];
    const char *what = strerror(failure->number);

    if (failure->at == AT_SETUP)
        return error_set(error, failure->number, "cannot prepare %s: %s", plan->exec->name, what);
    if (failure->at == AT_DIRECTORY)
        return error_set(error, failure->number, "cannot run %s in %s: %s", program,
                         plan->exec->cwd, what);
    if (failure->number == ENOENT && strchr(program, '/') && access(program, F_OK) == 0)
        return error_set(error, ENOENT,
                         "cannot run %s: it is there, but not the interpreter that it names",
                         program);
    return error_set(error, failure->number, "cannot run %s: %s", program, what);
}

/* Waits for exec, which is a matter of the kernel alone. */
static int await_exec(const struct plan *plan, int reports, pid_t pid, struct error *error)
{
    struct failure failure;
    ssize_t n;

    do
        n = read(reports, &failure, sizeof failure);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    waitpid(pid, NULL, 0);
    if (n != sizeof failure)
        return error_set(error, EIO, "cannot run %s: it ended before exec", plan->argv[0]);
    return explain(plan, &failure, error);
}

static int start(const struct plan *plan, pid_t *out, struct error *error)
{
    int reports[2];
    pid_t pid;
    int code;

    if (pipe2(reports, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    pid = fork();
    if (pid == 0) {
        struct failure failure = become(plan);

        _exit(write(reports[1], &failure, sizeof failure) == sizeof failure ? 127 : 126);
    }
    code = pid < 0 ? error_errno(error, "cannot fork") : 0;
    close(reports[1]);
    if (code == 0)
        code = await_exec(plan, reports[0], pid, error);
    close(reports[0]);
    if (code == 0)
        *out = pid;
    return code;
}

static int make_pipe(int ends[2], struct error *error)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    /* Only our end: a program does not expect its output to be non-blocking. */
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        return error_errno(error, "cannot make a pipe non-blocking");
    return 0;
}

static void close_pipe(const int ends[2])
{
    cleanup_close_fd(&ends[0]);
    cleanup_close_fd(&ends[1]);
}

int spawn(const struct exec_request *exec, struct spawned *spawned, struct error *error)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    pid_t pid = -1;
    int code = make_pipe(out, error);

    if (code == 0)
        code = make_pipe(err, error);
    if (code == 0) {
        struct plan plan = {.argv = exec->argv, .exec = exec, .out = out[1], .err = err[1]};

        code = start(&plan, &pid, error);
    }
    if (code == 0)
        *spawned = (struct spawned){.pid = pid, .out = steal_fd(&out[0]), .err = steal_fd(&err[0])};
    close_pipe(out);
    close_pipe(err);
    return code;
}

int spawn_probe(const struct exec_request *exec, pid_t *pid, struct error *error)
{
    char shell[] = "/bin/sh", option[] = "-c";
    char *argv[] = {shell, option, exec->ready_text, NULL};
    struct plan plan = {.argv = argv, .exec = exec, .out = -1, .err = -1};

    return start(&plan, pid, error);
}
