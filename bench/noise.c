#include "bench/noise.h"

#include "base/base.h"
#include "net/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SPINS = 4, SPIN_ROUNDS = 1 << 20 };

/* The same work every time: it takes longer where a processor is slower, or shared. */
static double spin_ms(void)
{
    uint64_t started_ns = clock_ns();
    volatile uint64_t sink = started_ns;

    for (uint64_t i = 0; i < SPIN_ROUNDS; i++)
        sink = random_mix(sink + i);
    return (double)(clock_ns() - started_ns) / NS_PER_MS;
}

/* proc(5), /proc/stat: user nice system idle iowait irq softirq steal; what is a guest's is in user
 * already. */
static void read_times(struct noise_mark *mark)
{
    cleanup_buffer struct buffer text = {0};
    uint64_t ticks[8] = {0};

    if (fs_read("/proc/stat", 1 << 24, &text, NULL) < 0 ||
        sscanf(text.data,
               "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64,
               &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6],
               &ticks[7]) != 8)
        return;
    mark->stolen = ticks[7];
    for (size_t i = 0; i < array_size(ticks); i++)
        mark->total += ticks[i];
}

void noise_mark(struct noise_mark *mark)
{
    cleanup_buffer struct buffer text = {0};

    *mark = (struct noise_mark){0};
    read_times(mark);
    if (fs_read("/proc/loadavg", 4096, &text, NULL) == 0 && text.data)
        mark->load = strtod(text.data, NULL);
    for (int i = 0; i < SPINS; i++) {
        double took_ms = spin_ms();

        if (i == 0 || took_ms < mark->spin_ms)
            mark->spin_ms = took_ms;
    }
}

struct noise noise_between(const struct noise_mark *before, const struct noise_mark *after,
                           double quickest_ms)
{
    double slower = before->spin_ms > after->spin_ms ? before->spin_ms : after->spin_ms;
    struct noise noise = {.slowdown = quickest_ms > 0 ? slower / quickest_ms : 1};

    if (after->total > before->total && after->stolen >= before->stolen)
        noise.stolen =
            (double)(after->stolen - before->stolen) / (double)(after->total - before->total);
    return noise;
}

const char *noise_reason(const struct noise *noise)
{
    if (noise->stolen > NOISE_STOLEN_MAX)
        return "another guest of the hypervisor took processor time";
    if (noise->slowdown > NOISE_SLOWDOWN_MAX)
        return "a calibrated spin beside it was slower than usual";
    return NULL;
}
