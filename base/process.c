#include "base/process.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 20 };

static int spawn(const char *const argv[], const char *directory, int output, pid_t *pid,
                 struct error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    cleanup_free char *found = NULL;
    sigset_t none, defaults;
    int code;

    sigemptyset(&none);
    /* Ignored in duet, and a program inherits that. */
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    if (directory)
        posix_spawn_file_actions_addchdir_np(&actions, directory);
    code = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (code == 0)
        return 0;
    /* A directory in $PATH that may not be searched makes a missing program EACCES. */
    found = fs_find_program(argv[0]);
    errno = code == EACCES && !found ? ENOENT : code;
    return error_errno(error, "cannot run %s", argv[0]);
}

/* Keeps reading past the limit, so that the program never blocks on a full pipe. */
static void collect(int fd, struct buffer *out)
{
    char chunk[4096];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        if (out->length + (size_t)n <= OUTPUT_MAX)
            buffer_append(out, chunk, (size_t)n);
    }
}

static const char *last_line(struct buffer *text)
{
    char *start;

    while (text->length > 0 && text->data[text->length - 1] == '\n')
        text->data[--text->length] = '\0';
    if (text->length == 0)
        return "it printed nothing";
    start = strrchr(text->data, '\n');
    return start ? start + 1 : text->data;
}

int process_run(const char *const argv[], const char *directory, struct buffer *out,
                struct error *error)
{
    cleanup_buffer struct buffer own = {0};
    cleanup_fd int reader = -1;
    struct buffer *into = out ? out : &own;
    int ends[2], status, code;
    pid_t pid;

    if (out) {
        if (pipe2(ends, O_CLOEXEC) < 0)
            return error_errno(error, "cannot make a pipe for %s", argv[0]);
        reader = ends[0];
        code = spawn(argv, directory, ends[1], &pid, error);
        close(ends[1]);
    } else {
        code = spawn(argv, directory, STDERR_FILENO, &pid, error);
    }
    if (code < 0)
        return code;
    if (out)
        collect(reader, into);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_errno(error, "cannot wait for %s", argv[0]);
    if (WIFSIGNALED(status))
        return error_set(error, EIO, "%s was killed by signal %d", argv[0], WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return error_set(error, EIO, "%s ended with status %d: %s", argv[0], WEXITSTATUS(status),
                         last_line(into));
    return 0;
}
