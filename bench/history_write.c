/* One metric over time, as JSON. */
#include "base/cjson.h"
#include "base/memory.h"
#include "bench/history.h"

#include <cjson/cJSON.h>

enum { HISTORY_SCHEMA = 1 };

static void put_point(cJSON *object, const struct history_point *point)
{
    struct sample sample = {point->values, point->count};
    struct summary summary;

    sample_summary(&sample, 1, &summary);
    cjson_put_text(object, "tag", point->tagged ? point->label : NULL);
    cjson_put_text(object, "started", point->started);
    cjson_put_text(object, "suite", point->suite);
    cjson_put(object, "values", cJSON_CreateDoubleArray(point->values, (int)point->count));
    cjson_put_number(object, "disturbed", (double)point->disturbed);
    cjson_put_number(object, "median", summary.median);
    cjson_put_number(object, "low", summary.of95.low);
    cjson_put_number(object, "high", summary.of95.high);
}

void history_write(const struct history *history, struct buffer *out)
{
    cJSON *root = xchecked(cJSON_CreateObject());
    const struct history_point *last = &history->points[history->count - 1];
    cJSON *points;

    cjson_put_text(root, "format", "history");
    cjson_put(root, "schema", cJSON_CreateNumber(HISTORY_SCHEMA));
    cjson_put_text(root, "metric", history->metric);
    cjson_put_text(root, "unit", last->unit);
    cjson_put_text(root, "better", metric_better_name(last->better));
    points = cjson_put_array(root, "points");
    for (size_t i = 0; i < history->count; i++)
        put_point(cjson_append_object(points), &history->points[i]);
    cjson_write(root, out);
    cJSON_Delete(root);
}
