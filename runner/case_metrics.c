#include "runner/case_metrics.h"

#include "base/memory.h"

/* The first thing that is wrong is the reason. */
static void fail(struct case_result *result, char *reason)
{
    if (result->verdict == VERDICT_PASSED) {
        result->verdict = VERDICT_FAILED;
        result->reason = reason;
    } else {
        free(reason);
    }
}

static void gather(struct case_result *result)
{
    for (size_t i = 0; i < result->node_count; i++) {
        const struct node_result *node = &result->nodes[i];
        struct error error;

        if (metrics_merge(&result->metrics, &node->metrics, &error) < 0)
            fail(result, xasprintf("%s: its metrics and those of other nodes: %s", node->name,
                                   error.message));
    }
}

static void judge(const struct metric *metric, struct case_result *result)
{
    const struct metric_bound *below = &metric->bounds.below;
    const struct metric_bound *above = &metric->bounds.above;
    double median = metric_median(metric);

    if (below->given && !below->relative && median < below->value)
        fail(result, xasprintf("%s is %.6g %s; the suite fails it below %.6g", metric->name, median,
                               metric->unit, below->value));
    if (above->given && !above->relative && median > above->value)
        fail(result, xasprintf("%s is %.6g %s; the suite fails it above %.6g", metric->name, median,
                               metric->unit, above->value));
}

void case_metrics_judge(const struct suite_case *suite_case, struct case_result *result)
{
    gather(result);
    for (size_t i = 0; i < suite_case->metric_count; i++) {
        const struct suite_metric *limit = &suite_case->metrics[i];
        struct metric *metric = metrics_find(&result->metrics, limit->name);

        if (!metric) {
            fail(result, xasprintf("nothing printed the metric \"%s\", which the suite has a limit "
                                   "for",
                                   limit->name));
            continue;
        }
        metric->bounds = limit->bounds;
        judge(metric, result);
    }
}
