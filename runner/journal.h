/* What the nodes of a topology print, line by line in the order in which it came, each line with
 * its source before it: "entry: …", "entry/echo: …". The newest are kept. */
#ifndef DUET_RUNNER_JOURNAL_H
#define DUET_RUNNER_JOURNAL_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

enum {
    JOURNAL_BYTES = 4 << 20,
    JOURNAL_LINE_MAX = 8192, /* a longer line becomes several */
};

struct journal;

struct journal *journal_new(void);
/* NULL is fine. */
void journal_free(struct journal *journal);

/* `source` is "NODE" or "NODE/PROCESS". A line that has no end yet waits for it. */
void journal_write(struct journal *journal, const char *source, const char *bytes, size_t count);
/* Ends the lines of `node` (NULL: of all) that wait. */
void journal_flush(struct journal *journal, const char *node);

/* Appends whole lines of `node` (NULL: of all) that come after *position, which starts at 0, until
 * there are `max` bytes or no more; and moves it. What was lost in between is told in a line. */
void journal_read(const struct journal *journal, const char *node, uint64_t *position, size_t max,
                  struct buffer *out);
/* The position behind all whole lines. */
uint64_t journal_end(const struct journal *journal);

#endif
