/* Nodes: what is in them and what they do. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/memory.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

int read_tokens(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    struct suite_tokens *tokens = field;
    int status = section_read(reader, IN_TOKENS, value, tokens);

    if (status)
        return status;
    if (!*tokens->result || !*tokens->ready || !strcmp(tokens->result, tokens->ready))
        return reader_fail(reader, value,
                           "%s: the prefixes \"%s\" and \"%s\": expected two different texts",
                           key->name, tokens->result, tokens->ready);
    return 0;
}

int read_network(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                 void *field)
{
    (void)key;
    return section_read(reader, IN_NETWORK, value, field);
}

/* A unique name among those of the `count` earlier elements of `size` bytes at `items`, each of
 * which begins with its name. */
static int check_unique(struct reader *reader, const struct yaml_node *at, const char *what,
                        const void *items, size_t count, size_t size, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(*(char *const *)((const char *)items + i * size), name))
            return reader_fail(reader, at, "two %s of the name \"%s\" in one node", what, name);
    return 0;
}

int read_run(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
             void *field)
{
    struct suite_node *node = field;
    struct suite_step *step = arena_alloc(reader->memory, sizeof(*step));
    int status = section_defaults(reader, IN_STEP, step);

    if (!status)
        status = section_defaults(reader, IN_EXPECT, &step->expect);
    if (!status)
        status = read_script(reader, key, value, &step->run);
    if (status)
        return status;
    step->name = arena_text(reader->memory, "run");
    step->at = position_of(value);
    node->steps = step;
    node->step_count = 1;
    return 0;
}

static int read_step(struct reader *reader, const struct yaml_node *value, size_t number,
                     struct suite_step *step)
{
    int status = reader_resolve(reader, value, &value);

    if (!status)
        status = section_defaults(reader, IN_STEP, step);
    if (!status)
        status = section_defaults(reader, IN_EXPECT, &step->expect);
    if (!status)
        status = section_read(reader, IN_STEP, value, step);
    if (status)
        return status;
    if (!step->name)
        step->name = arena_printf(reader->memory, "step-%zu", number);
    step->at = position_of(value);
    return 0;
}

int read_steps(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
               void *field)
{
    struct suite_node *node = field;
    struct suite_step *steps;
    int status = reader_list(reader, value, key->name, "steps");

    if (status)
        return status;
    steps = arena_array(reader->memory, value->count, sizeof(*steps));
    for (size_t i = 0; i < value->count; i++) {
        status = read_step(reader, value->items[i], i + 1, &steps[i]);
        if (!status)
            status = check_unique(reader, value->items[i], "steps", steps, i, sizeof(*steps),
                                  steps[i].name);
        if (status)
            return status;
    }
    node->steps = steps;
    node->step_count = value->count;
    return 0;
}

int read_expect(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    (void)key;
    return section_read(reader, IN_EXPECT, value, field);
}

static int read_ready_text(struct reader *reader, const struct suite_key *key,
                           const struct yaml_node *value, struct suite_ready *ready)
{
    const char *expected = "tcp/PORT, udp/PORT, an absolute path, or a mapping";
    uint64_t port;

    if (value->text[0] == '/') {
        ready->kind = SUITE_READY_PATH;
        return read_guest_path(reader, key, value, &ready->text);
    }
    if (strncmp(value->text, "tcp/", 4) && strncmp(value->text, "udp/", 4))
        return reader_expected(reader, key, value, expected);
    if (units_count(value->text + 4, &port, NULL) || port < 1 || port > UINT16_MAX)
        return reader_expected(reader, key, value, "a port from 1 to 65535");
    ready->kind = value->text[0] == 't' ? SUITE_READY_TCP : SUITE_READY_UDP;
    ready->port = (uint16_t)port;
    return 0;
}

