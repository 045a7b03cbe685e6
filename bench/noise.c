#include "bench/noise.h"

#include <stddef.h>
#include <unistd.h>

void noise_note(struct noise_calm *calm, const struct noise_mark *mark)
{
    if (calm->spin_ms == 0 || mark->spin_ms < calm->spin_ms)
        calm->spin_ms = mark->spin_ms;
    if (mark->frequency_mhz > calm->frequency_mhz)
        calm->frequency_mhz = mark->frequency_mhz;
}

/* What of the time in which processors were busy was nobody's of ours. */
static double others_between(const struct noise_mark *before, const struct noise_mark *after)
{
    double ticks_s = (double)sysconf(_SC_CLK_TCK);
    double busy_s = (double)(after->busy - before->busy) / ticks_s;
    double total_s = (double)(after->total - before->total) / ticks_s;
    double others_s = busy_s - (after->own_s - before->own_s);

    return before->own_s > 0 && others_s > 0 ? others_s / total_s : 0;
}

struct noise noise_between(const struct noise_mark *before, const struct noise_mark *after,
                           const struct noise_calm *calm)
{
    double spin_ms = before->spin_ms > after->spin_ms ? before->spin_ms : after->spin_ms;
    double mhz =
        before->frequency_mhz < after->frequency_mhz ? before->frequency_mhz : after->frequency_mhz;
    struct noise noise = {.slowdown = calm->spin_ms > 0 ? spin_ms / calm->spin_ms : 1,
                          .clock =
                              mhz > 0 && calm->frequency_mhz > 0 ? mhz / calm->frequency_mhz : 1};

    if (after->total <= before->total)
        return noise;
    if (after->stolen >= before->stolen)
        noise.stolen =
            (double)(after->stolen - before->stolen) / (double)(after->total - before->total);
    if (after->busy >= before->busy)
        noise.others = others_between(before, after);
    return noise;
}

const char *noise_reason(const struct noise *noise)
{
    if (noise->stolen > NOISE_STOLEN_MAX)
        return "another guest of the hypervisor took processor time";
    if (noise->others > NOISE_OTHERS_MAX)
        return "other processes took processor time";
    if (noise->clock < NOISE_CLOCK_MIN)
        return "the processors' clock was slower than at other times";
    if (noise->slowdown > NOISE_SLOWDOWN_MAX)
        return "a calibrated spin beside it was slower than usual";
    return NULL;
}
