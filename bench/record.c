#include "bench/record.h"

#include "base/cjson.h"
#include "base/fs.h"
#include "base/memory.h"
#include "results/writers.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* -- Values ------------------------------------------------------------------------------------ */

struct reading {
    const char *path;
    struct record *record;
    struct error *error;
};

static bool is_finite_number(const cJSON *value)
{
    return cJSON_IsNumber(value) && isfinite(value->valuedouble);
}

static int broken(const struct reading *reading, const char *where, const char *expected)
{
    return error_set(reading->error, EBADMSG, "%s: %s: expected %s", reading->path, where,
                     expected);
}

static int read_values(const struct reading *reading, const cJSON *array, const char *name,
                       struct record_metric *metric)
{
    int count = cJSON_GetArraySize(array);
    const cJSON *value;

    if (!cJSON_IsArray(array) || count < 1 || count > STATISTICS_VALUES_MAX)
        return broken(reading, name, "\"values\", a list of 1 to 10000 numbers");
    metric->values = xcalloc((size_t)count, sizeof *metric->values);
    cJSON_ArrayForEach(value, array)
    {
        if (!is_finite_number(value))
            return broken(reading, name, "numbers alone in \"values\"");
        metric->values[metric->count++] = value->valuedouble;
    }
    return 0;
}

static int read_bound(const struct reading *reading, const cJSON *metric, const char *key,
                      struct metric_bound *bound)
{
    const cJSON *object = cjson_member(metric, key);

    if (!object || cJSON_IsNull(object))
        return 0;
    if (!is_finite_number(cjson_member(object, "value")) ||
        !cJSON_IsBool(cjson_member(object, "relative")))
        return broken(reading, key, "an object with a \"value\" and \"relative\", or null");
    *bound = (struct metric_bound){.given = true,
                                   .relative = cJSON_IsTrue(cjson_member(object, "relative")),
                                   .value = cjson_member(object, "value")->valuedouble};
    return 0;
}

/* -- Metrics ----------------------------------------------------------------------------------- */

static void free_metric(struct record_metric *metric)
{
    free(metric->name);
    free(metric->unit);
    free(metric->values);
    free(metric->left_out);
}

/* `name` becomes the record's. */
static int begin_metric(struct reading *reading, const cJSON *object, char *name,
                        struct record_metric **added)
{
    struct record *record = reading->record;
    struct record_metric metric = {.name = name, .unit = cjson_copy(object, "unit")};
    const char *better = cjson_text(object, "better", NULL);
    int code = 0;

    if (record->metric_count == RECORD_METRICS_MAX)
        code = broken(reading, "metrics", "at most 16384 of them");
    else if (record_find(record, name))
        code = broken(reading, name, "it once");
    else if (!metric.unit || !better || !metric_better_from_name(better, &metric.better))
        code = broken(reading, name, "a \"unit\", and \"better\": \"higher\" or \"lower\"");
    if (code < 0) {
        free_metric(&metric);
        return code;
    }
    record->metrics =
        xreallocarray(record->metrics, record->metric_count + 1, sizeof *record->metrics);
    *added = &record->metrics[record->metric_count++];
    **added = metric;
    return 0;
}

/* Of a file that says nothing of it, none. */
static int read_disturbed(const struct reading *reading, const cJSON *object,
                          struct record_metric *metric)
{
    const cJSON *disturbed = cjson_member(object, "disturbed");

    if (!disturbed)
        return 0;
    if (!is_finite_number(disturbed) || disturbed->valuedouble < 0 ||
        disturbed->valuedouble > (double)metric->count ||
        disturbed->valuedouble != trunc(disturbed->valuedouble))
        return broken(reading, metric->name, "\"disturbed\", a whole number of its values");
    metric->disturbed = (size_t)disturbed->valuedouble;
    return 0;
}

/* `of`: the case's name, or NULL. */
static int add_metric(struct reading *reading, const cJSON *object, const char *of)
{
    const char *name = cjson_text(object, "name", NULL);
    struct record_metric *metric = NULL;
    int code;

    if (!name || !*name)
        return broken(reading, "a metric", "a \"name\"");
    code =
        begin_metric(reading, object, of ? xasprintf("%s/%s", of, name) : xstrdup(name), &metric);
    if (code == 0)
        code = read_values(reading, cjson_member(object, "values"), name, metric);
    if (code == 0)
        code = read_disturbed(reading, object, metric);
    if (code == 0)
        code = read_bound(reading, object, "fail_below", &metric->bounds.below);
    if (code == 0)
        code = read_bound(reading, object, "fail_above", &metric->bounds.above);
    return code;
}

