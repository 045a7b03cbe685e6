/* duet cp */
#include "runner/commands.h"
#include "runner/copy.h"
#include "runner/operand.h"
#include "runner/transfer.h"

#include "base/memory.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PERMISSIONS = 0777, INPUT_MODE = 0644 };

/* What takes less shows nothing. */
#define QUIET_NS    NS_PER_S
#define PROGRESS_NS (NS_PER_S / 5)

struct copy {
    struct copying copying;
    const char *words[2];
    size_t word_count;
    bool recursive;
    struct operand from, to;
    struct transfer *transfer;
    unsigned mode; /* of a file that came */
};

/* -- One file ---------------------------------------------------------------------------------- */

static void on_progress(void *context)
{
    struct copying *copying = context;
    double seconds = (double)(clock_ns() - copying->since_ns) / NS_PER_S;
    double moved = (double)copying->moved / 1e6;

    timer_start(copying->progress, PROGRESS_NS);
    if (copying->total > 0)
        terminal_status(&copying->terminal, "%.1f of %.1f MB, %.1f MB/s", moved,
                        (double)copying->total / 1e6, moved / seconds);
    else
        terminal_status(&copying->terminal, "%.1f MB, %.1f MB/s", moved, moved / seconds);
}

static void on_moved(void *context, uint64_t bytes)
{
    struct copy *copy = context;

    copy->copying.moved += bytes;
}

static void on_ended(void *context, const struct transfer_end *end)
{
    struct copy *copy = context;

    copy->mode = end->mode;
    copying_done(&copy->copying, end->code, end->message);
}

static const struct transfer_calls transfer_calls = {.moved = on_moved, .ended = on_ended};

static int wait_for_transfer(struct copy *copy, uint64_t total, struct error *error)
{
    struct copying *copying = &copy->copying;
    int code;

    copying->total = total;
    copying->since_ns = clock_ns();
    copying->progress = loop_timer(copying->client.loop, on_progress, copying);
    timer_start(copying->progress, QUIET_NS);
    code = copying_wait(copying, error);
    timer_free(steal_pointer(&copying->progress));
    terminal_clear(&copying->terminal);
    transfer_free(steal_pointer(&copy->transfer));
    return code;
}

static int send_file(struct copy *copy, int fd, const char *path, unsigned mode, uint64_t size,
                     struct error *error)
{
    int code = transfer_send(copy->copying.client.loop, copy->copying.client.control, fd, path,
                             mode, &transfer_calls, copy, &copy->transfer, error);

    return code < 0 ? code : wait_for_transfer(copy, size, error);
}

static int receive_file(struct copy *copy, const char *path, uint64_t size, int fd,
                        struct error *error)
{
    int code = transfer_receive(copy->copying.client.loop, copy->copying.client.control, path, fd,
                                &transfer_calls, copy, &copy->transfer, error);

    return code < 0 ? code : wait_for_transfer(copy, size, error);
}

/* -- Files here -------------------------------------------------------------------------------- */

static const int signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};

/* A named pipe has one wait for its other end, where the loop reads no signals: there they end
 * duet, which has moved nothing yet. */
static int open_here(const char *path, int flags)
{
    sigset_t all, before;
    int fd, cause;

    sigemptyset(&all);
    for (size_t i = 0; i < array_size(signals); i++)
        sigaddset(&all, signals[i]);
    pthread_sigmask(SIG_UNBLOCK, &all, &before);
    fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
    cause = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    return fd;
}

/* -- Into a node ------------------------------------------------------------------------------- */

static bool is_stream(const char *path)
{
    return strcmp(path, "-") == 0;
}

static bool ends_with_slash(const char *path)
{
    return path[strlen(path) - 1] == '/';
}

/* Without the slashes at its end. */
static char *trim(const char *path)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    return xstrndup(path, length);
}

/* A directory gets what has the source's name; `*exists`: it has a directory of that name. */
static int find_target_there(struct copy *copy, const char *name, char **target, bool *exists,
                             struct error *error)
{
    const char *path = copy->to.path;
    struct remote_file file;
    int code = copying_look(&copy->copying, path, &file, error);

