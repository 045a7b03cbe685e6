/* Shows where two byte strings part. */
#ifndef DUET_RESULTS_HEXDUMP_H
#define DUET_RESULTS_HEXDUMP_H

#include "base/buffer.h"

#include <stddef.h>

enum {
    HEXDUMP_ROW = 16, /* bytes in a row of each side */
    HEXDUMP_BEFORE = 2,
    HEXDUMP_ROWS = 8,
};

/* Appends one line that says how the two differ and at most HEXDUMP_ROWS rows, from at most
 * HEXDUMP_BEFORE rows before the first difference: the offset, the expected bytes, the found
 * bytes, each found byte that differs behind a '*' and
 * "--" for a byte that only the other has. Appends nothing where they are equal. */
void hexdump_difference(struct buffer *out, const void *expected, size_t expected_length,
                        const void *found, size_t found_length);

#endif
