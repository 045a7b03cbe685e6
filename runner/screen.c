#include "runner/screen.h"

#include "base/memory.h"

#include <string.h>

enum state { GROUND, ESCAPE, ESCAPE_MORE, CONTROL, CONTROL_IGNORED, STRING, STRING_ESCAPE };

/* In the order in which they are undone: a screen of its own goes last but for what belongs to
 * both. `usual` is what a terminal begins with. */
static const struct mode {
    unsigned number;
    bool ansi; /* not a private one */
    bool usual;
} modes[] = {
    {.number = 4, .ansi = true}, /* insert */
    {.number = 6},               /* origin */
    {.number = 7, .usual = true},
    {.number = 9}, /* mouse, as the next ones up to 1016 */
    {.number = 1000},
    {.number = 1001},
    {.number = 1002},
    {.number = 1003},
    {.number = 1004},
    {.number = 1005},
    {.number = 1006},
    {.number = 1015},
    {.number = 1016},
    {.number = 47}, /* the alternate screen, as the next two */
    {.number = 1047},
    {.number = 1049},
    {.number = 1},    /* the cursor keys' own codes */
    {.number = 5},    /* reverse video */
    {.number = 66},   /* the keypad's */
    {.number = 2004}, /* bracketed paste */
    {.number = 25, .usual = true},
};

static bool is_alternate(const struct mode *mode)
{
    return mode->number == 47 || mode->number == 1047 || mode->number == 1049;
}

static void set_mode(struct screen *screen, unsigned number, bool ansi, bool on)
{
    for (size_t i = 0; i < array_size(modes); i++) {
        uint32_t bit = UINT32_C(1) << i;

        if (modes[i].number != number || modes[i].ansi != ansi)
            continue;
        screen->modes = on == modes[i].usual ? screen->modes & ~bit : screen->modes | bit;
        /* Where the cursor was on the first screen when the other one came is not known. */
        if (is_alternate(&modes[i]))
            screen->mid_line = false;
    }
}

static unsigned number_at(const struct screen *screen, size_t index)
{
    return index < screen->number_count ? screen->numbers[index] : 0;
}

static void reset(struct screen *screen)
{
    bool mid_line = screen->mid_line;

    *screen = (struct screen){.mid_line = mid_line};
}

/* Of the attributes only whether the last one left any on: 0, or nothing, takes all away. */
static void set_style(struct screen *screen)
{
    screen->styled =
        number_at(screen, screen->number_count > 0 ? screen->number_count - 1 : 0) != 0;
}

static void end_control(struct screen *screen, char final)
{
    bool plain = !screen->prefix && !screen->intermediate;

    if ((final == 'h' || final == 'l') && !screen->intermediate &&
        (!screen->prefix || screen->prefix == '?'))
        for (size_t i = 0; i < screen->number_count; i++)
            set_mode(screen, screen->numbers[i], !screen->prefix, final == 'h');
    else if (final == 'm' && plain)
        set_style(screen);
    else if (final == 'm' && screen->prefix == '>' && number_at(screen, 0) == 4)
        screen->keys = number_at(screen, 1) != 0;
    else if (final == 'r' && plain)
        screen->region = number_at(screen, 0) > 1 || number_at(screen, 1) > 0;
    else if (final == 'p' && screen->intermediate == '!')
        reset(screen);
    else if ((final == 'H' || final == 'f') && plain)
        screen->mid_line = number_at(screen, 1) > 1;
}

static void add_digit(struct screen *screen, unsigned digit)
{
    unsigned *last;

    if (screen->number_count == 0)
        screen->number_count = 1;
    last = &screen->numbers[screen->number_count - 1];
    *last = *last > 100000 ? *last : *last * 10 + digit;
}

