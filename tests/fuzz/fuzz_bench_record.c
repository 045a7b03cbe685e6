/* A file of measurements; what can be read can be compared with itself, and shows no difference. */
#include "base/base.h"
#include "bench/match.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buffer struct buffer lines = {0};
    struct record record = {0};
    struct match match;

    if (record_read("fuzz", (const char *)data, size, true, &record, NULL) < 0)
        return 0;
    match_obstacles(&record, &record, &lines);
    match_remarks(&record, &record, &lines);
    if (lines.length > 0)
        abort();
    match_make(&record, &record, 0.05, &match);
    if (match.count != record.metric_count)
        abort();
    for (size_t i = 0; i < match.count; i++)
        if (match.rows[i].comparison.verdict >= COMPARE_FASTER)
            abort();
    match_free(&match);
    record_free(&record);
    return 0;
}
