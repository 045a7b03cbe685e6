/* A suite from its file: the head, then every case of it. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum {
    /* What a suite may come to with all its cases written out. */
    VALUES_MAX = 2000000,
    BYTES_MAX = 64 << 20,
};

struct load {
    struct reader reader;
    const struct yaml_node *root;
    const struct yaml_node *body; /* of the case in `cases`, a mapping; or NULL */
    struct case_build head;       /* what the suite says of itself */
    struct suite *suite;
    struct suite_texts kernels;    /* over what the suite says; none: the suite decides */
    const struct suite_pairs *set; /* over its variables; NULL: nothing */
    size_t room;                   /* for cases, in suite->cases */
};

static int check_node_name(struct reader *reader, const struct yaml_node *name)
{
    static const char expected[] = "a host name: letters in lower case, digits and \"-\", not "
                                   "first or last, at most 63, not digits alone";
    const char *text = name->text;
    size_t length = strlen(text);
    char found[80];

    yaml_found(name, found, sizeof(found));
    if (!length || length > 63 || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != length ||
        text[0] == '-' || text[length - 1] == '-' || strspn(text, "0123456789") == length)
        return reader_fail(reader, name, "%s as the name of a node: expected %s", found, expected);
    if (!strcmp(text, "localhost"))
        return reader_fail(reader, name, "%s as the name of a node: every guest is that to itself",
                           found);
    return 0;
}

static int check_nodes(struct reader *reader, const struct yaml_node *nodes)
{
    int status = reader_map(reader, nodes, "nodes", "names and nodes");

    if (status)
        return status;
    if (!nodes->count || nodes->count > SUITE_NODES_MAX)
        return reader_fail(reader, nodes, "nodes: found %zu, expected 1 to %d", nodes->count,
                           SUITE_NODES_MAX);
    for (size_t i = 0; !status && i < nodes->count; i++)
        status = check_node_name(reader, nodes->pairs[i].key);
    return status;
}

/* A case changes nodes, it makes none: a name that the suite does not have is a mistake. */
static int check_changes(struct reader *reader, const struct yaml_node *changes)
{
    size_t index;
    int status = reader_map(reader, changes, "nodes", "names of the suite's nodes and changes");

    for (size_t i = 0; !status && i < changes->count; i++)
        status = reader_node(reader, changes->pairs[i].key, "nodes", &index);
    return status;
}

static int read_nodes(struct load *load, const struct case_build *build,
                      const struct yaml_node *changes, struct suite_case *out)
{
    struct reader *reader = &load->reader;
    const struct yaml_node *nodes = reader->nodes;

    out->nodes = arena_array(reader->memory, nodes->count, sizeof(*out->nodes));
    out->node_count = nodes->count;
    reader->built = out;
    for (size_t i = 0; i < nodes->count; i++) {
        const struct yaml_node *name = nodes->pairs[i].key;
        const struct yaml_node *const layers[] = {build->defaults, nodes->pairs[i].value,
                                                  yaml_find(changes, name->text)};
        struct suite_node *node = &out->nodes[i];
        int status;

        /* Both grow by copying, so that the nodes may share what the case has. */
        node->env = build->env;
        node->init = build->init;
        node->cmdline = build->cmdline;
        reader->node = i;
        reader->scope.node = name->text;
        status = suite_read_node(reader, name, layers, array_size(layers), node);
        reader->scope.node = NULL;
        if (status)
            return status;
    }
    return 0;
}

static struct suite_case *add_case(struct load *load)
{
    struct suite *suite = load->suite;

    if (suite->case_count == load->room) {
        size_t room = load->room ? 2 * load->room : 8;
        struct suite_case *cases = arena_array(suite->memory, room, sizeof(*cases));

        if (suite->case_count)
            memcpy(cases, suite->cases, suite->case_count * sizeof(*cases));
        suite->cases = cases;
        load->room = room;
    }
    return &suite->cases[suite->case_count++];
}

