/* A comparison as JSON. */
#include "base/memory.h"
#include "bench/match.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

enum { MATCH_SCHEMA = 1 };

static void put(cJSON *object, const char *key, cJSON *value)
{
    if (!cJSON_AddItemToObject(object, key, xchecked(value)))
        xchecked(NULL);
}

static cJSON *put_object(cJSON *object, const char *key)
{
    cJSON *made = xchecked(cJSON_CreateObject());

    put(object, key, made);
    return made;
}

static void put_text(cJSON *object, const char *key, const char *text)
{
    put(object, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* JSON has no NaN and no infinity. */
static void put_number(cJSON *object, const char *key, double value)
{
    put(object, key, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

static void put_lines(cJSON *object, const char *key, const struct buffer *lines)
{
    cJSON *array = xchecked(cJSON_CreateArray());
    cleanup_free char *text = xstrdup(lines->data ? lines->data : "");
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (!cJSON_AddItemToArray(array, xchecked(cJSON_CreateString(line))))
            xchecked(NULL);
    put(object, key, array);
}

static void put_record(cJSON *object, const char *key, const struct record *record)
{
    cJSON *made = put_object(object, key);

    put_text(made, "path", record->path);
    put_text(made, "suite", record->suite);
    put_text(made, "tag", record->tag);
    put_text(made, "started", record->started);
    put_text(made, "revision", record->revision);
}

static void put_sample(cJSON *object, const char *key, const struct sample *sample)
{
    cJSON *made = put_object(object, key);

    put(made, "runs", cJSON_CreateNumber((double)sample->count));
    put_number(made, "median", sample_median(sample));
}

static cJSON *row_json(const struct match_row *row)
{
    const struct comparison *comparison = &row->comparison;
    struct interval interval = compare_interval(comparison, MATCH_SEED);
    cJSON *object = xchecked(cJSON_CreateObject());

    put_text(object, "name", row->b->name);
    put_text(object, "unit", row->b->unit);
    put_text(object, "better", metric_better_name(row->b->better));
    put_sample(object, "a", &comparison->a);
    put_sample(object, "b", &comparison->b);
    put_number(object, "ratio", comparison->ratio);
    put_number(object, "ratio_low", interval.low);
    put_number(object, "ratio_high", interval.high);
    put_number(object, "p", comparison->p);
    put_number(object, "scatter", comparison->scatter);
    put_text(object, "verdict", compare_verdict_name(comparison->verdict));
    put_text(object, "limit", row->limit);
    return object;
}

void match_write(const struct record *a, const struct record *b, const struct match *match,
                 const struct buffer *obstacles, const struct buffer *remarks, struct buffer *out)
{
    cJSON *root = xchecked(cJSON_CreateObject());
    cJSON *rows = xchecked(cJSON_CreateArray());
    char *printed;

    put_text(root, "format", "compare");
    put(root, "schema", cJSON_CreateNumber(MATCH_SCHEMA));
    put_record(root, "a", a);
    put_record(root, "b", b);
    put_number(root, "threshold", match->threshold);
    put_number(root, "drift", match->drift);
    put(root, "disturbed", cJSON_CreateBool(match->disturbed));
    put_number(root, "family_error", COMPARE_FAMILY_ERROR);
    put(root, "regression", cJSON_CreateBool(match_has_regression(match)));
    put_lines(root, "obstacles", obstacles);
    put_lines(root, "remarks", remarks);
    for (size_t i = 0; i < match->count; i++)
        if (!cJSON_AddItemToArray(rows, row_json(&match->rows[i])))
            xchecked(NULL);
    put(root, "metrics", rows);
    printed = xchecked(cJSON_Print(root));
    buffer_append_text(out, printed);
    buffer_append_text(out, "\n");
    cJSON_free(printed);
    cJSON_Delete(root);
}
