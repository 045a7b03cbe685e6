#include "runner/rundir.h"

#include "base/fs.h"
#include "base/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    COMMAND_LINE_MAX = 1 << 20,
    PROCESS_END_MS = 5000,
    MAKING_S_MAX = 60,
    /* What unix(7) leaves for the directory once the longest name below it is there, QEMU's
     * monitor: /v/lib/qemu/domain-NUMBER-NAME/monitor.sock, of which libvirt cuts NAME after 20
     * bytes. */
    PATH_MAX_BYTES = 107 - 60,
};

/* -- Sweeping ---------------------------------------------------------------------------------- */

/* A person who looks at the directory with a program of theirs is left alone. */
static bool is_qemu_of(pid_t pid, const char *path)
{
    cleanup_free char *comm = xasprintf("/proc/%d/comm", (int)pid);
    cleanup_free char *cmdline = xasprintf("/proc/%d/cmdline", (int)pid);
    cleanup_buffer struct buffer name = {0};
    cleanup_buffer struct buffer text = {0};

    return fs_read(comm, 64, &name, NULL) == 0 && strncmp(name.data, "qemu-", 5) == 0 &&
           fs_read(cmdline, COMMAND_LINE_MAX, &text, NULL) == 0 &&
           memmem(text.data, text.length, path, strlen(path));
}

/* Killed through a pidfd, so that a number that is used again is never hit. */
static bool kill_if_ours(pid_t pid, const char *path, bool wait)
{
    cleanup_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd end = {.fd = fd, .events = POLLIN};

    if (fd < 0 || !is_qemu_of(pid, path))
        return false;
    if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
        return false;
    if (!wait)
        return true;
    if (poll(&end, 1, PROCESS_END_MS) <= 0)
        return false; /* the kernel does not let go of it: waiting on would be for ever */
    waitpid(pid, NULL, WNOHANG);
    return true;
}

static bool kill_once(const char *path, bool wait)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    bool any = false;

    if (!proc)
        return false;
    while ((entry = readdir(proc))) {
        pid_t pid =
            isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;

        if (pid > 0 && pid != getpid() && kill_if_ours(pid, path, wait))
            any = true;
    }
    closedir(proc);
    return any;
}

void rundir_sweep(const char *path)
{
    /* Until a whole pass finds nothing: libvirt may have been starting one more. */
    while (kill_once(path, true))
        ;
    fs_remove_tree(path, NULL);
}

void rundir_kill(const char *path)
{
    kill_once(path, false);
}

/* True where the lock of the directory could be taken: its run has ended. One without a lock is
 * somebody else's, whatever its name. */
static bool is_dead(const char *path)
{
    cleanup_free char *file = xasprintf("%s/lock", path);
    cleanup_fd int fd = open(file, O_RDWR | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static bool is_own_directory(const char *path, struct stat *info)
{
    return lstat(path, info) == 0 && S_ISDIR(info->st_mode) && info->st_uid == geteuid();
}

/* A directory has a name with a dot before it until its run holds its lock: then nothing that has
 * its final name is taken for dead while it is being made. One that keeps the dot for a minute
 * belongs to a run that was killed in that moment. */
static void sweep_dead(const char *parent, const char *prefix)
{
    DIR *directory = opendir(parent);
    struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory))) {
        cleanup_free char *path = xasprintf("%s/%s", parent, entry->d_name);
        bool hidden = entry->d_name[0] == '.';
        struct stat info;

        if (strncmp(entry->d_name + hidden, prefix, strlen(prefix)) != 0 ||
            strspn(entry->d_name, ".") == strlen(entry->d_name) || !is_own_directory(path, &info))
            continue;
        if (!hidden && is_dead(path))
            rundir_sweep(path);
        if (hidden && time(NULL) - info.st_mtime > MAKING_S_MAX && rmdir(path) < 0 && is_dead(path))
            rundir_sweep(path);
    }
    closedir(directory);
}

/* -- The guardian ------------------------------------------------------------------------------ */

/* Keeps nothing of its parent's open but `lifeline`, so that it holds no terminal, pipe or lock.
 * Returns where that is now: in a process without standard streams it may have been among them. */
static int let_go(int lifeline)
{
    int kept = fcntl(lifeline, F_DUPFD, 3);
    int null = open("/dev/null", O_RDWR);

    if (kept < 0 || null < 0)
        return -1;
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (kept > 3)
        syscall(SYS_close_range, 3, kept - 1, 0);
    syscall(SYS_close_range, kept + 1, ~0u, 0);
    return kept;
}