static int add_metrics(struct reading *reading, const cJSON *array, const char *of)
{
    const cJSON *object;
    int code = 0;

    if (!cJSON_IsArray(array))
        return broken(reading, of ? of : "it", "a list \"metrics\"");
    cJSON_ArrayForEach(object, array)
    {
        code = add_metric(reading, object, of);
        if (code < 0)
            return code;
    }
    return code;
}

/* Of several samples that were not kept the median is all there is. */
static int add_measure(struct reading *reading, const cJSON *object)
{
    const char *name = cjson_text(object, "name", NULL);
    const cJSON *value = cjson_member(object, "value");
    struct record_metric *metric = NULL;
    int code;

    if (!name || !*name || !is_finite_number(value))
        return broken(reading, "a measure", "a \"name\" and a \"value\"");
    code = begin_metric(reading, object, xstrdup(name), &metric);
    if (code < 0)
        return code;
    if (cjson_member(object, "values")) {
        code = read_values(reading, cjson_member(object, "values"), name, metric);
    } else {
        metric->values = xcalloc(1, sizeof *metric->values);
        metric->values[0] = value->valuedouble;
        metric->count = 1;
    }
    return code < 0 ? code : read_disturbed(reading, object, metric);
}

/* -- The file ---------------------------------------------------------------------------------- */

static int read_schema(const struct reading *reading, const cJSON *root, int known, bool any)
{
    const cJSON *schema = cjson_member(root, "schema");

    if (!is_finite_number(schema) || schema->valuedouble < 0 || schema->valuedouble > 1e6)
        return broken(reading, "it", "a \"schema\", a number");
    reading->record->schema = schema->valueint;
    if (schema->valueint == known || any)
        return 0;
    return error_set(reading->error, EPROTONOSUPPORT,
                     "%s: %s of schema %d, and this duet reads schema %d (--force reads it as if "
                     "it were that)",
                     reading->path, record_kind_name(reading->record->kind), schema->valueint,
                     known);
}

static void read_head(const struct reading *reading, const cJSON *root)
{
    struct record *record = reading->record;
    const cJSON *host = cjson_member(root, "host");
    const cJSON *cpus = cjson_member(host, "cpus");
    const cJSON *spin = cjson_member(root, "spin_ms");

    record->suite = cjson_copy(root, "suite");
    record->revision = cjson_copy(root, "revision");
    record->tag = cjson_copy(root, "tag");
    record->set = cjson_copy(root, "set");
    record->started = cjson_copy(root, "started");
    record->interrupted = cJSON_IsTrue(cjson_member(root, "interrupted"));
    record->host.kernel = cjson_copy(host, "kernel");
    record->host.cpu_model = cjson_copy(host, "cpu_model");
    record->host.qemu = cjson_copy(host, "qemu");
    record->host.accel = cjson_copy(host, "accel");
    record->host.guest_kernel.release = cjson_copy(cjson_member(host, "guest_kernel"), "release");
    if (is_finite_number(cpus) && cpus->valuedouble >= 0 && cpus->valuedouble < 1e6)
        record->host.cpus = (unsigned)cpus->valuedouble;
    if (is_finite_number(spin) && spin->valuedouble > 0)
        record->spin_ms = spin->valuedouble;
}

static int read_bench(struct reading *reading, const cJSON *root, bool any_schema)
{
    int code;

    reading->record->kind = RECORD_BENCH;
    code = read_schema(reading, root, RECORD_SCHEMA, any_schema);
    read_head(reading, root);
    return code < 0 ? code : add_metrics(reading, cjson_member(root, "metrics"), NULL);
}

static int read_run(struct reading *reading, const cJSON *root, bool any_schema)
{
    const cJSON *object;
    int code;

    reading->record->kind = RECORD_RUN;
    code = read_schema(reading, root, RESULTS_SCHEMA, any_schema);
    read_head(reading, root);
    cJSON_ArrayForEach(object, cjson_member(root, "cases"))
    {
        const char *name = cjson_text(object, "name", NULL);

        if (code == 0 && !name)
            code = broken(reading, "a case", "a \"name\"");
        if (code == 0)
            code = add_metrics(reading, cjson_member(object, "metrics"), name);
    }
    return code;
}

static int read_measures(struct reading *reading, const cJSON *root)
{
    const cJSON *object;
    int code = 0;

    reading->record->kind = RECORD_MEASURES;
    read_head(reading, root);
    cJSON_ArrayForEach(object, cjson_member(root, "measures")) if (code == 0) code =
        add_measure(reading, object);
    return code;
}

