/* Theory of operation
 *
 * A stream is a sequence of lines; within a line, what matters is (a) its first SCANNER_LINE_MAX
 * bytes, where the kernel's trouble stands, and (b) the first token prefix. Both are looked for
 * in the caller's chunk where it lies. What has to outlive a chunk is
 *
 *   head   the first bytes of a line that has not ended,
 *   carry  the last bytes before the chunk, which may hold the start of a prefix,
 *   token  the text of a token that has not ended.
 *
 * Outside of a token, memmem finds the next prefix and memchr walks the lines up to it; inside,
 * memchr finds the newline. */
#include "results/scanner.h"

#include "base/memory.h"
#include "results/kernel_line.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct prefix {
    char text[SCANNER_PREFIX_MAX];
    size_t length;
    enum scanner_kind kind;
};

struct scanner {
    struct prefix prefixes[SCANNER_PREFIXES_MAX];
    size_t prefix_count;
    scanner_fn call;
    void *context;

    const struct prefix *token_prefix; /* of the token in progress, or NULL */
    size_t token_length;               /* of its text; more than is kept where it is too long */
    size_t head_length;
    size_t carry_length;
    bool panicked;
    char head[SCANNER_LINE_MAX + 1];
    char carry[SCANNER_PREFIX_MAX - 1];
    char token[SCANNER_TOKEN_MAX + 1];
};

/* Where each prefix comes next in a chunk; `count` of the chunk for one that does not. */
struct hits {
    size_t at[SCANNER_PREFIXES_MAX];
    bool known[SCANNER_PREFIXES_MAX];
};

static int check_prefix(const struct scanner *scanner, const char *text, struct error *error)
{
    size_t length = strlen(text);

    if (length == 0)
        return error_set(error, EINVAL, "a token prefix is empty");
    if (length > SCANNER_PREFIX_MAX)
        return error_set(error, EINVAL,
                         "the token prefix \"%s\" has %zu bytes; at most %d are read", text, length,
                         SCANNER_PREFIX_MAX);
    if (strpbrk(text, "\r\n"))
        return error_set(error, EINVAL, "a token prefix contains a line break");
    for (size_t i = 0; i < scanner->prefix_count; i++) {
        const struct prefix *other = &scanner->prefixes[i];

        if (memmem(text, length, other->text, other->length) ||
            memmem(other->text, other->length, text, length))
            return error_set(error, EINVAL,
                             "the token prefixes \"%.*s\" and \"%s\" cannot be told apart",
                             (int)other->length, other->text, text);
    }
    return 0;
}

int scanner_new(struct scanner **scanner, const struct scanner_prefix *prefixes, size_t count,
                scanner_fn call, void *context, struct error *error)
{
    struct scanner *made;

    if (count > SCANNER_PREFIXES_MAX)
        return error_set(error, EINVAL, "%zu token prefixes; at most %d are read", count,
                         SCANNER_PREFIXES_MAX);
    made = xcalloc(1, sizeof *made);
    made->call = call;
    made->context = context;
    for (size_t i = 0; i < count; i++) {
        struct prefix *prefix = &made->prefixes[i];
        int code = check_prefix(made, prefixes[i].text, error);

        if (code < 0) {
            free(made);
            return code;
        }
        prefix->length = strlen(prefixes[i].text);
        prefix->kind = prefixes[i].kind;
        memcpy(prefix->text, prefixes[i].text, prefix->length);
        made->prefix_count++;
    }
    *scanner = made;
    return 0;
}

void scanner_free(struct scanner *scanner)
{
    free(scanner);
}

static void emit(struct scanner *scanner, enum scanner_kind kind, const char *text, size_t length)
{
    struct scanner_event event = {.kind = kind, .text = text, .length = length};

    scanner->call(scanner->context, &event);
}

/* Reports the trouble that a whole line, of which `line` are the first bytes, tells of. */
static void read_line(struct scanner *scanner, const char *line, size_t length)
{
    struct kernel_line found;
    char text[SCANNER_LINE_MAX + 1];

    if (!kernel_line_read(line, length < SCANNER_LINE_MAX ? length : SCANNER_LINE_MAX, &found))
        return;
    if (found.closes_panic && scanner->panicked)
        return;
    if (found.opens_panic)
        scanner->panicked = true;
    memcpy(text, found.message, found.length);
    text[found.length] = '\0';
    emit(scanner, found.kind, text, found.length);
}

static void head_append(struct scanner *scanner, const char *bytes, size_t count)
{
    size_t room = SCANNER_LINE_MAX - scanner->head_length;

    if (count > room)
        count = room;
    memcpy(scanner->head + scanner->head_length, bytes, count);
    scanner->head_length += count;
}

static void head_end(struct scanner *scanner)
{
    read_line(scanner, scanner->head, scanner->head_length);
    scanner->head_length = 0;
}

/* `bytes` hold no token. */
static void walk_lines(struct scanner *scanner, const char *bytes, size_t count)
{
    const char *end = bytes + count;

    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));

        if (!newline) {
            head_append(scanner, bytes, (size_t)(end - bytes));
            return;
        }
        if (scanner->head_length > 0) {
            head_append(scanner, bytes, (size_t)(newline - bytes));
            head_end(scanner);
        } else if (*bytes == '[' || *bytes == '\r') {
            read_line(scanner, bytes, (size_t)(newline - bytes));
        }
        bytes = newline + 1;
    }
}

