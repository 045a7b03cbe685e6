/* YAML as a tree in which every value knows its line and column.
 *
 * What a scenario needs of YAML 1.1 and no more: one document; keys are scalars and unique; values
 * are text, whatever they look like (the reader of a value decides what it must be); anchors and
 * aliases; no explicit tags, no merge keys. The tree is bounded: bytes, depth, and nodes counted
 * after every alias has been followed, so nothing that walks it can be made to walk for ever. */
#ifndef DUET_RUNNER_YAML_H
#define DUET_RUNNER_YAML_H

#include "base/error.h"
#include "runner/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    YAML_MAX_BYTES = 1 << 20,
    YAML_MAX_NODES = 100000,
    YAML_MAX_DEPTH = 32,
    YAML_MAX_KEYS = 1024, /* of one mapping */
};

enum yaml_kind {
    YAML_SCALAR,
    YAML_LIST,
    YAML_MAP,
};

struct yaml_node {
    enum yaml_kind kind;
    unsigned line, column; /* from 1; column in characters */
    const char *text;      /* of a scalar: UTF-8 without NUL */
    bool plain;            /* a scalar without quotes */
    size_t count;          /* items of a list, pairs of a map */
    struct yaml_node **items;
    struct yaml_pair *pairs; /* in the file's order */
    size_t weight;           /* nodes in and under this one, aliases followed */
    unsigned height;         /* 1 for a scalar */
};

struct yaml_pair {
    struct yaml_node *key; /* a scalar */
    struct yaml_node *value;
};

/* Parses `length` bytes; `file` is the name for messages. The tree lives in `arena`; an aliased
 * node is there once and shared, so it is not to be changed. An empty document is EINVAL, and so
 * is every other mistake, as "FILE:LINE:COLUMN: …"; too long is EFBIG. */
int yaml_parse(const char *file, const void *bytes, size_t length, struct arena *arena,
               struct yaml_node **root, struct error *error);

/* The value of `key`, or NULL; `map` may be NULL or of another kind. */
struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);
/* An empty plain scalar, `~` or `null`. */
bool yaml_is_null(const struct yaml_node *node);
/* What a message says was found: `"text"` (cut, printable), `a list`, `a mapping` or `nothing`. */
const char *yaml_found(const struct yaml_node *node, char *text, size_t size);
/* Puts a blank in the place of every control character. */
void yaml_printable(char *text);
/* Sets `error` to "FILE:LINE:COLUMN: message"; returns -code. */
int yaml_fail(const char *file, const struct yaml_node *at, struct error *error, int code,
              const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
