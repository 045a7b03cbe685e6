/* Measures a link by the logs of what became of its packets, where somebody else carried it. */
#ifndef DUET_RUNNER_LOG_MEASURE_H
#define DUET_RUNNER_LOG_MEASURE_H

#include "net/impair_config.h"
#include "net/impair_measure.h"
#include "runner/suite.h"

#include <stdatomic.h>

/* What somebody asked of a direction meanwhile, in the order in which it came into force. */
struct log_change {
    uint64_t number; /* from this packet of data on */
    struct impair_config config;
};

/* Zero-initialised is none. */
struct log_changes {
    struct log_change *items;
    size_t count;
};

/* Adds one; the settings are copied. */
void log_changes_add(struct log_changes *changes, uint64_t number,
                     const struct impair_settings *settings);
void log_changes_free(struct log_changes *changes);

/* Reads the logs of both directions into the measures, which were made with impair_measure_init,
 * and ends these. What the link was asked is the suite's, and then `asked`, by direction; when the
 * suite's changes came is found out by the packets, as net/impair_plan.h has it. That takes seconds
 * for a long log; another thread ends it by setting *cancelled. Errors: ECANCELED, and those of
 * reading a log, with its path. */
int log_measure(const char *const logs[2], const struct suite_link *link,
                const struct log_changes asked[2], struct impair_measure *const measures[2],
                const atomic_bool *cancelled, struct error *error);

#endif