    *exists = false;
    if (code < 0)
        return code;
    if (file.kind != REMOTE_DIRECTORY) {
        if (ends_with_slash(path))
            return error_set(error, ENOTDIR, "%s is no directory in the node", path);
        *target = xstrdup(path);
        return 0;
    }
    *target = operand_inside(name, path);
    if (!*target) {
        *exists = true;
        *target = trim(path);
        return 0;
    }
    code = copying_look(&copy->copying, *target, &file, error);
    *exists = code == 0 && file.kind == REMOTE_DIRECTORY;
    return code;
}

static int send_path(struct copy *copy, struct error *error)
{
    const char *from = copy->from.path;
    cleanup_free char *target = NULL;
    cleanup_fd int fd = open_here(from, O_RDONLY);
    struct stat info;
    bool exists;
    int code;

    if (fd < 0 || fstat(fd, &info) < 0)
        return error_errno(error, "cannot read %s", from);
    if (S_ISDIR(info.st_mode) && !copy->recursive)
        return error_set(error, EISDIR, "%s is a directory: --recursive copies it", from);
    code = find_target_there(copy, from, &target, &exists, error);
    if (code < 0)
        return code;
    if (S_ISDIR(info.st_mode))
        return copying_send_tree(&copy->copying, from, target, exists, error);
    return send_file(copy, fd, target, info.st_mode & 07777,
                     S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0, error);
}

static int send_input(struct copy *copy, struct error *error)
{
    return send_file(copy, STDIN_FILENO, copy->to.path, INPUT_MODE, 0, error);
}

/* -- Out of a node ----------------------------------------------------------------------------- */

/* Beside it, then renamed. A link stays one, to the new content. */
static int receive_whole(struct copy *copy, const char *target, uint64_t size, struct error *error)
{
    cleanup_free char *real = realpath(target, NULL);
    const char *path = real ? real : target;
    cleanup_free char *temporary = xasprintf("%s.duet-XXXXXX", path);
    cleanup_fd int fd = mkostemp(temporary, O_CLOEXEC);
    int code;

    if (fd < 0)
        return error_errno(error, "cannot write %s", target);
    code = receive_file(copy, copy->from.path, size, fd, error);
    if (code == 0 && (fchmod(fd, copy->mode & PERMISSIONS) < 0 || rename(temporary, path) < 0))
        code = error_errno(error, "cannot write %s", target);
    if (code < 0)
        unlink(temporary);
    return code;
}

static int receive_to(struct copy *copy, const char *target, uint64_t size, struct error *error)
{
    cleanup_fd int fd = -1;
    struct stat info;

    if (stat(target, &info) < 0 || S_ISREG(info.st_mode))
        return receive_whole(copy, target, size, error);
    if (S_ISDIR(info.st_mode))
        return error_set(error, EISDIR, "%s is a directory", target);
    fd = open_here(target, O_WRONLY);
    return fd < 0 ? error_errno(error, "cannot write %s", target)
                  : receive_file(copy, copy->from.path, size, fd, error);
}

static bool is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int find_target_here(struct copy *copy, char **target, struct error *error)
{
    const char *path = copy->to.path;

    if (!is_directory(path) && ends_with_slash(path))
        return error_set(error, ENOTDIR, "%s is no directory", path);
    *target = is_directory(path) ? operand_inside(copy->from.path, path) : NULL;
    if (!*target)
        *target = trim(path);
    return 0;
}

/* The node says it in words. */
static int explain_absence(int code, const struct remote_file *file, struct error *error)
{
    if (code == -EREMOTEIO && file->kind == REMOTE_NONE)
        error->code = ENOENT;
    return code < 0 ? -error->code : 0;
}