static void guard(int lifeline, const char *path)
{
    char byte;

    setsid();
    prctl(PR_SET_NAME, "guardian");
    lifeline = let_go(lifeline);
    if (lifeline < 0 || chdir("/") < 0)
        _exit(1);
    while (read(lifeline, &byte, 1) < 0 && errno == EINTR)
        ;
    if (fs_exists(path))
        rundir_sweep(path);
    _exit(0);
}

/* It is born with every signal blocked, and lives so: Ctrl-C reaches it before it has a session of
 * its own. */
static int start_guardian(struct rundir *rundir, struct error *error)
{
    sigset_t all, before;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe for the guardian");
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    rundir->guardian = fork();
    if (rundir->guardian == 0) {
        close(ends[1]);
        guard(ends[0], rundir->path);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[0]);
    if (rundir->guardian < 0) {
        close(ends[1]);
        return error_errno(error, "cannot start the guardian");
    }
    rundir->lifeline = ends[1];
    return 0;
}

/* -- Making one -------------------------------------------------------------------------------- */

static int make_in(const char *parent, const char *prefix, struct rundir *rundir,
                   struct error *error)
{
    cleanup_free char *hidden = xasprintf("%s/.%sXXXXXX", parent, prefix);
    cleanup_free char *lock = NULL;
    int code;

    sweep_dead(parent, prefix);
    if (!mkdtemp(hidden))
        return error_errno(error, "cannot make a runtime directory in %s", parent);
    rundir->path = xasprintf("%s/%s", parent, hidden + strlen(parent) + 2);
    lock = xasprintf("%s/lock", hidden);
    code = fs_lock(lock, &rundir->lock, error);
    if (code == 0 && rename(hidden, rundir->path) < 0)
        code = error_errno(error, "cannot make %s", rundir->path);
    if (code < 0)
        fs_remove_tree(hidden, NULL);
    return code;
}

/* The XDG specification wants it owned by the user, with nobody else having access. It is another
 * user's where root runs with the environment of one (`sudo -E`). */
static bool is_private(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           !(info.st_mode & 022);
}

/* libvirt takes the path in a URI and in a list of log files that blanks separate. */
static bool is_plain(const char *path)
{
    return path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "/._-+@")] == '\0';
}

/* $XDG_RUNTIME_DIR where a run can have its directory below, else NULL. */
static const char *usable_runtime(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (!runtime || runtime[0] != '/' || !is_plain(runtime) || !is_private(runtime) ||
        access(runtime, W_OK) < 0 || strlen(runtime) + strlen("/duet/XXXXXX") > PATH_MAX_BYTES)
        return NULL;
    return runtime;
}

static int make_directory(struct rundir *rundir, struct error *error)
{
    const char *runtime = usable_runtime();
    cleanup_free char *parent = NULL;
    cleanup_free char *prefix = xasprintf("duet-%u-", (unsigned int)geteuid());
    int code;

    if (!runtime)
        return make_in("/tmp", prefix, rundir, error);
    parent = xasprintf("%s/duet", runtime);
    code = fs_mkdirs(parent, 0700, error);
    return code < 0 ? code : make_in(parent, "", rundir, error);
}

static void each_in(const char *parent, const char *prefix,
                    void (*use)(void *context, const char *path), void *context)
{
    DIR *directory = opendir(parent);
    struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory))) {
        cleanup_free char *path = xasprintf("%s/%s", parent, entry->d_name);
        struct stat info;

        if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
            is_own_directory(path, &info))
            use(context, path);
    }
    closedir(directory);
}

void rundir_each(void (*use)(void *context, const char *path), void *context)
{
    const char *runtime = usable_runtime();
    cleanup_free char *parent = runtime ? xasprintf("%s/duet", runtime) : NULL;
    cleanup_free char *prefix = xasprintf("duet-%u-", (unsigned int)geteuid());

    if (parent)
        each_in(parent, "", use, context);
    else
        each_in("/tmp", prefix, use, context);
}

int rundir_make(struct rundir *rundir, struct error *error)
{
    int code;

    *rundir = (struct rundir){.lock = -1, .lifeline = -1};
    code = make_directory(rundir, error);
    if (code == 0)
        code = start_guardian(rundir, error);
    if (code < 0)
        rundir_free(rundir);
    return code;
}

void rundir_free(struct rundir *rundir)
{
    if (rundir->path)
        rundir_sweep(rundir->path);
    if (rundir->lifeline >= 0)
        close(rundir->lifeline);
    if (rundir->guardian > 0)
        waitpid(rundir->guardian, NULL, 0);
    if (rundir->lock >= 0)
        close(rundir->lock);
    free(rundir->path);
    *rundir = (struct rundir){.lock = -1, .lifeline = -1};
}