int read_ready(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
               void *field)
{
    struct ready_build build = {0};
    struct suite_ready ready = {0};
    int status;

    if (value->kind == YAML_SCALAR) {
        status = read_ready_text(reader, key, value, &ready);
        if (!status)
            *(struct suite_ready *)field = ready;
        return status;
    }
    status = section_read(reader, IN_READY, value, &build);
    if (status)
        return status;
    if (value->count != 1)
        return reader_fail(reader, value, "%s: found %zu keys, expected one", key->name,
                           value->count);
    if (build.tcp || build.udp) {
        ready.kind = build.tcp ? SUITE_READY_TCP : SUITE_READY_UDP;
        ready.port = (uint16_t)(build.tcp ? build.tcp : build.udp);
    } else if (build.path) {
        ready = (struct suite_ready){SUITE_READY_PATH, 0, build.path};
    } else if (build.output && !*build.output) {
        return reader_fail(reader, value, "output: found nothing between quotes, expected a text");
    } else if (build.output) {
        ready = (struct suite_ready){SUITE_READY_OUTPUT, 0, build.output};
    } else {
        ready = (struct suite_ready){SUITE_READY_COMMAND, 0, build.command};
    }
    *(struct suite_ready *)field = ready;
    return 0;
}

int read_background(struct reader *reader, const struct suite_key *key,
                    const struct yaml_node *value, void *field)
{
    struct suite_node *node = field;
    struct suite_background *list;
    int status = reader_list(reader, value, key->name, "processes");

    if (status)
        return status;
    list = arena_array(reader->memory, value->count, sizeof(*list));
    for (size_t i = 0; i < value->count; i++) {
        const struct yaml_node *item;

        status = reader_resolve(reader, value->items[i], &item);
        if (!status)
            status = section_defaults(reader, IN_BACKGROUND, &list[i]);
        if (!status)
            status = section_read(reader, IN_BACKGROUND, item, &list[i]);
        if (!status)
            status = check_unique(reader, item, "background processes", list, i, sizeof(*list),
                                  list[i].name);
        if (status)
            return status;
        list[i].at = position_of(item);
    }
    node->background = list;
    node->background_count = value->count;
    return 0;
}

static bool has_index(const size_t *indexes, size_t count, size_t index)
{
    for (size_t i = 0; i < count; i++)
        if (indexes[i] == index)
            return true;
    return false;
}

int read_after(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
               void *field)
{
    struct suite_node *node = field;
    size_t *after;
    size_t count = 0;
    int status = reader_list(reader, value, key->name, "nodes");

    if (status)
        return status;
    after = arena_array(reader->memory, value->count, sizeof(*after));
    for (size_t i = 0; i < value->count; i++) {
        size_t index;

        status = reader_node(reader, value->items[i], key->name, &index);
        if (status)
            return status;
        if (has_index(after, count, index))
            return reader_fail(reader, value->items[i], "%s: the node \"%s\" is here twice",
                               key->name, reader->nodes->pairs[index].key->text);
        after[count++] = index;
    }
    node->after = after;
    node->after_count = count;
    return 0;
}

/* The link's subnet of this node that has `via`, or NULL. */
static const struct suite_address *on_link(const struct reader *reader,
                                           const struct suite_address *via, bool *own)
{
    const struct suite_case *built = reader->built;

    for (size_t i = 0; i < built->link_count; i++) {
        for (size_t j = 0; j < 2; j++) {
            const struct suite_end *end = &built->links[i].ends[j];

            for (size_t k = 0; end->node == reader->node && k < end->address_count; k++) {
                if (!address_in(via, &end->addresses[k]))
                    continue;
                *own = address_equal(via, &end->addresses[k]);
                return &end->addresses[k];
            }
        }
    }
    return NULL;
}

static int read_via(struct reader *reader, const struct yaml_node *value, struct suite_address *via)
{
    const char *text;
    const struct suite_address *subnet;
    bool own = false;
    int status = reader_text(reader, value, "via", &text);

    if (status)
        return status;
    if (strchr(text, '/'))
        return reader_fail(reader, value, "via: found \"%.60s\", expected an address without \"/\"",
                           text);
    if (suite_address_parse(text, via, reader->error))
        return reader_context(reader, value, "via");
    subnet = on_link(reader, via, &own);
    if (!subnet || own)
        return reader_fail(reader, value,
                           own ? "via: \"%s\" is the node's own address: expected another's"
                               : "via: \"%s\" is in no subnet of the node \"%s\"",
                           text, reader->scope.node);
    via->prefix = subnet->prefix;
    snprintf(via->text, sizeof(via->text), "%s/%u", text, via->prefix);
    return 0;
}

