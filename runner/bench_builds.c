#include "runner/bench_builds.h"

#include "base/base.h"
#include "runner/bench_metric.h"
#include "runner/find.h"
#include "runner/run.h"

#include <errno.h>
#include <string.h>

static size_t count_of(const struct bench_arguments *arguments, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < arguments->set_count; i++)
        count += strcmp(arguments->sets[i].name, name) == 0;
    return count;
}

/* Which of a variable's values this is, from 0. */
static size_t ordinal_of(const struct bench_arguments *arguments, size_t index)
{
    size_t ordinal = 0;

    for (size_t i = 0; i < index; i++)
        ordinal += strcmp(arguments->sets[i].name, arguments->sets[index].name) == 0;
    return ordinal;
}

/* Variables that are set once are the same in both builds. */
static int check_sets(const struct bench_arguments *arguments, struct error *error)
{
    size_t twice = 0;

    for (size_t i = 0; i < arguments->set_count; i++) {
        const char *name = arguments->sets[i].name;
        size_t count = count_of(arguments, name);

        if (count > (arguments->interleave ? 2 : 1))
            return error_set(error, EINVAL, "--set %s: it is set %zu times%s", name, count,
                             arguments->interleave ? "" : " (--interleave compares two)");
        twice += count == 2;
    }
    if (arguments->interleave && twice == 0)
        return error_set(error, EINVAL,
                         "--interleave compares two builds: expected --set of one variable twice, "
                         "as --set bin=./old --set bin=./new");
    return 0;
}

static int load_build(struct bench_arguments *arguments, const char *path, size_t build,
                      struct bench_builds *builds, struct error *error)
{
    cleanup_free struct suite_pair *items = xcalloc(BENCH_SETS_MAX, sizeof *items);
    struct suite_pairs set = {.items = items};
    cleanup_buffer struct buffer label = {0};
    int code;

    for (size_t i = 0; i < arguments->set_count; i++) {
        const struct suite_pair *pair = &arguments->sets[i];

        if (count_of(arguments, pair->name) == 2 && ordinal_of(arguments, i) != build)
            continue;
        items[set.count++] = *pair;
        buffer_printf(&label, "%s%s=%s", label.length ? " " : "", pair->name, pair->value);
    }
    code = suite_load_set(path, arguments->kernels, &set, &builds->suites[build], error);
    if (code == 0 && label.length > 0)
        builds->labels[build] = buffer_steal(&label);
    arguments->bench.builds[build] =
        (struct bench_build){.suite = builds->suites[build], .set = builds->labels[build]};
    return code;
}

static int check_cases(const struct bench_arguments *arguments, const struct bench_builds *builds,
                       struct error *error)
{
    const struct suite *first = builds->suites[0];
    const struct suite *second = builds->suites[1];
    bool any = false;

    for (size_t i = 0; i < first->case_count; i++)
        any = any || run_selects(&first->cases[i], arguments->bench.only);
    if (!any)
        return arguments->bench.only
                   ? error_set(error, ENOENT, "%s has no case that matches \"%s\"", first->path,
                               arguments->bench.only)
                   : error_set(error, ENOENT,
                               "every case of %s is one to be chosen: with --transport",
                               first->path);
    if (second && second->case_count != first->case_count)
        return error_set(error, EINVAL, "%s has %zu cases with %s and %zu with %s", first->path,
                         first->case_count, builds->labels[0], second->case_count,
                         builds->labels[1]);
    for (size_t i = 0; i < arguments->bench.build_count; i++)
        if (run_check_selected(builds->suites[i], arguments->bench.only, error) < 0)
            return -EINVAL;
    return 0;
}

int bench_builds_load(struct bench_arguments *arguments, struct bench_builds *builds,
                      struct error *error)
{
    char *names[] = {(char *)arguments->suite};
    struct found_suites found = {0};
    bool measures = true;
    int code = check_sets(arguments, error);

    *builds = (struct bench_builds){0};
    if (code == 0)
        code = find_suites(names, 1, &found, error);
    arguments->bench.build_count = arguments->interleave ? 2 : 1;
    for (size_t i = 0; i < arguments->bench.build_count && code == 0; i++) {
        code = load_build(arguments, found.paths[0], i, builds, error);
        if (code == 0 && arguments->bench.metric)
            measures = bench_keep_metrics(builds->suites[i], arguments->bench.only,
                                          arguments->bench.metric) &&
                       measures;
    }
    found_suites_free(&found);
    if (code == 0)
        code = check_cases(arguments, builds, error);
    if (code == 0 && !measures)
        code = error_set(error, ENOENT,
                         "-m: no step of %s can have a metric that matches \"%s\" (docs/bench.md "
                         "says what a metric's name in its case is)",
                         builds->suites[0]->path, arguments->bench.metric);
    return code;
}

void bench_builds_free(struct bench_builds *builds)
{
    for (size_t i = 0; i < BENCH_BUILDS_MAX; i++) {
        suite_free(builds->suites[i]);
        free(builds->labels[i]);
    }
}
