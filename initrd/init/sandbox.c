/* The root file system of the node may be the initramfs, which pivot_root(2) cannot leave: the new
 * root is moved over the old one instead, and setns(2) follows it there. */
#include "initrd/init/sandbox.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "initrd/init/child.h"
#include "initrd/init/network.h"
#include "initrd/init/report.h"

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPEN_DIRECTORIES = 16 }; /* at once, while a tree is removed */

static int make_directory(const char *path, struct error *error)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return error_errno(error, "cannot make %s", path);
    return 0;
}

static int make_directories(const char *directory, struct error *error)
{
    static const char *const parts[] = {"root", "upper", "work"};
    int code = make_directory("/run/duet", error);

    if (code == 0)
        code = make_directory("/run/duet/containers", error);
    if (code == 0)
        code = make_directory(directory, error);
    for (size_t i = 0; code == 0 && i < array_size(parts); i++) {
        cleanup_free char *path = xasprintf("%s/%s", directory, parts[i]);

        code = make_directory(path, error);
    }
    return code;
}

static int check_root(const char *root, struct error *error)
{
    struct stat info;

    if (stat(root, &info) < 0)
        return error_errno(error, "cannot use %s as root directory", root);
    if (!S_ISDIR(info.st_mode))
        return error_set(error, ENOTDIR, "cannot use %s as root directory: it is no directory",
                         root);
    return 0;
}

/* In the options of overlayfs, commas and colons separate. */
static char *escape_layer(const char *path)
{
    struct buffer text = {0};

    for (; *path; path++) {
        if (strchr(",:\\", *path))
            buffer_append_text(&text, "\\");
        buffer_append(&text, path, 1);
    }
    return buffer_steal(&text);
}

static int mount_overlay(const struct sandbox *sandbox, const char *target, struct error *error)
{
    cleanup_free char *lower = escape_layer(sandbox->root);
    cleanup_free char *options = xasprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower,
                                           sandbox->directory, sandbox->directory);

    if (mount("overlay", target, "overlay", 0, options) == 0)
        return 0;
    if (errno == ENODEV)
        return error_set(error, ENODEV,
                         "this kernel has no overlay file system (CONFIG_OVERLAY_FS); where it is "
                         "a module, name it (overlay) under `modules:`");
    return error_errno(error, "cannot mount an overlay over %s", sandbox->root);
}

static int mount_root(const struct sandbox *sandbox, const char *target, struct error *error)
{
    int code = check_root(sandbox->root, error);

    if (code == 0 && sandbox->overlay)
        return mount_overlay(sandbox, target, error);
    if (code == 0 && mount(sandbox->root, target, NULL, MS_BIND | MS_REC, NULL) < 0)
        code = error_errno(error, "cannot use %s as root directory", sandbox->root);
    return code;
}

/* Whether `root` has a /tmp that is not the node's own. */
static bool has_tmp(const char *root)
{
    cleanup_free char *path = xasprintf("%s/tmp", root);
    struct stat theirs, ours;

    if (stat(path, &theirs) < 0)
        return false;
    return stat("/tmp", &ours) < 0 || theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino;
}

static int mount_over(const char *target, const char *name, const char *type, struct error *error)
{
    cleanup_free char *path = xasprintf("%s%s", target, name);
    int code = make_directory(path, error);

    if (code < 0)
        return code;
    if (type)
        code = mount(type, path, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    else
        code = mount(name, path, NULL, MS_BIND | MS_REC, NULL);
    return code < 0 ? error_errno(error, "cannot mount the container's %s", name) : 0;
}

static int make_mounts(const struct sandbox *sandbox, const char *target, struct error *error)
{
    bool own_tmp = strcmp(sandbox->root, "/") != 0 && has_tmp(sandbox->root);
    int code = 0;

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_errno(error, "cannot have mounts of its own");
    code = mount_root(sandbox, target, error);
    if (code == 0)
        code = mount_over(target, "/proc", "proc", error);
    if (code == 0)
        code = mount_over(target, "/dev", NULL, error);
    if (code == 0)
        code = mount_over(target, "/sys", NULL, error);
    if (code == 0 && !own_tmp)
        code = mount_over(target, "/tmp", NULL, error);
    return code;
}

static int enter_root(const char *target, struct error *error)
{
    if (chdir(target) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
        chdir("/") < 0)
        return error_errno(error, "cannot change the root directory");
    return 0;
}

static int make_world(const struct sandbox *sandbox, struct error *error)
{
    cleanup_free char *target = xasprintf("%s/root", sandbox->directory);
    int code = make_directories(sandbox->directory, error);

    if (code == 0)
        code = make_mounts(sandbox, target, error);
    if (code == 0)
        code = enter_root(target, error);
    if (code == 0 && sethostname(sandbox->hostname, strlen(sandbox->hostname)) < 0)
        code = error_errno(error, "cannot set the host name");
    if (code == 0 && sandbox->network)
        code = network_raise_loopback(error);
    return code < 0 ? error_context(error, "container %s", sandbox->name) : 0;
}

/* Every signal is blocked; SIGKILL is what ends this. */
static void reap_for_ever(void)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        sigwaitinfo(&child, NULL);
    }
}

static void become_first(const struct sandbox *sandbox, int reports) __attribute__((noreturn));
static void become_first(const struct sandbox *sandbox, int reports)
{
    struct report report = {0};
    int code;

    child_close_files(reports);
    setsid();
    code = make_world(sandbox, &report.error);
    report_send(reports, &report);
    if (code < 0)
        _exit(1);
    close(reports);
    reap_for_ever();
    _exit(0);
}

static int namespaces_of(const struct sandbox *sandbox)
{
    return CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
           (sandbox->network ? CLONE_NEWNET : 0);
}

/* What the kernel was built without is not in its list, and EINVAL for clone(2). */
static const char *find_lack(const struct sandbox *sandbox)
{
    static const struct {
        const char *path, *option;
    } namespaces[] = {{"/proc/self/ns/pid", "CONFIG_PID_NS"},
                      {"/proc/self/ns/uts", "CONFIG_UTS_NS"},
                      {"/proc/self/ns/ipc", "CONFIG_IPC_NS"},
                      {"/proc/self/ns/net", "CONFIG_NET_NS"}};
    size_t count = array_size(namespaces) - !sandbox->network;

    for (size_t i = 0; i < count; i++)
        if (access(namespaces[i].path, F_OK) < 0)
            return namespaces[i].option;
    return NULL;
}

static int explain_clone(const struct sandbox *sandbox, struct error *error)
{
    int code = error_errno(error, "container %s: cannot make its namespaces", sandbox->name);
    const char *lack = code == -EINVAL ? find_lack(sandbox) : NULL;

    if (!lack)
        return code;
    return error_set(error, EINVAL, "container %s: this kernel was built without %s", sandbox->name,
                     lack);
}

int sandbox_start(const struct sandbox *sandbox, pid_t *out, int *reports, struct error *error)
{
    int ends[2];
    pid_t pid;
    int code = report_pipe(ends, error);

    if (code < 0)
        return code;
    pid = child_clone(namespaces_of(sandbox));
    if (pid == 0)
        become_first(sandbox, ends[1]);
    if (pid < 0)
        code = explain_clone(sandbox, error);
    close(ends[1]);
    if (code < 0) {
        close(ends[0]);
        return code;
    }
    *out = pid;
    *reports = ends[0];
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

int sandbox_remove(const char *directory, struct error *error)
{
    if (nftw(directory, remove_entry, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 &&
        errno != ENOENT)
        return error_errno(error, "cannot remove %s", directory);
    return 0;
}
