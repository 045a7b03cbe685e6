/* How much else the host does while something is measured. */
#ifndef DUET_BENCH_NOISE_H
#define DUET_BENCH_NOISE_H

#include <stdbool.h>
#include <stdint.h>

/* What is looked at before and after. What the kernel does not tell is 0. */
struct noise_mark {
    uint64_t busy, stolen, total; /* of all processors' time, in the kernel's ticks */
    double own_s;   /* processor time of this process, its children, and those that it waited for */
    double load;    /* of the last minute: proc(5), loadavg */
    double spin_ms; /* what the calibrated spin took: at its quickest of a few */
    double frequency_mhz; /* of the fastest processor, right behind the spin */
};

/* The best that was ever seen: what others are held against. Zero-initialised is nothing. */
struct noise_calm {
    double spin_ms, frequency_mhz;
};

/* While something was measured. */
struct noise {
    double stolen;   /* share of all processors' time that a hypervisor took */
    double others;   /* likewise, that other processes of this machine had; 0: not known */
    double slowdown; /* of the slower one of both spins, against the quickest */
    double clock; /* the slower one of both frequencies, as a share of the fastest; 1: not known */
};

#define NOISE_STOLEN_MAX   0.02
#define NOISE_OTHERS_MAX   0.10
#define NOISE_SLOWDOWN_MAX 1.10
#define NOISE_CLOCK_MIN    0.90

/* Where marks come from: the host, or a test. */
struct noise_source {
    void (*mark)(void *context, struct noise_mark *mark);
    void *context;
};

struct noise_host {
    bool guests_are_ours; /* QEMUs are children of this process; else own_s is 0 */
};
/* Takes some 20 ms of one processor. `context` is a struct noise_host. */
void noise_mark_host(void *context, struct noise_mark *mark);
/* Of the fastest of the processors below `root`, which is /sys/devices/system/cpu (the kernel's
 * admin-guide/pm/cpufreq.rst), in MHz; 0 where that has none, as in most virtual machines. */
double noise_read_frequency(const char *root);

void noise_note(struct noise_calm *calm, const struct noise_mark *mark);
struct noise noise_between(const struct noise_mark *before, const struct noise_mark *after,
                           const struct noise_calm *calm);
/* For people: why what was measured is in doubt; NULL where it is not. */
const char *noise_reason(const struct noise *noise);

#endif
