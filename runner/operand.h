/* What `duet cp` copies from and to: a path here, "-", or CASE:NODE:/PATH. Pure. */
#ifndef DUET_RUNNER_OPERAND_H
#define DUET_RUNNER_OPERAND_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct operand {
    bool remote;
    char *text;           /* what the next two point into, in a copy; NULL where it is local */
    const char *words[2]; /* CASE and NODE, or NODE alone: as client_choose takes them */
    size_t word_count;
    const char *path; /* absolute in a node; "-": standard input or output */
};

/* A path in a node begins with one slash, and the name of a node has no slash and no colon. So the
 * first ":/" that such a name stands before, alone or behind another colon, ends it: a case may
 * have commas, slashes, globs, colons and URLs in its name, and a path colons. What begins with a
 * slash or a dot is a path here, always. `operand` points into `text` where it is local. */
void operand_parse(const char *text, struct operand *operand);
/* One of the two is in a node. EINVAL. */
int operand_check(const struct operand *from, const struct operand *to, struct error *error);
void operand_free(struct operand *operand);

/* The path of what is called as `from` is in the directory `to`: of "/a/b/" and "c/" it is "c/b".
 * NULL where `from` has no name of its own ("/", "..", "."). The caller frees it. */
char *operand_inside(const char *from, const char *to);

#endif
