/* Does KVM start a guest? Opening /dev/kvm proves nothing: on some hosts it opens, takes a virtual
 * machine, and no Linux ever prints a byte. So a real guest is booted. */
#include "vm/vm.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_BYTE_NS (3 * NS_PER_S)
#define NEXT_BYTE_NS  (4 * NS_PER_S)
#define READY_NS      (60 * NS_PER_S)

extern char **environ;

enum { KEPT = 4096, CMDLINE_MAX = 512 };

struct probing {
    struct loop *loop;
    const char *ready_token;
    int output;
    struct timer *quiet, *late;
    struct buffer text; /* the newest of what the guest printed */
    bool any_byte, ready, ended;
};

static void on_output(void *context, uint32_t events)
{
    struct probing *probing = context;
    char chunk[4096];
    ssize_t n = read(probing->output, chunk, sizeof chunk);

    (void)events;
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        probing->ended = true;
        loop_stop(probing->loop);
        return;
    }
    probing->any_byte = true;
    buffer_append(&probing->text, chunk, (size_t)n);
    if (memmem(probing->text.data, probing->text.length, probing->ready_token,
               strlen(probing->ready_token))) {
        probing->ready = true;
        loop_stop(probing->loop);
        return;
    }
    if (probing->text.length > KEPT)
        buffer_consume(&probing->text, probing->text.length - KEPT);
    timer_start(probing->quiet, NEXT_BYTE_NS);
}

static void on_no_answer(void *context)
{
    struct probing *probing = context;

    loop_stop(probing->loop);
}

static int spawn_qemu(const struct vm_probe_options *options, int output, pid_t *pid,
                      struct error *error)
{
    cleanup_free char *pidfile = xasprintf("%s/probe.pid", options->runtime_dir);
    cleanup_buffer struct buffer cmdline = {0};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int code;

    vm_cmdline_base(VM_ACCEL_KVM, 0, &cmdline);
    const char *const argv[] = {options->emulator,
                                "-M",
                                options->no_acpi ? "microvm,acpi=off" : "microvm,acpi=on",
                                "-accel",
                                "kvm",
                                "-cpu",
                                "host",
                                "-m",
                                "256",
                                "-nodefaults",
                                "-no-user-config",
                                "-no-reboot",
                                "-display",
                                "none",
                                "-pidfile",
                                pidfile,
                                "-kernel",
                                options->kernel,
                                "-initrd",
                                options->initrd,
                                "-append",
                                cmdline.data,
                                "-serial",
                                "stdio",
                                NULL};

    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    code = posix_spawn(pid, options->emulator, &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code == 0 ? 0 : error_set(error, code, "cannot run %s", options->emulator);
}

static const char *last_line(struct buffer *text)
{
    char *line;

    while (text->length > 0 && strchr("\r\n", text->data[text->length - 1]))
        text->data[--text->length] = '\0';
    if (text->length == 0)
        return "";
    line = memrchr(text->data, '\n', text->length);
    return line ? line + 1 : text->data;
}

static void conclude(struct probing *probing, struct vm_probe *probe)
{
    probe->kvm = probing->ready;
    if (probing->ready)
        snprintf(probe->reason, sizeof probe->reason, "a guest starts under KVM");
    else if (probing->ended)
        snprintf(probe->reason, sizeof probe->reason, "QEMU ended under KVM: %s",
                 last_line(&probing->text));
    else if (!probing->any_byte)
        snprintf(probe->reason, sizeof probe->reason,
                 "/dev/kvm opens, but a guest under it printed nothing for 3 s");
    else
        snprintf(probe->reason, sizeof probe->reason,
                 "a guest under KVM stopped before it was ready; its last line: %.120s",
                 last_line(&probing->text));
    for (char *at = probe->reason; *at; at++)
        if (iscntrl((unsigned char)*at)) /* the guest's, and bound for a terminal */
            *at = '?';
}

static int boot(struct loop *loop, const struct vm_probe_options *options, struct vm_probe *probe,
                struct error *error)
{
    struct probing probing = {.loop = loop, .ready_token = options->ready_token};
    struct watch *watch = NULL;
    int ends[2], code;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    code = spawn_qemu(options, ends[1], &pid, error);
    close(ends[1]);
    if (code < 0) {
        close(ends[0]);
        return code;
    }
    probing.output = ends[0];
    probing.quiet = loop_timer(loop, on_no_answer, &probing);
    probing.late = loop_timer(loop, on_no_answer, &probing);
    timer_start(probing.quiet, FIRST_BYTE_NS);
    timer_start(probing.late, READY_NS);
    code = loop_watch(loop, ends[0], EPOLLIN, on_output, &probing, &watch, error);
    if (code == 0)
        loop_run(loop);
    watch_free(watch);
    timer_free(probing.quiet);
    timer_free(probing.late);
    close(ends[0]);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (code == 0 && options->interrupted && *options->interrupted)
        code = error_set(error, EINTR, "interrupted");
    if (code == 0)
        conclude(&probing, probe);
    buffer_free(&probing.text);
    return code;
}

/* The key holds what the answer depends on; a host that was rebooted asks again. */
static int key_of(const struct vm_probe_options *options, char hex[static DIGEST_HEX_SIZE],
                  struct error *error)
{
    cleanup_buffer struct buffer boot_id = {0};
    struct digest *digest;
    struct stat info;
    char program[96];
    int code = fs_read("/proc/sys/kernel/random/boot_id", 128, &boot_id, error);

