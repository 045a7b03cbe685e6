#include "runner/terminal.h"

#include "base/memory.h"
#include "results/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool wants_color(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fd) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void terminal_measure(struct terminal *terminal)
{
    struct winsize size;

    if (ioctl(fileno(terminal->err), TIOCGWINSZ, &size) < 0)
        return;
    if (size.ws_col > 0)
        terminal->columns = size.ws_col;
    if (size.ws_row > 0)
        terminal->rows = size.ws_row;
}

void terminal_init(struct terminal *terminal, enum color_mode mode)
{
    const char *term = getenv("TERM");

    *terminal = (struct terminal){.out = stdout, .err = stderr, .columns = 80, .rows = 24};
    terminal->color = mode == COLOR_ALWAYS || (mode == COLOR_AUTO && wants_color(STDOUT_FILENO));
    terminal->live = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    terminal_measure(terminal);
}

/* -- The live lines ---------------------------------------------------------------------------- */

/* The cursor stands behind the last of them. What is below is taken, too: a terminal that has
 * become narrower may have broken lines in two. */
static void append_erasure(const struct terminal *terminal, struct buffer *out)
{
    if (terminal->live_lines > 1)
        buffer_printf(out, "\033[%zuA", terminal->live_lines - 1);
    if (terminal->live_lines > 0)
        buffer_append_text(out, "\r\033[J");
}

/* As much of `line` as `columns` take, a character a column. Control characters would move the
 * cursor where nobody expects it. */
static void append_cut(struct buffer *out, const char *line, size_t columns)
{
    for (const char *at = line; *at; at++) {
        bool continues = ((unsigned char)*at & 0xc0) == 0x80;

        if (!continues && columns-- == 0)
            break;
        buffer_append(out, (unsigned char)*at < ' ' || *at == 0x7f ? "?" : at, 1);
    }
}

static void write_out(struct terminal *terminal, const struct buffer *text)
{
    if (text->length > 0)
        fwrite(text->data, 1, text->length, terminal->err);
    fflush(terminal->err);
}

void terminal_clear(struct terminal *terminal)
{
    cleanup_buffer struct buffer text = {0};

    append_erasure(terminal, &text);
    write_out(terminal, &text);
    terminal->live_lines = 0;
}

void terminal_lines(struct terminal *terminal, const char *const lines[], size_t count)
{
    cleanup_buffer struct buffer text = {0};
    size_t first;

    if (!terminal->live)
        return;
    terminal_measure(terminal);
    first = count > terminal->rows ? count - terminal->rows : 0;
    append_erasure(terminal, &text);
    for (size_t i = first; i < count; i++) {
        if (i > first)
            buffer_append_text(&text, "\n");
        /* In the last column some terminals begin a new line. */
        append_cut(&text, lines[i], terminal->columns - 1);
    }
    write_out(terminal, &text);
    terminal->live_lines = count - first;
}

void terminal_status(struct terminal *terminal, const char *format, ...)
{
    cleanup_free char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        text = NULL;
        return;
    }
    terminal_lines(terminal, (const char *const[]){text}, 1);
}

/* -- Troubles and colours ---------------------------------------------------------------------- */

/* A guest's words may be among them. */
static void say(struct terminal *terminal, const char *format, va_list args)
{
    cleanup_buffer struct buffer shown = {0};
    cleanup_free char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    xchecked(text);
    text_printable(&shown, text, strlen(text));
    terminal_clear(terminal);
    fprintf(terminal->err, "duet: %s\n", shown.length ? shown.data : "");
}

void terminal_say(struct terminal *terminal, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(terminal, format, args);
    va_end(args);
}

void terminal_detail(struct terminal *terminal, const char *format, ...)
{
    va_list args;

    if (!terminal->verbose && !terminal->debug)
        return;
    va_start(args, format);
    say(terminal, format, args);
    va_end(args);
}

const char *terminal_verdict_color(const struct terminal *terminal, enum verdict verdict)
{
    if (!terminal->color)
        return "";
    if (verdict == VERDICT_PASSED)
        return "\033[32m";
    return verdict_is_bad(verdict) ? "\033[31m" : "\033[33m";
}

const char *terminal_dim(const struct terminal *terminal)
{
    return terminal->color ? "\033[2m" : "";
}

const char *terminal_bold(const struct terminal *terminal)
{
    return terminal->color ? "\033[1m" : "";
}

const char *terminal_reset(const struct terminal *terminal)
{
    return terminal->color ? "\033[0m" : "";
}

void terminal_words(const struct terminal *terminal, const char *words)
{
    cleanup_buffer struct buffer text = {0};

    text_printable(&text, words, strlen(words));
    for (size_t i = 0; i < text.length; i++)
        fputc(text.data[i] == '\n' ? ' ' : text.data[i], terminal->out);
}

/* A guest may write lines of many megabytes. `line` is whole UTF-8, and so is what stays of it. */
static void print_line(const struct terminal *terminal, const char *indent, const char *line)
{
    size_t length = strlen(line);
    size_t shown = length;

    if (length > TERMINAL_LINE_MAX) {
        shown = TERMINAL_LINE_MAX;
        while (shown > 0 && ((unsigned char)line[shown] & 0xc0) == 0x80)
            shown--;
    }
    fprintf(terminal->out, "%s%.*s", indent, (int)shown, line);
    if (shown < length)
        fprintf(terminal->out, " [%zu more bytes]", length - shown);
    fputc('\n', terminal->out);
}

void terminal_quote(const struct terminal *terminal, const char *indent, const char *bytes,
                    size_t count)
{
    cleanup_buffer struct buffer text = {0};
    char *rest, *line;

    text_printable(&text, bytes, count);
    rest = text.data;
    while ((line = strsep(&rest, "\n")))
        if (rest || *line) /* a newline at the end opens no line */
            print_line(terminal, indent, line);
}
