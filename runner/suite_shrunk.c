/* A scenario that is a case of another one, with other impairments: what `duet shrink` writes. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/memory.h"
#include "base/units.h"

#include <string.h>

int read_seed(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    struct shrunk_build *build = field;
    const char *text;
    int status = reader_text(reader, value, key->name, &text);

    if (status)
        return status;
    build->has_seed = true;
    if (units_count(text, &build->seed, reader->error) == 0)
        return 0;
    return reader_context(reader, value, key->name);
}

/* -- The case ---------------------------------------------------------------------------------- */

static int find_case(struct reader *reader, const struct yaml_node *map, const char *name,
                     struct suite *suite)
{
    const char **names = arena_array(reader->scratch, suite->case_count, sizeof(*names));
    char suggestion[128];

    for (size_t i = 0; i < suite->case_count; i++) {
        names[i] = suite->cases[i].name;
        if (strcmp(names[i], name))
            continue;
        suite->cases += i;
        suite->case_count = 1;
        /* It is all that this file has, so the file is run as others are, named or not. */
        suite->is_explicit = suite->cases->is_explicit = false;
        return 0;
    }
    return reader_fail(
        reader, yaml_find(map, "case"), "case: %s has no case \"%.64s\"%s", suite->path, name,
        suggest_text(name, names, suite->case_count, suggestion, sizeof(suggestion)));
}

/* The nodes of a case that was read, as the reader of `from` wants them. */
static const struct yaml_node *nodes_of(struct reader *reader, const struct suite_case *built)
{
    struct yaml_node *map = arena_alloc(reader->scratch, sizeof(*map));

    *map = (struct yaml_node){.kind = YAML_MAP, .count = built->node_count};
    map->pairs = arena_array(reader->scratch, map->count, sizeof(*map->pairs));
    for (size_t i = 0; i < map->count; i++) {
        struct yaml_node *key = arena_alloc(reader->scratch, sizeof(*key));

        *key = (struct yaml_node){.kind = YAML_SCALAR, .text = built->nodes[i].name};
        map->pairs[i] = (struct yaml_pair){.key = key, .value = key};
    }
    return map;
}

static struct suite_link *find_link(const struct suite_case *built, const char *name)
{
    for (size_t i = 0; i < built->link_count; i++)
        if (!strcmp(built->links[i].name, name))
            return &built->links[i];
    return NULL;
}

/* Changes that are not named stay. */
static int read_link(struct reader *reader, const struct suite_case *built,
                     const struct yaml_pair *pair)
{
    struct suite_link *link = find_link(built, pair->key->text);
    struct impair_plan changes;
    int status;

    if (!link)
        return reader_fail(reader, pair->key, "impair: the case has no link \"%.64s\"",
                           pair->key->text);
    changes = link->changes;
    status = suite_read_impair(reader, pair->value, link);
    if (!yaml_find(pair->value, "changes"))
        link->changes = changes;
    return status;
}

static int read_links(struct reader *reader, struct suite_case *built,
                      const struct yaml_node *impair)
{
    int status = reader_map(reader, impair, "impair", "links and impairments");

    reader->nodes = nodes_of(reader, built);
    reader->built = built;
    for (size_t i = 0; !status && i < impair->count; i++)
        status = read_link(reader, built, &impair->pairs[i]);
    return status;
}

/* -- The file ---------------------------------------------------------------------------------- */

static int check_keys(struct reader *reader, const struct yaml_node *root)
{
    for (size_t i = 0; i < root->count; i++) {
        const char *name = root->pairs[i].key->text;

        if (strcmp(name, "shrunk") && strcmp(name, "name") && strcmp(name, "summary"))
            return reader_fail(reader, root->pairs[i].key,
                               "the key \"%.64s\" beside shrunk: expected name and summary alone, "
                               "since all else is in the other suite",
                               name);
    }
    return 0;
}

int suite_read_shrunk(struct reader *reader, const struct yaml_node *root,
                      const struct suite_how *how, struct suite **base, struct error *error)
{
    const struct yaml_node *map = yaml_find(root, "shrunk");
    struct suite_how other = {.depth = how->depth + 1, .set = how->set};
    struct shrunk_build build = {0};
    cleanup_free char *path = NULL;
    int status = check_keys(reader, root);

    if (!status)
        status = section_read(reader, IN_SHRUNK, map, &build);
    if (status)
        return status;
    path = *build.suite == '/' ? xstrdup(build.suite)
                               : xasprintf("%s/%s", reader->directory, build.suite);
    other.kernels = how->kernels ? how->kernels : build.kernels;
    status = suite_load_how(path, &other, base, error);
    if (status)
        return status;
    /* What is read from here on is to live as long as the suite that it is put into. */
    reader->memory = (*base)->memory;
    status = find_case(reader, map, build.case_name, *base);
    if (!status && build.impair)
        status = read_links(reader, (*base)->cases, build.impair);
    if (build.has_seed) {
        (*base)->has_seed = true;
        (*base)->seed = build.seed;
    }
    if (!status)
        return 0;
    suite_free(*base);
    return status;
}
