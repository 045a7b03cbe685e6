#include "kernel/command.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUT_MAX = 4 << 20, ERR_MAX = 64 << 10, CANCEL_POLL_MS = 200, COMPLAINT_LINES = 3 };

struct stream {
    int fd;
    size_t max;
    struct buffer kept;
    struct buffer line;
};

struct child {
    pid_t pid;
    struct stream out, err;
};

/* The environment with LC_ALL=C: the texts are compared and shown. The caller frees the array; the
 * strings stay whose they were. */
static const char **c_locale(void)
{
    size_t count = 0, kept = 0;
    const char **copy;

    while (environ[count])
        count++;
    copy = xcalloc(count + 2, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0 && strncmp(environ[i], "LANGUAGE=", 9) != 0)
            copy[kept++] = environ[i];
    copy[kept] = "LC_ALL=C";
    return copy;
}

/* Between fork and exec: only what is async-signal-safe. */
static void __attribute__((noreturn))
become(const char *program, const struct kernel_command *command, const char **environment, int out,
       int err, pid_t parent)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY);

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (command->group)
        setpgid(0, 0);
    if (getppid() == parent && null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
        dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 &&
        (!command->inherit || fcntl(*command->inherit, F_SETFD, 0) == 0) &&
        (!command->directory || chdir(command->directory) == 0))
        execve(program, (char *const *)command->argv, (char *const *)environment);
    _exit(127);
}

static int start(const struct kernel_command *command, const char *program, struct child *child,
                 struct error *error)
{
    cleanup_free const char **environment = c_locale();
    int out[2], err[2];
    pid_t parent = getpid();

    if (pipe2(out, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe for %s", program);
    if (pipe2(err, O_CLOEXEC) < 0) {
        close(out[0]);
        close(out[1]);
        return error_errno(error, "cannot make a pipe for %s", program);
    }
    child->out = (struct stream){.fd = out[0], .max = OUT_MAX};
    child->err = (struct stream){.fd = err[0], .max = ERR_MAX};
    child->pid = fork();
    if (child->pid == 0)
        become(program, command, environment, out[1], err[1], parent);
    close(out[1]);
    close(err[1]);
    if (child->pid > 0)
        return 0;
    error_errno(error, "cannot start %s", program);
    close(out[0]);
    close(err[0]);
    return -error->code;
}

static void give_lines(struct stream *stream, const struct kernel_command *command)
{
    char *end;

    while ((end = memchr(stream->line.data, '\n', stream->line.length))) {
        *end = '\0';
        command->line(command->context, stream->line.data);
        buffer_consume(&stream->line, (size_t)(end + 1 - stream->line.data));
    }
}

static void take(struct stream *stream, const struct kernel_command *command)
{
    char chunk[4096];
    ssize_t n = read(stream->fd, chunk, sizeof chunk);

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        close(stream->fd);
        stream->fd = -1; /* poll(2) passes over it */
        return;
    }
    if (stream->kept.length + (size_t)n <= stream->max)
        buffer_append(&stream->kept, chunk, (size_t)n);
    if (command && command->line && stream->line.length < stream->max) {
        buffer_append(&stream->line, chunk, (size_t)n);
        give_lines(stream, command);
    }
}

/* Before the child has made its group there is none to kill, and nobody else in it. */
static void end(const struct kernel_command *command, const struct child *child)
{
    if (!command->group || kill(-child->pid, SIGTERM) < 0)
        kill(child->pid, SIGTERM);
}

/* A flag cannot wake poll(2), so with one the wait is cut into pieces. */
static bool follow(const struct kernel_options *options, const struct kernel_command *command,
                   struct child *child)
{
    bool cancelled = false;

    while (child->out.fd >= 0 || child->err.fd >= 0) {
        struct pollfd fds[] = {{.fd = child->out.fd, .events = POLLIN},
                               {.fd = child->err.fd, .events = POLLIN}};

        if (!cancelled && kernel_cancelled(options)) {
            cancelled = true;
            end(command, child);
        }
        if (poll(fds, 2, options->cancel ? CANCEL_POLL_MS : -1) < 0)
            continue;
        if (fds[0].revents)
            take(&child->out, command);
        if (fds[1].revents)
            take(&child->err, NULL);
    }
    return cancelled;
}

static bool is_complaint(const char *line, size_t length)
{
    static const char *const starts[] = {"E: ", "W: Failed", "W: GPG", "dpkg-deb: error", "tar: "};

    for (size_t i = 0; i < array_size(starts); i++)
        if (length > strlen(starts[i]) && strncmp(line, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static size_t add_lines(const struct buffer *text, bool complaints_only, size_t skip,
                        struct buffer *out)
{
    size_t seen = 0;

    for (const char *line = text->data; line && *line;) {
        const char *end = strchrnul(line, '\n');

        if (end > line && (!complaints_only || is_complaint(line, (size_t)(end - line)))) {
            if (out && seen >= skip && seen < skip + COMPLAINT_LINES) {
                buffer_append_text(out, out->length ? "; " : "");
                buffer_append(out, line, (size_t)(end - line));
            }
            seen++;
        }
        line = *end ? end + 1 : end;
    }
    return seen;
}

void kernel_command_complaints(const struct buffer *err, struct buffer *out)
{
    size_t lines = add_lines(err, true, 0, NULL);

    if (lines > 0) {
        add_lines(err, true, 0, out);
        return;
    }
    lines = add_lines(err, false, 0, NULL);
    add_lines(err, false, lines > COMPLAINT_LINES ? lines - COMPLAINT_LINES : 0, out);
}

static int judge(const struct kernel_command *command, int status, const struct child *child,
                 struct error *error)
{
    cleanup_buffer struct buffer why = {0};
    const char *name = command->argv[0];

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    kernel_command_complaints(child->err.kept.length ? &child->err.kept : &child->out.kept, &why);
    if (WIFSIGNALED(status))
        return error_set(error, EIO, "%s was killed by signal %d", name, WTERMSIG(status));
    return error_set(error, EIO, "%s ended with status %d: %s", name, WEXITSTATUS(status),
                     why.length ? why.data : "it printed nothing");
}

static void hand_over(struct buffer *from, struct buffer *to)
{
    if (to)
        buffer_append(to, from->length ? from->data : "", from->length);
    buffer_free(from);
}

int kernel_command_run(const struct kernel_options *options, const struct kernel_command *command,
                       struct error *error)
{
    cleanup_free char *program = fs_find_program(command->argv[0]);
    struct error own = {0};
    struct child child = {0};
    int status, code;
    bool cancelled;

    error = error ? error : &own;
    if (!program)
        return error_set(error, ENOENT, "there is no program %s on this machine", command->argv[0]);
    code = start(command, program, &child, error);
    if (code < 0)
        return code;
    cancelled = follow(options, command, &child);
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        ;
    code = cancelled ? kernel_cancel_error(error) : judge(command, status, &child, error);
    hand_over(&child.out.kept, command->out);
    hand_over(&child.err.kept, command->err);
    buffer_free(&child.out.line);
    buffer_free(&child.err.line);
    return code;
}
