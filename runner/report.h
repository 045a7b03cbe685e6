/* What a run prints about its cases. */
#ifndef DUET_RUNNER_REPORT_H
#define DUET_RUNNER_REPORT_H

#include "results/results.h"
#include "runner/terminal.h"

enum { REPORT_CONSOLE_LINES = 150 };

/* One line for a case that has ended. `name_width` aligns the columns. */
void report_case(struct terminal *terminal, const struct case_result *result, int name_width);

/* Everything that helps with a case that is bad: which step on which node, expected against found,
 * the end of its outputs and of the console of `console_node` (NULL: none), and where the files
 * are, unless the result has no directory: then they will not stay. */
void report_failure(struct terminal *terminal, const struct case_result *result,
                    const char *run_directory, const char *console_node, const char *console,
                    size_t console_length);

/* "12 passed, 0 failed, 0 skipped in 61.2 s", and the run's directory. `interrupted` of the cases
 * were ended, or not begun, because the user wanted so, and are not counted as failed. */
void report_summary(struct terminal *terminal, const struct run_result *run, size_t interrupted,
                    const char *run_directory);

#endif
