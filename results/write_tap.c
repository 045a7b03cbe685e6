#include "base/fs.h"
#include "base/memory.h"
#include "results/text.h"
#include "results/writers.h"

#include <cjson/cJSON.h>
#include <string.h>

/* One line of a TAP description: no control characters, and `#` and `\`, which would start a
 * directive, escaped. */
static void append_description(struct buffer *out, const char *text)
{
    cleanup_buffer struct buffer clean = {0};

    text_printable(&clean, text, strlen(text));
    for (size_t i = 0; i < clean.length; i++) {
        char c = clean.data[i];

        if (c == '#' || c == '\\')
            buffer_append(out, "\\", 1);
        buffer_append(out, c == '\n' ? " " : &c, 1);
    }
}

/* A double-quoted YAML scalar; JSON's are a subset. */
static void append_yaml(struct buffer *out, const char *key, const char *text)
{
    cleanup_buffer struct buffer clean = {0};
    cJSON *item;
    char *quoted;

    if (!text)
        return;
    text_printable(&clean, text, strlen(text));
    item = xchecked(cJSON_CreateString(clean.data));
    quoted = xchecked(cJSON_PrintUnformatted(item));
    buffer_printf(out, "  %s: %s\n", key, quoted);
    cJSON_free(quoted);
    cJSON_Delete(item);
}

static void append_case(struct buffer *out, size_t number, const struct case_result *result)
{
    bool bad = verdict_is_bad(result->verdict);

    buffer_printf(out, "%s %zu - ", bad ? "not ok" : "ok", number);
    append_description(out, result->name ? result->name : "");
    if (result->verdict == VERDICT_SKIPPED) {
        buffer_append_text(out, " # SKIP ");
        append_description(out, result->reason ? result->reason : "");
    }
    buffer_append_text(out, "\n");
    if (!bad)
        return;
    buffer_append_text(out, "  ---\n");
    append_yaml(out, "verdict", verdict_name(result->verdict));
    append_yaml(out, "message", result->reason);
    append_yaml(out, "directory", result->directory);
    buffer_printf(out, "  duration_ms: %.0f\n  ...\n", result->duration_s * 1e3);
}

int results_write_tap(const struct run_result *run, const char *path, struct error *error)
{
    cleanup_buffer struct buffer out = {0};

    buffer_printf(&out, "TAP version 14\n1..%zu%s\n", run->case_count,
                  run->case_count == 0 ? " # SKIP no cases" : "");
    for (size_t i = 0; i < run->case_count; i++)
        append_case(&out, i + 1, &run->cases[i]);
    return fs_write(path, out.data, out.length, 0644, error);
}
