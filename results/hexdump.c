#include "results/hexdump.h"

#include <stdbool.h>
#include <string.h>

struct side {
    const unsigned char *bytes;
    size_t length;
};

static bool differ_at(struct side a, struct side b, size_t at)
{
    bool in_a = at < a.length;
    bool in_b = at < b.length;

    return in_a != in_b || (in_a && a.bytes[at] != b.bytes[at]);
}

/* "--" where only the other side has a byte. */
static void append_byte(struct buffer *out, struct side side, struct side other, size_t at)
{
    if (at < side.length)
        buffer_printf(out, "%02x", side.bytes[at]);
    else
        buffer_append_text(out, at < other.length ? "--" : "  ");
}

static void append_row(struct buffer *out, struct side expected, struct side found, size_t row)
{
    buffer_printf(out, "%08zx ", row);
    for (size_t at = row; at < row + HEXDUMP_ROW; at++) {
        buffer_append_text(out, " ");
        append_byte(out, expected, found, at);
    }
    buffer_append_text(out, "  |");
    for (size_t at = row; at < row + HEXDUMP_ROW; at++) {
        if (at >= expected.length && at >= found.length)
            break;
        buffer_append_text(out, differ_at(expected, found, at) ? "*" : " ");
        append_byte(out, found, expected, at);
    }
    buffer_append_text(out, "\n");
}

void hexdump_difference(struct buffer *out, const void *expected, size_t expected_length,
                        const void *found, size_t found_length)
{
    struct side want = {expected, expected_length};
    struct side have = {found, found_length};
    size_t longest = want.length > have.length ? want.length : have.length;
    size_t first = longest;
    size_t differing = 0;
    size_t row;

    for (size_t at = 0; at < longest; at++) {
        if (!differ_at(want, have, at))
            continue;
        if (differing++ == 0)
            first = at;
    }
    if (differing == 0)
        return;
    buffer_printf(out,
                  "%zu bytes expected, %zu found, %zu differ, the first at offset %zu "
                  "(expected | found)\n",
                  want.length, have.length, differing, first);
    row = first / HEXDUMP_ROW;
    row = row > HEXDUMP_BEFORE ? row - HEXDUMP_BEFORE : 0;
    for (size_t i = 0; i < HEXDUMP_ROWS && (row + i) * HEXDUMP_ROW < longest; i++)
        append_row(out, want, have, (row + i) * HEXDUMP_ROW);
}
