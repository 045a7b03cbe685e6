#include "net/random.h"

uint64_t random_key(uint64_t seed, uint64_t link, unsigned direction, unsigned purpose)
{
    uint64_t key = random_mix(seed + RANDOM_GAMMA);

    /* Each word goes in between two mixes, so that (1, 2) and (2, 1) do not meet. */
    key = random_mix(key ^ (link + RANDOM_GAMMA));
    key = random_mix(key + direction * RANDOM_GAMMA + 1);
    return random_mix(key ^ (purpose * RANDOM_GAMMA));
}
