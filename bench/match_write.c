/* A comparison as JSON. */
#include "base/cjson.h"
#include "base/memory.h"
#include "bench/match.h"

#include <cjson/cJSON.h>
#include <string.h>

enum { MATCH_SCHEMA = 2 };

static void put_lines(cJSON *object, const char *key, const struct buffer *lines)
{
    cJSON *array = xchecked(cJSON_CreateArray());
    cleanup_free char *text = xstrdup(lines->data ? lines->data : "");
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        cjson_append(array, cJSON_CreateString(line));
    cjson_put(object, key, array);
}

static void put_record(cJSON *object, const char *key, const struct record *record)
{
    cJSON *made = cjson_put_object(object, key);

    cjson_put_text(made, "path", record->path);
    cjson_put_text(made, "suite", record->suite);
    cjson_put_text(made, "tag", record->tag);
    cjson_put_text(made, "started", record->started);
    cjson_put_text(made, "revision", record->revision);
}

static void put_sample(cJSON *object, const char *key, const struct sample *sample)
{
    cJSON *made = cjson_put_object(object, key);

    cjson_put(made, "runs", cJSON_CreateNumber((double)sample->count));
    cjson_put_number(made, "median", sample_median(sample));
}

static cJSON *row_json(const struct match_row *row)
{
    const struct comparison *comparison = &row->comparison;
    struct interval interval = compare_interval(comparison, MATCH_SEED);
    cJSON *object = xchecked(cJSON_CreateObject());

    cjson_put_text(object, "name", row->b->name);
    cjson_put_text(object, "unit", row->b->unit);
    cjson_put_text(object, "better", metric_better_name(row->b->better));
    put_sample(object, "a", &comparison->a);
    put_sample(object, "b", &comparison->b);
    cjson_put_number(object, "ratio", comparison->ratio);
    cjson_put_number(object, "ratio_low", interval.low);
    cjson_put_number(object, "ratio_high", interval.high);
    cjson_put_number(object, "p", comparison->p);
    cjson_put_number(object, "scatter", comparison->scatter);
    cjson_put(object, "disturbed", cJSON_CreateBool(comparison->disturbed));
    cjson_put_text(object, "verdict", compare_verdict_name(comparison->verdict));
    cjson_put_text(object, "limit", row->limit);
    return object;
}

void match_write(const struct record *a, const struct record *b, const struct match *match,
                 const struct buffer *obstacles, const struct buffer *remarks, struct buffer *out)
{
    cJSON *root = xchecked(cJSON_CreateObject());
    cJSON *rows = xchecked(cJSON_CreateArray());

    cjson_put_text(root, "format", "compare");
    cjson_put(root, "schema", cJSON_CreateNumber(MATCH_SCHEMA));
    put_record(root, "a", a);
    put_record(root, "b", b);
    cjson_put_number(root, "threshold", match->threshold);
    cjson_put_number(root, "drift", match->drift);
    cjson_put_number(root, "family_error", COMPARE_FAMILY_ERROR);
    cjson_put(root, "regression", cJSON_CreateBool(match_has_regression(match)));
    put_lines(root, "obstacles", obstacles);
    put_lines(root, "remarks", remarks);
    for (size_t i = 0; i < match->count; i++)
        cjson_append(rows, row_json(&match->rows[i]));
    cjson_put(root, "metrics", rows);
    cjson_write(root, out);
    cJSON_Delete(root);
}
