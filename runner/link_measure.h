/* What a direction of a link did, for the results, and whether that is what the case asked for. */
#ifndef DUET_RUNNER_LINK_MEASURE_H
#define DUET_RUNNER_LINK_MEASURE_H

#include "net/impair_measure.h"
#include "results/results.h"
#include "runner/suite.h"

/* Fills `result`: `measure` has ended, its case allows of lateness what `limits` says. */
void link_measure_result(const struct impair_measure *measure, const struct suite_network *limits,
                         struct measured_result *result);

#endif
