/* What reading and writing JSON with cJSON takes again and again. Memory that runs out ends the
 * program, as everywhere (base/memory.h). */
#ifndef DUET_BASE_CJSON_H
#define DUET_BASE_CJSON_H

#include "base/buffer.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/* -- Reading: of any value, also NULL, which then has no members ------------------------------- */

/* NULL where there is none. */
const cJSON *cjson_member(const cJSON *object, const char *key);
/* A text, which stays the object's; `otherwise` where there is none. */
const char *cjson_text(const cJSON *object, const char *key, const char *otherwise);
/* The same as a copy that the caller frees; NULL where there is none. */
char *cjson_copy(const cJSON *object, const char *key);
/* NaN where there is no number. */
double cjson_number(const cJSON *object, const char *key);

/* -- Writing: what is made belongs to what it is put into -------------------------------------- */

/* `value` as cJSON_Create… gave it. */
void cjson_put(cJSON *object, const char *key, cJSON *value);
cJSON *cjson_put_object(cJSON *object, const char *key);
cJSON *cjson_put_array(cJSON *object, const char *key);
/* UTF-8; NULL is null. */
void cjson_put_text(cJSON *object, const char *key, const char *text);
/* JSON has no NaN and no infinity: these are null. */
void cjson_put_number(cJSON *object, const char *key, double value);
void cjson_append(cJSON *array, cJSON *value);
cJSON *cjson_append_object(cJSON *array);
/* Appends it as a document for people, with its last line's end; prints it so. */
void cjson_write(const cJSON *value, struct buffer *out);
void cjson_print(const cJSON *value, FILE *out);

#endif
