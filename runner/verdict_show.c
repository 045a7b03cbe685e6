#include "runner/verdict_show.h"

#include "base/memory.h"
#include "runner/verdict_load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int cut(const char *path, struct error *error)
{
    return error_set(error, EBADMSG, "%s is cut: its last record is not whole", path);
}

static void print(const struct buffer *text)
{
    fwrite(text->data, 1, text->length, stdout);
}

/* A path may have any bytes but 0 in it. */
static void append_json_text(struct buffer *out, const char *text)
{
    buffer_append_text(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buffer_printf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            buffer_printf(out, "\\u%04x", (unsigned)*text);
        else
            buffer_append(out, text, 1);
    }
    buffer_append_text(out, "\"");
}

/* -- One log ----------------------------------------------------------------------------------- */

struct counts {
    uint64_t packets, copies, lost;
    uint64_t causes[IMPAIR_CAUSES];
};

static struct counts count(const struct verdict_entries *entries)
{
    struct counts counts = {0};

    for (size_t i = 0; i < entries->count; i++) {
        const struct impair_verdict *verdict = &entries->items[i].verdict;

        counts.packets += verdict->copy == 0;
        counts.copies += verdict->copy != 0;
        counts.lost += !impair_delivered(verdict);
        for (unsigned cause = 0; cause < IMPAIR_CAUSES; cause++)
            counts.causes[cause] += verdict->why >> cause & 1;
    }
    return counts;
}

static void append_heading(struct buffer *out, const char *path,
                           const struct verdict_entries *entries)
{
    struct counts counts = count(entries);
    const char *before = "; ";

    buffer_printf(out, "%s: seed %" PRIu64 ", link %" PRIu64 ", direction %u\n", path,
                  entries->header.seed, entries->header.link, entries->header.direction);
    buffer_printf(out, "  packets %" PRIu64 ", copies %" PRIu64 ", lost %" PRIu64, counts.packets,
                  counts.copies, counts.lost);
    if (counts.lost)
        buffer_printf(out, " (%.3g %%)",
                      100.0 * (double)counts.lost / (double)(counts.packets + counts.copies));
    for (unsigned cause = 0; cause < IMPAIR_CAUSES; cause++) {
        if (!counts.causes[cause])
            continue;
        buffer_printf(out, "%s%s %" PRIu64, before, impair_cause_name(cause), counts.causes[cause]);
        before = ", ";
    }
    if (entries->missing)
        buffer_printf(out, "; %" PRIu64 " records are missing, for which there was no room",
                      entries->missing);
    buffer_append_text(out, "\n");
}

static void append_heading_json(struct buffer *out, const char *path,
                                const struct verdict_entries *entries)
{
    struct counts counts = count(entries);
    const char *comma = "";

    buffer_append_text(out, "{\"log\":");
    append_json_text(out, path);
    buffer_printf(out,
                  ",\"seed\":\"%" PRIu64 "\",\"link\":%" PRIu64
                  ",\"direction\":%u,\"base_ns\":%" PRIu64 ",\"packets\":%" PRIu64
                  ",\"copies\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"causes\":[",
                  entries->header.seed, entries->header.link, entries->header.direction,
                  entries->header.base_ns, counts.packets, counts.copies, counts.lost);
    for (unsigned cause = 0; cause < IMPAIR_CAUSES; cause++) {
        if (!counts.causes[cause])
            continue;
        buffer_printf(out, "%s{\"name\":\"%s\",\"packets\":%" PRIu64 "}", comma,
                      impair_cause_name(cause), counts.causes[cause]);
        comma = ",";
    }
    buffer_printf(out, "],\"missing\":%" PRIu64 ",\"cut\":%s}\n", entries->missing,
                  entries->cut ? "true" : "false");
}

static bool is_shown(const struct impair_verdict *verdict, enum verdict_show_which which)
{
    switch (which) {
    case VERDICT_SHOW_LOST:
        return !impair_delivered(verdict);
    case VERDICT_SHOW_CHANGED:
        return (verdict->why & ~IMPAIR_WHY(IMPAIR_UPKEEP)) || verdict->rule || verdict->back;
    case VERDICT_SHOW_ALL:
        break;
    }
    return true;
}

