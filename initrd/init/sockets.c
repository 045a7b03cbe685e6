#include "initrd/init/sockets.h"

#include <string.h>

struct cursor {
    const char *at, *end;
};

static void skip_spaces(struct cursor *cursor)
{
    while (cursor->at < cursor->end && *cursor->at == ' ')
        cursor->at++;
}

static bool take(struct cursor *cursor, char expected)
{
    if (cursor->at == cursor->end || *cursor->at != expected)
        return false;
    cursor->at++;
    return true;
}

static int digit(char c)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    const char *found = c ? strchr(digits, c) : NULL;
    int value = found ? (int)(found - digits) : -1;

    return value > 15 ? value - 6 : value;
}

/* 1 to `most` hexadecimal digits; what does not fit 32 bits is cut, which only addresses do. */
static bool take_hex(struct cursor *cursor, int most, uint32_t *value)
{
    const char *start = cursor->at;

    *value = 0;
    while (cursor->at < cursor->end && digit(*cursor->at) >= 0 && cursor->at - start < most)
        *value = *value << 4 | (uint32_t)digit(*cursor->at++);
    return cursor->at > start;
}

/* `  0: 0100007F:270F 00000000:0000 0A …` */
static bool line_matches(struct cursor line, uint16_t port, int state)
{
    uint32_t ignored, local_port, found_state;

    skip_spaces(&line);
    if (!take_hex(&line, 10, &ignored) || !take(&line, ':'))
        return false;
    skip_spaces(&line);
    if (!take_hex(&line, 32, &ignored) || !take(&line, ':') || !take_hex(&line, 4, &local_port))
        return false;
    skip_spaces(&line);
    if (!take_hex(&line, 32, &ignored) || !take(&line, ':') || !take_hex(&line, 4, &ignored))
        return false;
    skip_spaces(&line);
    if (!take_hex(&line, 2, &found_state))
        return false;
    return local_port == port && (state == SOCKETS_ANY_STATE || (int)found_state == state);
}

bool sockets_have(const char *table, size_t length, uint16_t port, int state)
{
    const char *end = table + length;

    while (table < end) {
        const char *newline = memchr(table, '\n', (size_t)(end - table));
        const char *line_end = newline ? newline : end;

        if (line_matches((struct cursor){.at = table, .end = line_end}, port, state))
            return true;
        table = newline ? newline + 1 : end;
    }
    return false;
}
