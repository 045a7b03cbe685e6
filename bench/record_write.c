/* The results file of `duet bench`: docs/bench.md. */
#include "base/cjson.h"
#include "base/fs.h"
#include "base/memory.h"
#include "bench/record.h"
#include "results/members.h"
#include "results/verdict.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put_run(cJSON *object, const struct record_run *run)
{
    cjson_put_text(object, "case", run->name);
    cjson_put_number(object, "number", (double)run->number);
    cjson_put(object, "warmup", cJSON_CreateBool(run->warmup));
    cjson_put(object, "repeat", cJSON_CreateBool(run->repeat));
    cjson_put_text(object, "verdict", verdict_name(run->verdict));
    cjson_put_text(object, "reason", run->reason);
    cjson_put_text(object, "directory", run->directory);
    cjson_put_number(object, "duration_s", run->duration_s);
    cjson_put_number(object, "load", run->load);
    cjson_put_number(object, "stolen", run->stolen);
    cjson_put_number(object, "others", run->others);
    cjson_put_number(object, "slowdown", run->slowdown);
    cjson_put_number(object, "frequency_mhz", run->frequency_mhz > 0 ? run->frequency_mhz : NAN);
    cjson_put_text(object, "noise", run->noise);
}

static void put_metric(cJSON *object, const struct record_metric *metric)
{
    struct sample sample = record_sample(metric);
    cleanup_free bool *marks = xcalloc(metric->count, sizeof *marks);
    struct summary summary;
    cJSON *left_out, *outliers;

    sample_summary(&sample, 1, &summary);
    sample_outliers(&sample, marks);
    cjson_put_text(object, "name", metric->name);
    cjson_put_text(object, "unit", metric->unit);
    cjson_put_text(object, "better", metric_better_name(metric->better));
    cjson_put(object, "values", cJSON_CreateDoubleArray(metric->values, (int)metric->count));
    cjson_put_number(object, "disturbed", (double)metric->disturbed);
    left_out = cjson_put_array(object, "left_out");
    for (size_t i = 0; i < metric->left_out_count; i++)
        cjson_append(left_out, cJSON_CreateNumber(metric->left_out[i]));
    outliers = cjson_put_array(object, "outliers");
    for (size_t i = 0; i < metric->count; i++)
        if (marks[i])
            cjson_append(outliers, cJSON_CreateNumber((double)i));
    cjson_put_number(object, "min", summary.min);
    cjson_put_number(object, "median", summary.median);
    cjson_put_number(object, "max", summary.max);
    cjson_put_number(object, "mean", summary.mean);
    cjson_put_number(object, "variation", summary.variation);
    cjson_put_number(object, "low", summary.of95.low);
    cjson_put_number(object, "high", summary.of95.high);
    members_put_bound(object, "fail_below", &metric->bounds.below);
    members_put_bound(object, "fail_above", &metric->bounds.above);
}

static cJSON *record_json(const struct record *record)
{
    cJSON *root = xchecked(cJSON_CreateObject());
    char seed[sizeof "18446744073709551615"];
    cJSON *array;

    snprintf(seed, sizeof seed, "%" PRIu64, record->seed);
    cjson_put_text(root, "format", "bench");
    cjson_put_number(root, "schema", RECORD_SCHEMA);
    cjson_put_text(root, "suite", record->suite);
    cjson_put_text(root, "revision", record->revision);
    cjson_put_text(root, "tag", record->tag);
    cjson_put_text(root, "set", record->set);
    cjson_put_text(root, "seed", seed);
    cjson_put_text(root, "started", record->started);
    cjson_put(root, "interrupted", cJSON_CreateBool(record->interrupted));
    cjson_put_number(root, "duration_s", record->duration_s);
    members_put_host(root, &record->host);
    cjson_put_number(root, "spin_ms", record->spin_ms > 0 ? record->spin_ms : NAN);
    array = cjson_put_array(root, "runs");
    for (size_t i = 0; i < record->run_count; i++)
        put_run(cjson_append_object(array), &record->runs[i]);
    array = cjson_put_array(root, "metrics");
    for (size_t i = 0; i < record->metric_count; i++)
        put_metric(cjson_append_object(array), &record->metrics[i]);
    return root;
}

int record_write(const struct record *record, const char *path, struct error *error)
{
    cJSON *root = record_json(record);
    cleanup_buffer struct buffer text = {0};

    cjson_write(root, &text);
    cJSON_Delete(root);
    return fs_write(path, text.data, text.length, 0644, error);
}
