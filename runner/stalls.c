#include "runner/stalls.h"

#include "base/fs.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS    (50 * NS_PER_MS)
#define PRESENT_NS NS_PER_S /* what the host says is asked for so often */

/* What the host counts, from any time on. */
struct host_times {
    double stolen_s, pressure_s;
};

struct stalls {
    struct timer *timer;
    uint64_t next_ns; /* when the timer should fire */
    double cpu_s;     /* of the loop's thread, at the last look */
    uint64_t asked_ns;
    struct host_times host;
    struct stall items[STALLS_KEPT];
    size_t count;
};

/* -- What the host says ------------------------------------------------------------------------ */

static double thread_cpu_s(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / NS_PER_S;
}

/* The first line of /proc/stat: "cpu" and times in ticks, the eighth of which is `steal`. */
static double stolen_s(void)
{
    cleanup_buffer struct buffer text = {0};
    unsigned long long ticks;

    if (fs_read("/proc/stat", 1 << 22, &text, NULL) < 0 ||
        sscanf(text.data, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) != 1)
        return -1;
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345", in microseconds. */
static double pressure_s(void)
{
    cleanup_buffer struct buffer text = {0};
    unsigned long long total_us;
    const char *total;

    if (fs_read("/proc/pressure/cpu", 1 << 12, &text, NULL) < 0)
        return -1;
    total = strstr(text.data, "total=");
    if (!total || sscanf(total, "total=%llu", &total_us) != 1)
        return -1;
    return (double)total_us / 1e6;
}

static struct host_times ask_host(void)
{
    return (struct host_times){.stolen_s = stolen_s(), .pressure_s = pressure_s()};
}

static double since(double before, double now)
{
    return before < 0 || now < before ? -1 : now - before;
}

/* -- Stalls ------------------------------------------------------------------------------------ */

/* Makes room by the shortest, if that is shorter. */
static void keep(struct stalls *stalls, const struct stall *stall)
{
    size_t shortest = 0;

    if (stalls->count == STALLS_KEPT) {
        for (size_t i = 1; i < stalls->count; i++)
            if (stalls->items[i].length_ns < stalls->items[shortest].length_ns)
                shortest = i;
        if (stalls->items[shortest].length_ns >= stall->length_ns)
            return;
        stalls->count--;
        memmove(&stalls->items[shortest], &stalls->items[shortest + 1],
                (stalls->count - shortest) * sizeof stalls->items[0]);
    }
    stalls->items[stalls->count++] = *stall;
}

static void note(struct stalls *stalls, uint64_t now_ns, double cpu_s)
{
    struct host_times host = ask_host();
    struct stall stall = {.since_ns = stalls->next_ns,
                          .length_ns = now_ns - stalls->next_ns,
                          .cpu_s = cpu_s - stalls->cpu_s,
                          .stolen_s = since(stalls->host.stolen_s, host.stolen_s),
                          .pressure_s = since(stalls->host.pressure_s, host.pressure_s)};

    keep(stalls, &stall);
    stalls->host = host;
    stalls->asked_ns = now_ns;
}

void stalls_look(struct stalls *stalls)
{
    uint64_t now_ns = clock_ns();
    double cpu_s;

    if (now_ns < stalls->next_ns)
        return;
    cpu_s = thread_cpu_s();
    if (now_ns - stalls->next_ns >= STALL_LEAST_NS) {
        note(stalls, now_ns, cpu_s);
    } else if (now_ns - stalls->asked_ns >= PRESENT_NS) {
        stalls->host = ask_host();
        stalls->asked_ns = now_ns;
    }
    stalls->cpu_s = cpu_s;
    stalls->next_ns = now_ns + TICK_NS;
    timer_start(stalls->timer, TICK_NS);
}

static void on_tick(void *context)
{
    stalls_look(context);
}

struct stalls *stalls_new(struct loop *loop)
{
    struct stalls *stalls = xcalloc(1, sizeof *stalls);

    stalls->timer = loop_timer(loop, on_tick, stalls);
    stalls->cpu_s = thread_cpu_s();
    stalls->host = ask_host();
    stalls->asked_ns = clock_ns();
    stalls->next_ns = stalls->asked_ns + TICK_NS;
    timer_start(stalls->timer, TICK_NS);
    return stalls;
}

const struct stall *stalls_items(const struct stalls *stalls, size_t *count)
{
    *count = stalls->count;
    return stalls->items;
}

uint64_t stalls_within_ns(const struct stalls *stalls, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < stalls->count; i++) {
        uint64_t begin = stalls->items[i].since_ns, end = begin + stalls->items[i].length_ns;

        begin = begin > from_ns ? begin : from_ns;
        end = end < to_ns ? end : to_ns;
        sum += end > begin ? end - begin : 0;
    }
    return sum;
}

const struct stall *stalls_longest(const struct stalls *stalls)
{
    const struct stall *longest = NULL;

    for (size_t i = 0; i < stalls->count; i++)
        if (!longest || stalls->items[i].length_ns > longest->length_ns)
            longest = &stalls->items[i];
    return longest;
}

void stalls_stop(struct stalls *stalls)
{
    stalls_look(stalls);
    timer_stop(stalls->timer);
}

void stalls_free(struct stalls *stalls)
{
    if (!stalls)
        return;
    timer_free(stalls->timer);
    free(stalls);
}
