/* What a person sees: results on standard output, progress and troubles on standard error. */
#ifndef DUET_RUNNER_TERMINAL_H
#define DUET_RUNNER_TERMINAL_H

#include "results/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct terminal {
    FILE *out;  /* results */
    FILE *err;  /* progress, troubles */
    bool color; /* on `out` */
    bool live;  /* `err` is a terminal: its last lines may be rewritten */
    bool verbose, debug;
    size_t live_lines; /* that are shown */
    unsigned int columns, rows;
};

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* COLOR_AUTO: on a terminal, unless NO_COLOR is set and not empty (no-color.org) or TERM is dumb.
 */
void terminal_init(struct terminal *terminal, enum color_mode mode);

/* Asks how large `err` is now: `columns` and `rows`, as they were where it cannot be asked. */
void terminal_measure(struct terminal *terminal);

/* Replaces the live lines; nothing where `err` is no terminal. Each is cut at the terminal's width,
 * and of more lines than it is high the first ones are left out. */
void terminal_lines(struct terminal *terminal, const char *const lines[], size_t count);
/* The same with one line. */
void terminal_status(struct terminal *terminal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes the live lines away: before anything else is printed. */
void terminal_clear(struct terminal *terminal);

/* "duet: <text>" on `err`, without control characters: text_printable. */
void terminal_say(struct terminal *terminal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, only with --verbose or --debug. */
void terminal_detail(struct terminal *terminal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Escape sequences, or "" without colour. */
const char *terminal_verdict_color(const struct terminal *terminal, enum verdict verdict);
const char *terminal_dim(const struct terminal *terminal);
const char *terminal_bold(const struct terminal *terminal);
const char *terminal_reset(const struct terminal *terminal);

/* A guest's words on `out`, as one line without its end, and without control characters. */
void terminal_words(const struct terminal *terminal, const char *words);

enum { TERMINAL_LINE_MAX = 1000 };

/* Bytes of a guest, line by line behind `indent`, fit for a terminal: of a line with more than
 * TERMINAL_LINE_MAX bytes the first ones, and how many more there are. */
void terminal_quote(const struct terminal *terminal, const char *indent, const char *bytes,
                    size_t count);

#endif
