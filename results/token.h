/* Result tokens: the JSON text after `DUET_RESULT: `. */
#ifndef DUET_RESULTS_TOKEN_H
#define DUET_RESULTS_TOKEN_H

#include "base/error.h"
#include "results/token_json.h"
#include "results/verdict.h"

#include <stddef.h>

struct cJSON;

/* Zero-initialised is empty and may be freed. All texts are valid UTF-8. */
struct result_token {
    enum verdict verdict;  /* passed, failed, skipped or error: all that a guest may say */
    char *reason;          /* NULL where the token has none */
    struct cJSON *details; /* any JSON value; NULL where the token has none */
};

/* Reads the token `text`: a JSON object with "verdict" and, as the guest likes, "reason" (text),
 * "case" and "node" (texts that must be these), "details" (anything) and keys that are ignored.
 * "error", which says that init could not do its job, needs a reason. `case_name` and `node_name`
 * may be NULL: then the token may say anything. Bytes that are not UTF-8 are replaced by U+FFFD.
 * The caller frees *token.
 *
 * Errors: EBADMSG, with what was found and what was expected, for anything but that: broken JSON,
 * junk behind it, nesting deeper than TOKEN_DEPTH_MAX, a key twice in an object, NUL or another
 * control character, a verdict that is not the guest's to give, another case's or node's name. */
int token_parse(const char *text, size_t length, const char *case_name, const char *node_name,
                struct result_token *token, struct error *error);
/* Frees what the token holds; NULL is fine. */
void result_token_free(struct result_token *token);

#endif
