/* Links: their ends, and the addresses there. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    SUBNETS_MAX = 2,
    IPV6_MTU_MIN = 1280, /* RFC 8200, section 5 */
};

int reader_node(struct reader *reader, const struct yaml_node *value, const char *key,
                size_t *index)
{
    const char *name;
    size_t count;
    const char *const *names = reader_keys(reader, reader->nodes, &count);
    char suggestion[96];
    int status = reader_text(reader, value, key, &name);

    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(names[i], name)) {
            *index = i;
            return 0;
        }
    }
    return reader_fail(reader, value, "%s: there is no node \"%.64s\"%s", key, name,
                       suggest_text(name, names, count, suggestion, sizeof(suggestion)));
}

static int read_ends(struct reader *reader, const struct yaml_node *value, struct suite_link *link)
{
    int status = reader_list(reader, value, "nodes", "two nodes");

    if (status)
        return status;
    if (value->count != 2)
        return reader_fail(reader, value, "nodes: found %zu, expected the two ends of the link",
                           value->count);
    for (size_t i = 0; !status && i < 2; i++)
        status = reader_node(reader, value->items[i], "nodes", &link->ends[i].node);
    if (!status && link->ends[0].node == link->ends[1].node)
        return reader_fail(reader, value, "nodes: both ends are the same node");
    return status;
}

static bool is_taken(const struct suite_case *built, const struct suite_address *address)
{
    for (size_t i = 0; i <= built->link_count; i++)
        for (size_t j = 0; j < 2; j++)
            for (size_t k = 0; k < built->links[i].ends[j].address_count; k++)
                if (address_equal(address, &built->links[i].ends[j].addresses[k]))
                    return true;
    return false;
}

static int add_address(struct reader *reader, const struct yaml_node *at, const char *key,
                       const struct suite_address *address, struct suite_end *end)
{
    if (end->address_count == SUITE_ADDRESSES_MAX)
        return reader_fail(reader, at, "%s: more than %d addresses for one end", key,
                           SUITE_ADDRESSES_MAX);
    if (address_check_host(address, reader->error))
        return reader_context(reader, at, key);
    if (is_taken(reader->built, address))
        return reader_fail(reader, at, "%s: the address %s is given twice", key, address->text);
    end->addresses[end->address_count++] = *address;
    return 0;
}

static int read_subnet(struct reader *reader, const struct yaml_node *value,
                       struct suite_address *subnet)
{
    struct suite_address network;
    const char *text;
    int status = reader_text(reader, value, "subnet", &text);

    if (status)
        return status;
    if (suite_address_parse(text, subnet, reader->error))
        return reader_context(reader, value, "subnet");
    if (!strchr(text, '/'))
        return reader_fail(reader, value,
                           "subnet: \"%s\" has no prefix length: expected one, as in %s", text,
                           subnet->family == AF_INET ? "10.0.0.0/24" : "fd00::/64");
    network = address_network(subnet);
    if (!address_equal(&network, subnet))
        return reader_fail(reader, value,
                           "subnet: \"%s\" is an address in a subnet; did you mean "
                           "\"%s\"?",
                           text, network.text);
    return 0;
}

static int give_hosts(struct reader *reader, const struct yaml_node *at,
                      const struct suite_address *subnet, const bool explicit[static 2],
                      struct suite_link *link)
{
    for (unsigned i = 0; i < 2; i++) {
        struct suite_address host;
        int status;

        if (explicit[i])
            continue;
        if (address_host(subnet, i, &host, reader->error))
            return reader_context(reader, at, "subnet");
        status = add_address(reader, at, "subnet", &host, &link->ends[i]);
        if (status)
            return status;
    }
    return 0;
}

static int read_subnets(struct reader *reader, const struct yaml_node *value,
                        const bool explicit[static 2], struct suite_link *link)
{
    struct yaml_node *one = (struct yaml_node *)value;
    struct yaml_node *const *items = value->kind == YAML_LIST ? value->items : &one;
    size_t count = value->kind == YAML_LIST ? value->count : 1;
    struct suite_address subnets[SUBNETS_MAX];

    if (count < 1 || count > SUBNETS_MAX)
        return reader_fail(reader, value,
                           "subnet: found %zu, expected one of IPv4 and one of IPv6 "
                           "at most",
                           count);
    for (size_t i = 0; i < count; i++) {
        int status = read_subnet(reader, items[i], &subnets[i]);

        if (status)
            return status;
        if (i && subnets[i].family == subnets[0].family)
            return reader_fail(reader, items[i],
                               "subnet: two of one family, expected one of IPv4 and one of IPv6");
        status = give_hosts(reader, items[i], &subnets[i], explicit, link);
        if (status)
            return status;
    }
    return 0;
}

static int read_end_addresses(struct reader *reader, const struct yaml_node *value,
                              struct suite_end *end)
{
    int status = reader_resolve(reader, value, &value);

    if (!status)
        status = reader_list(reader, value, "addresses", "addresses");
    for (size_t i = 0; !status && i < value->count; i++) {
        const struct yaml_node *item = value->items[i];
        struct suite_address address;
        const char *text;

        status = reader_text(reader, item, "addresses", &text);
        if (status)
            return status;
        if (suite_address_parse(text, &address, reader->error))
            return reader_context(reader, item, "addresses");
        if (!strchr(text, '/'))
            return reader_fail(reader, item,
                               "addresses: \"%s\" has no prefix length: expected "
                               "one, as in %s/%d",
                               text, text, address.family == AF_INET ? 24 : 64);
        status = add_address(reader, item, "addresses", &address, end);
    }
    return status;
}