    if (code < 0)
        return code;
    if (stat(options->emulator, &info) < 0)
        return error_errno(error, "cannot look at %s", options->emulator);
    snprintf(program, sizeof program, "%" PRIu64 " %" PRId64, (uint64_t)info.st_size,
             (int64_t)info.st_mtime);
    digest = digest_new();
    digest_update_field(digest, boot_id.data);
    digest_update_field(digest, options->emulator);
    digest_update_field(digest, program);
    digest_update_field(digest, options->kernel_digest);
    digest_finish(digest, hex);
    return 0;
}

static bool recall(const char *path, const char *key, struct vm_probe *probe)
{
    cleanup_buffer struct buffer text = {0};
    char *answer, *reason;

    if (fs_read(path, 1024, &text, NULL) < 0 || strncmp(text.data, key, DIGEST_HEX_SIZE - 1) != 0)
        return false;
    answer = strchr(text.data, '\n');
    reason = answer ? strchr(answer + 1, '\n') : NULL;
    if (!reason)
        return false;
    probe->kvm = strncmp(answer + 1, "yes\n", 4) == 0;
    probe->remembered = true;
    snprintf(probe->reason, sizeof probe->reason, "%.*s", (int)strcspn(reason + 1, "\n"),
             reason + 1);
    return true;
}

int vm_probe_kvm(struct loop *loop, const struct vm_probe_options *options, struct vm_probe *probe,
                 struct error *error)
{
    cleanup_free char *path = xasprintf("%s/kvm", options->cache_dir);
    cleanup_buffer struct buffer text = {0};
    const char *device = options->kvm_device ? options->kvm_device : "/dev/kvm";
    char key[DIGEST_HEX_SIZE];
    int fd, code;

    *probe = (struct vm_probe){0};
    fd = open(device, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        snprintf(probe->reason, sizeof probe->reason, "%s: %s%s", device, strerror(errno),
                 errno == EACCES ? " (add yourself to the group kvm)" : "");
        return 0;
    }
    close(fd);
    code = key_of(options, key, error);
    if (code < 0)
        return code;
    if (recall(path, key, probe) && (probe->kvm || !options->doubt_no))
        return 0;
    *probe = (struct vm_probe){0};
    code = boot(loop, options, probe, error);
    if (code < 0)
        return code;
    buffer_printf(&text, "%s\n%s\n%s\n", key, probe->kvm ? "yes" : "no", probe->reason);
    /* An answer that cannot be kept holds all the same: the next run asks again. */
    fs_write(path, text.data, text.length, 0644, NULL);
    return 0;
}
