#include "initrd/init/transfer.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 18 }; /* bytes that are moved at once */

/* -- In the child ------------------------------------------------------------------------------ */

/* splice(2) copies once less than read(2) and write(2) do, but not every file can do it. As those,
 * it returns what was moved, 0 at the end, and -1. */
static ssize_t move(int from, int to)
{
    static char bytes[1 << 16];
    ssize_t n = splice(from, NULL, to, NULL, PIECE, 0);
    ssize_t written = 0;

    if (n >= 0 || errno != EINVAL)
        return n;
    n = read(from, bytes, sizeof bytes);
    while (n > 0 && written < n) {
        ssize_t more = write(to, bytes + written, (size_t)(n - written));

        if (more < 0)
            return -1;
        written += more;
    }
    return n;
}

static bool ends_processes(uint32_t number)
{
    static const uint32_t harmless[] = {SIGCHLD, SIGCONT, SIGURG,  SIGWINCH,
                                        SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};

    for (size_t i = 0; i < array_size(harmless); i++)
        if (harmless[i] == number)
            return false;
    return true;
}

static int check_signals(int signals, struct error *error)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof info) == sizeof info)
        if (ends_processes(info.ssi_signo))
            return error_set(error, ECANCELED, "it was ended by signal %u", info.ssi_signo);
    return 0;
}

/* A signal that came before the end of the input is seen before it. */
static int await_input(int signals, struct error *error)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};

    while (poll(fds, array_size(fds), -1) < 0)
        if (errno != EINTR)
            return error_errno(error, "cannot wait for the file's bytes");
    return check_signals(signals, error);
}

static int copy_input(int to, const char *path, struct error *error)
{
    cleanup_fd int signals = -1;
    ssize_t n = 1;
    sigset_t all;
    int code = 0;

    sigfillset(&all);
    signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return error_errno(error, "cannot receive signals");
    while (code == 0 && n > 0) {
        code = await_input(signals, error);
        if (code == 0)
            n = move(STDIN_FILENO, to);
        if (n < 0)
            code = error_errno(error, "cannot write %s", path);
    }
    return code < 0 ? code : check_signals(signals, error);
}

/* Beside it, so that it can be renamed; its name says whose it is. */
static char *temporary_path(const char *path, uint64_t id)
{
    return xasprintf("%.*s/.duet-%" PRIu64, (int)(strrchr(path, '/') - path), path, id);
}

static int fill(int fd, const char *temporary, const struct request *request, struct error *error)
{
    int code = copy_input(fd, request->path, error);

    if (code < 0)
        return code;
    if (fchmod(fd, request->mode) < 0)
        return error_errno(error, "cannot set the mode of %s", request->path);
    if (close(fd) < 0 || rename(temporary, request->path) < 0)
        return error_errno(error, "cannot write %s", request->path);
    return 0;
}

static int write_file(const struct errand *errand, struct report *report)
{
    const struct request *request = errand->request;
    cleanup_free char *temporary = temporary_path(request->path, request->id);
    struct stat info;
    int fd, code;

    if (stat(request->path, &info) == 0 && S_ISDIR(info.st_mode))
        return error_set(&report->error, EISDIR, "cannot write %s: it is a directory",
                         request->path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(&report->error, "cannot write %s", request->path);
    code = fill(fd, temporary, request, &report->error);
    if (code < 0)
        unlink(temporary);
    return code;
}

/* What one that was killed could not. */
static int remove_temporary(const struct errand *errand, struct report *report)
{
    const struct request *request = errand->request;
    cleanup_free char *temporary = temporary_path(request->path, request->id);

    if (unlink(temporary) < 0 && errno != ENOENT)
        return error_errno(&report->error, "cannot remove %s", temporary);
    return 0;
}

static int read_file(const struct errand *errand, struct report *report)
{
    const char *path = errand->request->path;
    cleanup_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat info;
    ssize_t n;

    if (fd < 0 || fstat(fd, &info) < 0)
        return error_errno(&report->error, "cannot read %s", path);
    if (!S_ISREG(info.st_mode))
        return error_set(&report->error, EINVAL, "cannot read %s: it is no regular file", path);
    report->mode = info.st_mode & 07777;
    do
        n = move(fd, STDOUT_FILENO);
    while (n > 0);
    return n < 0 ? error_errno(&report->error, "cannot read %s", path) : 0;
}

/* -- In init ----------------------------------------------------------------------------------- */

static void on_cleaned_up(struct process *cleaner)
{
    (void)cleaner;
}

/* Nobody waits for it: the file system may be what hung. */
static void clean_up(const struct process *writer)
{
    const struct errand errand = {.request = writer->request,
                                  .container = writer->container,
                                  .run = remove_temporary,
                                  .done = on_cleaned_up};
    struct process *cleaner;

    errand_start(writer->agent, &errand, &cleaner, NULL);
}

static void answer_write(struct process *process)
{
    errand_answer(process);
    if (process->report.error.code && process->end.signal)
        clean_up(process);
}

static void answer_read(struct process *process)
{
    const struct reply_field fields[] = {{"size", process->out.sent},
                                         {"mode", process->report.mode}};

    if (!process->report.error.code || process->out.sent > 0)
        stream_end(&process->out);
    if (process->report.error.code)
        errand_answer(process);
    else
        reply_ack_with(channel_out(&process->agent->ctl), WIRE_READFILE, process->id, fields,
                       array_size(fields));
}

int transfer_start(struct agent *agent, struct request *request, struct container *container,
                   struct error *error)
{
    bool writes = request->code == WIRE_WRITEFILE;
    const struct process_streams streams = {.in = writes ? request->stream : 0,
                                            .out = writes ? 0 : request->stream};
    const struct errand errand = {.code = request->code,
                                  .id = request->id,
                                  .request = request,
                                  .container = container,
                                  .streams = streams,
                                  .run = writes ? write_file : read_file,
                                  .careful = writes,
                                  .done = writes ? answer_write : answer_read};
    struct process *process;
    int code = process_check(agent, request->id, &streams, error);

    if (code == 0)
        code = errand_start(agent, &errand, &process, error);
    if (code == 0)
        ids_add(&agent->ids, request->id);
    return code;
}
