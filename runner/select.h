/* How a user names one of many cases. */
#ifndef DUET_RUNNER_SELECT_H
#define DUET_RUNNER_SELECT_H

#include <stdbool.h>

/* Whether `wanted` is the case's name, or a glob(7) that matches it or one of the parts between its
 * commas. A name may have brackets ("server=[fd00::1]"), which a glob would read otherwise. */
bool select_name(const char *name, const char *wanted);

#endif
