/* Finds a text in a stream of bytes that arrives in pieces, in constant memory (Knuth, Morris and
 * Pratt). Pure. */
#ifndef DUET_INIT_MATCHER_H
#define DUET_INIT_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MATCHER_TEXT_MAX = 4096 }; /* bytes */

struct matcher;

/* `text` has 1 to MATCHER_TEXT_MAX bytes and is copied. */
struct matcher *matcher_new(const char *text);
/* NULL is fine. */
void matcher_free(struct matcher *matcher);
/* Takes the next bytes; true once the text has been seen, now or before. */
bool matcher_feed(struct matcher *matcher, const void *bytes, size_t count);

#endif
