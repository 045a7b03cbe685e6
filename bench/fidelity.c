#include "bench/fidelity.h"

#include "base/fs.h"
#include "base/memory.h"
#include "base/process.h"
#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX = 1 << 20 };

static const struct {
    const char *name, *carrier;
} sides[FIDELITY_SIDES] = {{"duet", "guest"}, {"netem", "netem"}};

const char *fidelity_side_name(enum fidelity_side side)
{
    return sides[side].name;
}

const char *fidelity_carrier(enum fidelity_side side)
{
    return sides[side].carrier;
}

void fidelity_add_link(struct buffer *yaml, unsigned number, const char *carrier,
                       const char *impair)
{
    buffer_printf(
        yaml, "  - {nodes: [a, b], subnet: 10.0.%u.0/24, carrier: %s, impair: {from: {a: %s}}}\n",
        number, carrier, impair);
}

/* How late packets are is measured here, and no cause to have none of it. */
static void add_suite(const struct fidelity *fidelity, const char *probe, struct buffer *yaml)
{
    buffer_printf(yaml,
                  "name: fidelity\n"
                  "timeout: 15m\n"
                  "network: {late: 0ms, stall: 0ms}\n"
                  "defaults:\n"
                  "  files: [{from: %s, to: /usr/bin/probe}]\n"
                  "nodes:\n"
                  "  b:\n"
                  "    background: [{name: echo, run: exec probe echo 5000, ready: udp/5000}]\n"
                  "  a:\n"
                  "    after: [b]\n"
                  "    steps: [{name: probe, run: exec probe %s}]\n",
                  probe, fidelity->command);
    fidelity->describe(yaml);
}

/* Beside this program. The caller frees it. */
static int find_probe(char **path, struct error *error)
{
    cleanup_free char *self = NULL;
    int code = fs_realpath("/proc/self/exe", &self, error);

    if (code < 0)
        return code;
    *strrchr(self, '/') = '\0';
    *path = xasprintf("%s/probe", self);
    return 0;
}

static int run_suite(const char *directory, const struct buffer *yaml, struct error *error)
{
    cleanup_free char *duet = bench_duet();
    cleanup_free char *suite = xasprintf("%s/fidelity.yaml", directory);
    const char *const argv[] = {
        duet,        "run",     suite,      "--accel", bench_kvm() ? "kvm" : "tcg",
        "--results", directory, "--jobs=1", NULL};
    cleanup_buffer struct buffer output = {0};
    int code = fs_write(suite, yaml->data, yaml->length, 0644, error);

    return code < 0 ? code : process_run(argv, NULL, &output, error);
}

int fidelity_read(const char *directory, const char *name, struct buffer *out, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/latest/%s/a/01-probe.stdout", directory, name);

    return fs_read(path, OUTPUT_MAX, out, error);
}

static int run(const struct fidelity *fidelity, struct error *error)
{
    cleanup_free char *directory = NULL;
    cleanup_buffer struct buffer yaml = {0};
    cleanup_free char *probe = NULL;
    int code = find_probe(&probe, error);

    if (code == 0)
        code = bench_make_directory(&directory, error);
    if (code < 0)
        return code;
    add_suite(fidelity, probe, &yaml);
    code = run_suite(directory, &yaml, error);
    if (code == 0)
        code = fidelity->take(directory, error);
    fs_remove_tree(directory, NULL);
    return code;
}

int fidelity_run(struct fidelity *fidelity, struct error *error)
{
    if (!fidelity->tried)
        fidelity->code = run(fidelity, &fidelity->error);
    fidelity->tried = true;
    return fidelity->code < 0 ? error_set(error, -fidelity->code, "%s", fidelity->error.message)
                              : 0;
}
