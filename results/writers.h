/* Result files. Each is written whole or not at all; errors are those of fs_write. */
#ifndef DUET_RESULTS_WRITERS_H
#define DUET_RESULTS_WRITERS_H

#include "base/error.h"
#include "results/model.h"

enum { RESULTS_SCHEMA = 6 }; /* version of results.json: docs/results.schema.json */

/* results.json, as docs/results.schema.json says. */
int results_write_json(const struct run_result *run, const char *path, struct error *error);
/* JUnit XML as Jenkins and GitLab read it: <failure> where the guest or its test is at fault,
 * <error> for qemu_died, invalid and error, <skipped>; each case's name is unique. */
int results_write_junit(const struct run_result *run, const char *path, struct error *error);
/* TAP version 14 (testanything.org) with a YAML diagnostic per case that is bad. */
int results_write_tap(const struct run_result *run, const char *path, struct error *error);

#endif
