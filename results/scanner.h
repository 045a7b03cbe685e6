/* Finds tokens and the kernel's trouble in a console's bytes, as they arrive.
 *
 * What is found does not depend on how the bytes are cut into chunks. Memory is constant whatever
 * a guest writes, and no byte is looked at more than a few times. */
#ifndef DUET_RESULTS_SCANNER_H
#define DUET_RESULTS_SCANNER_H

#include "base/error.h"

#include <stddef.h>

enum scanner_kind {
    SCANNER_RESULT,    /* text: what follows the prefix of a result token */
    SCANNER_READY,     /* text: what follows the prefix of a ready token */
    SCANNER_METRIC,    /* text: what follows the prefix of a metric token */
    SCANNER_MALFORMED, /* text: why a token cannot be read (too long, cut by the stream's end) */
    SCANNER_PANIC,     /* text: the kernel's message, without its time stamp, … */
    SCANNER_OOPS,      /* … cut at SCANNER_LINE_MAX bytes of its line; likewise below */
    SCANNER_OOM,       /* the guest as a whole; a cgroup at its own limit is none */
    SCANNER_STALL,     /* a lockup or an RCU stall: a busy host causes these too, so no verdict */
    SCANNER_KINDS
};

enum {
    SCANNER_PREFIXES_MAX = 4,
    SCANNER_PREFIX_MAX = 64,   /* bytes of a prefix */
    SCANNER_TOKEN_MAX = 65536, /* bytes of a token between prefix and newline */
    SCANNER_LINE_MAX = 512,    /* bytes of a line that are looked at for the kernel's trouble */
};

#define SCANNER_RESULT_PREFIX "DUET_RESULT: "
#define SCANNER_READY_PREFIX  "DUET_READY: "
#define SCANNER_METRIC_PREFIX "DUET_METRIC: "

struct scanner_prefix {
    const char *text;       /* any bytes but newline, carriage return and NUL */
    enum scanner_kind kind; /* of the event that such a token makes */
};

struct scanner_event {
    enum scanner_kind kind;
    const char *text; /* the guest's bytes, unchecked, with a NUL added; gone after the call */
    size_t length;
};

/* Must not feed or free the scanner that calls it. */
typedef void (*scanner_fn)(void *context, const struct scanner_event *event);

struct scanner;

/* Makes a scanner for `count` (0 to SCANNER_PREFIXES_MAX) prefixes, whose texts are copied; the
 * caller frees *scanner. `call` gets the events in the order in which their lines end.
 *
 * A token starts at a prefix anywhere in a line, since a prompt or another program's output may
 * stand before it, and ends at the newline; carriage returns before that are dropped, and a
 * second prefix in the same line is part of the first one's text. A kernel message is a line that
 * starts with the kernel's time stamp ("[    1.234567] ", CONFIG_PRINTK_TIME), so that a program
 * that prints "BUG:" is no oops.
 *
 * Errors: EINVAL for a prefix that is empty, too long, holds a newline, carriage return, or is
 * part of another. */
int scanner_new(struct scanner **scanner, const struct scanner_prefix *prefixes, size_t count,
                scanner_fn call, void *context, struct error *error);
/* NULL is fine. */
void scanner_free(struct scanner *scanner);
void scanner_feed(struct scanner *scanner, const void *bytes, size_t count);
/* The stream has ended: reports what its last, unended line holds; a token there is malformed.
 * The scanner is as new afterwards. */
void scanner_finish(struct scanner *scanner);

#endif
