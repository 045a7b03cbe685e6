/* The seed of a run: what packets meet depends on it. */
#ifndef DUET_RUNNER_SEED_H
#define DUET_RUNNER_SEED_H

#include "runner/suite.h"

/* One that nobody has chosen. */
uint64_t seed_random(void);
/* `seed` where the user gives it, and where the suite's file says none; else the file's. */
uint64_t seed_for(const struct suite *suite, bool given, uint64_t seed);

#endif
