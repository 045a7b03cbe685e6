/* A run that is over, as its results.json tells of it. */
#ifndef DUET_RUNNER_PAST_RUN_H
#define DUET_RUNNER_PAST_RUN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One direction of a link. */
struct past_way {
    char *name;      /* "link entry-exit, entry to exit" */
    char *log;       /* of verdicts; the path, which may not be there any more */
    bool incomplete; /* as struct link_result's */
};

struct past_case {
    char *name;
    char *verdict, *reason; /* `reason` may be NULL */
    struct past_way *ways;  /* of which there is a log */
    size_t way_count;
};

/* Zero-initialised is empty. */
struct past_run {
    char *directory;
    char *suite;
    char *path, *digest, *kernels; /* as struct suite_file_result's: each may be NULL */
    uint64_t seed;
    struct past_case *cases;
    size_t case_count;
};

/* Reads results.json at `path`, or in the directory at `path`. The caller frees *run with
 * past_run_free in any case. EBADMSG: the file is no results.json, or has not what is needed of
 * it. */
int past_run_read(const char *path, struct past_run *run, struct error *error);
/* The case of that name, or NULL. */
const struct past_case *past_run_case(const struct past_run *run, const char *name);
/* NULL is fine. */
void past_run_free(struct past_run *run);

#endif
