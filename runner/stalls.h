/* When duet itself stood still: a timer that should fire every 50 ms notices what it missed.
 *
 * It does not matter to a link that duet carries whether duet was stopped, or the host had no CPU
 * for it, or it was busy with something else: nothing went through. What the host says of that
 * time is kept beside it. A host that is suspended is not noticed; CLOCK_MONOTONIC stands, too. */
#ifndef DUET_RUNNER_STALLS_H
#define DUET_RUNNER_STALLS_H

#include "base/loop.h"

#include <stddef.h>
#include <stdint.h>

#define STALL_LEAST_NS (100 * NS_PER_MS) /* shorter ones are none */

enum { STALLS_KEPT = 32 }; /* the longest */

struct stall {
    uint64_t since_ns, length_ns; /* by clock_ns */
    double cpu_s;                 /* that duet's loop computed meanwhile */
    /* Since a second before at most: what the hypervisor took from all CPUs together (`steal` of
     * proc(5)'s /proc/stat), and how long some process waited for one (/proc/pressure/cpu). Below
     * 0: the kernel does not tell. */
    double stolen_s, pressure_s;
};

struct stalls;

/* Looks out from now on. */
struct stalls *stalls_new(struct loop *loop);
/* Notices what has just ended, before its timer fires. */
void stalls_look(struct stalls *stalls);
/* In their order. */
const struct stall *stalls_items(const struct stalls *stalls, size_t *count);
/* How much of that time was stalled. */
uint64_t stalls_within_ns(const struct stalls *stalls, uint64_t from_ns, uint64_t to_ns);
/* The longest; NULL where there was none. */
const struct stall *stalls_longest(const struct stalls *stalls);
/* Looks a last time. */
void stalls_stop(struct stalls *stalls);
/* NULL is fine. */
void stalls_free(struct stalls *stalls);

#endif
