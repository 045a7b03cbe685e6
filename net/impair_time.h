/* Sums of times that end at the last moment there is, where a wrong clock or an endless wait would
 * take them past it. */
#ifndef DUET_NET_IMPAIR_TIME_H
#define DUET_NET_IMPAIR_TIME_H

#include <stdint.h>

#define IMPAIR_NEVER UINT64_MAX

static inline uint64_t impair_later(uint64_t ns, uint64_t more_ns)
{
    return ns < IMPAIR_NEVER - 1 - more_ns && more_ns < IMPAIR_NEVER - 1 ? ns + more_ns
                                                                         : IMPAIR_NEVER - 1;
}

#endif