static int read_addresses(struct reader *reader, const struct yaml_node *value,
                          bool explicit[static 2], struct suite_link *link)
{
    int status = reader_map(reader, value, "addresses", "nodes and lists of addresses");

    for (size_t i = 0; !status && i < value->count; i++) {
        const struct yaml_node *name = value->pairs[i].key;
        size_t node, end;

        status = reader_node(reader, name, "addresses", &node);
        if (status)
            return status;
        for (end = 0; end < 2 && link->ends[end].node != node; end++)
            continue;
        if (end == 2)
            return reader_fail(reader, name, "addresses: the node \"%s\" is no end of this link",
                               name->text);
        explicit[end] = true;
        status = read_end_addresses(reader, value->pairs[i].value, &link->ends[end]);
    }
    return status;
}

static bool has_name(const struct suite_case *built, const char *name)
{
    for (size_t i = 0; i < built->link_count; i++)
        if (!strcmp(built->links[i].name, name))
            return true;
    return false;
}

/* "a-b", "a-b-2" for the second of the same ends, and so on past names that were given. */
static char *default_name(struct reader *reader, const struct suite_link *link)
{
    const struct suite_case *built = reader->built;
    const struct yaml_pair *nodes = reader->nodes->pairs;
    const char *first = nodes[link->ends[0].node].key->text;
    const char *second = nodes[link->ends[1].node].key->text;
    unsigned number = 1;
    char *name;

    for (size_t i = 0; i < built->link_count; i++)
        number += built->links[i].ends[0].node == link->ends[0].node &&
                  built->links[i].ends[1].node == link->ends[1].node;
    name = number > 1 ? arena_printf(reader->memory, "%s-%s-%u", first, second, number)
                      : arena_printf(reader->memory, "%s-%s", first, second);
    while (has_name(built, name))
        name = arena_printf(reader->memory, "%s-%s-%u", first, second, ++number);
    return name;
}

/* The interface's number is how many links the node has already; the MAC is locally administered
 * and made of the link's number and the end's. */
static void name_end(const struct suite_case *built, size_t index, unsigned end_index,
                     struct suite_end *end)
{
    unsigned number = 0;

    for (size_t i = 0; i < index; i++)
        number +=
            built->links[i].ends[0].node == end->node || built->links[i].ends[1].node == end->node;
    snprintf(end->interface, sizeof(end->interface), "eth%u", number);
    memcpy(end->mac,
           (uint8_t[]){0x02, 0, 0, (uint8_t)(index >> 8), (uint8_t)index, (uint8_t)(end_index + 1)},
           sizeof(end->mac));
}

static bool has_ipv6(const struct suite_link *link)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < link->ends[i].address_count; j++)
            if (link->ends[i].addresses[j].family == AF_INET6)
                return true;
    return false;
}

/* `link` is the element after the built case's last, so that is_taken sees its addresses too. */
static int read_link(struct reader *reader, const struct yaml_node *value, struct suite_link *link,
                     struct link_notes *notes)
{
    struct link_build build = {0};
    bool explicit[2] = {false, false};
    int status = section_defaults(reader, IN_LINK, &build);

    if (!status)
        status = section_read(reader, IN_LINK, value, &build);
    if (!status)
        status = read_ends(reader, build.nodes, &build.out);
    if (status)
        return status;
    *link = build.out;
    link->at = position_of(value);
    if (link->name && has_name(reader->built, link->name))
        return reader_fail(reader, value, "two links of the name \"%s\"", link->name);
    if (!link->name)
        link->name = default_name(reader, link);
    if (build.addresses)
        status = read_addresses(reader, build.addresses, explicit, link);
    if (!status && build.subnet)
        status = read_subnets(reader, build.subnet, explicit, link);
    if (!status && link->mtu < IPV6_MTU_MIN && has_ipv6(link))
        return reader_fail(reader, value, "mtu: %u with IPv6, which needs at least %d", link->mtu,
                           IPV6_MTU_MIN);
    *notes = (struct link_notes){.carrier = build.carrier, .impair = build.impair};
    if (!status && build.impair)
        status = suite_read_impair(reader, build.impair, link);
    return status;
}

int suite_read_links(struct reader *reader, const struct yaml_node *links, struct suite_case *out)
{
    int status = reader_list(reader, links, "links", "links");

    if (status)
        return status;
    if (links->count > SUITE_LINKS_MAX)
        return reader_fail(reader, links, "links: found %zu, expected at most %d", links->count,
                           SUITE_LINKS_MAX);
    out->links = arena_array(reader->memory, links->count, sizeof(*out->links));
    reader->link_notes = arena_array(reader->scratch, links->count, sizeof(*reader->link_notes));
    reader->built = out;
    for (size_t i = 0; i < links->count; i++) {
        const struct yaml_node *item;

        status = reader_resolve(reader, links->items[i], &item);
        if (!status)
            status = read_link(reader, item, &out->links[i], &reader->link_notes[i]);
        if (status)
            return status;
        for (unsigned j = 0; j < 2; j++)
            name_end(out, i, j, &out->links[i].ends[j]);
        out->link_count++;
    }
    return 0;
}