static int read_root(struct reading *reading, const cJSON *root, bool any_schema)
{
    const char *format = cjson_text(root, "format", NULL);

    if (format && strcmp(format, "bench") == 0)
        return read_bench(reading, root, any_schema);
    if (cJSON_IsArray(cjson_member(root, "cases")))
        return read_run(reading, root, any_schema);
    if (cJSON_IsArray(cjson_member(root, "measures")))
        return read_measures(reading, root);
    return error_set(reading->error, EBADMSG,
                     "%s: this is no results file of `duet bench`, `duet run` or `make bench`",
                     reading->path);
}

int record_read(const char *path, const char *text, size_t length, bool any_schema,
                struct record *out, struct error *error)
{
    struct record record = {.path = xstrdup(path)};
    struct reading reading = {.path = path, .record = &record, .error = error};
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length, &end, false);
    int code;

    if (!root)
        code = error_set(error, EBADMSG, "%s: this is not JSON from byte %zu on", path,
                         end ? (size_t)(end - text) : 0);
    else
        code = read_root(&reading, root, any_schema);
    cJSON_Delete(root);
    if (code < 0)
        record_free(&record);
    else
        *out = record;
    return code;
}

int record_load(const char *path, bool any_schema, struct record *record, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_free char *file = NULL;
    struct stat status;
    int code;

    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        file = xasprintf("%s/results.json", path);
    else
        file = xstrdup(path);
    code = fs_read(file, RECORD_BYTES_MAX, &text, error);
    if (code == 0)
        code =
            record_read(file, text.data ? text.data : "", text.length, any_schema, record, error);
    return code;
}

const struct record_metric *record_find(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->metric_count; i++)
        if (strcmp(record->metrics[i].name, name) == 0)
            return &record->metrics[i];
    return NULL;
}

static void append_values(double **values, size_t *count, const double *more, size_t more_count)
{
    if (more_count == 0)
        return;
    *values = xreallocarray(*values, *count + more_count, sizeof **values);
    memcpy(*values + *count, more, more_count * sizeof **values);
    *count += more_count;
}

int record_add(struct record *record, const char *name, const struct metric *values, bool disturbed,
               struct error *error)
{
    struct record_metric *metric = (struct record_metric *)record_find(record, name);

    if (metric && (strcmp(metric->unit, values->unit) != 0 || metric->better != values->better))
        return error_set(error, EBADMSG,
                         "\"%s\" was in %s, better when %s, and is now in %s, better when %s", name,
                         metric->unit, metric_better_name(metric->better), values->unit,
                         metric_better_name(values->better));
    if (!metric) {
        record->metrics =
            xreallocarray(record->metrics, record->metric_count + 1, sizeof *record->metrics);
        metric = &record->metrics[record->metric_count++];
        *metric = (struct record_metric){.name = xstrdup(name),
                                         .unit = xstrdup(values->unit),
                                         .better = values->better,
                                         .bounds = values->bounds};
    }
    if (disturbed)
        append_values(&metric->left_out, &metric->left_out_count, values->values, values->count);
    else
        append_values(&metric->values, &metric->count, values->values, values->count);
    return 0;
}

void record_settle(struct record *record, size_t enough)
{
    for (size_t i = 0; i < record->metric_count; i++) {
        struct record_metric *metric = &record->metrics[i];

        if (metric->count >= enough)
            continue;
        metric->disturbed = metric->left_out_count;
        append_values(&metric->values, &metric->count, metric->left_out, metric->left_out_count);
        free(metric->left_out);
        metric->left_out = NULL;
        metric->left_out_count = 0;
    }
}

struct sample record_sample(const struct record_metric *metric)
{
    return (struct sample){metric->values, metric->count};
}

const char *record_kind_name(enum record_kind kind)
{
    static const char *const names[] = {
        [RECORD_BENCH] = "results of `duet bench`",
        [RECORD_RUN] = "results of `duet run`",
        [RECORD_MEASURES] = "results of `make bench`",
    };

    return names[kind];
}

void record_free(struct record *record)
{
    if (!record)
        return;
    for (size_t i = 0; i < record->metric_count; i++)
        free_metric(&record->metrics[i]);
    free(record->metrics);
    for (size_t i = 0; i < record->run_count; i++) {
        free(record->runs[i].name);
        free(record->runs[i].reason);
        free(record->runs[i].directory);
    }
    free(record->runs);
    free(record->set);
    free(record->path);
    free(record->suite);
    free(record->revision);
    free(record->tag);
    free(record->started);
    host_info_free(&record->host);
    *record = (struct record){0};
}
