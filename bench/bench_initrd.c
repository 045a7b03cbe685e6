/* How fast initrds are built. */
#include "base/base.h"
#include "bench/bench.h"
#include "initrd/initrd.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TREE_BYTES = 48 << 20,
    SAMPLES = 7,
    LAYER_SAMPLES = 31,
};

/* A directory that goes when the measure is done. */
struct scratch {
    char directory[32];
};

static int scratch_make(struct scratch *scratch, struct error *error)
{
    strcpy(scratch->directory, "/tmp/duet-bench-XXXXXX");
    if (!mkdtemp(scratch->directory)) {
        scratch->directory[0] = '\0';
        return error_errno(error, "cannot make a directory in /tmp");
    }
    return 0;
}

static void scratch_remove(struct scratch *scratch)
{
    if (scratch->directory[0])
        fs_remove_tree(scratch->directory, NULL);
}

#define cleanup_scratch __attribute__((cleanup(scratch_remove)))

static double milliseconds_since(uint64_t start)
{
    return (double)(clock_ns() - start) / (double)NS_PER_MS;
}

static void free_names(struct dirent ***names)
{
    free(*names);
}

/* Copies the host's libraries, in the order of their names, until there are TREE_BYTES. */
static int copy_libraries(const char *from, const char *to, struct error *error)
{
    __attribute__((cleanup(free_names))) struct dirent **names = NULL;
    int count = scandir(from, &names, NULL, alphasort);
    off_t total = 0;
    int code = 0;

    if (count < 0)
        return error_errno(error, "cannot read %s", from);
    for (int i = 0; i < count; i++) {
        cleanup_free char *source = xasprintf("%s/%s", from, names[i]->d_name);
        cleanup_free char *target = xasprintf("%s/%s", to, names[i]->d_name);
        cleanup_buffer struct buffer bytes = {0};
        struct stat info;
        bool wanted = code == 0 && total < TREE_BYTES && strstr(names[i]->d_name, ".so") &&
                      lstat(source, &info) == 0 && S_ISREG(info.st_mode);

        free(names[i]);
        if (!wanted)
            continue;
        total += info.st_size;
        code = fs_read(source, TREE_BYTES * 4ul, &bytes, error);
        if (code == 0)
            code = fs_write(target, bytes.data, bytes.length, 0644, error);
    }
    if (code == 0 && total < TREE_BYTES / 2)
        return error_set(error, ENOENT, "%s has less than %d bytes of libraries", from,
                         TREE_BYTES / 2);
    return code;
}

static int build_ours(const char *tree, const char *out, double *took_ms, struct error *error)
{
    struct initrd *initrd = initrd_new();
    uint64_t start = clock_ns();
    int code = initrd_add_tree(initrd, tree, "/", INITRD_TREE_PLAIN, error);

    if (code == 0)
        code = initrd_write(initrd, out, INITRD_LEVEL_FAST, error);
    *took_ms = milliseconds_since(start);
    initrd_free(initrd);
    return code;
}

static int build_theirs(const char *tree, const char *out, double *took_ms, struct error *error)
{
    cleanup_free char *command = xasprintf("find . | cpio --quiet -o -H newc | gzip -1 >'%s'", out);
    const char *const argv[] = {"sh", "-c", command, NULL};
    cleanup_buffer struct buffer printed = {0};
    uint64_t start = clock_ns();
    int code = process_run(argv, tree, &printed, error);

    *took_ms = milliseconds_since(start);
    if (code == 0 && printed.length > 0)
        return error_set(error, EIO, "cpio: %s", printed.data);
    return code;
}

static int against_cpio(struct error *error)
{
    cleanup_scratch struct scratch scratch = {""};
    cleanup_free char *tree = NULL, *ours = NULL, *theirs = NULL;
    double ours_ms[SAMPLES], theirs_ms[SAMPLES], ratios[SAMPLES];
    int code = scratch_make(&scratch, error);

    tree = xasprintf("%s/tree", scratch.directory);
    ours = xasprintf("%s/ours.gz", scratch.directory);
    theirs = xasprintf("%s/theirs.gz", scratch.directory);
    if (code == 0)
        code = fs_mkdirs(tree, 0755, error);
    if (code == 0)
        code = copy_libraries("/usr/lib/x86_64-linux-gnu", tree, error);
    for (int i = 0; code == 0 && i < SAMPLES; i++) {
        code = build_ours(tree, ours, &ours_ms[i], error);
        if (code == 0)
            code = build_theirs(tree, theirs, &theirs_ms[i], error);
        ratios[i] = ours_ms[i] / theirs_ms[i];
    }
    if (code == 0)
        bench_emit(&(struct bench_measure){.name = "initrd.build_vs_cpio_gzip",
                                           .value = median_of(ours_ms, SAMPLES),
                                           .unit = "ms",
                                           .n = SAMPLES,
                                           .values = ours_ms,
                                           .baseline = "cpio | gzip -1",
                                           .baseline_value = bench_median(theirs_ms, SAMPLES),
                                           .ratio = bench_median(ratios, SAMPLES),
                                           .better = "lower"});
    return code;
}

/* A layer as a case has it: a file of its own and, unless NULL, a program. */
static int build_layer(const char *program, const char *out, double *took_ms, struct error *error)
{
    static const char text[] = "{\"hostname\":\"entry\"}\n";
    struct initrd *initrd = initrd_new();
    uint64_t start = clock_ns();
    int code = initrd_add_bytes(initrd, "/etc/duet/case", text, sizeof text - 1, 0644, error);

    if (code == 0 && program)
        code = initrd_add_program(initrd, program, program, error);
    if (code == 0)
        code = initrd_write(initrd, out, INITRD_LEVEL_STORED, error);
    *took_ms = milliseconds_since(start);
    initrd_free(initrd);
    return code;
}

static int measure_layer(const char *name, const char *program, struct error *error)
{
    cleanup_scratch struct scratch scratch = {""};
    cleanup_free char *found = program ? fs_find_program(program) : NULL;
    cleanup_free char *out = NULL;
    double took_ms[LAYER_SAMPLES];
    int code = scratch_make(&scratch, error);

    if (program && !found)
        return error_set(error, ENOENT, "no %s on this machine", program);
    out = xasprintf("%s/layer.gz", scratch.directory);
    for (int i = 0; code == 0 && i < LAYER_SAMPLES; i++) {
        code = build_layer(found, out, &took_ms[i], error);
        /* Replacing a file can wait for the disk; a layer is a new file. */
        unlink(out);
    }
    if (code == 0)
        bench_emit(&(struct bench_measure){.name = name,
                                           .value = median_of(took_ms, LAYER_SAMPLES),
                                           .unit = "ms",
                                           .n = LAYER_SAMPLES,
                                           .values = took_ms,
                                           .better = "lower"});
    return code;
}

static int layer_of_a_file(struct error *error)
{
    return measure_layer("initrd.layer_ms", NULL, error);
}

static int layer_with_a_static_program(struct error *error)
{
    return measure_layer("initrd.layer_busybox_ms", "busybox", error);
}

static int layer_with_libraries(struct error *error)
{
    return measure_layer("initrd.layer_socat_ms", "socat", error);
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {
        {"initrd.build_vs_cpio_gzip", against_cpio},
        {"initrd.layer_ms", layer_of_a_file},
        {"initrd.layer_busybox_ms", layer_with_a_static_program},
        {"initrd.layer_socat_ms", layer_with_libraries},
    };

    return bench_main(argc, argv, entries, array_size(entries));
}
