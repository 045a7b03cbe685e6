#include "runner/seed.h"

#include "base/base.h"

#include <sys/random.h>

uint64_t seed_random(void)
{
    uint64_t seed;

    return getrandom(&seed, sizeof seed, 0) == sizeof seed ? seed : clock_ns();
}

uint64_t seed_for(const struct suite *suite, bool given, uint64_t seed)
{
    return suite->has_seed && !given ? suite->seed : seed;
}
