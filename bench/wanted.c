#include "bench/wanted.h"

#include "base/memory.h"

#include <string.h>

/* The measures of one setting, by duet's core and by tc netem. */
#define LOSS(share)                                                                                \
    {"fidelity.loss_" share ".duet",                                                               \
     "%",                                                                                          \
     WANTED_BY_PROGRAM,                                                                            \
     0,                                                                                            \
     "within the 99.9 % bounds",                                                                   \
     "of 100,000 packets, those that duet's core lost, of " share " % asked"},                     \
    {                                                                                              \
        "fidelity.loss_" share ".netem", "%", WANTED_NOTHING, 0, NULL, "those that tc netem lost"  \
    }
#define DELAY(name, asked)                                                                         \
    {"fidelity.delay_" name ".duet",                                                               \
     "ms",                                                                                         \
     WANTED_NOTHING,                                                                               \
     0,                                                                                            \
     NULL,                                                                                         \
     "the median delay of duet's core, of " asked " asked"},                                       \
        {"fidelity.delay_" name ".netem", "ms", WANTED_NOTHING, 0, NULL, "that of tc netem"},      \
        {"fidelity.delay_" name ".error_median",                                                   \
         "ms",                                                                                     \
         WANTED_BY_PROGRAM,                                                                        \
         0,                                                                                        \
         "no worse than netem",                                                                    \
         "how far duet's delays are off, against netem's: median"},                                \
    {                                                                                              \
        "fidelity.delay_" name ".error_p99", "ms", WANTED_BY_PROGRAM, 0, "no worse than netem",    \
            "and the 99th percentile"                                                              \
    }

