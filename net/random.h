/* The seeded generator of one direction of one link, by index: no state, so that a draw depends on
 * its key and its index alone, however many others were made before it.
 *
 * It is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014)
 * whose n-th output is computed directly. Each purpose has a key of its own: switching one
 * decision on or off moves no other's draws. */
#ifndef DUET_NET_RANDOM_H
#define DUET_NET_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define RANDOM_GAMMA UINT64_C(0x9e3779b97f4a7c15)

/* One whole, as shares are counted: parts per thousand million. */
#define RANDOM_PPB UINT32_C(1000000000)

/* The key of one purpose's draws. Two that differ in anything are unrelated. */
uint64_t random_key(uint64_t seed, uint64_t link, unsigned direction, unsigned purpose);

/* A bijection of 64 bits: Stafford's variant 13, SplitMix64's output function. */
static inline uint64_t random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Output `index`, from 0, of SplitMix64 with the seed `key`. */
static inline uint64_t random_at(uint64_t key, uint64_t index)
{
    return random_mix(key + (index + 1) * RANDOM_GAMMA);
}

/* What random_chance compares with. `ppb` is at most RANDOM_PPB, which is always. */
static inline uint64_t random_threshold(uint32_t ppb)
{
    return (uint64_t)(((unsigned __int128)ppb << 63) / RANDOM_PPB);
}

/* True for the share of draws that `threshold` was made of, exact to 2^-63. */
static inline bool random_chance(uint64_t draw, uint64_t threshold)
{
    return draw >> 1 < threshold;
}

/* 0 to bound - 1, each as likely as the others to within bound / 2^64. 0 for a bound of 0. */
static inline uint64_t random_below(uint64_t draw, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)draw * bound) >> 64);
}

#endif
