/* Internal to results: the kernel's own trouble, one console line at a time. */
#ifndef DUET_RESULTS_KERNEL_LINE_H
#define DUET_RESULTS_KERNEL_LINE_H

#include "results/scanner.h"

#include <stdbool.h>
#include <stddef.h>

struct kernel_line {
    enum scanner_kind kind; /* PANIC, OOPS, OOM or STALL */
    bool opens_panic;
    bool closes_panic;   /* says again what the opening line said, should that have been lost */
    const char *message; /* inside the line, behind the time stamp */
    size_t length;
};

/* True where `line` (without its newline) is a kernel message that tells of trouble. */
bool kernel_line_read(const char *line, size_t length, struct kernel_line *found);

#endif
