/* What of a suite is measured where only some metrics are wanted. */
#ifndef DUET_RUNNER_BENCH_METRIC_H
#define DUET_RUNNER_BENCH_METRIC_H

#include "runner/suite.h"

/* Leaves out of all cases the steps that measure nothing whose name in its case matches `pattern`
 * (fnmatch(3)), and the limits of metrics that do not match. Steps that do not say that they
 * measure stay, and those whose metric tokens may match. Returns whether a case that is selected,
 * as run_selects has it by `only`, may have such a metric at all. */
bool bench_keep_metrics(struct suite *suite, const char *only, const char *pattern);

#endif
