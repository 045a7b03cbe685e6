/* Whether two settings are the very same, and what they are as text. */
#ifndef DUET_TESTS_IMPAIR_SAME_H
#define DUET_TESTS_IMPAIR_SAME_H

#include "base/buffer.h"
#include "net/impair_field.h"

#include <string.h>

static inline bool same_spread(const struct impair_spread *a, const struct impair_spread *b)
{
    if (a->mean_ns != b->mean_ns || a->jitter_ns != b->jitter_ns ||
        a->correlation_ppb != b->correlation_ppb || a->distribution != b->distribution)
        return false;
    return a->distribution != IMPAIR_TABLE ||
           (a->table_count == b->table_count &&
            memcmp(a->table, b->table, a->table_count * sizeof a->table[0]) == 0);
}

/* Every member besides the spreads and the rules, which have pointers; both were zeroed before they
 * were filled in, padding included. */
static inline bool same_settings(const struct impair_settings *a, const struct impair_settings *b)
{
    struct impair_settings left, right;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    memset(&left.delay, 0, sizeof left.delay);
    memset(&right.delay, 0, sizeof right.delay);
    memset(&left.slot.interval, 0, sizeof left.slot.interval);
    memset(&right.slot.interval, 0, sizeof right.slot.interval);
    left.rules = right.rules = NULL;
    for (size_t i = 0; i < a->rule_count && a->rule_count == b->rule_count; i++)
        if (!impair_rule_equal(&a->rules[i], &b->rules[i]))
            return false;
    return memcmp(&left, &right, sizeof left) == 0 && same_spread(&a->delay, &b->delay) &&
           same_spread(&a->slot.interval, &b->slot.interval);
}

static inline void note_field(void *context, const char *name, const char *text)
{
    buffer_printf(context, "%s=%s\n", name, text);
}

/* A line "NAME=TEXT" for each; the caller frees the buffer. */
static inline struct buffer settings_text(const struct impair_settings *settings)
{
    struct buffer text = {0};

    impair_field_each(settings, note_field, &text);
    if (!text.data)
        buffer_append_text(&text, "");
    return text;
}

/* Sets what the lines say, in one round that is not ended. */
static inline int set_lines(struct impair_config *config, const char *lines, struct error *error)
{
    while (*lines) {
        size_t length = strcspn(lines, "\n"), name = strcspn(lines, "=\n");
        cleanup_buffer struct buffer line = {0};
        int status;

        buffer_append(&line, lines, length);
        if (name < length)
            line.data[name] = '\0';
        status = impair_field_set(config, line.data, line.data + name + (name < length), error);
        if (status)
            return status;
        lines += length + (lines[length] == '\n');
    }
    return 0;
}

#endif
