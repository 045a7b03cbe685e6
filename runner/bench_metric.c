#include "runner/bench_metric.h"

#include "base/memory.h"

#include <fnmatch.h>

/* A metric of iperf3's is STEP.NAME, one of QEMU's has the node's name behind that. */
static bool is_wanted(const struct suite_step *step, const struct suite_case *suite_case,
                      const char *pattern)
{
    static const char *const names[] = {
        "throughput", "throughput_reverse", "retransmits", "loss",
        "jitter",     "out_of_order",       "cpu_client",  "cpu_server"};
    bool wanted = !step->measures;

    for (size_t i = 0; i < array_size(names) && !wanted; i++) {
        cleanup_free char *name = xasprintf("%s.%s", step->name, names[i]);

        wanted = fnmatch(pattern, name, 0) == 0;
    }
    for (size_t i = 0; i < suite_case->node_count && !wanted; i++) {
        cleanup_free char *name =
            xasprintf("%s.cpu_qemu.%s", step->name, suite_case->nodes[i].name);

        wanted = fnmatch(pattern, name, 0) == 0;
    }
    return wanted;
}

static void keep_steps(const struct suite_case *suite_case, struct suite_node *node,
                       const char *pattern)
{
    size_t kept = 0;

    for (size_t i = 0; i < node->step_count; i++)
        if (is_wanted(&node->steps[i], suite_case, pattern))
            node->steps[kept++] = node->steps[i];
    node->step_count = kept;
}

/* A limit of something that nobody measures is missed. */
static void keep_limits(struct suite_case *suite_case, const char *pattern)
{
    size_t kept = 0;

    for (size_t i = 0; i < suite_case->metric_count; i++)
        if (fnmatch(pattern, suite_case->metrics[i].name, 0) == 0)
            suite_case->metrics[kept++] = suite_case->metrics[i];
    suite_case->metric_count = kept;
}

void bench_keep_metrics(struct suite *suite, const char *pattern)
{
    for (size_t i = 0; i < suite->case_count; i++) {
        struct suite_case *suite_case = &suite->cases[i];

        for (size_t n = 0; n < suite_case->node_count; n++)
            keep_steps(suite_case, &suite_case->nodes[n], pattern);
        keep_limits(suite_case, pattern);
    }
}
