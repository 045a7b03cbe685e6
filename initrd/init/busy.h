/* CPU time that the guest has used: its programs, its kernel and all interrupts. */
#ifndef DUET_INIT_BUSY_H
#define DUET_INIT_BUSY_H

#include <stdint.h>

/* `stat` is the text of /proc/stat (proc(5)) at `clock_ns`, by CLOCK_MONOTONIC. Ns of all CPUs that
 * are online, of which only the difference of two means something; 0 where the text does not say.
 *
 * It is the time in which they were not idle. A kernel with NO_HZ, which every one of duet's is,
 * measures idle time by the clock, without the interrupts that come meanwhile; what it says of
 * user, system and softirq time is sampled by its ticks instead. The text has steps of 10 ms. */
uint64_t busy_ns(const char *stat, uint64_t clock_ns);

#endif
