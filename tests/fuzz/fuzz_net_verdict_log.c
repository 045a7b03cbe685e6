/* Any bytes as a verdict log: what is read of it can be printed, and written again into a log that
 * reads the same. */
#include "net/verdict_text.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct verdict_entries *entries, struct buffer *out)
{
    uint8_t bytes[VERDICT_LOG_RECORD_MAX];
    struct verdict_log *log = xmalloc(sizeof *log);

    verdict_log_begin(log, &entries->header, bytes);
    buffer_append(out, bytes, VERDICT_LOG_HEADER);
    for (size_t i = 0; i < entries->count; i++) {
        const struct verdict_log_entry *entry = &entries->items[i];
        size_t count =
            verdict_log_write(log, &entry->verdict, entry->has_flow ? &entry->flow : NULL, bytes);

        if (count > sizeof bytes)
            abort();
        buffer_append(out, bytes, count);
    }
    free(log);
}

static void print(const struct verdict_entries *entries)
{
    cleanup_buffer struct buffer out = {0};

    for (size_t i = 0; i < entries->count && i < 100; i++) {
        buffer_clear(&out);
        verdict_text(&out, &entries->header, &entries->items[i]);
        verdict_json(&out, &entries->items[i]);
        if (memchr(out.data, '\0', out.length))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buffer struct buffer out = {0};
    struct verdict_entries entries, again;
    struct error error;

    if (verdict_entries_read(&entries, data, size, &error) < 0)
        return 0;
    print(&entries);
    write_again(&entries, &out);
    if (verdict_entries_read(&again, out.data, out.length, &error) < 0 || again.cut ||
        again.missing || again.count != entries.count ||
        verdict_entries_compare(&entries, &again,
                                VERDICT_DEFAULT | VERDICT_FLOW | VERDICT_DELAY | VERDICT_UPKEEP,
                                NULL, NULL) != 0)
        abort();
    verdict_entries_free(&entries);
    verdict_entries_free(&again);
    return 0;
}