static void token_append(struct scanner *scanner, const char *bytes, size_t count)
{
    size_t kept = scanner->token_length;

    if (kept <= SCANNER_TOKEN_MAX && count > 0) {
        size_t room = SCANNER_TOKEN_MAX - kept;

        memcpy(scanner->token + kept, bytes, count < room ? count : room);
    }
    scanner->token_length += count;
}

static void malformed(struct scanner *scanner, const char *what)
{
    cleanup_free char *reason =
        xasprintf("the token that starts with \"%.*s\" %s", (int)scanner->token_prefix->length,
                  scanner->token_prefix->text, what);

    emit(scanner, SCANNER_MALFORMED, reason, strlen(reason));
}

static void token_end(struct scanner *scanner)
{
    size_t length = scanner->token_length;

    if (length > SCANNER_TOKEN_MAX) {
        cleanup_free char *what =
            xasprintf("has %zu bytes; at most %d are read", length, SCANNER_TOKEN_MAX);

        malformed(scanner, what);
    } else {
        while (length > 0 && scanner->token[length - 1] == '\r')
            length--;
        scanner->token[length] = '\0';
        emit(scanner, scanner->token_prefix->kind, scanner->token, length);
    }
    scanner->token_prefix = NULL;
}

/* Goes on with the token in progress; returns how many bytes belong to its line. */
static size_t feed_token(struct scanner *scanner, const char *bytes, size_t count)
{
    const char *newline = memchr(bytes, '\n', count);
    size_t length = newline ? (size_t)(newline - bytes) : count;

    head_append(scanner, bytes, length);
    token_append(scanner, bytes, length);
    if (!newline)
        return count;
    head_end(scanner);
    token_end(scanner);
    return length + 1;
}

/* Offset behind `prefix` where it began before this chunk and ends in it, or 0. */
static size_t straddling(const struct scanner *scanner, const struct prefix *prefix,
                         const char *bytes, size_t count)
{
    char join[2 * (SCANNER_PREFIX_MAX - 1)];
    size_t before = prefix->length - 1;
    size_t after = prefix->length - 1;
    const char *found;

    if (before > scanner->carry_length)
        before = scanner->carry_length;
    if (after > count)
        after = count;
    memcpy(join, scanner->carry + scanner->carry_length - before, before);
    memcpy(join + before, bytes, after);
    found = memmem(join, before + after, prefix->text, prefix->length);
    return found ? (size_t)(found - join) + prefix->length - before : 0;
}

/* Offset behind the first prefix that ends after `from`; `count` and *prefix NULL where none does.
 * No prefix is part of another, so the first to start is the first to end. */
static size_t find_prefix(const struct scanner *scanner, struct hits *hits, const char *bytes,
                          size_t count, size_t from, const struct prefix **prefix)
{
    size_t first = count;

    *prefix = NULL;
    for (size_t i = 0; i < scanner->prefix_count; i++) {
        const struct prefix *candidate = &scanner->prefixes[i];

        if (from == 0 && scanner->carry_length > 0) {
            size_t end = straddling(scanner, candidate, bytes, count);

            if (end > 0 && (end < first || !*prefix)) {
                first = end;
                *prefix = candidate;
                continue;
            }
        }
        if (!hits->known[i] || hits->at[i] < from) {
            const char *found =
                memmem(bytes + from, count - from, candidate->text, candidate->length);

            hits->at[i] = found ? (size_t)(found - bytes) : count;
            hits->known[i] = true;
        }
        if (hits->at[i] < count && (hits->at[i] + candidate->length < first || !*prefix)) {
            first = hits->at[i] + candidate->length;
            *prefix = candidate;
        }
    }
    return first;
}

/* Keeps the end of the stream so far for the next chunk. */
static void carry_over(struct scanner *scanner, const char *bytes, size_t count)
{
    size_t max = sizeof scanner->carry;
    size_t old = scanner->carry_length;

    if (count > max) {
        bytes += count - max;
        count = max;
    }
    if (old > max - count) {
        memmove(scanner->carry, scanner->carry + old - (max - count), max - count);
        old = max - count;
    }
    memcpy(scanner->carry + old, bytes, count);
    scanner->carry_length = old + count;
}

void scanner_feed(struct scanner *scanner, const void *bytes, size_t count)
{
    const char *chunk = bytes;
    struct hits hits = {0};
    size_t at = 0;
    size_t plain = 0; /* where the bytes after the last token begin */

    while (at < count) {
        const struct prefix *prefix;
        size_t end;

        if (scanner->token_prefix) {
            at += feed_token(scanner, chunk + at, count - at);
            plain = at;
            continue;
        }
        end = find_prefix(scanner, &hits, chunk, count, at, &prefix);
        walk_lines(scanner, chunk + at, end - at);
        at = end;
        if (prefix) {
            scanner->token_prefix = prefix;
            scanner->token_length = 0;
            scanner->carry_length = 0;
        }
    }
    if (!scanner->token_prefix)
        carry_over(scanner, chunk + plain, count - plain);
}

void scanner_finish(struct scanner *scanner)
{
    head_end(scanner);
    if (scanner->token_prefix)
        malformed(scanner, "is cut: the console ended before its line did");
    scanner->token_prefix = NULL;
    scanner->carry_length = 0;
    scanner->panicked = false;
}
