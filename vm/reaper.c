#include "vm/reaper.h"

#include "base/memory.h"
#include "base/proc_stat.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    REMEMBERED = 64, /* ends that nobody expected yet */
};

struct expected {
    pid_t pid;
    reaped_fn call;
    void *context;
    struct expected *next;
};

struct reaper {
    struct loop *loop;
    struct expected *expected;
    struct {
        pid_t pid;
        int wait_status;
    } ended[REMEMBERED];
    size_t ended_count;
};

/* The session tells QEMU, which daemonised, from a child that libvirt or duet waits for itself; the
 * name tells it from libvirt's helpers, which start sessions too. To learn what QEMU can do libvirt
 * starts those of other architectures as well. */
static bool is_orphan(pid_t pid)
{
    struct proc_stat stat;

    return proc_stat_read(pid, &stat) && stat.state == 'Z' && stat.parent == getpid() &&
           stat.session != getsid(0) && strncmp(stat.name, "qemu-", 5) == 0;
}

static void deliver(struct reaper *reaper, pid_t pid, int wait_status)
{
    for (struct expected **at = &reaper->expected; *at; at = &(*at)->next) {
        struct expected found = **at;

        if (found.pid != pid)
            continue;
        free(*at);
        *at = found.next;
        found.call(found.context, wait_status);
        return;
    }
    for (size_t i = 0; i < REMEMBERED; i++)
        if (reaper->ended[i].pid == pid)
            reaper->ended[i].pid = 0;
    reaper->ended[reaper->ended_count % REMEMBERED].pid = pid;
    reaper->ended[reaper->ended_count % REMEMBERED].wait_status = wait_status;
    reaper->ended_count++;
}

static void reap(void *context, int signal_number)
{
    struct reaper *reaper = context;
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int wait_status;

    (void)signal_number;
    if (!proc)
        return;
    while ((entry = readdir(proc))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && is_orphan(pid) && waitpid(pid, &wait_status, WNOHANG) == pid)
            deliver(reaper, pid, wait_status);
    }
    closedir(proc);
}

int reaper_new(struct loop *loop, struct reaper **out, struct error *error)
{
    struct reaper *reaper;
    int code;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return error_errno(error, "cannot become a child subreaper");
    reaper = xcalloc(1, sizeof *reaper);
    reaper->loop = loop;
    code = loop_signal(loop, SIGCHLD, reap, reaper, error);
    if (code < 0) {
        free(reaper);
        return code;
    }
    *out = reaper;
    return 0;
}

static void ignore(void *context, int signal_number)
{
    (void)context;
    (void)signal_number;
}

/* The loop may live on. Taking over a signal that it has already cannot fail. */
void reaper_free(struct reaper *reaper)
{
    if (!reaper)
        return;
    loop_signal(reaper->loop, SIGCHLD, ignore, NULL, NULL);
    while (reaper->expected) {
        struct expected *next = reaper->expected->next;

        free(reaper->expected);
        reaper->expected = next;
    }
    free(reaper);
}

/* Takes the end of `pid` out of what is remembered. A number that names a process again means
 * another one than the one that ended. */
static bool recall(struct reaper *reaper, pid_t pid, int *wait_status)
{
    for (size_t i = 0; i < reaper->ended_count && i < REMEMBERED; i++) {
        if (reaper->ended[i].pid != pid)
            continue;
        reaper->ended[i].pid = 0;
        *wait_status = reaper->ended[i].wait_status;
        return kill(pid, 0) < 0 && errno == ESRCH;
    }
    return false;
}

void reaper_expect(struct reaper *reaper, pid_t pid, reaped_fn call, void *context)
{
    struct expected *expected;
    int wait_status;

    if (recall(reaper, pid, &wait_status)) {
        call(context, wait_status);
        return;
    }
    expected = xcalloc(1, sizeof *expected);
    *expected =
        (struct expected){.pid = pid, .call = call, .context = context, .next = reaper->expected};
    reaper->expected = expected;
}

void reaper_forget(struct reaper *reaper, const void *context)
{
    struct expected **at = &reaper->expected;

    while (*at) {
        struct expected *expected = *at;

        if (expected->context != context) {
            at = &expected->next;
            continue;
        }
        *at = expected->next;
        free(expected);
    }
}
