#include "results/metric.h"

#include "base/median.h"
#include "base/memory.h"
#include "results/text.h"
#include "results/token_json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const better_names[] = {
    [METRIC_HIGHER] = "higher",
    [METRIC_LOWER] = "lower",
};

const char *metric_better_name(enum metric_better better)
{
    return better_names[better];
}

bool metric_better_from_name(const char *name, enum metric_better *better)
{
    for (size_t i = 0; i < array_size(better_names); i++)
        if (strcmp(name, better_names[i]) == 0) {
            *better = (enum metric_better)i;
            return true;
        }
    return false;
}

/* -- A token ----------------------------------------------------------------------------------- */

bool metric_is_name(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char further[] = "._-/";
    size_t length = strlen(name);
    size_t good = strspn(name, first);

    if (length > METRIC_NAME_MAX || good == 0)
        return false;
    while (name[good] && (strchr(first, name[good]) || strchr(further, name[good])))
        good++;
    return good == length;
}

static int read_name(const cJSON *object, struct metric_token *token, struct error *error)
{
    const char *name = NULL;
    int code = token_json_text(object, "name", &name, error);

    if (code < 0)
        return code;
    if (!name)
        return error_set(error, EBADMSG, "the token has no \"name\"");
    if (!metric_is_name(name))
        return error_set(error, EBADMSG,
                         "the metric's name is \"%.80s\"; expected letters, digits, \".\", \"_\", "
                         "\"-\" and \"/\", at most %d, a letter or digit first",
                         name, METRIC_NAME_MAX);
    snprintf(token->name, sizeof token->name, "%s", name);
    return 0;
}

/* It stands in tables, on terminals. */
static bool is_unit(const char *unit)
{
    cleanup_buffer struct buffer shown = {0};
    size_t length = strlen(unit);

    if (length == 0 || length > METRIC_UNIT_MAX || strpbrk(unit, "\t\n"))
        return false;
    text_printable(&shown, unit, length);
    return strcmp(shown.data, unit) == 0;
}

static int read_unit(const cJSON *object, struct metric_token *token, struct error *error)
{
    const char *unit = NULL;
    int code = token_json_text(object, "unit", &unit, error);

    if (code < 0)
        return code;
    if (!unit)
        return error_set(error, EBADMSG, "the token of \"%s\" has no \"unit\"", token->name);
    if (!is_unit(unit))
        return error_set(error, EBADMSG,
                         "the unit of \"%s\" is \"%.40s\"; expected 1 to %d bytes that can be "
                         "printed",
                         token->name, unit, METRIC_UNIT_MAX);
    snprintf(token->unit, sizeof token->unit, "%s", unit);
    return 0;
}

static int read_better(const cJSON *object, struct metric_token *token, struct error *error)
{
    const char *better = NULL;
    int code = token_json_text(object, "better", &better, error);

    if (code < 0)
        return code;
    if (!better)
        return error_set(error, EBADMSG,
                         "the token of \"%s\" has no \"better\": \"higher\" or \"lower\"",
                         token->name);
    if (!metric_better_from_name(better, &token->better))
        return error_set(error, EBADMSG,
                         "\"better\" of \"%s\" is \"%.40s\"; expected \"higher\" or \"lower\"",
                         token->name, better);
    return 0;
}

static int read_value(const cJSON *object, struct metric_token *token, struct error *error)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, "value");

    if (!value)
        return error_set(error, EBADMSG, "the token of \"%s\" has no \"value\"", token->name);
    if (!cJSON_IsNumber(value))
        return error_set(error, EBADMSG, "the value of \"%s\" is not a number", token->name);
    if (!isfinite(value->valuedouble))
        return error_set(error, EBADMSG, "the value of \"%s\" is not finite", token->name);
    token->value = value->valuedouble;
    return 0;
}

int metric_parse(const char *text, size_t length, struct metric_token *token, struct error *error)
{
    struct metric_token read = {0};
    cJSON *object = NULL;
    int code = token_json_read(text, length, &object, error);

    if (code == 0)
        code = read_name(object, &read, error);
    if (code == 0)
        code = read_value(object, &read, error);
    if (code == 0)
        code = read_unit(object, &read, error);
    if (code == 0)
        code = read_better(object, &read, error);
    if (code == 0)
        *token = read;
    cJSON_Delete(object);
    return code;
}

/* -- Sets of them ------------------------------------------------------------------------------ */

struct metric *metrics_find(const struct metrics *metrics, const char *name)
{
    for (size_t i = 0; i < metrics->count; i++)
        if (strcmp(metrics->items[i].name, name) == 0)
            return &metrics->items[i];
    return NULL;
}

static int check_same(const struct metric *metric, const char *unit, enum metric_better better,
                      struct error *error)
{
    if (strcmp(metric->unit, unit) != 0)
        return error_set(error, EBADMSG, "the unit of \"%s\" was \"%s\" and is now \"%s\"",
                         metric->name, metric->unit, unit);
    if (metric->better != better)
        return error_set(error, EBADMSG, "\"%s\" was better when %s and is now when %s",
                         metric->name, metric_better_name(metric->better),
                         metric_better_name(better));
    return 0;
}

static struct metric *add_metric(struct metrics *metrics, const char *name, const char *unit,
                                 enum metric_better better)
{
    metrics->items = xreallocarray(metrics->items, metrics->count + 1, sizeof *metrics->items);
    metrics->items[metrics->count] =
        (struct metric){.name = xstrdup(name), .unit = xstrdup(unit), .better = better};
    return &metrics->items[metrics->count++];
}

static int add_values(struct metrics *metrics, const struct metric *added, struct error *error)
{
    struct metric *metric = metrics_find(metrics, added->name);
    int code = metric ? check_same(metric, added->unit, added->better, error) : 0;

    if (code < 0)
        return code;
    if (!metric && metrics->count == METRICS_MAX)
        return error_set(error, ENOBUFS, "\"%s\" is one metric too many: at most %d are kept",
                         added->name, METRICS_MAX);
    if ((metric ? metric->count : 0) + added->count > METRIC_VALUES_MAX)
        return error_set(error, ENOBUFS, "\"%s\" has more values than the %d that are kept",
                         added->name, METRIC_VALUES_MAX);
    if (!metric)
        metric = add_metric(metrics, added->name, added->unit, added->better);
    metric->values =
        xreallocarray(metric->values, metric->count + added->count, sizeof *metric->values);
    memcpy(metric->values + metric->count, added->values, added->count * sizeof *added->values);
    metric->count += added->count;
    return 0;
}

int metrics_add(struct metrics *metrics, const struct metric_token *token, struct error *error)
{
    double value = token->value;
    const struct metric added = {.name = (char *)token->name,
                                 .unit = (char *)token->unit,
                                 .better = token->better,
                                 .values = &value,
                                 .count = 1};

    return add_values(metrics, &added, error);
}

int metrics_merge(struct metrics *metrics, const struct metrics *from, struct error *error)
{
    struct error later;
    int first = 0;

    for (size_t i = 0; i < from->count; i++) {
        int code = add_values(metrics, &from->items[i], first < 0 ? &later : error);

        first = first < 0 ? first : code;
    }
    return first;
}

double metric_median(const struct metric *metric)
{
    return median_of(metric->values, metric->count);
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (size_t i = 0; i < metrics->count; i++) {
        free(metrics->items[i].name);
        free(metrics->items[i].unit);
        free(metrics->items[i].values);
    }
    free(metrics->items);
    *metrics = (struct metrics){0};
}