static int read_destination(struct reader *reader, const struct yaml_node *value, int family,
                            struct suite_address *to)
{
    const char *text;
    struct suite_address network;
    int status = reader_text(reader, value, "to", &text);

    if (status)
        return status;
    if (!strcmp(text, "default"))
        text = family == AF_INET ? "0.0.0.0/0" : "::/0";
    if (suite_address_parse(text, to, reader->error))
        return reader_context(reader, value, "to");
    network = address_network(to);
    if (!address_equal(&network, to))
        return reader_fail(reader, value, "to: \"%s\" is not a subnet; did you mean \"%s\"?", text,
                           network.text);
    if (to->family != family)
        return reader_fail(reader, value, "to: \"%s\" and the address of via are of two families",
                           text);
    return 0;
}

int read_routes(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    struct suite_node *node = field;
    struct suite_route *routes;
    int status = reader_list(reader, value, key->name, "routes");

    if (status)
        return status;
    routes = arena_array(reader->memory, value->count, sizeof(*routes));
    for (size_t i = 0; i < value->count; i++) {
        struct route_build build = {0};
        const struct yaml_node *item;

        status = reader_resolve(reader, value->items[i], &item);
        if (!status)
            status = section_read(reader, IN_ROUTE, item, &build);
        if (!status)
            status = read_via(reader, build.via, &routes[i].via);
        if (!status)
            status = read_destination(reader, build.to, routes[i].via.family, &routes[i].to);
        if (status)
            return status;
    }
    node->routes = routes;
    node->route_count = value->count;
    return 0;
}

static int check_layer(struct reader *reader, const struct yaml_node *layer)
{
    if (yaml_find(layer, "run") && yaml_find(layer, "steps"))
        return reader_fail(reader, layer,
                           "a node with both \"run\" and \"steps\": expected one of them");
    return 0;
}

/* With a raw init nothing of duet's runs in the guest that could do any of this. */
static int check_raw(struct reader *reader, const struct yaml_node *at,
                     const struct suite_node *node)
{
    const char *what = node->step_count         ? "steps"
                       : node->background_count ? "background processes"
                       : node->modules.count    ? "modules"
                       : node->sysctls.count    ? "sysctl"
                       : node->route_count      ? "routes"
                                                : NULL;

    if (node->init.raw && what)
        return reader_fail(reader, at,
                           "the node \"%s\" has %s and an init with raw: true, beside which duet "
                           "does nothing in the guest",
                           node->name, what);
    return 0;
}

/* What a router routes is all it does: a process in it would find no network. */
static int check_router(struct reader *reader, const struct yaml_node *at,
                        const struct suite_node *node)
{
    const char *what = node->init.directory     ? "an init of its own"
                       : node->step_count       ? "steps"
                       : node->background_count ? "background processes"
                                                : NULL;

    if (node->is_router && what)
        return reader_fail(reader, at,
                           "the node \"%s\" is a router and has %s: its kernel has no network, and "
                           "duet's init routes",
                           node->name, what);
    return 0;
}

int suite_read_node(struct reader *reader, const struct yaml_node *name,
                    const struct yaml_node *const layers[], size_t layer_count,
                    struct suite_node *node)
{
    struct suite_node built = *node;
    int status;

    built.name = arena_text(reader->memory, name->text);
    built.at = position_of(name);
    status = section_defaults(reader, IN_NODE, &built);
    for (size_t i = 0; !status && i < layer_count; i++) {
        const struct yaml_node *layer = layers[i];

        if (!layer)
            continue;
        status = reader_resolve(reader, layer, &layer);
        if (status || yaml_is_null(layer))
            continue;
        status = section_read(reader, IN_NODE, layer, &built);
        if (!status)
            status = check_layer(reader, layer);
    }
    /* What all nodes have is not the router's own. */
    if (built.is_router && built.init.directory == node->init.directory)
        built.init = (struct suite_init){0};
    if (!status)
        status = check_raw(reader, name, &built);
    if (!status)
        status = check_router(reader, name, &built);
    if (!status)
        *node = built;
    return status;
}
