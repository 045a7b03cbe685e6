#include "runner/escape.h"

static void pass(struct escape *escape, char byte, struct buffer *out)
{
    buffer_append(out, &byte, 1);
    escape->mid_line = byte != '\r' && byte != '\n';
}

static enum escape_action resolve(struct escape *escape, char byte, struct buffer *out)
{
    escape->pending = false;
    if (byte == '.')
        return ESCAPE_LEAVE;
    if (byte == '?')
        return ESCAPE_HELP;
    pass(escape, '~', out);
    if (byte != '~')
        pass(escape, byte, out);
    return ESCAPE_NONE;
}

size_t escape_feed(struct escape *escape, const char *bytes, size_t count, struct buffer *out,
                   enum escape_action *action)
{
    size_t at = 0;

    *action = ESCAPE_NONE;
    while (at < count && *action == ESCAPE_NONE) {
        char byte = bytes[at++];

        if (escape->pending)
            *action = resolve(escape, byte, out);
        else if (byte == '~' && !escape->mid_line)
            escape->pending = true;
        else
            pass(escape, byte, out);
    }
    return at;
}
