/* What earlier runs of a suite tell about how long its cases take. */
#ifndef DUET_RUNNER_HISTORY_H
#define DUET_RUNNER_HISTORY_H

#include <stddef.h>

/* Fills durations[i] with the seconds that the case names[i] took in the newest run of `suite`
 * below the directory `results` that ran it; -1 where no run of late tells. A results.json that is
 * missing or strange tells nothing. */
void history_durations(const char *results, const char *suite, const char *const names[],
                       size_t count, double *durations);

#endif
