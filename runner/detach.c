#include "runner/detach.h"

#include "base/memory.h"
#include "runner/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ctrl-C is for the child, which is in the same process group until it is done; this one waits for
 * what it says to that. */
static int wait_for(pid_t child, int fd)
{
    int state;
    char byte;
    ssize_t n;

    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        return EXIT_PASSED;
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return EXIT_TROUBLE;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

int detach_fork(struct detach *detach, int *status, struct error *error)
{
    int ends[2];
    int code = 1;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        detach->fd = ends[1];
        return 0;
    }
    close(ends[1]);
    if (pid < 0)
        code = error_errno(error, "cannot fork");
    else
        *status = wait_for(pid, ends[0]);
    close(ends[0]);
    return code;
}

void detach_done(struct detach *detach)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

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
