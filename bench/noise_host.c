/* What the host itself tells of its noise. */
#include "bench/noise.h"

#include "base/base.h"
#include "net/random.h"

#include <dirent.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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
    mark->busy = ticks[0] + ticks[1] + ticks[2];
    mark->stolen = ticks[7];
    for (size_t i = 0; i < array_size(ticks); i++)
        mark->total += ticks[i];
}

static double seconds(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* Of the children that run, with those that they waited for: templates do so for many turns. */
static double children_s(void)
{
    DIR *processes = opendir("/proc");
    uint64_t ticks = 0;
    struct dirent *entry;

    while (processes && (entry = readdir(processes))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        struct proc_stat stat;

        if (pid > 0 && proc_stat_read(pid, &stat) && stat.parent == getpid())
            ticks += stat.ticks + stat.children_ticks;
    }
    if (processes)
        closedir(processes);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double own_s(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double sum = children_s();

    for (size_t i = 0; i < array_size(whose); i++) {
        struct rusage usage;

        if (getrusage(whose[i], &usage) == 0)
            sum += seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
    }
    return sum;
}

/* The file has kHz. */
double noise_read_frequency(const char *root)
{
    cleanup_free char *pattern = xasprintf("%s/cpu[0-9]*/cpufreq/scaling_cur_freq", root);
    double most = 0;
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        cleanup_buffer struct buffer text = {0};
        double mhz;

        if (fs_read(found.gl_pathv[i], 4096, &text, NULL) < 0 || !text.data)
            continue;
        mhz = strtod(text.data, NULL) / 1000;
        most = mhz > most ? mhz : most;
    }
    globfree(&found);
    return most;
}

void noise_mark_host(void *context, struct noise_mark *mark)
{
    const struct noise_host *host = context;
    cleanup_buffer struct buffer text = {0};

    *mark = (struct noise_mark){.own_s = host->guests_are_ours ? own_s() : 0};
    read_times(mark);
    if (fs_read("/proc/loadavg", 4096, &text, NULL) == 0 && text.data)
        mark->load = strtod(text.data, NULL);
    for (int i = 0; i < SPINS; i++) {
        double took_ms = spin_ms();

        if (i == 0 || took_ms < mark->spin_ms)
            mark->spin_ms = took_ms;
    }
    mark->frequency_mhz = noise_read_frequency("/sys/devices/system/cpu");
}
