/* What works on the table of keys: defaults, mappings, the reference. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/memory.h"

#include <string.h>

struct section_title {
    enum section section;
    const char *title; /* of its table in the reference */
    const char *what;  /* in messages: "a key of …" */
};

static const struct section_title titles[] = {
    {IN_SUITE, "The file", "a suite"},
    {IN_CASE, "A case: `cases.NAME`", "a case"},
    {IN_MATRIX, "Beside the variables of `matrix`", "a matrix"},
    {IN_NODE, "A node: `nodes.NAME`, `defaults`", "a node"},
    {IN_STEP, "A step: an item of `steps`", "a step"},
    {IN_EXPECT, "An expectation: `expect`", "an expectation"},
    {IN_BACKGROUND, "A process: an item of `background`", "a background process"},
    {IN_READY, "A sign of readiness: `ready`, one of these", "a sign of readiness"},
    {IN_FILE, "A file: an item of `files`", "a file"},
    {IN_ROUTE, "A route: an item of `routes`", "a route"},
    {IN_LINK, "A link: an item of `links`", "a link"},
    {IN_IMPAIR, "An impairment: `impair`", "an impairment"},
    {IN_RULE, "A rule: an item of `rules`", "a rule"},
    {IN_CHANGE, "A change: an item of `changes`, beside the settings of an impairment", "a change"},
    {IN_INIT, "An init: `init`", "an init"},
    {IN_TOKENS, "Tokens: `tokens`", "tokens"},
    {IN_NETWORK, "What a network may be late: `network`", "a network's limits"},
    {IN_METRIC, "The limits of a metric: `metrics.NAME`", "a metric's limits"},
    {IN_SHRUNK, "A case of another suite: `shrunk`", "a shrunk case"},
};

static const char *section_what(enum section where)
{
    for (size_t i = 0; i < array_size(titles); i++)
        if (titles[i].section == where)
            return titles[i].what;
    return "this";
}

static const struct suite_key *find_key(enum section where, const char *name)
{
    size_t count;
    const struct suite_key *keys = suite_keys(&count);

    for (size_t i = 0; i < count; i++)
        if ((keys[i].where & where) && !strcmp(keys[i].name, name))
            return &keys[i];
    return NULL;
}

static int unknown_key(struct reader *reader, enum section where, const struct yaml_node *name)
{
    size_t count;
    const struct suite_key *keys = suite_keys(&count);
    const char **names = arena_array(reader->scratch, count, sizeof(*names));
    char suggestion[80];
    char found[80];

    for (size_t i = 0; i < count; i++)
        names[i] = keys[i].where & where ? keys[i].name : NULL;
    suggest_text(name->text, names, count, suggestion, sizeof(suggestion));
    if (!suggestion[0]) {
        cleanup_buffer struct buffer all = {0};

        for (size_t i = 0; i < count; i++)
            if (names[i])
                buffer_printf(&all, "%s%s", all.length ? ", " : "", names[i]);
        return reader_fail(reader, name, "unknown key %s in %s: expected one of %s",
                           yaml_found(name, found, sizeof(found)), section_what(where), all.data);
    }
    return reader_fail(reader, name, "unknown key %s in %s%s",
                       yaml_found(name, found, sizeof(found)), section_what(where), suggestion);
}

int section_check(struct reader *reader, enum section where, const struct yaml_node *map)
{
    size_t count;
    const struct suite_key *keys = suite_keys(&count);
    char found[80];

    if (map->kind != YAML_MAP)
        return reader_fail(reader, map, "found %s, expected the keys of %s",
                           yaml_found(map, found, sizeof(found)), section_what(where));
    for (size_t i = 0; i < map->count; i++)
        if (!find_key(where, map->pairs[i].key->text))
            return unknown_key(reader, where, map->pairs[i].key);
    for (size_t i = 0; i < count; i++)
        if ((keys[i].required & where) && !yaml_find(map, keys[i].name))
            return reader_fail(reader, map, "%s without the key \"%s\"", section_what(where),
                               keys[i].name);
    return 0;
}

static int read_value(struct reader *reader, const struct suite_key *key,
                      const struct yaml_node *value, void *target)
{
    int status = reader_resolve(reader, value, &value);

    return status ? status : key->read(reader, key, value, (char *)target + key->offset);
}

int section_read(struct reader *reader, enum section where, const struct yaml_node *map,
                 void *target)
{
    int status = section_check(reader, where, map);

    for (size_t i = 0; !status && i < map->count; i++)
        status = read_value(reader, find_key(where, map->pairs[i].key->text), map->pairs[i].value,
                            target);
    return status;
}

int section_read_one(struct reader *reader, enum section where, const struct yaml_node *map,
                     const char *name, void *target)
{
    const struct yaml_node *value = yaml_find(map, name);

    return value ? read_value(reader, find_key(where, name), value, target) : 0;
}

int section_defaults(struct reader *reader, enum section where, void *target)
{
    size_t count;
    const struct suite_key *keys = suite_keys(&count);

    for (size_t i = 0; i < count; i++) {
        struct yaml_node value = {.kind = YAML_SCALAR, .line = 1, .column = 1};
        int status;

        if (!(keys[i].where & where) || !keys[i].fallback)
            continue;
        value.text = keys[i].fallback;
        status = keys[i].read(reader, &keys[i], &value, (char *)target + keys[i].offset);
        if (status)
            return status;
    }
    return 0;
}

static void describe_key(const struct suite_key *key, enum section where, struct buffer *out)
{
    const char *fallback = key->fallback;

    buffer_printf(out, "| `%s` | %s", key->name, key->type);
    if (key->least && key->most)
        buffer_printf(out, ", %s to %s", key->least, key->most);
    else if (key->least)
        buffer_printf(out, ", at least %s", key->least);
    buffer_printf(out, " | %s | ", key->unit ? key->unit : "");
    if (key->required & where)
        buffer_append_text(out, "required");
    else if (fallback)
        buffer_printf(out, "`%s%s%s`", *fallback && !strchr(fallback, ' ') ? "" : "\"", fallback,
                      *fallback && !strchr(fallback, ' ') ? "" : "\"");
    buffer_printf(out, " | `%s` | %s |\n", key->example, key->summary);
}

void suite_describe_keys(struct buffer *out)
{
    size_t count;
    const struct suite_key *keys = suite_keys(&count);

    for (size_t i = 0; i < array_size(titles); i++) {
        buffer_printf(out,
                      "%s### %s\n\n"
                      "| Key | Type | Unit | Default | Example | Meaning |\n"
                      "| --- | --- | --- | --- | --- | --- |\n",
                      i ? "\n" : "", titles[i].title);
        if (titles[i].section == IN_IMPAIR || titles[i].section == IN_RULE)
            settings_describe(titles[i].section, out);
        for (size_t j = 0; j < count; j++)
            if (keys[j].where & titles[i].section)
                describe_key(&keys[j], titles[i].section, out);
    }
}
