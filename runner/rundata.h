/* A run's directory below the results directory, and what results.json says of the host. */
#ifndef DUET_RUNNER_RUNDATA_H
#define DUET_RUNNER_RUNDATA_H

#include "base/error.h"
#include "results/results.h"
#include "runner/session.h"

/* Makes <results>/<time>-<suite>/ (with -2, -3 … where another run has the name already). The
 * caller frees *started (ISO 8601, UTC), *path (absolute) and *shown (as `results` was given). */
int rundata_make_directory(const char *results, const char *suite, char **started, char **path,
                           char **shown, struct error *error);
/* Has <results>/latest point to the run's directory, at once. */
int rundata_point_latest(const char *results, const char *directory, struct error *error);
/* Puts a copy of the file `from` as `name` into the run's directory. It is no second link: an
 * initrd may lie in the cache, which must not change with what the user does to the results. */
int rundata_keep(const char *from, const char *directory, const char *name, struct error *error);
/* Over the name that `info` may have, and nothing else. */
void rundata_describe_kernel(const struct kernel *kernel, struct kernel_info *info);
/* `kernel` is NULL where the run ended before it had one. */
void rundata_describe_host(const struct session *session, const struct kernel *kernel,
                           struct host_info *host);

#endif
