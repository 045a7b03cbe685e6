#include "vm/console.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

struct console {
    struct ring ring;
    gzFile log;
    uint64_t logged, lost;
    char failure[128]; /* empty while the log is whole */
};

static void fail(struct console *console, const char *what, const char *why)
{
    if (!console->failure[0])
        snprintf(console->failure, sizeof console->failure, "%s: %s", what, why);
    if (console->log)
        gzclose(console->log);
    console->log = NULL;
}

struct console *console_new(const char *log_path)
{
    struct console *console = xcalloc(1, sizeof *console);

    ring_init(&console->ring, CONSOLE_RING_BYTES);
    if (!log_path)
        return console;
    errno = 0;
    console->log = gzopen(log_path, "wbe1");
    if (!console->log)
        fail(console, "cannot make the console log", strerror(errno ? errno : ENOMEM));
    return console;
}

static void log_bytes(struct console *console, const char *bytes, size_t count)
{
    int code;

    if (!console->log) {
        console->lost += count;
        return;
    }
    if (console->logged + count > CONSOLE_LOG_BYTES_MAX) {
        console->lost += count;
        fail(console, "the console log ends here", "it has reached its limit of 256 MiB");
        return;
    }
    errno = 0;
    if (gzwrite(console->log, bytes, (unsigned int)count) != (int)count) {
        const char *why = gzerror(console->log, &code);
        char text[64];

        snprintf(text, sizeof text, "%s", code == Z_ERRNO && errno ? strerror(errno) : why);
        console->lost += count;
        fail(console, "cannot write the console log", text);
        return;
    }
    console->logged += count;
}

void console_write(struct console *console, const char *bytes, size_t count)
{
    ring_write(&console->ring, bytes, count);
    log_bytes(console, bytes, count);
}

void console_finish(struct console *console)
{
    int code;

    if (!console->log)
        return;
    code = gzclose(console->log);
    console->log = NULL;
    if (code != Z_OK)
        fail(console, "cannot end the console log", code == Z_ERRNO ? strerror(errno) : "zlib");
}

void console_state(const struct console *console, struct vm_console_state *state)
{
    *state = (struct vm_console_state){
        .ring = &console->ring,
        .bytes = console->ring.written,
        .log_bytes_lost = console->lost,
        .log_error = console->failure[0] ? console->failure : NULL,
    };
}

void console_free(struct console *console)
{
    if (!console)
        return;
    console_finish(console);
    ring_free(&console->ring);
    free(console);
}