static enum state take_control(struct screen *screen, char byte)
{
    if (byte >= '0' && byte <= '9') {
        add_digit(screen, (unsigned)(byte - '0'));
    } else if (byte == ';' || byte == ':') {
        screen->number_count += screen->number_count == 0;
        if (screen->number_count == SCREEN_NUMBERS_MAX)
            return CONTROL_IGNORED;
        screen->numbers[screen->number_count++] = 0;
    } else if (byte >= '<' && byte <= '?') {
        screen->prefix = byte;
    } else if (byte >= ' ' && byte <= '/') {
        screen->intermediate = byte;
    } else if (byte >= '@' && byte <= '~') {
        end_control(screen, byte);
        return GROUND;
    }
    return CONTROL;
}

static enum state begin_control(struct screen *screen)
{
    screen->prefix = screen->intermediate = '\0';
    memset(screen->numbers, 0, sizeof screen->numbers);
    screen->number_count = 0;
    return CONTROL;
}

static enum state take_escape(struct screen *screen, char byte)
{
    switch (byte) {
    case '[':
        return begin_control(screen);
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        return STRING;
    case '=':
    case '>':
        screen->keypad = byte == '=';
        return GROUND;
    case 'c':
        reset(screen);
        return GROUND;
    default:
        screen->intermediate = byte;
        return byte >= ' ' && byte <= '/' ? ESCAPE_MORE : GROUND;
    }
}

static enum state take_ground(struct screen *screen, char byte)
{
    if (byte == '\033')
        return ESCAPE;
    if (byte == '\r')
        screen->mid_line = false;
    else if (byte == '\016' || byte == '\017')
        screen->charset = byte == '\016';
    else if ((unsigned char)byte >= ' ' && byte != '\177')
        screen->mid_line = true;
    return GROUND;
}

static enum state take_more(struct screen *screen, char byte)
{
    if (byte >= ' ' && byte <= '/')
        return ESCAPE_MORE;
    if (screen->intermediate == '(')
        screen->charset = byte == '0';
    return GROUND;
}

static enum state take_byte(struct screen *screen, char byte)
{
    switch ((enum state)screen->state) {
    case ESCAPE:
        return take_escape(screen, byte);
    case ESCAPE_MORE:
        return take_more(screen, byte);
    case CONTROL:
        return take_control(screen, byte);
    case CONTROL_IGNORED:
        return byte >= '@' && byte <= '~' ? GROUND : CONTROL_IGNORED;
    case STRING_ESCAPE:
        return byte == '\\' ? GROUND : take_escape(screen, byte);
    case STRING:
        return byte == '\a' ? GROUND : STRING;
    case GROUND:
        break;
    }
    return take_ground(screen, byte);
}

void screen_take(struct screen *screen, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char byte = bytes[i];

        /* These end any sequence; an ESC begins the next. */
        if (byte == '\030' || byte == '\032')
            screen->state = GROUND;
        else if (byte == '\033' && screen->state != GROUND)
            screen->state = screen->state == STRING ? STRING_ESCAPE : ESCAPE;
        else
            screen->state = (int)take_byte(screen, byte);
    }
}

static void undo_modes(const struct screen *screen, struct buffer *out)
{
    for (size_t i = 0; i < array_size(modes); i++)
        if (screen->modes & UINT32_C(1) << i)
            buffer_printf(out, "\033[%s%u%c", modes[i].ansi ? "" : "?", modes[i].number,
                          modes[i].usual ? 'h' : 'l');
}

void screen_undo(const struct screen *screen, struct buffer *out)
{
    if (screen->state != GROUND)
        buffer_append_text(out, "\030"); /* what comes is no part of that sequence */
    if (screen->state == STRING || screen->state == STRING_ESCAPE)
        buffer_append_text(out, "\033\\");
    if (screen->region)
        buffer_append_text(out, "\0337\033[r\0338"); /* it moves the cursor, too */
    if (screen->styled)
        buffer_append_text(out, "\033[m");
    if (screen->charset)
        buffer_append_text(out, "\017\033(B");
    undo_modes(screen, out);
    if (screen->keypad)
        buffer_append_text(out, "\033>");
    if (screen->keys)
        buffer_append_text(out, "\033[>4m");
    if (screen->mid_line)
        buffer_append_text(out, "\r\n");
}
