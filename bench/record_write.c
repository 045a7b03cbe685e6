/* The results file of `duet bench`: docs/bench.md. */
#include "base/fs.h"
#include "base/memory.h"
#include "bench/record.h"
#include "results/verdict.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put(cJSON *object, const char *key, cJSON *value)
{
    if (!cJSON_AddItemToObject(object, key, xchecked(value)))
        xchecked(NULL);
}

static cJSON *put_array(cJSON *object, const char *key)
{
    cJSON *made = xchecked(cJSON_CreateArray());

    put(object, key, made);
    return made;
}

static cJSON *append_object(cJSON *array)
{
    cJSON *made = xchecked(cJSON_CreateObject());

    if (!cJSON_AddItemToArray(array, made))
        xchecked(NULL);
    return made;
}

static void put_text(cJSON *object, const char *key, const char *text)
{
    put(object, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void put_number(cJSON *object, const char *key, double value)
{
    put(object, key, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

static void put_host(cJSON *object, const struct host_info *host)
{
    cJSON *made = xchecked(cJSON_CreateObject());
    cJSON *kernel = xchecked(cJSON_CreateObject());

    put_text(made, "duet", host->duet);
    put_text(made, "kernel", host->kernel);
    put_text(made, "cpu_model", host->cpu_model);
    put_number(made, "cpus", host->cpus);
    put_number(made, "memory_bytes", (double)host->memory_bytes);
    put_text(made, "qemu", host->qemu);
    put_text(made, "libvirt", host->libvirt);
    put_text(made, "accel", host->accel);
    put_text(kernel, "name", host->guest_kernel.name);
    put_text(kernel, "release", host->guest_kernel.release);
    put_text(kernel, "digest", host->guest_kernel.digest);
    put(made, "guest_kernel", kernel);
    put(object, "host", made);
}

static void put_run(cJSON *object, const struct record_run *run)
{
    put_text(object, "case", run->name);
    put_number(object, "number", (double)run->number);
    put(object, "warmup", cJSON_CreateBool(run->warmup));
    put_text(object, "verdict", verdict_name(run->verdict));
    put_text(object, "reason", run->reason);
    put_text(object, "directory", run->directory);
    put_number(object, "duration_s", run->duration_s);
    put_number(object, "load", run->load);
    put_number(object, "stolen", run->stolen);
    put_number(object, "slowdown", run->slowdown);
    put_text(object, "noise", run->noise);
}

static void put_bound(cJSON *object, const char *key, const struct metric_bound *bound)
{
    cJSON *made;

    if (!bound->given) {
        put(object, key, cJSON_CreateNull());
        return;
    }
    made = xchecked(cJSON_CreateObject());
    put_number(made, "value", bound->value);
    put(made, "relative", cJSON_CreateBool(bound->relative));
    put(object, key, made);
}

static void put_metric(cJSON *object, const struct record_metric *metric)
{
    struct sample sample = record_sample(metric);
    cleanup_free bool *marks = xcalloc(metric->count, sizeof *marks);
    struct summary summary;
    cJSON *outliers;

    sample_summary(&sample, 1, &summary);
    sample_outliers(&sample, marks);
    put_text(object, "name", metric->name);
    put_text(object, "unit", metric->unit);
    put_text(object, "better", metric_better_name(metric->better));
    put(object, "values", cJSON_CreateDoubleArray(metric->values, (int)metric->count));
    outliers = put_array(object, "outliers");
    for (size_t i = 0; i < metric->count; i++)
        if (marks[i] && !cJSON_AddItemToArray(outliers, xchecked(cJSON_CreateNumber((double)i))))
            xchecked(NULL);
    put_number(object, "min", summary.min);
    put_number(object, "median", summary.median);
    put_number(object, "max", summary.max);
    put_number(object, "mean", summary.mean);
    put_number(object, "variation", summary.variation);
    put_number(object, "low", summary.of95.low);
    put_number(object, "high", summary.of95.high);
    put_bound(object, "fail_below", &metric->bounds.below);
    put_bound(object, "fail_above", &metric->bounds.above);
}

static cJSON *record_json(const struct record *record)
{
    cJSON *root = xchecked(cJSON_CreateObject());
    char seed[sizeof "18446744073709551615"];
    cJSON *array;

    snprintf(seed, sizeof seed, "%" PRIu64, record->seed);
    put_text(root, "format", "bench");
    put_number(root, "schema", RECORD_SCHEMA);
    put_text(root, "suite", record->suite);
    put_text(root, "revision", record->revision);
    put_text(root, "tag", record->tag);
    put_text(root, "set", record->set);
    put_text(root, "seed", seed);
    put_text(root, "started", record->started);
    put(root, "interrupted", cJSON_CreateBool(record->interrupted));
    put_number(root, "duration_s", record->duration_s);
    put_host(root, &record->host);
    put_number(root, "spin_ms", record->spin_ms > 0 ? record->spin_ms : NAN);
    array = put_array(root, "runs");
    for (size_t i = 0; i < record->run_count; i++)
        put_run(append_object(array), &record->runs[i]);
    array = put_array(root, "metrics");
    for (size_t i = 0; i < record->metric_count; i++)
        put_metric(append_object(array), &record->metrics[i]);
    return root;
}

int record_write(const struct record *record, const char *path, struct error *error)
{
    cJSON *root = record_json(record);
    cleanup_buffer struct buffer text = {0};
    char *printed = xchecked(cJSON_Print(root));

    buffer_append_text(&text, printed);
    buffer_append_text(&text, "\n");
    cJSON_free(printed);
    cJSON_Delete(root);
    return fs_write(path, text.data, text.length, 0644, error);
}
