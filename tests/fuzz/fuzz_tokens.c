/* A console's bytes through the scanner, whole and cut into the lengths that the input's own bytes
 * give: both must find the same. Each token found is parsed. */
#include "base/base.h"
#include "results/results.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record(void *context, const struct scanner_event *event)
{
    struct buffer *log = context;
    struct result_token token;
    struct metric_token metric;

    if (event->text[event->length] != '\0')
        abort();
    buffer_printf(log, "%d %zu ", event->kind, event->length);
    buffer_append(log, event->text, event->length);
    if (event->kind == SCANNER_RESULT &&
        token_parse(event->text, event->length, "case", NULL, &token, NULL) == 0) {
        if (token.verdict == VERDICT_ERROR && !token.reason)
            abort();
        result_token_free(&token);
    }
    if (metric_parse(event->text, event->length, &metric, NULL) == 0 &&
        (!isfinite(metric.value) || !metric_is_name(metric.name) || !metric.unit[0]))
        abort();
}

static void scan(const uint8_t *data, size_t size, int cut, struct buffer *log)
{
    static const struct scanner_prefix prefixes[] = {
        {SCANNER_RESULT_PREFIX, SCANNER_RESULT},
        {SCANNER_READY_PREFIX, SCANNER_READY},
        {SCANNER_METRIC_PREFIX, SCANNER_METRIC},
        {"R: ", SCANNER_READY},
    };
    struct scanner *scanner;
    size_t length;

    if (scanner_new(&scanner, prefixes, array_size(prefixes), record, log, NULL) < 0)
        abort();
    for (size_t at = 0; at < size; at += length) {
        uint8_t *copy;

        length = cut ? (size_t)(data[at] ^ cut) % 32 + 1 : size;
        if (length > size - at)
            length = size - at;
        copy = xmalloc(length);
        memcpy(copy, data + at, length);
        scanner_feed(scanner, copy, length);
        free(copy);
    }
    scanner_finish(scanner);
    scanner_free(scanner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buffer struct buffer whole = {0};

    scan(data, size, 0, &whole);
    for (int cut = 1; cut <= 31; cut += 15) {
        cleanup_buffer struct buffer pieces = {0};

        scan(data, size, cut, &pieces);
        if (pieces.length != whole.length ||
            (whole.length > 0 && memcmp(pieces.data, whole.data, whole.length) != 0))
            abort();
    }
    return 0;
}
