/* What TCP gets through a link that somebody carries, without an impairment, beside what it gets
 * through one whose machines are joined directly: links of the same two nodes, by turns. All are
 * measured in one run, of which each measure then takes its own.
 *
 * `netem` is the kernel's way to do what `guest` does: its qdisc is on the NICs of both nodes and
 * looks at each packet, with no setting but its limit of packets, that of a link with `carrier:
 * netem`. */
#include "base/base.h"
#include "bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 10, OUTPUT_MAX = 1 << 20 };

/* Each is one link of the run: the first is what the others are compared with. */
static const struct {
    const char *carrier, *measure;
} links[] = {
    {"direct", NULL},
    {"guest", "link.guest_vs_direct"},
    {"host", "link.host_vs_direct"},
    {"netem", "link.netem_vs_direct"},
};

enum { LINKS = sizeof links / sizeof *links };

static const char suite[] =
    "name: link\n"
    "timeout: 10m\n"
    "defaults: {files: [/usr/bin/iperf3]}\n"
    "nodes:\n"
    "  b:\n"
    "    background: [{name: server, run: exec iperf3 -s, ready: tcp/5201}]\n"
    "  a:\n"
    "    after: [b]\n"
    "    steps:\n"
    "      - name: measure\n"
    "        run: |\n"
    "          for round in $(seq 0 %d); do\n"
    "            for link in $(seq 0 %d); do\n"
    "              iperf3 -c 10.0.$link.2 -t 3 -f k | awk -v link=$link '/receiver/ {print link, "
    "$7}'\n"
    "            done\n"
    "          done\n"
    "links:\n";

/* Of one round more, the first, which makes the machines warm and does not count. */
static struct {
    double mbit_s[LINKS][SAMPLES + 1];
    bool taken;
} rates;

static int read_rates(const char *directory, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/latest/link/a/01-measure.stdout", directory);
    cleanup_buffer struct buffer text = {0};
    size_t counts[LINKS] = {0};
    char *line, *rest;
    int code = fs_read(path, OUTPUT_MAX, &text, error);

    if (code < 0)
        return code;
    buffer_append(&text, "", 1);
    for (rest = text.data; (line = strsep(&rest, "\n"));) {
        unsigned link;
        double kbit_s;

        if (sscanf(line, "%u %lf", &link, &kbit_s) == 2 && link < LINKS && kbit_s > 0 &&
            counts[link] <= SAMPLES)
            rates.mbit_s[link][counts[link]++] = kbit_s / 1000;
    }
    for (size_t i = 0; i < LINKS; i++)
        if (counts[i] <= SAMPLES)
            return error_set(error, EIO, "iperf3 gave %zu figures of carrier %s, expected %d",
                             counts[i], links[i].carrier, SAMPLES + 1);
    return 0;
}

static char *make_suite(void)
{
    struct buffer out = {0};

    buffer_printf(&out, suite, SAMPLES, LINKS - 1);
    for (size_t i = 0; i < LINKS; i++)
        buffer_printf(&out, "  - {nodes: [a, b], subnet: 10.0.%zu.0/24, carrier: %s}\n", i,
                      links[i].carrier);
    return buffer_steal(&out);
}

static int run(const char *directory, struct error *error)
{
    cleanup_free char *duet = bench_duet();
    cleanup_free char *path = xasprintf("%s/link.yaml", directory);
    cleanup_free char *yaml = make_suite();
    const char *const argv[] = {
        duet, "run", path, "--accel", bench_kvm() ? "kvm" : "tcg", "--results", directory, NULL};
    cleanup_buffer struct buffer output = {0};
    int code = fs_write(path, yaml, strlen(yaml), 0644, error);

    if (code == 0)
        code = process_run(argv, NULL, &output, error);
    return code < 0 ? code : read_rates(directory, error);
}

static int take_rates(struct error *error)
{
    cleanup_free char *directory = NULL;
    int code;

    if (rates.taken)
        return 0;
    code = bench_make_directory(&directory, error);
    if (code < 0)
        return code;
    code = run(directory, error);
    fs_remove_tree(directory, NULL);
    rates.taken = code == 0;
    return code;
}

static int compare(size_t link, struct error *error)
{
    double direct[SAMPLES], carried[SAMPLES], ratios[SAMPLES];
    struct bench_measure measure = {.name = links[link].measure,
                                    .unit = "Mbit/s",
                                    .n = SAMPLES,
                                    .baseline = "a link of the same nodes, joined directly",
                                    .better = "higher"};
    int code = take_rates(error);

    if (code < 0)
        return code;
    for (size_t i = 0; i < SAMPLES; i++) {
        direct[i] = rates.mbit_s[0][i + 1];
        carried[i] = rates.mbit_s[link][i + 1];
        ratios[i] = carried[i] / direct[i];
    }
    measure.values = carried;
    measure.value = median_of(carried, SAMPLES);
    measure.baseline_value = bench_median(direct, SAMPLES);
    measure.ratio = bench_median(ratios, SAMPLES);
    bench_emit(&measure);
    return 0;
}

static int guest_vs_direct(struct error *error)
{
    return compare(1, error);
}

static int host_vs_direct(struct error *error)
{
    return compare(2, error);
}

static int netem_vs_direct(struct error *error)
{
    return compare(3, error);
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"link.guest_vs_direct", guest_vs_direct},
                                                 {"link.host_vs_direct", host_vs_direct},
                                                 {"link.netem_vs_direct", netem_vs_direct}};

    return bench_main(argc, argv, entries, array_size(entries));
}
