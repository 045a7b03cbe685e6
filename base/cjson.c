#include "base/cjson.h"

#include "base/memory.h"

#include <math.h>

const cJSON *cjson_member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

const char *cjson_text(const cJSON *object, const char *key, const char *otherwise)
{
    const char *text = cJSON_GetStringValue(cjson_member(object, key));

    return text ? text : otherwise;
}

char *cjson_copy(const cJSON *object, const char *key)
{
    const char *text = cjson_text(object, key, NULL);

    return text ? xstrdup(text) : NULL;
}

double cjson_number(const cJSON *object, const char *key)
{
    const cJSON *number = cjson_member(object, key);

    return cJSON_IsNumber(number) ? number->valuedouble : NAN;
}

void cjson_put(cJSON *object, const char *key, cJSON *value)
{
    if (!cJSON_AddItemToObject(object, key, xchecked(value)))
        xchecked(NULL);
}

cJSON *cjson_put_object(cJSON *object, const char *key)
{
    cJSON *made = xchecked(cJSON_CreateObject());

    cjson_put(object, key, made);
    return made;
}

cJSON *cjson_put_array(cJSON *object, const char *key)
{
    cJSON *made = xchecked(cJSON_CreateArray());

    cjson_put(object, key, made);
    return made;
}

void cjson_put_text(cJSON *object, const char *key, const char *text)
{
    cjson_put(object, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void cjson_put_number(cJSON *object, const char *key, double value)
{
    cjson_put(object, key, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

void cjson_append(cJSON *array, cJSON *value)
{
    if (!cJSON_AddItemToArray(array, xchecked(value)))
        xchecked(NULL);
}

cJSON *cjson_append_object(cJSON *array)
{
    cJSON *made = xchecked(cJSON_CreateObject());

    cjson_append(array, made);
    return made;
}

void cjson_write(const cJSON *value, struct buffer *out)
{
    char *text = xchecked(cJSON_Print(value));

    buffer_append_text(out, text);
    buffer_append_text(out, "\n");
    cJSON_free(text);
}

void cjson_print(const cJSON *value, FILE *out)
{
    char *text = xchecked(cJSON_Print(value));

    fprintf(out, "%s\n", text);
    cJSON_free(text);
}
