/* How much else the host does while something is measured. */
#ifndef DUET_BENCH_NOISE_H
#define DUET_BENCH_NOISE_H

#include <stdint.h>

/* What is looked at before and after. */
struct noise_mark {
    uint64_t stolen, total; /* of all processors' time, in the kernel's ticks */
    double load;            /* of the last minute: proc(5), loadavg */
    double spin_ms;         /* what the calibrated spin took: at its quickest of a few */
};

struct noise {
    double stolen;   /* share */
    double slowdown; /* of the slower of both spins, against `quickest_ms` */
};

#define NOISE_STOLEN_MAX   0.02
#define NOISE_SLOWDOWN_MAX 1.10

/* Takes some 20 ms of one processor. What the kernel does not tell is 0. */
void noise_mark(struct noise_mark *mark);
/* `quickest_ms`: the quickest spin that was ever seen. */
struct noise noise_between(const struct noise_mark *before, const struct noise_mark *after,
                           double quickest_ms);
/* For people: why what was measured is in doubt; NULL where it is not. */
const char *noise_reason(const struct noise *noise);

#endif
