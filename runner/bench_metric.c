#include "runner/bench_metric.h"

#include "base/memory.h"
#include "results/scanner.h"
#include "runner/run.h"

#include <fnmatch.h>
#include <string.h>

static bool matches(const char *pattern, const char *step, const char *name, const char *node)
{
    cleanup_free char *whole =
        xasprintf("%s.%s%s%s", step, name, node ? "." : "", node ? node : "");

    return fnmatch(pattern, whole, 0) == 0;
}

/* STEP.NAME, and of each node STEP.NAME.NODE. */
static bool iperf3_has(const struct suite_step *step, const struct suite_case *suite_case,
                       const char *pattern)
{
    static const char *const names[] = {"throughput", "throughput_reverse", "retransmits", "loss",
                                        "jitter",     "out_of_order"};
    bool has = false;

    for (size_t i = 0; i < array_size(names) && !has; i++)
        has = matches(pattern, step->name, names[i], NULL);
    for (size_t i = 0; i < suite_case->node_count && !has; i++) {
        const char *node = suite_case->nodes[i].name;

        has = matches(pattern, step->name, "cpu_guest", node) ||
              matches(pattern, step->name, "cpu_qemu", node);
    }
    return has;
}

/* What else a step prints is STEP or STEP.NAME, and nobody knows which names: whether the pattern,
 * up to where anything may stand, can be the beginning of one. */
static bool tokens_may_have(const struct suite_step *step, const char *pattern)
{
    size_t plain = strcspn(pattern, "*?[\\");
    size_t length = strlen(step->name);

    if (strncmp(pattern, step->name, plain < length ? plain : length) != 0)
        return false;
    return plain < length ? pattern[plain] != '\0' : pattern[length] == '.' || plain == length;
}

static bool is_wanted(const struct suite_step *step, const struct suite_case *suite_case,
                      const char *pattern)
{
    switch (step->measures) {
    case SUITE_MEASURES_IPERF3:
        return iperf3_has(step, suite_case, pattern);
    case SUITE_MEASURES_METRICS:
        return tokens_may_have(step, pattern);
    case SUITE_MEASURES_NOTHING:
        break;
    }
    return true;
}

/* Returns how many it left out. */
static size_t keep_steps(const struct suite_case *suite_case, struct suite_node *node,
                         const char *pattern)
{
    size_t before = node->step_count;
    size_t kept = 0;

    for (size_t i = 0; i < node->step_count; i++)
        if (is_wanted(&node->steps[i], suite_case, pattern))
            node->steps[kept++] = node->steps[i];
    node->step_count = kept;
    return before - kept;
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

/* What else prints on a console, or says that it prints a metric. */
static bool has_other_source(const struct suite_node *node)
{
    bool has = node->step_count > 0 || node->init.directory;

    for (size_t i = 0; i < node->background_count && !has; i++)
        has = strstr(node->background[i].run, SCANNER_METRIC_PREFIX) != NULL;
    return has;
}

/* Whether it may have a metric that matches. */
static bool keep_case(struct suite_case *suite_case, const char *pattern)
{
    size_t left_out = 0;
    bool may = false;

    for (size_t n = 0; n < suite_case->node_count; n++) {
        left_out += keep_steps(suite_case, &suite_case->nodes[n], pattern);
        may = may || has_other_source(&suite_case->nodes[n]);
    }
    keep_limits(suite_case, pattern);
    return may || left_out == 0;
}

bool bench_keep_metrics(struct suite *suite, const char *only, const char *pattern)
{
    bool may = false;

    for (size_t i = 0; i < suite->case_count; i++) {
        bool may_this = keep_case(&suite->cases[i], pattern);

        may = may || (may_this && run_selects(&suite->cases[i], only));
    }
    return may;
}
