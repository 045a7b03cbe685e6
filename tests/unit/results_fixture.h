/* What the writers of results make of a run. */
#ifndef DUET_TESTS_RESULTS_FIXTURE_H
#define DUET_TESTS_RESULTS_FIXTURE_H

#include "tests/unit/directory.h"

#include "results/results.h"

typedef int (*results_write_fn)(const struct run_result *run, const char *path,
                                struct error *error);

/* The text of the file, made in `directory`, that the caller frees; the run is freed. */
static inline char *results_written(const char *directory, struct run_result *run,
                                    results_write_fn write)
{
    cleanup_free char *path = xasprintf("%s/file", directory);
    struct error error;

    if (write(run, path, &error) < 0)
        fail_msg("%s", error.message);
    run_result_free(run);
    return directory_read(directory, "file");
}

#endif