static int receive_path(struct copy *copy, struct error *error)
{
    const char *from = copy->from.path;
    cleanup_free char *target = NULL;
    struct remote_file file;
    int code = copying_look(&copy->copying, from, &file, error);

    if (code == 0 && file.kind == REMOTE_DIRECTORY &&
        (!copy->recursive || is_stream(copy->to.path)))
        return error_set(error, EISDIR,
                         "%s is a directory in the node: --recursive copies it, into "
                         "another",
                         from);
    if (code == 0 && is_stream(copy->to.path))
        return explain_absence(receive_file(copy, from, file.size, STDOUT_FILENO, error), &file,
                               error);
    if (code == 0)
        code = find_target_here(copy, &target, error);
    if (code < 0)
        return code;
    if (file.kind == REMOTE_DIRECTORY)
        return copying_receive_tree(&copy->copying, from, target, is_directory(target), error);
    return explain_absence(receive_to(copy, target, file.size, error), &file, error);
}

/* -- The command ------------------------------------------------------------------------------- */

/* Where a node does not answer, a second one is the end: the hub knows that this client has gone,
 * and the node's file stays what it was. */
static void on_signal(void *context, int signal_number)
{
    struct copy *copy = context;
    struct copying *copying = &copy->copying;

    if (copying->signal_number)
        _exit(128 + signal_number);
    copying->signal_number = signal_number;
    if (copy->transfer)
        transfer_cancel(copy->transfer, "interrupted");
    else
        loop_stop(copying->client.loop);
}

static int take_signals(struct copy *copy, struct error *error)
{
    int code = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < array_size(signals) && code == 0; i++)
        code = loop_signal(copy->copying.client.loop, signals[i], on_signal, copy, error);
    return code;
}

static int run(struct copy *copy, struct error *error)
{
    const struct operand *remote = copy->from.remote ? &copy->from : &copy->to;
    struct copying *copying = &copy->copying;
    int code = client_find(&copying->client, remote->words, remote->word_count, error);

    if (code == 0)
        code = client_connect(&copying->client, error);
    if (code == 0)
        code = take_signals(copy, error);
    if (code < 0)
        return code;
    if (copy->from.remote)
        return receive_path(copy, error);
    return is_stream(copy->from.path) ? send_input(copy, error) : send_path(copy, error);
}

static int exit_status(const struct copying *copying, int code)
{
    if (copying->signal_number)
        return 128 + copying->signal_number;
    return code < 0 ? client_exit_status(code) : EXIT_PASSED;
}

static void tell(struct copy *copy, int code, struct error *error)
{
    cleanup_free char *why = NULL;

    if (code == -EPIPE && copy->copying.client.held)
        why = client_explain(&copy->copying.client, error->message);
    terminal_say(&copy->copying.terminal, "%s", why ? why : error->message);
}

static const struct argp_option options[] = {
    {"recursive", 'r', NULL, 0, "Directories, with all that is in them", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct copy *copy = state->input;

    switch (key) {
    case 'r':
        copy->recursive = true;
        return 0;
    case ARGP_KEY_ARG:
        if (copy->word_count == array_size(copy->words))
            return ARGP_ERR_UNKNOWN;
        copy->words[copy->word_count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (copy->word_count < array_size(copy->words))
            argp_error(state, "SOURCE and DESTINATION are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_cp(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "SOURCE DESTINATION",
        .doc = "Copy a file to a node that is kept up, or from there. One of the two is "
               "[CASE:]NODE:/PATH, the other a path here, or \"-\" for standard input or output.\v"
               "A path that begins with a slash or a dot is one here. A directory as DESTINATION "
               "gets the file under its own name."};
    struct copy copy = {0};
    struct error error;
    int code, status;

    if (argp_parse(&argp, argc, argv, 0, NULL, &copy) != 0)
        return EXIT_USAGE;
    terminal_init(&copy.copying.terminal, COLOR_AUTO);
    operand_parse(copy.words[0], &copy.from);
    operand_parse(copy.words[1], &copy.to);
    code = operand_check(&copy.from, &copy.to, &error);
    status = EXIT_USAGE;
    if (code == 0) {
        code = run(&copy, &error);
        status = exit_status(&copy.copying, code);
    }
    if (code < 0)
        tell(&copy, code, &error);
    client_free(&copy.copying.client);
    operand_free(&copy.from);
    operand_free(&copy.to);
    free(copy.copying.message);
    return status;
}
