#include "initrd/init/child.h"

#include "base/memory.h"
#include "initrd/init/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_namespace(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* A child of init that got a fatal signal would report init's end: none comes before it has let go
 * of the handlers. */
static pid_t clone_quietly(int namespaces)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid = namespaces ? (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0) : fork();
    if (pid == 0)
        fail_release_signals();
    else
        sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

pid_t child_clone(int namespaces)
{
    return clone_quietly(namespaces);
}

/* setns(2) of a PID namespace is about children only. */
pid_t child_fork(pid_t sandbox)
{
    cleanup_fd int own = -1, other = -1;
    pid_t pid;
    int number;

    if (!sandbox)
        return clone_quietly(0);
    own = open_namespace(getpid(), "pid");
    other = open_namespace(sandbox, "pid");
    if (own < 0 || other < 0 || setns(other, CLONE_NEWPID) < 0)
        return -1;
    pid = clone_quietly(0);
    if (pid == 0)
        return 0;
    number = errno;
    setns(own, CLONE_NEWPID);
    errno = number;
    return pid;
}

void child_unblock_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from_to(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    for (unsigned fd = first; fd <= last && fd < (unsigned)getdtablesize(); fd++)
        close((int)fd);
}

void child_close_files(int keep)
{
    if (keep > 2)
        close_from_to(3, (unsigned)keep - 1);
    close_from_to(keep > 2 ? (unsigned)keep + 1 : 3, ~0U);
}

int child_join(pid_t sandbox, int namespaces)
{
    static const struct {
        const char *name;
        int flag;
    } all[] = {
        {"net", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}, {"mnt", CLONE_NEWNS}};
    int fds[array_size(all)];

    /* All are opened before the last takes /proc away. */
    for (size_t i = 0; i < array_size(all); i++) {
        fds[i] = namespaces & all[i].flag ? open_namespace(sandbox, all[i].name) : -1;
        if (namespaces & all[i].flag && fds[i] < 0)
            return -1;
    }
    for (size_t i = 0; i < array_size(all); i++)
        if (fds[i] >= 0 && (setns(fds[i], all[i].flag) < 0 || close(fds[i]) < 0))
            return -1;
    return 0;
}
