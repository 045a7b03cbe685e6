#include "initrd/init/field.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

const char *field_type(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a real number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "null";
    }
}

int field_wrong(const char *key, const json_t *value, const char *expected, struct error *error)
{
    if (!value)
        return error_set(error, EINVAL, "\"%s\" is missing; expected %s", key, expected);
    return error_set(error, EINVAL, "\"%s\" is %s; expected %s", key, field_type(value), expected);
}

int field_check_known(json_t *object, const char *const known[], struct error *error)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return error_set(error, EINVAL, "it is %s; expected an object", field_type(object));
    json_object_foreach(object, key, value)
    {
        const char *const *at = known;

        while (*at && strcmp(*at, key) != 0)
            at++;
        if (!*at)
            return error_set(error, EINVAL, "unknown field \"%s\"", key);
    }
    return 0;
}

int field_integer(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *out,
                  struct error *error)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        return field_wrong(key, value, "an integer", error);
    if (json_integer_value(value) < least || json_integer_value(value) > most)
        return error_set(error, EINVAL,
                         "\"%s\" is %" PRId64 "; %" PRId64 " to %" PRId64 " are possible", key,
                         (int64_t)json_integer_value(value), least, most);
    *out = json_integer_value(value);
    return 0;
}

int field_text(const json_t *object, const char *key, const char **out, struct error *error)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return field_wrong(key, value, "a string", error);
    if (json_string_length(value) == 0)
        return error_set(error, EINVAL, "\"%s\" is empty", key);
    *out = json_string_value(value);
    return 0;
}

int field_string(const json_t *object, const char *key, char **out, struct error *error)
{
    const char *text;
    int code = field_text(object, key, &text, error);

    if (code == 0)
        *out = xstrdup(text);
    return code;
}

int field_option(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *out,
                 struct error *error)
{
    return json_object_get(object, key) ? field_integer(object, key, least, most, out, error) : 0;
}

int field_boolean(const json_t *object, const char *key, bool *out, struct error *error)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return 0;
    if (!json_is_boolean(value))
        return field_wrong(key, value, "a boolean", error);
    *out = json_is_true(value);
    return 0;
}

int field_check_name(const char *text, const char *what, struct error *error)
{
    size_t length = strlen(text);
    bool valid = length > 0 && length <= FIELD_NAME_LONGEST;

    for (const char *at = text; valid && *at; at++)
        valid = isalnum((unsigned char)*at) || strchr("-._", *at);
    if (!valid)
        return error_set(error, EINVAL,
                         "\"%s\" is not %s: 1 to %d letters, digits, '-', '.' and '_'", text, what,
                         FIELD_NAME_LONGEST);
    return 0;
}

int field_name(const json_t *object, const char *key, const char *what, char **out,
               struct error *error)
{
    const char *text;
    int code = field_text(object, key, &text, error);

    if (code == 0)
        code = field_check_name(text, what, error);
    if (code == 0)
        *out = xstrdup(text);
    return code;
}

int field_path(const json_t *object, const char *key, char **out, struct error *error)
{
    const char *text;
    int code = field_text(object, key, &text, error);

    if (code == 0 && text[0] != '/')
        code = error_set(error, EINVAL, "\"%s\" is \"%s\"; expected an absolute path", key, text);
    if (code == 0)
        *out = xstrdup(text);
    return code;
}

int field_each(const json_t *object, const char *key, field_fn each, void *context,
               struct error *error)
{
    const json_t *list = json_object_get(object, key);

    if (list && !json_is_array(list))
        return field_wrong(key, list, "an array", error);
    for (size_t i = 0; i < json_array_size(list); i++) {
        int code = each(context, json_array_get(list, i), error);

        if (code < 0) {
            error_context(error, "\"%s\"[%zu]", key, i);
            return code;
        }
    }
    return 0;
}
