#include "initrd/init/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

_Static_assert(sizeof(struct report) <= PIPE_BUF, "a report is written in one piece");

int report_pipe(int ends[2], struct error *error)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
}

void report_send(int fd, const struct report *report)
{
    ssize_t n;

    do
        n = write(fd, report, sizeof *report);
    while (n < 0 && errno == EINTR);
}

int report_receive(int fd, struct report *report)
{
    ssize_t n;

    do
        n = read(fd, report, sizeof *report);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return -EAGAIN;
    return n == sizeof *report;
}
