/* What a case measured: that of all its nodes, against the limits of its suite. */
#ifndef DUET_RUNNER_CASE_METRICS_H
#define DUET_RUNNER_CASE_METRICS_H

#include "results/results.h"
#include "runner/suite.h"

/* Gathers the nodes' metrics in `result`, with the suite's limits, and makes a case that has passed
 * `failed` where one is beyond a limit in its unit (those relative to a baseline are for who has
 * one), where one with a limit was not measured, or where two nodes mean different things by one
 * name. */
void case_metrics_judge(const struct suite_case *suite_case, struct case_result *result);

#endif
