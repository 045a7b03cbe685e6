/* Directories, by way of tar(1). */
#include "base/fs.h"
#include "base/memory.h"
#include "runner/attach.h"
#include "runner/copy.h"
#include "runner/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The last thing in an archive that is whole: tar(1) takes one that ends between two files for
 * whole, too. A device, for /dev/null is there on every machine. */
#define WHOLE ".duet-whole"

/* What comes is unpacked beside ($2) or in ($1) the directory first. One that was there gets what
 * it lacks, and each file in place of the one of its name. */
static const char unpack_there[] =
    "umask 0; stage=$2/.duet-cp-$$; trap 'rm -rf \"$stage\"' EXIT; trap 'exit 129' HUP INT TERM\n"
    "mkdir \"$stage\" && tar -x -f - -C \"$stage\" && rm \"$stage/" WHOLE "\" || exit\n"
    "if [ \"$1\" != \"$2\" ]; then mv \"$stage\" \"$1\"; exit; fi\n"
    "export TO=\"$1\"; cd \"$stage\" || exit\n"
    "find . -type d -exec sh -c 'for d; do [ -d \"$TO/$d\" ] ||"
    " mkdir -m \"$(stat -c %a \"$d\")\" \"$TO/$d\" || exit; done' sh {} + || exit\n"
    "find . ! -type d -exec sh -c 'for f; do"
    " if [ -d \"$TO/$f\" ]; then echo \"$TO/$f is a directory\" >&2; exit 1; fi;"
    " mv -f \"$f\" \"$TO/$f\" || exit; done' sh {} +\n";

struct tree {
    struct copying *copying;
    struct attach *attach;
    pid_t child; /* tar, or who unpacks */
    int pipe[2];
};

static void on_ended(void *context, const struct attach_end *end)
{
    struct tree *tree = context;
    cleanup_free char *status = NULL;

    if (end->reason == ATTACH_ENDED && end->status == 0) {
        copying_done(tree->copying, 0, NULL);
        return;
    }
    if (end->reason == ATTACH_ENDED)
        status = xasprintf("tar in the node ended with status %d", end->status);
    copying_done(tree->copying, end->reason == ATTACH_BROKEN ? -EPIPE : -EREMOTEIO,
                 status ? status : end->message);
}

static int run_there(struct tree *tree, const char *const argv[], int in, int out,
                     struct error *error)
{
    const struct control_exec exec = {.name = "tar", .argv = argv};
    int code = attach_start(&(struct attach_options){.loop = tree->copying->client.loop,
                                                     .control = tree->copying->client.control,
                                                     .exec = &exec,
                                                     .in = in,
                                                     .out = out,
                                                     .err = STDERR_FILENO,
                                                     .ended = on_ended,
                                                     .context = tree},
                            &tree->attach, error);

    if (code == 0)
        code = copying_wait(tree->copying, error);
    attach_free(steal_pointer(&tree->attach));
    return code;
}

static void close_end(struct tree *tree, int end)
{
    cleanup_close_fd(&tree->pipe[end]);
    tree->pipe[end] = -1;
}

static int open_pipe(struct tree *tree, struct error *error)
{
    return pipe2(tree->pipe, O_CLOEXEC) < 0 ? error_errno(error, "cannot make a pipe") : 0;
}

