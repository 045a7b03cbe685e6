/* What nodes that were forked take of the host's memory while they have nothing to do. */
#include "base/base.h"
#include "bench/bench.h"
#include "bench/pair.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    NODES = 10, /* that stand at once for fork.private_mb */
    PAIRS = 24, /* for fork.pairs_mb */
    PAIRS_SAMPLES = 10,
    TEXT_MAX = 16 << 20,
};

/* Until what the start of a node set going has come to an end. */
#define IDLE_NS (3 * NS_PER_S)
#define MB      1e6

static struct pairs pairs;

/* -- Pairs that stand -------------------------------------------------------------------------- */

struct standing {
    struct pair *pairs[PAIRS];
    size_t count;
};

static int stand_up(struct standing *standing, size_t count, bool forked, struct error *error)
{
    double seconds;
    int code = 0;

    while (standing->count < count && code == 0) {
        code = pair_prepare(&pairs, &pairs.debian, forked, &standing->pairs[standing->count],
                            &seconds, error);
        standing->count += code == 0;
    }
    return code < 0 ? code : pairs_idle(&pairs, IDLE_NS, error);
}

/* Each must still answer: its nodes do a step. */
static int lie_down(struct standing *standing, int code, struct error *error)
{
    double seconds;

    for (size_t i = 0; i < standing->count; i++) {
        if (code == 0)
            code = pair_run(standing->pairs[i], &seconds, error);
        pair_free(standing->pairs[i]);
    }
    standing->count = 0;
    return code;
}

/* -- fork.private_mb --------------------------------------------------------------------------- */

/* What a line "KEY:   N kB" of proc(5), /proc/PID/smaps, says; 0 for every other line. */
static uint64_t kib_of(const char *line, const char *key)
{
    size_t length = strlen(key);
    uint64_t kib = 0;

    if (strncmp(line, key, length) == 0)
        sscanf(line + length, ": %" SCNu64 " kB", &kib);
    return kib;
}

/* A page of the template's RAM that this process alone has mapped is private by smaps, and is the
 * template's all the same: of that file only what the process wrote is its own. */
static int private_mb(pid_t pid, bool forked, double *mb, struct error *error)
{
    cleanup_free char *path = xasprintf("/proc/%d/smaps", (int)pid);
    cleanup_buffer struct buffer text = {0};
    bool in_template = false, has_template = false;
    uint64_t kib = 0;
    char *state = NULL;
    int code = fs_read(path, TEXT_MAX, &text, error);

    if (code < 0)
        return code;
    for (char *line = strtok_r(text.data, "\n", &state); line;
         line = strtok_r(NULL, "\n", &state)) {
        if (!isupper((unsigned char)*line)) /* another mapping: its addresses come first */
            in_template = strstr(line, "/memfd:duet-ram");
        has_template = has_template || in_template;
        kib += in_template ? kib_of(line, "Anonymous")
                           : kib_of(line, "Private_Clean") + kib_of(line, "Private_Dirty");
    }
    *mb = (double)kib * 1024 / MB;
    return has_template == forked ? 0
                                  : error_set(error, EIO, "QEMU %d %s the memory of a template",
                                              (int)pid, forked ? "does not have" : "has");
}

static int sample_nodes(bool forked, double mb[static NODES], struct error *error)
{
    struct standing standing = {0};
    pid_t pids[NODES];
    int code = stand_up(&standing, NODES / 2, forked, error);

    if (code == 0 && pairs_qemus(pids, NODES) != NODES)
        code = error_set(error, EIO, "there are not %d QEMUs", NODES);
    for (size_t i = 0; i < NODES && code == 0; i++)
        code = private_mb(pids[i], forked, &mb[i], error);
    return lie_down(&standing, code, error);
}

static int measure_private(struct error *error)
{
    double forked[NODES], booted[NODES];
    struct bench_measure measure = {.name = "fork.private_mb",
                                    .unit = "MB",
                                    .n = NODES,
                                    .baseline = "a node that was booted",
                                    .better = "lower"};
    int code = pairs_open(&pairs, error);

    if (code == 0)
        code = sample_nodes(true, forked, error);
    if (code == 0)
        code = sample_nodes(false, booted, error);
    if (code < 0)
        return code;
    measure.values = forked;
    measure.value = median_of(forked, NODES);
    measure.baseline_value = bench_median(booted, NODES);
    measure.ratio = measure.value / measure.baseline_value;
    bench_emit(&measure);
    return 0;
}

/* -- fork.pairs_mb ----------------------------------------------------------------------------- */

/* proc(5): memory that can be had without swapping. */
static int available_mb(double *mb, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    const char *line;
    int code = fs_read("/proc/meminfo", TEXT_MAX, &text, error);

    if (code < 0)
        return code;
    line = strstr(text.data, "MemAvailable:");
    *mb = (double)(line ? kib_of(line, "MemAvailable") : 0) * 1024 / MB;
    return 0;
}

/* The template's memory is among what they take. */
static int sample_pairs(double *mb, struct error *error)
{
    struct standing standing = {0};
    double before = 0, after = 0;
    int code;

    pairs_drop_templates(&pairs);
    code = available_mb(&before, error);
    if (code == 0)
        code = stand_up(&standing, PAIRS, true, error);
    if (code == 0)
        code = available_mb(&after, error);
    *mb = before - after;
    return lie_down(&standing, code, error);
}

static int measure_pairs(struct error *error)
{
    double mb[PAIRS_SAMPLES];
    int code = pairs_open(&pairs, error);

    for (size_t i = 0; i < PAIRS_SAMPLES && code == 0; i++)
        code = sample_pairs(&mb[i], error);
    if (code < 0)
        return code;
    bench_emit(&(struct bench_measure){.name = "fork.pairs_mb",
                                       .value = median_of(mb, PAIRS_SAMPLES),
                                       .unit = "MB",
                                       .n = PAIRS_SAMPLES,
                                       .values = mb,
                                       .better = "lower"});
    return 0;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"fork.private_mb", measure_private},
                                                 {"fork.pairs_mb", measure_pairs}};
    int status = bench_main(argc, argv, entries, array_size(entries));

    pairs_close(&pairs);
    return status;
}
