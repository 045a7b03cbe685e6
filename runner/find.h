/* Finds suites: by name in the scenario directories, or by the path of their file. */
#ifndef DUET_RUNNER_FIND_H
#define DUET_RUNNER_FIND_H

#include "base/error.h"

#include <stddef.h>

struct found_suites {
    char **paths;
    size_t count;
};

/* The files that `names` mean: a path (with a '/' or ending in .yaml or .yml), or a name NAME for
 * NAME.yaml in ./scenarios or among duet's own. Without names: every suite in these directories.
 * ENOENT with the directories that were looked in, and the nearest name. */
int find_suites(char *const names[], size_t count, struct found_suites *found, struct error *error);
void found_suites_free(struct found_suites *found);

#endif