int verdict_show(const char *path, enum verdict_show_which which, bool json, struct error *error)
{
    cleanup_buffer struct buffer line = {0};
    struct verdict_entries entries = {0};
    int code = verdict_entries_load(path, &entries, error);

    if (code < 0)
        return code;
    if (json)
        append_heading_json(&line, path, &entries);
    else
        append_heading(&line, path, &entries);
    print(&line);
    for (size_t i = 0; i < entries.count && !ferror(stdout); i++) {
        if (!is_shown(&entries.items[i].verdict, which))
            continue;
        line.length = 0;
        if (json)
            verdict_json(&line, &entries.items[i]);
        else
            verdict_text(&line, &entries.header, &entries.items[i]);
        print(&line);
    }
    code = entries.cut ? cut(path, error) : 0;
    verdict_entries_free(&entries);
    return code;
}

/* -- Two --------------------------------------------------------------------------------------- */

struct difference {
    const char *path;
    const struct verdict_entries *one, *other;
    bool json;
    struct buffer line;
};

static void append_or_null(struct buffer *out, const char *name,
                           const struct verdict_log_entry *entry)
{
    buffer_printf(out, ",\"%s\":", name);
    if (!entry) {
        buffer_append_text(out, "null");
        return;
    }
    verdict_json(out, entry);
    out->length--; /* the end of its line */
}

static void on_difference(void *context, const struct verdict_log_entry *one,
                          const struct verdict_log_entry *other)
{
    struct difference *difference = context;
    struct buffer *line = &difference->line;

    line->length = 0;
    if (difference->json) {
        buffer_append_text(line, "{\"log\":");
        append_json_text(line, difference->path);
        append_or_null(line, "one", one);
        append_or_null(line, "other", other);
        buffer_append_text(line, "}\n");
    } else {
        if (one) {
            buffer_append_text(line, "-");
            verdict_text(line, &difference->one->header, one);
        }
        if (other) {
            buffer_append_text(line, "+");
            verdict_text(line, &difference->other->header, other);
        }
    }
    print(line);
}

static int whole(const char *path, const struct verdict_entries *entries, struct error *error)
{
    if (entries->cut)
        return cut(path, error);
    if (entries->missing)
        return error_set(error, EBADMSG,
                         "%s: %" PRIu64 " records are missing, for which there was no room, so it "
                         "cannot be compared",
                         path, entries->missing);
    return 0;
}

static size_t compare(const char *one_path, const struct verdict_entries *one,
                      const char *other_path, const struct verdict_entries *other, unsigned fields,
                      bool json)
{
    struct difference difference = {.path = one_path, .one = one, .other = other, .json = json};
    size_t count;

    if (!json)
        printf("--- %s: seed %" PRIu64 ", %zu verdicts\n+++ %s: seed %" PRIu64 ", %zu verdicts\n",
               one_path, one->header.seed, one->count, other_path, other->header.seed,
               other->count);
    count = verdict_entries_compare(one, other, fields, on_difference, &difference);
    if (!json && count == 0)
        puts("the same");
    else if (!json)
        printf("%zu differ\n", count);
    buffer_free(&difference.line);
    return count;
}

static void print_alone(const char *path, bool is_one, bool json)
{
    cleanup_buffer struct buffer line = {0};

    if (json) {
        buffer_append_text(&line, "{\"log\":");
        append_json_text(&line, path);
        buffer_printf(&line, ",\"only\":\"%s\"}\n", is_one ? "one" : "other");
    } else {
        buffer_printf(&line, "%s %s: the other has no such log\n", is_one ? "---" : "+++", path);
    }
    print(&line);
}

int verdict_show_differences(const char *one_path, const char *other_path, unsigned fields,
                             bool json, size_t *differences, struct error *error)
{
    struct verdict_entries one = {0}, other = {0};
    int code;

    if (!one_path || !other_path) {
        print_alone(one_path ? one_path : other_path, one_path != NULL, json);
        *differences += 1;
        return 0;
    }
    code = verdict_entries_load(one_path, &one, error);
    if (code == 0)
        code = verdict_entries_load(other_path, &other, error);
    if (code == 0)
        code = whole(one_path, &one, error);
    if (code == 0)
        code = whole(other_path, &other, error);
    if (code == 0)
        *differences += compare(one_path, &one, other_path, &other, fields, json);
    verdict_entries_free(&one);
    verdict_entries_free(&other);
    return code;
}