/* -1: it was killed. */
static int wait_for_child(struct tree *tree)
{
    int status = -1;

    while (tree->child > 0 && waitpid(tree->child, &status, 0) < 0 && errno == EINTR)
        ;
    tree->child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* -- There ------------------------------------------------------------------------------------- */

static const char rename_null[] = "s,^null$," WHOLE ",SH";

static int start_tar(struct tree *tree, const char *from, struct error *error)
{
    const char *const argv[] = {"tar",
                                "--create",
                                "--file=-",
                                "--format=gnu",
                                "--owner=0",
                                "--group=0",
                                "--numeric-owner",
                                "--transform",
                                rename_null,
                                "--directory",
                                from,
                                ".",
                                "--directory=/dev",
                                "null",
                                NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int result;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, tree->pipe[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    result = posix_spawnp(&tree->child, "tar", &files, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    close_end(tree, 1);
    return result ? error_set(error, result, "cannot start tar: %s", strerror(result)) : 0;
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

int copying_send_tree(struct copying *copying, const char *from, const char *to, bool exists,
                      struct error *error)
{
    struct tree tree = {.copying = copying, .pipe = {-1, -1}};
    cleanup_free char *parent = parent_of(to);
    const char *const argv[] = {"sh", "-c", unpack_there, "sh", to, exists ? to : parent, NULL};
    int code = open_pipe(&tree, error);

    if (code == 0)
        code = start_tar(&tree, from, error);
    if (code == 0)
        code = run_there(&tree, argv, tree.pipe[0], STDERR_FILENO, error);
    close_end(&tree, 0);
    close_end(&tree, 1);
    /* Where the node takes no more, tar here ends of that. */
    if (tree.child > 0 && wait_for_child(&tree) != 0 && code == 0)
        code = error_set(error, EIO, "tar could not read all of %s", from);
    return code;
}

/* -- Here -------------------------------------------------------------------------------------- */

enum { UNPACKED = 0, NOT_UNPACKED = 1, SOME_LEFT_OUT = 2, ENDED_EARLY = 3 };

static void on_left_out(void *context, const char *name)
{
    bool *some = context;

    fprintf(stderr, "duet: %s is a device or a pipe, and left out\n", name);
    *some = true;
}

/* Why an archive ends early is told by who sent it. */
static int unpack_here(int fd, int directory, bool is_new)
{
    unsigned mode = 0755;
    struct error error;
    bool some = false;
    int code = unpack(fd, directory, on_left_out, &some, &mode, &error);

    if (code == 0 && is_new && fchmod(directory, mode) < 0)
        code = error_errno(&error, "cannot set the directory's mode");
    if (code < 0 && code != -EPIPE)
        fprintf(stderr, "duet: %s\n", error.message);
    if (code < 0)
        return code == -EPIPE ? ENDED_EARLY : NOT_UNPACKED;
    return some ? SOME_LEFT_OUT : UNPACKED;
}

/* A process of its own may block. */
static int start_unpacking(struct tree *tree, const char *directory, bool is_new,
                           struct error *error)
{
    cleanup_fd int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(error, "cannot open %s", directory);
    tree->child = fork();
    if (tree->child < 0)
        return error_errno(error, "cannot fork");
    if (tree->child == 0) {
        close(tree->pipe[1]);
        _exit(unpack_here(tree->pipe[0], fd, is_new));
    }
    close_end(tree, 0);
    return 0;
}

static int receive_into(struct tree *tree, const char *from, const char *directory, bool is_new,
                        struct error *error)
{
    const char *const argv[] = {"tar", "-c", "-f", "-", "-C", from, ".", NULL};
    cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int code = open_pipe(tree, error), status;

    if (code == 0)
        code = start_unpacking(tree, directory, is_new, error);
    if (code == 0)
        code = run_there(tree, argv, null, tree->pipe[1], error);
    close_end(tree, 0);
    close_end(tree, 1);
    status = tree->child > 0 ? wait_for_child(tree) : UNPACKED;
    if (status == NOT_UNPACKED || (status != UNPACKED && status != SOME_LEFT_OUT && code == 0))
        code = error_set(error, EIO, "not all of %s could be written here", from);
    if (code == 0 && status == SOME_LEFT_OUT)
        code = error_set(error, ENOTSUP, "all else of %s is here", from);
    return code;
}

static int receive_new(struct tree *tree, const char *from, const char *to, struct error *error)
{
    cleanup_free char *stage = xasprintf("%s.duet-XXXXXX", to);
    int code;

    if (!mkdtemp(stage))
        return error_errno(error, "cannot make %s", to);
    code = receive_into(tree, from, stage, true, error);
    if ((code == 0 || code == -ENOTSUP) && rename(stage, to) < 0)
        code = error_errno(error, "cannot make %s", to);
    if (code < 0 && code != -ENOTSUP)
        fs_remove_tree(stage, NULL);
    return code;
}

int copying_receive_tree(struct copying *copying, const char *from, const char *to, bool exists,
                         struct error *error)
{
    struct tree tree = {.copying = copying, .pipe = {-1, -1}};

    return exists ? receive_into(&tree, from, to, false, error)
                  : receive_new(&tree, from, to, error);
}
