/* Internal to results: the JSON object of a token, of whatever kind. */
#ifndef DUET_RESULTS_TOKEN_JSON_H
#define DUET_RESULTS_TOKEN_JSON_H

#include "base/error.h"

#include <stddef.h>

struct cJSON;

enum { TOKEN_DEPTH_MAX = 32 }; /* objects and arrays inside one another */

/* Reads `text` as one JSON object of valid UTF-8: other bytes are replaced by U+FFFD. The caller
 * deletes *object. EBADMSG says what is wrong: broken JSON (NaN and infinity are none), junk behind
 * it, too deep, a key twice in an object, NUL or another control character. */
int token_json_read(const char *text, size_t length, struct cJSON **object, struct error *error);
/* *text is NULL where the object has no such key, or null there; EBADMSG where it has something
 * else. It belongs to the object. */
int token_json_text(const struct cJSON *object, const char *key, const char **text,
                    struct error *error);

#endif
