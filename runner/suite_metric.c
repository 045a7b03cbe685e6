/* Limits of what a suite measures. */
#include "runner/suite_reader.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

int read_measure(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                 void *field)
{
    enum suite_measure *measures = field;
    const char *text = NULL;
    int status = reader_text(reader, value, key->name, &text);

    if (status)
        return status;
    if (strcmp(text, "iperf3") == 0)
        *measures = SUITE_MEASURES_IPERF3;
    else if (strcmp(text, "metrics") == 0)
        *measures = SUITE_MEASURES_METRICS;
    else
        return reader_expected(reader, key, value, "iperf3 or metrics");
    return 0;
}

int read_bound(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
               void *field)
{
    static const char expected[] = "a number in the metric's unit, or a percentage of the baseline";
    struct metric_bound *bound = field;
    const char *text = NULL;
    char *end = NULL;
    double number;
    int status = reader_text(reader, value, key->name, &text);

    if (status)
        return status;
    number = strtod(text, &end);
    if (end == text || !isfinite(number) || (*end && strcmp(end, "%") != 0))
        return reader_expected(reader, key, value, expected);
    *bound = (struct metric_bound){
        .given = true, .relative = *end == '%', .value = *end == '%' ? number / 100 : number};
    if (bound->relative && number < 0)
        return reader_expected(reader, key, value, "a percentage from 0%");
    return 0;
}

/* The one of that name, which a case replaces, or a new one. */
static struct suite_metric *find_or_add(struct reader *reader, struct suite_case *out,
                                        const char *name)
{
    struct suite_metric *grown;

    for (size_t i = 0; i < out->metric_count; i++)
        if (strcmp(out->metrics[i].name, name) == 0)
            return &out->metrics[i];
    grown = arena_array(reader->memory, out->metric_count + 1, sizeof(*grown));
    if (out->metric_count)
        memcpy(grown, out->metrics, out->metric_count * sizeof(*grown));
    out->metrics = grown;
    return &out->metrics[out->metric_count++];
}

int read_metrics(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                 void *field)
{
    struct case_build *build = field;
    int status = reader_map(reader, value, key->name, "names of metrics and their limits");

    if (!status && value->count > METRICS_MAX)
        return reader_fail(reader, value, "%s: found %zu, expected at most %d", key->name,
                           value->count, METRICS_MAX);
    for (size_t i = 0; !status && i < value->count; i++) {
        const struct yaml_node *name = value->pairs[i].key;
        const struct yaml_node *limits = value->pairs[i].value;
        struct suite_metric *metric;
        char found[80];

        if (!metric_is_name(name->text))
            return reader_fail(reader, name,
                               "%s as the name of a metric: expected letters, digits, \".\", "
                               "\"_\", \"-\" and \"/\", at most %d, a letter or a digit first",
                               yaml_found(name, found, sizeof(found)), METRIC_NAME_MAX);
        status = reader_resolve(reader, limits, &limits);
        if (status)
            return status;
        metric = find_or_add(reader, &build->out, name->text);
        *metric = (struct suite_metric){.name = arena_text(reader->memory, name->text)};
        status = section_read(reader, IN_METRIC, limits, &metric->bounds);
    }
    return status;
}