static const struct wanted measures[] = {
    {"start.cold_vs_hand", "s", WANTED_RATIO_MOST, 1.25, NULL,
     "a pair from `duet run --cold` to both nodes ready, against the same two QEMUs by hand"},
    {"start.cold_debian_s", "s", WANTED_NOTHING, 0, NULL,
     "a fresh pair ready, booted with Debian's kernel, against the small one"},
    {"start.cold_small_s", "s", WANTED_NOTHING, 0, NULL, "booted with the small kernel"},
    {"start.fork_s", "s", WANTED_VALUE_MOST, 0.5, NULL, "forked from a template"},
    {"start.fork_vs_cold", "s", WANTED_RATIO_MOST, 0.25, NULL,
     "the same, against the pair that was booted with the small kernel"},
    {"start.pool_s", "s", WANTED_VALUE_MOST, 0.1, NULL,
     "from a case's start to its first step, where its pair was forked ahead"},
    {"fork.private_mb", "MB", WANTED_VALUE_MOST, 40, NULL,
     "memory of its own that an idle forked node takes, against one that was booted"},
    {"fork.pairs_mb", "MB", WANTED_VALUE_MOST, 8000, NULL, "memory of 24 forked pairs at once"},
    {"kernel.small_vs_debian", "s", WANTED_RATIO_MOST, 0.45, NULL,
     "the small kernel from QEMU's start to PID 1, against Debian's"},
    {"suite.forked_vs_cold", "s", WANTED_RATIO_MOST, 0.35, NULL,
     "`duet run smoke`, against `--cold -j1`"},
    {"soak.not_passed", "pairs", WANTED_VALUE_MOST, 0, NULL,
     "of a hundred cold pairs, two at a time, those that did not pass"},
    {"console.drain", "MB/s", WANTED_VALUE_LEAST, 500, NULL,
     "console drain with tokens recognised, 4 KiB at a time, against the ring alone"},
    {"console.drain_64k", "MB/s", WANTED_NOTHING, 0, NULL, "the same, 64 KiB at a time"},
    /* The scanner's one token is beside the ring, and Linux's VmHWM is off by some pages. */
    {"console.memory_kb", "KiB", WANTED_RATIO_MOST, 1.25, NULL,
     "memory that a flood takes, against the ring's capacity"},
    {"initrd.build_vs_cpio_gzip", "ms", WANTED_RATIO_MOST, 1, NULL,
     "an initrd of 48 MiB, against `cpio \\| gzip -1` on the same tree"},
    {"initrd.layer_ms", "ms", WANTED_VALUE_MOST, 20, NULL, "a layer of one file"},
    {"initrd.layer_busybox_ms", "ms", WANTED_NOTHING, 0, NULL, "a layer with busybox"},
    {"initrd.layer_socat_ms", "ms", WANTED_NOTHING, 0, NULL,
     "a layer with socat and its libraries"},
    {"control.ping_us", "us", WANTED_NOTHING, 0, NULL,
     "a ping over the control channel, there and back"},
    {"control.exec_ms", "ms", WANTED_NOTHING, 0, NULL,
     "EXECCMD of `true`, from the request to the exit status"},
    {"control.write_mbs", "MB/s", WANTED_NOTHING, 0, NULL, "WRITEFILE of 64 MiB"},
    {"control.read_mbs", "MB/s", WANTED_NOTHING, 0, NULL, "READFILE of 64 MiB"},
    {"control.stdout_vs_raw", "MB/s", WANTED_RATIO_LEAST, 0.7, NULL,
     "64 MiB on a command's standard output, against a raw virtio-serial port"},
    {"control.messages_s", "1/s", WANTED_VALUE_LEAST, 200000, NULL,
     "messages between host end and mock agent, against their bytes over a socket pair"},
    {"core.64_vs_copy", "Mpackets/s", WANTED_RATIO_LEAST, 0.25, NULL,
     "packets of 64 bytes through the packet core, against copying them (0.5 is the aim)"},
    {"core.1500_vs_copy", "Mpackets/s", WANTED_RATIO_LEAST, 0.5, NULL, "packets of 1500 bytes"},
    {"core.64_ns", "ns/packet", WANTED_NOTHING, 0, NULL, "what a packet of 64 bytes takes"},
    {"core.1500_ns", "ns/packet", WANTED_NOTHING, 0, NULL, "what a packet of 1500 bytes takes"},
    {"core.flows_1k", "ns/packet", WANTED_NOTHING, 0, NULL, "with 1000 flows, against 1"},
    {"core.flows_100k", "ns/packet", WANTED_NOTHING, 0, NULL, "with 100,000 flows, against 1"},
    {"core.routes_1k", "ns/packet", WANTED_NOTHING, 0, NULL, "with 1000 routes, against 1"},
    {"core.routes_100k", "ns/packet", WANTED_NOTHING, 0, NULL, "with 100,000 routes, against 1"},
    {"link.guest_vs_direct", "Mbit/s", WANTED_RATIO_LEAST, 0.6, NULL,
     "TCP through a link that a guest's core carries, against a direct one"},
    {"link.host_vs_direct", "Mbit/s", WANTED_RATIO_LEAST, 0.9, NULL,
     "through a link that duet carries on the host"},
    {"link.netem_vs_direct", "Mbit/s", WANTED_NOTHING, 0, NULL, "through the guests' own tc netem"},
    LOSS("0.1"),
    LOSS("1"),
    LOSS("10"),
    DELAY("1", "1 ms"),
    DELAY("10", "10 ms"),
    DELAY("100", "100 ms"),
    DELAY("1_jitter", "1 ms with jitter"),
    DELAY("10_jitter", "10 ms with jitter"),
    DELAY("100_jitter", "100 ms with jitter"),
    {"bench.duet_vs_hand", "Mbit/s", WANTED_RATIO_LEAST, 0.98, NULL,
     "TCP between a pair that duet has up, against the same two QEMUs by hand"},
};

const struct wanted *wanted_all(size_t *count)
{
    *count = array_size(measures);
    return measures;
}

const struct wanted *wanted_find(const char *name)
{
    for (size_t i = 0; i < array_size(measures); i++)
        if (strcmp(measures[i].name, name) == 0)
            return &measures[i];
    return NULL;
}

static bool is_of_ratio(const struct wanted *wanted)
{
    return wanted->kind == WANTED_RATIO_MOST || wanted->kind == WANTED_RATIO_LEAST;
}

static bool is_least(const struct wanted *wanted)
{
    return wanted->kind == WANTED_VALUE_LEAST || wanted->kind == WANTED_RATIO_LEAST;
}

char *wanted_text(const struct wanted *wanted)
{
    const char *sign = is_least(wanted) ? ">=" : "<=";

    if (wanted->kind == WANTED_NOTHING)
        return NULL;
    if (wanted->kind == WANTED_BY_PROGRAM)
        return xstrdup(wanted->text);
    if (is_of_ratio(wanted))
        return xasprintf("ratio %s %.10g", sign, wanted->bound);
    return xasprintf("%s %.10g %s", sign, wanted->bound, wanted->unit);
}

bool wanted_is_met(const struct wanted *wanted, double value, double ratio)
{
    double measured = is_of_ratio(wanted) ? ratio : value;

    return is_least(wanted) ? measured >= wanted->bound : measured <= wanted->bound;
}
