#include "runner/detach.h"

#include "base/memory.h"
#include "runner/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A user who ends it need not be told so. */
static bool is_users(int signal_number)
{
    return signal_number == SIGINT || signal_number == SIGTERM || signal_number == SIGHUP;
}

static int judge(int state, int *status, struct error *error)
{
    int signal_number = WIFSIGNALED(state) ? WTERMSIG(state) : 0;

    if (signal_number && !is_users(signal_number))
        return error_set(error, ECHILD,
                         "what was to go on in the background was killed by signal %d (%s)",
                         signal_number, strsignal(signal_number));
    *status = signal_number ? 128 + signal_number : WEXITSTATUS(state);
    return 1;
}

/* Ctrl-C and a terminal that hangs up are for the child, which is in the same process group until
 * it is done; this one waits for what it says to that. */
static int wait_for(pid_t child, int fd, int *status, struct error *error)
{
    int state;
    char byte;
    ssize_t n;

    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) {
        *status = EXIT_PASSED;
        return 1;
    }
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return error_errno(error, "cannot wait for what was to go on in the background");
    return judge(state, status, error);
}

/* Until then who ends the parent ends this one, too. */
static void end_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(128 + SIGTERM);
}

int detach_fork(struct detach *detach, int *status, struct error *error)
{
    int ends[2];
    pid_t parent = getpid();
    pid_t pid;
    int code;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        detach->fd = ends[1];
        end_with(parent);
        return 0;
    }
    close(ends[1]);
    if (pid < 0)
        code = error_errno(error, "cannot fork");
    else
        code = wait_for(pid, ends[0], status, error);
    close(ends[0]);
    return code;
}

void detach_done(struct detach *detach)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, 0);
    setsid();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++)
        dup2(null, fd);
    if (null >= 0)
        close(null);
    while (write(detach->fd, "", 1) < 0 && errno == EINTR)
        ;
    close(detach->fd);
    detach->fd = -1;
}
