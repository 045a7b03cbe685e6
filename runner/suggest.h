/* The known name that a mistyped one probably meant. */
#ifndef DUET_RUNNER_SUGGEST_H
#define DUET_RUNNER_SUGGEST_H

#include <stddef.h>

/* The member of `known` (NULL members are passed over) nearest to `word` by optimal string
 * alignment distance, without regard to case, where it is near enough to be offered: one edit,
 * or one for every three letters. NULL where none is. The first of equals wins. */
const char *suggest_nearest(const char *word, const char *const known[], size_t count);

/* `; did you mean "NAME"?` in `text`, or the empty string. Returns `text`. */
const char *suggest_text(const char *word, const char *const known[], size_t count, char *text,
                         size_t size);

#endif