static int read_case_keys(struct load *load, struct case_build *build,
                          const struct yaml_node **changes)
{
    struct reader *reader = &load->reader;
    int status = section_defaults(reader, IN_CASE, build);

    if (!status)
        status = section_defaults(reader, IN_TOKENS, &build->out.tokens);
    if (!status)
        status = section_defaults(reader, IN_NETWORK, &build->out.network);
    if (!status)
        status = section_read(reader, IN_SUITE, load->root, build);
    if (status)
        return status;
    reader->nodes = build->nodes;
    status = check_nodes(reader, build->nodes);
    build->nodes = NULL;
    if (!status && load->body)
        status = section_read(reader, IN_CASE, load->body, build);
    if (!status && build->nodes)
        status = check_changes(reader, build->nodes);
    *changes = build->nodes;
    return status;
}

static int read_on_kernel(struct load *load, const struct suite_pairs *variables, char *kernel)
{
    struct reader *reader = &load->reader;
    struct case_build build = {0};
    const struct yaml_node *changes;
    int status;

    if (load->suite->case_count == SUITE_CASES_MAX)
        return reader_fail(reader, load->root, "more than %d cases in one suite", SUITE_CASES_MAX);
    status = read_case_keys(load, &build, &changes);
    if (status)
        return status;
    build.out.name = arena_text(reader->memory, reader->scope.case_name);
    build.out.variables = *variables;
    build.out.kernel = kernel;
    if (build.links)
        status = suite_read_links(reader, build.links, &build.out);
    if (!status)
        status = read_nodes(load, &build, changes, &build.out);
    if (!status)
        status = suite_choose_carriers(reader, &build.out);
    if (!status)
        status = suite_check_case(reader, &build.out);
    if (!status)
        *add_case(load) = build.out;
    return status;
}

static int find_kernels(struct load *load, struct suite_texts *kernels)
{
    static const char *const keys[] = {"kernel", "kernels"};
    struct reader *reader = &load->reader;
    struct case_build build = {0};
    int status = section_defaults(reader, IN_CASE, &build);

    for (size_t i = 0; !status && i < array_size(keys); i++)
        status = section_read_one(reader, IN_SUITE, load->root, keys[i], &build);
    for (size_t i = 0; !status && i < array_size(keys); i++)
        status = section_read_one(reader, IN_CASE, load->body, keys[i], &build);
    if (!status)
        *kernels = load->kernels.count ? load->kernels : build.kernels;
    return status;
}

/* One case for each of its kernels; all of it is read anew, since its name is a variable. */
static int read_case(void *context, const struct suite_pairs *variables)
{
    struct load *load = context;
    struct reader *reader = &load->reader;
    const char *name = reader->scope.case_name;
    struct suite_texts kernels, labels;
    int status = find_kernels(load, &kernels);

    if (status)
        return status;
    labels = kernels_labels(reader->scratch, &kernels);
    for (size_t i = 0; !status && i < kernels.count; i++) {
        if (kernels.count > 1)
            reader->scope.case_name =
                arena_printf(reader->scratch, "%s,kernel=%s", name, labels.items[i]);
        status = read_on_kernel(load, variables, kernels.items[i]);
    }
    return status;
}

/* A variable of both would make the case's name say one thing and the case do another. */
static int check_shadowing(struct reader *reader, const struct yaml_node *vars,
                           const struct yaml_node *matrix)
{
    for (size_t i = 0; vars && matrix && i < vars->count; i++)
        if (yaml_find(matrix, vars->pairs[i].key->text))
            return reader_fail(reader, vars->pairs[i].key,
                               "vars: the matrix sets \"%s\" already: give the case a matrix of "
                               "its own",
                               vars->pairs[i].key->text);
    return 0;
}

static int read_variant(struct load *load, const char *name, const struct yaml_node *body)
{
    struct reader *reader = &load->reader;
    const struct yaml_node *matrix = yaml_find(body, "matrix");
    const struct yaml_node *vars = yaml_find(body, "vars");
    int status = 0;

    load->body = body;
    reader->scope.case_vars = vars;
    if (vars)
        status = reader_check_vars(reader, vars);
    if (!status && matrix)
        status = matrix_check(reader, matrix);
    if (!matrix)
        matrix = load->head.matrix;
    if (!status)
        status = check_shadowing(reader, vars, matrix);
    if (!status)
        status = matrix_expand(reader, matrix, name, read_case, load);
    reader->scope.case_vars = NULL;
    return status;
}

