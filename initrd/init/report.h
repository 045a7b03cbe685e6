/* What a child of init says of itself, through a pipe of its own, before it execs or ends. */
#ifndef DUET_INIT_REPORT_H
#define DUET_INIT_REPORT_H

#include "base/error.h"

#include <stdint.h>

struct report {
    struct error error; /* `code` 0: it was done */
    uint32_t mode;      /* of the file that was read */
};

/* ends[0], to read from, does not block. The caller closes both. */
int report_pipe(int ends[2], struct error *error);
/* In the child. The report is smaller than PIPE_BUF and goes at once. */
void report_send(int fd, const struct report *report);
/* 1: *report is there; 0: the pipe has ended without one; -EAGAIN: nothing yet. */
int report_receive(int fd, struct report *report);

#endif
