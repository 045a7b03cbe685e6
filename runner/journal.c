#include "runner/journal.h"

#include "base/memory.h"
#include "base/ring.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

struct source {
    char *name;
    struct buffer line;
    bool cut; /* the last line ended for its length: a newline here is its own */
    struct source *next;
};

struct journal {
    struct ring ring; /* whole lines */
    struct source *sources;
};

struct journal *journal_new(void)
{
    struct journal *journal = xcalloc(1, sizeof *journal);

    ring_init(&journal->ring, JOURNAL_BYTES);
    return journal;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    while (journal->sources) {
        struct source *next = journal->sources->next;

        buffer_free(&journal->sources->line);
        free(journal->sources->name);
        free(journal->sources);
        journal->sources = next;
    }
    ring_free(&journal->ring);
    free(journal);
}

static struct source *find_source(struct journal *journal, const char *name)
{
    struct source *source = journal->sources;

    while (source && strcmp(source->name, name) != 0)
        source = source->next;
    if (source)
        return source;
    source = xcalloc(1, sizeof *source);
    source->name = xstrdup(name);
    source->next = journal->sources;
    journal->sources = source;
    return source;
}

/* A console ends its lines with "\r\n". */
static void end_line(struct journal *journal, struct source *source)
{
    struct buffer *line = &source->line;

    if (line->length > 0 && line->data[line->length - 1] == '\r')
        line->length--;
    ring_write(&journal->ring, source->name, strlen(source->name));
    ring_write(&journal->ring, ": ", 2);
    ring_write(&journal->ring, line->data ? line->data : "", line->length);
    ring_write(&journal->ring, "\n", 1);
    buffer_clear(line);
}

void journal_write(struct journal *journal, const char *name, const char *bytes, size_t count)
{
    struct source *source = find_source(journal, name);

    while (count > 0) {
        const char *end = memchr(bytes, '\n', count);
        size_t length = end ? (size_t)(end - bytes) : count;
        size_t room = JOURNAL_LINE_MAX - source->line.length;
        bool ends = end && length <= room;

        length = length < room ? length : room;
        buffer_append(&source->line, bytes, length);
        if ((ends || source->line.length == JOURNAL_LINE_MAX) && !(source->cut && length == 0))
            end_line(journal, source);
        source->cut = !ends && source->line.length == 0;
        bytes += length + ends;
        count -= length + ends;
    }
}

/* A line is "NODE: …" or "NODE/PROCESS: …"; a source's name ends where the colon stands. */
static bool is_of(const char *line, size_t length, const char *node)
{
    size_t name = node ? strlen(node) : 0;

    return !node || (length > name && memcmp(line, node, name) == 0 &&
                     (line[name] == ':' || line[name] == '/' || line[name] == '\0'));
}

void journal_flush(struct journal *journal, const char *node)
{
    for (struct source *source = journal->sources; source; source = source->next)
        if (source->line.length > 0 && is_of(source->name, strlen(source->name) + 1, node))
            end_line(journal, source);
}

/* Returns how many bytes of `text` were whole lines. */
static size_t copy_lines(const char *text, size_t count, const char *node, struct buffer *out)
{
    size_t taken = 0;
    const char *end;

    while ((end = memchr(text + taken, '\n', count - taken))) {
        size_t length = (size_t)(end - (text + taken)) + 1;

        if (is_of(text + taken, length, node))
            buffer_append(out, text + taken, length);
        taken += length;
    }
    return taken;
}

/* Where bytes were lost, the first that are left are the end of a line. */
static void pass_over(struct buffer *chunk, uint64_t lost, struct buffer *out)
{
    const char *end = memchr(chunk->data, '\n', chunk->length);
    size_t part = end ? (size_t)(end - chunk->data) + 1 : chunk->length;

    buffer_printf(out, "duet: %" PRIu64 " bytes were not read in time, and are not shown\n",
                  lost + part);
    buffer_consume(chunk, part);
}

void journal_read(const struct journal *journal, const char *node, uint64_t *position, size_t max,
                  struct buffer *out)
{
    while (out->length < max && *position < journal->ring.written) {
        cleanup_buffer struct buffer chunk = {0};
        uint64_t at = *position;
        uint64_t lost = ring_read(&journal->ring, &at, CHUNK, &chunk);

        if (lost > 0)
            pass_over(&chunk, lost, out);
        *position = at - chunk.length;
        *position += copy_lines(chunk.data, chunk.length, node, out);
    }
}

uint64_t journal_end(const struct journal *journal)
{
    return journal->ring.written;
}
