/* How long the smoke suite takes as `duet run` runs it by itself, and with every node booted and
 * one case after the other. */
#include "base/base.h"
#include "bench/bench.h"

#include <errno.h>
#include <stdlib.h>

/* A pair of samples takes two minutes under emulation: $DUET_BENCH_SAMPLES may ask for fewer. */
enum { SAMPLES = 10, SAMPLES_MAX = 1000 };

struct suite_side {
    const char *duet, *results;
    bool cold; /* and one case after the other */
};

static int sample(void *context, double *seconds, struct error *error)
{
    const struct suite_side *side = context;
    const char *const argv[] = {side->duet,
                                "run",
                                "scenarios/smoke.yaml",
                                "--accel",
                                bench_kvm() ? "kvm" : "tcg",
                                "--results",
                                side->results,
                                side->cold ? "--cold" : NULL,
                                "--jobs=1",
                                NULL};
    cleanup_buffer struct buffer output = {0};
    uint64_t started_ns = clock_ns();
    int code = process_run(argv, NULL, &output, error);

    *seconds = (double)(clock_ns() - started_ns) / NS_PER_S;
    return code < 0 ? error_context(error, "duet run smoke") : 0;
}

static int count_samples(size_t *count, struct error *error)
{
    const char *text = getenv("DUET_BENCH_SAMPLES");
    char *end;
    long number = text ? strtol(text, &end, 10) : SAMPLES;

    if (text && (*end || number < 1 || number > SAMPLES_MAX))
        return error_set(error, EINVAL, "DUET_BENCH_SAMPLES is \"%s\"; expected 1 to %d", text,
                         SAMPLES_MAX);
    *count = (size_t)number;
    return 0;
}

static int forked_vs_cold(struct error *error)
{
    cleanup_free char *duet = bench_duet();
    cleanup_free char *directory = NULL;
    struct suite_side forked = {.duet = duet}, cold;
    struct bench_measure measure = {.name = "suite.forked_vs_cold",
                                    .unit = "s",
                                    .baseline = "duet run smoke --cold -j1",
                                    .better = "lower"};
    int code = count_samples(&measure.n, error);

    if (code == 0)
        code = bench_make_directory(&directory, error);
    if (code < 0)
        return code;
    forked.results = directory;
    cold = forked;
    cold.cold = true;
    code = bench_compare(&measure, &(struct bench_side){sample, &forked},
                         &(struct bench_side){sample, &cold}, error);
    fs_remove_tree(directory, NULL);
    return code;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"suite.forked_vs_cold", forked_vs_cold}};

    return bench_main(argc, argv, entries, array_size(entries));
}
