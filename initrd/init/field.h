/* The members of a JSON object, with messages that say what was found and what was expected.
 * Pure. */
#ifndef DUET_INIT_FIELD_H
#define DUET_INIT_FIELD_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* "an object", "a string", … */
const char *field_type(const json_t *value);
/* EINVAL for a member that is not there (`value` NULL) or not what `expected` says. */
int field_wrong(const char *key, const json_t *value, const char *expected, struct error *error);
/* EINVAL for what is no object, and for a member that is not in `known`, which ends with NULL. */
int field_check_known(json_t *object, const char *const known[], struct error *error);

int field_integer(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *out,
                  struct error *error);
/* A text that is not empty; it stays the object's. */
int field_text(const json_t *object, const char *key, const char **out, struct error *error);
/* The same as a copy that the caller frees. */
int field_string(const json_t *object, const char *key, char **out, struct error *error);

/* The same of a member that may be left out; *out then stays as it is. */
int field_option(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *out,
                 struct error *error);
int field_boolean(const json_t *object, const char *key, bool *out, struct error *error);

/* 1 to FIELD_NAME_LONGEST letters, digits, '-', '.' and '_', copied; "… is not WHAT". */
enum { FIELD_NAME_LONGEST = 64 };
int field_name(const json_t *object, const char *key, const char *what, char **out,
               struct error *error);
int field_check_name(const char *text, const char *what, struct error *error);
/* A copy of an absolute path. */
int field_path(const json_t *object, const char *key, char **out, struct error *error);

/* Calls `each` for the items of the array `key`, until it returns something negative, which is
 * returned. An array that is not there has none. */
typedef int (*field_fn)(void *context, json_t *item, struct error *error);
int field_each(const json_t *object, const char *key, field_fn each, void *context,
               struct error *error);

#endif
