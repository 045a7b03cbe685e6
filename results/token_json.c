#include "results/token_json.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "results/scanner.h"
#include "results/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

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

int token_json_text(const cJSON *object, const char *key, const char **text, struct error *error)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);

    if (value && !cJSON_IsString(value) && !cJSON_IsNull(value))
        return error_set(error, EBADMSG, "the token's \"%s\" is not a text", key);
    *text = value && cJSON_IsString(value) ? value->valuestring : NULL;
    return 0;
}

/* What printf has for them is the usual reason why a token is no JSON. */
static bool is_not_finite(const char *text)
{
    text += *text == '-' || *text == '+';
    return strncasecmp(text, "nan", 3) == 0 || strncasecmp(text, "inf", 3) == 0;
}

static int broken(const char *text, const char *end, struct error *error)
{
    size_t at = end ? (size_t)(end - text) : 0;

    if (is_not_finite(text + at))
        return error_set(error, EBADMSG,
                         "the token has \"%.9s\" at byte %zu: a number in JSON is finite",
                         text + at, at);
    return error_set(error, EBADMSG, "the token is not JSON from byte %zu on: \"%.32s\"", at,
                     text + at);
}

int token_json_read(const char *text, size_t length, cJSON **out, struct error *error)
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
    if (!object)
        return broken(clean.data, end, error);
    if (!cJSON_IsObject(object))
        code = error_set(error, EBADMSG, "the token is JSON, but not an object");
    if (code == 0)
        code = check_keys(object, error);
    if (code == 0)
        *out = object;
    else
        cJSON_Delete(object);
    return code;
}
