#include "results/token.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "results/scanner.h"
#include "results/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

/* cJSON recurses as deep as its input nests, takes any control character for white space, and
 * ends a string at an escaped NUL ("passed\u0000 not" would be "passed"): all that is refused
 * before cJSON sees it. */
static int check_bytes(const char *text, size_t length, struct error *error)
{
    bool in_string = false;
    int depth = 0;

    for (size_t at = 0; at < length; at++) {
        unsigned char c = (unsigned char)text[at];

        if (c < 0x20 && (in_string || (c != '\t' && c != '\r')))
            return error_set(error, EBADMSG, "the token holds the control character 0x%02x", c);
        if (c == '"') {
            in_string = !in_string;
        } else if (in_string && c == '\\') {
            if (length - at > 5 && memcmp(text + at + 1, "u0000", 5) == 0)
                return error_set(error, EBADMSG, "the token holds an escaped NUL");
            at++;
        } else if (!in_string && (c == '{' || c == '[')) {
            if (++depth > TOKEN_DEPTH_MAX)
                return error_set(error, EBADMSG, "the token nests deeper than %d", TOKEN_DEPTH_MAX);
        } else if (!in_string && (c == '}' || c == ']')) {
            depth--;
        }
    }
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Looks through `value` and all in it; sorts, so that a guest cannot make it slow. */
static int check_keys(const cJSON *value, struct error *error)
{
    cleanup_free const char **keys = NULL;
    const cJSON *child;
    size_t count = 0;

    cJSON_ArrayForEach(child, value)
    {
        int code = check_keys(child, error);

        if (code < 0)
            return code;
        count++;
    }
    if (!cJSON_IsObject(value) || count < 2)
        return 0;
    keys = xreallocarray(NULL, count, sizeof *keys);
    count = 0;
    cJSON_ArrayForEach(child, value) keys[count++] = child->string;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            return error_set(error, EBADMSG, "the token has the key \"%.64s\" twice", keys[i]);
    return 0;
}

/* *text is NULL where the object has no such key, or null there. */
static int get_text(const cJSON *object, const char *key, const char **text, struct error *error)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);

    if (value && !cJSON_IsString(value) && !cJSON_IsNull(value))
        return error_set(error, EBADMSG, "the token's \"%s\" is not a text", key);
    *text = value && cJSON_IsString(value) ? value->valuestring : NULL;
    return 0;
}

static int check_name(const cJSON *object, const char *key, const char *expected,
                      struct error *error)
{
    const char *said = NULL;
    int code = get_text(object, key, &said, error);

    if (code < 0 || !said || !expected || strcmp(said, expected) == 0)
        return code;
    return error_set(error, EBADMSG, "the token says %s \"%.128s\", this is %s \"%s\"", key, said,
                     key, expected);
}

static int read_verdict(const cJSON *object, enum verdict *verdict, const char **reason,
                        struct error *error)
{
    const char *name = NULL;
    int code = get_text(object, "verdict", &name, error);

    if (code == 0)
        code = get_text(object, "reason", reason, error);
    if (code < 0)
        return code;
    if (!name)
        return error_set(error, EBADMSG, "the token has no \"verdict\"");
    if (!verdict_from_name(name, verdict) ||
        (*verdict != VERDICT_PASSED && *verdict != VERDICT_FAILED && *verdict != VERDICT_SKIPPED &&
         *verdict != VERDICT_ERROR))
        return error_set(error, EBADMSG,
                         "the token's verdict is \"%.64s\"; a guest may say passed, failed, "
                         "skipped or error",
                         name);
    if (*verdict == VERDICT_ERROR && (!*reason || !**reason))
        return error_set(error, EBADMSG, "the token's verdict is \"error\" and it gives no reason");
    return 0;
}

static int read_object(cJSON *object, const char *case_name, const char *node_name,
                       struct result_token *token, struct error *error)
{
    enum verdict verdict = VERDICT_ERROR;
    const char *reason = NULL;
    int code;

    if (!cJSON_IsObject(object))
        return error_set(error, EBADMSG, "the token is JSON, but not an object");
    code = check_keys(object, error);
    if (code == 0)
        code = check_name(object, "case", case_name, error);
    if (code == 0)
        code = check_name(object, "node", node_name, error);
    if (code == 0)
        code = read_verdict(object, &verdict, &reason, error);
    if (code < 0)
        return code;
    *token = (struct result_token){
        .verdict = verdict,
        .reason = reason ? xstrdup(reason) : NULL,
        .details = cJSON_DetachItemFromObjectCaseSensitive(object, "details"),
    };
    return 0;
}

int token_parse(const char *text, size_t length, const char *case_name, const char *node_name,
                struct result_token *token, struct error *error)
{
    cleanup_buffer struct buffer clean = {0};
    const char *end = NULL;
    cJSON *object;
    int code;

    if (length > SCANNER_TOKEN_MAX)
        return error_set(error, EBADMSG, "the token has %zu bytes; at most %d are read", length,
                         SCANNER_TOKEN_MAX);
    code = check_bytes(text, length, error);
    if (code < 0)
        return code;
    text_utf8(&clean, text, length);
    object = cJSON_ParseWithOpts(clean.data, &end, true);
    if (!object) {
        size_t at = end ? (size_t)(end - clean.data) : 0;

        return error_set(error, EBADMSG, "the token is not JSON from byte %zu on: \"%.32s\"", at,
                         clean.data + at);
    }
    code = read_object(object, case_name, node_name, token, error);
    cJSON_Delete(object);
    return code;
}

void result_token_free(struct result_token *token)
{
    if (!token)
        return;
    free(token->reason);
    cJSON_Delete(token->details);
    *token = (struct result_token){0};
}
