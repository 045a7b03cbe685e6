/* Measures a link by the logs of what became of its packets, where somebody else carried it. */
#ifndef DUET_RUNNER_LOG_MEASURE_H
#define DUET_RUNNER_LOG_MEASURE_H

#include "net/impair_measure.h"
#include "runner/suite.h"

/* Reads the logs of both directions into the measures, which were made with impair_measure_init,
 * and ends these. What the link was asked is the suite's; when its changes came is found out by the
 * packets, as net/impair_plan.h has it. An error is one of reading a log, with its path. */
int log_measure(const char *const logs[2], const struct suite_link *link,
                struct impair_measure *const measures[2], struct error *error);

#endif
