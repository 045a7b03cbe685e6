#include "runner/escape.h"

#include <string.h>

/* Where in what the terminal sends (ECMA-48, xterm's control sequences). */
enum { TEXT, AFTER_ESC, IN_CSI, IN_STRING, IN_STRING_AFTER_ESC };

#define ESC '\033'
#define BEL '\a'

/* A cursor's position, attributes, a window's size, the mouse, focus: what a terminal says by
 * itself, or because it was asked (busybox's line editor asks at each prompt). A key that moves the
 * cursor is typed. */
static bool is_report(const struct escape *escape, char final)
{
    return (strchr("Rcnt", final) && escape->has_parameters) || strchr("IO", final) ||
           (strchr("Mm", final) && escape->has_parameters);
}

static void take_text(struct escape *escape, char byte)
{
    escape->state = byte == ESC ? AFTER_ESC : TEXT;
    if (byte != ESC)
        escape->mid_line = byte != '\r' && byte != '\n';
}

/* Escape is a key as well: what is no sequence was typed. */
static void take_after_esc(struct escape *escape, char byte)
{
    escape->has_parameters = false;
    if (byte == '[')
        escape->state = IN_CSI;
    else if (byte == ']' || byte == 'P')
        escape->state = IN_STRING;
    else
        take_text(escape, byte);
}

static void take_csi(struct escape *escape, char byte)
{
    if (byte >= 0x20 && byte < 0x40) {
        escape->has_parameters = true;
    } else if (byte >= 0x40 && byte < 0x7f) {
        escape->state = TEXT;
        escape->mid_line = escape->mid_line || !is_report(escape, byte);
    } else {
        take_text(escape, byte);
    }
}

/* No control character is in one, but for its end. */
static void take_string(struct escape *escape, char byte)
{
    if (byte == BEL)
        escape->state = TEXT;
    else if (byte == ESC)
        escape->state = IN_STRING_AFTER_ESC;
    else if (byte >= 0 && byte < 0x20)
        take_text(escape, byte);
}

static void take_after_string_esc(struct escape *escape, char byte)
{
    if (byte == '\\')
        escape->state = TEXT;
    else
        take_after_esc(escape, byte);
}

static void pass(struct escape *escape, char byte, struct buffer *out)
{
    static void (*const take[])(struct escape * escape, char byte) = {
        [TEXT] = take_text,
        [AFTER_ESC] = take_after_esc,
        [IN_CSI] = take_csi,
        [IN_STRING] = take_string,
        [IN_STRING_AFTER_ESC] = take_after_string_esc,
    };

    buffer_append(out, &byte, 1);
    take[escape->state](escape, byte);
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
        else if (byte == '~' && !escape->mid_line && escape->state == TEXT)
            escape->pending = true;
        else
            pass(escape, byte, out);
    }
    return at;
}
