/* What TCP gets through a link that duet carries on the host, without an impairment, beside what it
 * gets through one whose machines are joined directly: two links of the same two nodes, by turns.
 */
#include "base/base.h"
#include "bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 10, OUTPUT_MAX = 1 << 20 };

enum link { DIRECT, HOST, LINKS };

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
    "            for link in 0 1; do\n"
    "              iperf3 -c 10.0.$link.2 -t 3 -f k | awk -v link=$link '/receiver/ {print link, "
    "$7}'\n"
    "            done\n"
    "          done\n"
    "links:\n"
    "  - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: direct}\n"
    "  - {nodes: [a, b], subnet: 10.0.1.0/24, carrier: host}\n";

/* Of one round more, the first, which makes the machines warm and does not count. */
struct rates {
    double mbit_s[LINKS][SAMPLES + 1];
};

static int read_rates(const char *directory, struct rates *rates, struct error *error)
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
            rates->mbit_s[link][counts[link]++] = kbit_s / 1000;
    }
    if (counts[DIRECT] <= SAMPLES || counts[HOST] <= SAMPLES)
        return error_set(error, EIO, "iperf3 gave %zu and %zu figures, expected %d of each link",
                         counts[DIRECT], counts[HOST], SAMPLES + 1);
    return 0;
}

static int run(const char *directory, struct rates *rates, struct error *error)
{
    cleanup_free char *duet = bench_duet();
    cleanup_free char *path = xasprintf("%s/link.yaml", directory);
    cleanup_free char *yaml = xasprintf(suite, SAMPLES);
    const char *const argv[] = {
        duet, "run", path, "--accel", bench_kvm() ? "kvm" : "tcg", "--results", directory, NULL};
    cleanup_buffer struct buffer output = {0};
    int code = fs_write(path, yaml, strlen(yaml), 0644, error);

    if (code == 0)
        code = process_run(argv, NULL, &output, error);
    return code < 0 ? code : read_rates(directory, rates, error);
}

static void emit(const struct rates *rates)
{
    double direct[SAMPLES], host[SAMPLES], ratios[SAMPLES];
    struct bench_measure measure = {.name = "link.host_vs_direct",
                                    .unit = "Mbit/s",
                                    .n = SAMPLES,
                                    .baseline = "a link of the same nodes, joined directly",
                                    .better = "higher"};

    for (size_t i = 0; i < SAMPLES; i++) {
        direct[i] = rates->mbit_s[DIRECT][i + 1];
        host[i] = rates->mbit_s[HOST][i + 1];
        ratios[i] = host[i] / direct[i];
    }
    measure.value = bench_median(host, SAMPLES);
    measure.baseline_value = bench_median(direct, SAMPLES);
    measure.ratio = bench_median(ratios, SAMPLES);
    bench_emit(&measure);
}

static int host_vs_direct(struct error *error)
{
    char directory[] = "/tmp/duet-bench-XXXXXX";
    struct rates rates;
    int code;

    if (!mkdtemp(directory))
        return error_errno(error, "cannot make a directory like %s", directory);
    code = run(directory, &rates, error);
    if (code == 0)
        emit(&rates);
    fs_remove_tree(directory, NULL);
    return code;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"link.host_vs_direct", host_vs_direct}};

    return bench_main(argc, argv, entries, array_size(entries));
}
