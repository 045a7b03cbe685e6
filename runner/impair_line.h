/* The settings on the command line of `duet impair`: an option for each of net/impair_field.h,
 * which are too many, and whose names have too many dots, for getopt(3) to be told of. Pure. */
#ifndef DUET_RUNNER_IMPAIR_LINE_H
#define DUET_RUNNER_IMPAIR_LINE_H

#include "base/error.h"
#include "net/impair_round.h"

#include <argp.h>

struct impair_line {
    struct impair_named *items; /* in the order in which they were given */
    size_t count;
};

/* Takes "--SETTING VALUE" and "--SETTING=VALUE" out of `argv`, up to a "--", and leaves the rest in
 * *argc words; the caller frees the line. A setting that is yes or no may be without its value, and
 * is then true. `own` are the names of the other options, without dashes; it ends with NULL.
 * EINVAL: an option that is neither (with the nearest), a setting without a value, one given twice;
 * and what impair_field_set gives. */
int impair_line_take(struct impair_line *line, int *argc, char **argv, const char *const own[],
                     struct error *error);
void impair_line_free(struct impair_line *line);

/* The settings as options for --help, which begin with `key` and come after the options of `own`.
 * The caller frees the array, which ends as argp(3) wants it. */
struct argp_option *impair_line_options(const struct argp_option *own, int key);

#endif