static int read_cases(struct load *load)
{
    struct reader *reader = &load->reader;
    const struct yaml_node *cases = load->head.cases;
    const struct yaml_node *at = load->root;
    int status = 0;

    if (!cases) {
        status = read_variant(load, NULL, NULL);
    } else {
        at = cases;
        status = reader_map(reader, cases, "cases", "names and cases");
        for (size_t i = 0; !status && i < cases->count; i++) {
            const struct yaml_pair *pair = &cases->pairs[i];
            bool empty = yaml_is_null(pair->value);

            status = reader_check_name(reader, pair->key, "case", pair->key->text);
            if (!status && !empty)
                status = section_check(reader, IN_CASE, pair->value);
            if (!status && !empty)
                status = kernels_check_keys(reader, pair->value);
            if (!status)
                status = read_variant(load, pair->key->text, empty ? NULL : pair->value);
        }
    }
    if (status)
        return status;
    if (!load->suite->case_count)
        return reader_fail(reader, at, "the suite is empty: expected at least one case");
    return matrix_name_cases(reader, at, load->suite->cases, load->suite->case_count);
}

/* What the file's name says: the last part of the path, without its ending, made a name. */
static char *name_of_file(struct arena *memory, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = arena_text(memory, slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');

    if (dot && dot != name && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")))
        *dot = '\0';
    for (char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && (at == name || !strchr("._-", *at)))
            *at = at == name ? 'x' : '-';
    if (strlen(name) > 64)
        name[64] = '\0';
    return *name ? name : arena_text(memory, "suite");
}

/* The suite's variables with one of them replaced: the tree itself may be shared. */
static int set_variable(struct load *load, const struct suite_pair *pair)
{
    struct reader *reader = &load->reader;
    const struct yaml_node *vars = load->head.vars;
    struct yaml_node *map = arena_alloc(reader->scratch, sizeof(*map));
    struct yaml_node *value = arena_alloc(reader->scratch, sizeof(*value));
    size_t index = 0;
    size_t count;
    char suggestion[80];

    while (vars && index < vars->count && strcmp(vars->pairs[index].key->text, pair->name) != 0)
        index++;
    if (!vars || index == vars->count) {
        const char *const *names = reader_keys(reader, vars, &count);

        return error_set(reader->error, EINVAL, "--set %s: the suite %s has no such variable%s",
                         pair->name, load->suite->path,
                         suggest_text(pair->name, names, count, suggestion, sizeof(suggestion)));
    }
    *map = *vars;
    map->pairs = arena_array(reader->scratch, vars->count, sizeof(*map->pairs));
    memcpy(map->pairs, vars->pairs, vars->count * sizeof(*map->pairs));
    *value = (struct yaml_node){.kind = YAML_SCALAR,
                                .line = map->pairs[index].value->line,
                                .column = map->pairs[index].value->column,
                                .text = arena_text(reader->scratch, pair->value),
                                .weight = 1,
                                .height = 1};
    map->pairs[index].value = value;
    load->head.vars = map;
    return 0;
}

static int set_variables(struct load *load)
{
    int status = 0;

    for (size_t i = 0; !status && load->set && i < load->set->count; i++)
        status = set_variable(load, &load->set->items[i]);
    return status;
}

static int read_head(struct load *load)
{
    static const char *const keys[] = {"vars",   "name",     "summary", "tags",
                                       "matrix", "explicit", "cases"};
    struct reader *reader = &load->reader;
    struct case_build *head = &load->head;
    int status = section_check(reader, IN_SUITE, load->root);

    if (!status)
        status = kernels_check_keys(reader, load->root);
    if (!status)
        status = section_defaults(reader, IN_SUITE, head);
    for (size_t i = 0; !status && i < array_size(keys); i++) {
        status = section_read_one(reader, IN_SUITE, load->root, keys[i], head);
        if (!status && !strcmp(keys[i], "vars"))
            status = set_variables(load);
        if (status || strcmp(keys[i], "vars") || !head->vars)
            continue;
        reader->scope.suite_vars = head->vars;
        status = reader_check_vars(reader, head->vars);
    }
    if (!status && head->matrix)
        status = matrix_check(reader, head->matrix);
    if (status)
        return status;
    load->suite->name = head->name ? head->name : name_of_file(reader->memory, load->suite->path);
    load->suite->summary = head->summary;
    load->suite->tags = head->out.tags;
    load->suite->is_explicit = head->suite_is_explicit;
    reader->scope.suite = load->suite->name;
    return 0;
}

/* Whatever is changed in either file makes another suite. */
static char *digest_both(struct arena *memory, const char *own, const char *base)
{
    cleanup_free char *both = xasprintf("%s%s", own, base);
    char digest[DIGEST_HEX_SIZE];

    digest_bytes(both, strlen(both), digest);
    return arena_text(memory, digest);
}

/* A case of another suite goes by this file's name. */
static int read_shrunk(struct load *load, const struct suite_how *how, struct error *error)
{
    struct reader *reader = &load->reader;
    struct suite *own = load->suite, *base = NULL;
    struct case_build head = {0};
    int status = suite_read_shrunk(reader, load->root, how, &base, error);

    if (status)
        return status;
    status = section_read_one(reader, IN_SUITE, load->root, "name", &head);
    if (!status)
        status = section_read_one(reader, IN_SUITE, load->root, "summary", &head);
    base->path = arena_text(base->memory, own->path);
    base->digest = digest_both(base->memory, own->digest, base->digest);
    base->name = head.name ? head.name : name_of_file(base->memory, own->path);
    base->summary = head.summary ? head.summary : arena_text(base->memory, "");
    suite_free(own);
    load->suite = base;
    return status;
}

static int read_root(struct load *load, const struct suite_how *how, struct error *error)
{
    const struct yaml_node *shrunk = yaml_find(load->root, "shrunk");
    int status = 0;

    if (shrunk && how->depth >= SUITE_SHRUNK_DEPTH_MAX)
        return reader_fail(&load->reader, shrunk,
                           "a case of another suite, %u files deep: expected one with nodes of its "
                           "own by then (does a file name itself?)",
                           how->depth);
    if (shrunk)
        return read_shrunk(load, how, error);
    if (how->kernels)
        status = kernels_from_option(load->suite->memory, how->kernels, &load->kernels, error);
    if (!status)
        status = read_head(load);
    if (status || (how->unnamed && load->suite->is_explicit))
        return status;
    return read_cases(load);
}

static int load_text(const char *path, const char *directory, const char *text, size_t length,
                     const struct suite_how *how, struct suite **out, struct error *error)
{
    struct arena *memory = arena_new();
    struct suite *suite = arena_alloc(memory, sizeof(*suite));
    struct load load = {.suite = suite, .set = how->set};
    struct yaml_node *root = NULL;
    char digest[DIGEST_HEX_SIZE];
    int status;

    digest_bytes(text, length, digest);
    *suite = (struct suite){.path = arena_text(memory, path),
                            .digest = arena_text(memory, digest),
                            .kernels = how->kernels ? arena_text(memory, how->kernels) : NULL,
                            .directory = arena_text(memory, directory),
                            .memory = memory};
    load.reader = (struct reader){.file = suite->path,
                                  .directory = suite->directory,
                                  .memory = memory,
                                  .scratch = arena_new(),
                                  .error = error,
                                  .values_left = VALUES_MAX,
                                  .bytes_left = BYTES_MAX};
    status = yaml_parse(path, text, length, load.reader.scratch, &root, error);
    load.root = root;
    if (!status)
        status = read_root(&load, how, error);
    arena_free(load.reader.scratch);
    if (status)
        suite_free(load.suite);
    else
        *out = load.suite;
    return status;
}

int suite_load_text(const char *path, const char *directory, const char *text, size_t length,
                    struct suite **suite, struct error *error)
{
    return load_text(path, directory, text, length, &(struct suite_how){0}, suite, error);
}

int suite_load_how(const char *path, const struct suite_how *how, struct suite **suite,
                   struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_free char *whole = NULL;
    int status = fs_read(path, YAML_MAX_BYTES, &text, error);

    if (!status)
        status = fs_realpath(path, &whole, error);
    if (status)
        return status;
    /* Where the file truly is: a suite reached through a link finds its own files. */
    *strrchr(whole, '/') = '\0';
    return load_text(path, *whole ? whole : "/", text.data ? text.data : "", text.length, how,
                     suite, error);
}
