/* How tries of routes are made and changed; net/route.c says what they are. */
#include "base/memory.h"
#include "net/route_internal.h"

#include <arpa/inet.h>
#include <errno.h>

/* An entry: a child of a node, or (`node` is ROUTE_NONE) the root. */
struct place {
    uint32_t node;
    unsigned int child;
};

/* -- Memory ------------------------------------------------------------------------------------ */

static void *grow(void *old, uint32_t *capacity, size_t size)
{
    uint32_t wanted = *capacity ? *capacity * 2 : 16;
    char *grown = xchecked(aligned_alloc(64, wanted * size));

    if (old)
        memcpy(grown, old, *capacity * size);
    free(old);
    *capacity = wanted;
    return grown;
}

/* Both before anything changes, so that an insertion is whole. */
static int reserve(struct route_trie *trie, struct error *error)
{
    if (trie->route_count == INDEX_MASK || trie->node_count == INDEX_MASK)
        return error_set(error, ENOSPC, "there are %d routes, and no more are possible",
                         INDEX_MASK);
    if (trie->free_route == ROUTE_NONE && trie->route_count == trie->route_capacity)
        trie->routes = grow(trie->routes, &trie->route_capacity, sizeof *trie->routes);
    if (trie->free_node == ROUTE_NONE && trie->node_count == trie->node_capacity) {
        trie->nodes = grow(trie->nodes, &trie->node_capacity, sizeof *trie->nodes);
        trie->occupied = xreallocarray(trie->occupied, trie->node_capacity, sizeof *trie->occupied);
    }
    return 0;
}

static uint32_t take_node(struct route_trie *trie)
{
    uint32_t node = trie->free_node;

    if (node == ROUTE_NONE)
        node = trie->node_count++;
    else
        trie->free_node = trie->nodes[node].children[0];
    trie->occupied[node] = 0;
    return node;
}

static void give_node(struct route_trie *trie, uint32_t node)
{
    trie->nodes[node].children[0] = trie->free_node;
    trie->free_node = node;
}

static uint32_t take_route(struct route_trie *trie, const struct route_prefix *prefix,
                           uint32_t target)
{
    uint32_t route = trie->free_route;

    if (route == ROUTE_NONE)
        route = trie->route_count++;
    else
        trie->free_route = trie->routes[route].parent;
    trie->routes[route] = (struct route){
        .parent = ROUTE_NONE,
        .target = target,
        .mask = prefix->length < 32 ? ~(UINT32_MAX >> prefix->length) : UINT32_MAX,
        .length = prefix->length,
    };
    memcpy(trie->routes[route].address, prefix->address, trie->address_bytes);
    trie->count++;
    return route;
}

static void give_route(struct route_trie *trie, uint32_t route)
{
    trie->routes[route].parent = trie->free_route;
    trie->free_route = route;
    trie->count--;
}

/* -- Changing ---------------------------------------------------------------------------------- */

static uint32_t entry_at(const struct route_trie *trie, struct place place)
{
    return place.node == ROUTE_NONE ? trie->root : trie->nodes[place.node].children[place.child];
}

/* Gives the node copies of the nearest of its own children where it has none. */
static void fill(struct route_trie *trie, uint32_t node)
{
    for (unsigned int child = 0; child < FAN; child++) {
        unsigned int nearest = FAN;

        for (unsigned int own = 0; own < FAN; own++)
            if (trie->occupied[node] >> own & 1 &&
                (nearest == FAN || (own ^ child) < (nearest ^ child)))
                nearest = own;
        trie->nodes[node].children[child] = trie->nodes[node].children[nearest];
    }
}

static void put(struct route_trie *trie, struct place place, uint32_t entry)
{
    if (place.node == ROUTE_NONE) {
        trie->root = entry;
        return;
    }
    trie->nodes[place.node].children[place.child] = entry;
    trie->occupied[place.node] |= (uint16_t)(1u << place.child);
    fill(trie, place.node);
}

/* The place on the way to `address` where what begins looks at the nibble `depth` or a later one,
 * or is a leaf; *above is the place of the node that has it. */
static struct place find_place(const struct route_trie *trie, const uint8_t *address,
                               unsigned int depth, struct place *above)
{
    struct place place = {.node = ROUTE_NONE};
    uint32_t entry = trie->root;

    *above = place;
    while (entry & NODE && depth_of(entry) < depth) {
        *above = place;
        place =
            (struct place){.node = entry & INDEX_MASK, .child = nibble(address, depth_of(entry))};
        entry = entry_at(trie, place);
    }
    return place;
}

/* Branches off before the leaf `near`, with which the new one has `common` bits in common. */
static void put_leaf(struct route_trie *trie, uint32_t route, uint32_t near, unsigned int common)
{
    const uint8_t *address = trie->routes[route].address;
    unsigned int depth = common / 4;
    struct place above;
    struct place place = find_place(trie, address, depth, &above);
    uint32_t entry = entry_at(trie, place);
    struct place inner = {.child = nibble(address, depth)};

    if (entry & NODE && depth_of(entry) == depth) {
        inner.node = entry & INDEX_MASK;
        put(trie, inner, route);
        return;
    }
    inner.node = take_node(trie);
    put(trie,
        (struct place){.node = inner.node, .child = nibble(trie->routes[near].address, depth)},
        entry);
    put(trie, inner, route);
    put(trie, place, NODE | depth << INDEX_BITS | inner.node);
}

static void remove_leaf(struct route_trie *trie, const uint8_t *address)
{
    struct place above;
    struct place place = find_place(trie, address, UINT32_MAX, &above);
    uint16_t left;

    if (place.node == ROUTE_NONE)
        return;
    left = trie->occupied[place.node] &= (uint16_t) ~(1u << place.child);
    if (left & (left - 1)) {
        fill(trie, place.node);
        return;
    }
    place.child = (unsigned int)__builtin_ctz(left);
    put(trie, above, entry_at(trie, place));
    give_node(trie, place.node);
}

/* -- Parents ----------------------------------------------------------------------------------- */

/* Of `route`, among the leaf and its parents: the one with the next longer prefix than `length`, or
 * ROUTE_NONE where the leaf is not longer. */
static uint32_t next_longer(const struct route_trie *trie, uint32_t leaf, unsigned int length)
{
    uint32_t longer = ROUTE_NONE;

    while (leaf != ROUTE_NONE && trie->routes[leaf].length > length) {
        longer = leaf;
        leaf = trie->routes[leaf].parent;
    }
    return longer;
}

/* The next longer ones of all leaves from `entry` on get the new parent. */
static void adopt(struct route_trie *trie, uint32_t entry, unsigned int length, uint32_t parent)
{
    uint32_t node = entry & INDEX_MASK;
    uint32_t longer;

    if (!(entry & NODE)) {
        longer = next_longer(trie, entry, length);
        if (longer != ROUTE_NONE)
            trie->routes[longer].parent = parent;
        return;
    }
    for (unsigned int child = 0; child < FAN; child++)
        if (trie->occupied[node] >> child & 1)
            adopt(trie, trie->nodes[node].children[child], length, parent);
}

/* All that `prefix` covers, and that no longer prefix in it covers, gets the new parent. `prefix`
 * is in the trie. */
static void adopt_covered(struct route_trie *trie, const struct route_prefix *prefix,
                          uint32_t parent)
{
    unsigned int whole = prefix->length / 4, rest = prefix->length % 4;
    struct place above;
    uint32_t entry = entry_at(trie, find_place(trie, prefix->address, whole, &above));
    uint32_t node = entry & INDEX_MASK;

    if (!(entry & NODE) || depth_of(entry) > whole || rest == 0) {
        adopt(trie, entry, prefix->length, parent);
        return;
    }
    for (unsigned int child = 0; child < FAN; child++)
        if (trie->occupied[node] >> child & 1 &&
            child >> (4 - rest) == nibble(prefix->address, whole) >> (4 - rest))
            adopt(trie, trie->nodes[node].children[child], prefix->length, parent);
}

/* -- Inserting and removing -------------------------------------------------------------------- */

static struct route_trie *trie_of(struct route_table *table, const struct route_prefix *prefix)
{
    return prefix->network == PACKET_NETWORK_IPV4 ? &table->ipv4 : &table->ipv6;
}

static int fail(struct error *error, int code, const struct route_prefix *prefix, const char *what)
{
    char text[INET6_ADDRSTRLEN];

    inet_ntop(prefix->network == PACKET_NETWORK_IPV4 ? AF_INET : AF_INET6, prefix->address, text,
              sizeof text);
    return error_set(error, code, "the route to %s/%d %s", text, prefix->length, what);
}

static int check_prefix(const struct route_prefix *prefix, struct error *error)
{
    unsigned int bits = prefix->network == PACKET_NETWORK_IPV4 ? 32 : 128;

    if (prefix->network != PACKET_NETWORK_IPV4 && prefix->network != PACKET_NETWORK_IPV6)
        return error_set(error, EINVAL, "a route is of IPv4 or IPv6");
    if (prefix->length > bits)
        return fail(error, EINVAL, prefix, "has more bits than its address");
    for (unsigned int bit = prefix->length; bit < bits; bit++)
        if (prefix->address[bit / 8] & 0x80 >> bit % 8)
            return fail(error, EINVAL, prefix, "has bits behind its prefix");
    return 0;
}

/* Links the route to those that it covers and is covered by; its leaf is in the trie. */
static void link_route(struct route_trie *trie, const struct route_prefix *prefix, uint32_t route,
                       uint32_t near)
{
    unsigned int common =
        common_bits(prefix->address, trie->routes[near].address, trie->address_bytes);

    while (near != ROUTE_NONE &&
           (trie->routes[near].length >= prefix->length || trie->routes[near].length > common))
        near = trie->routes[near].parent;
    trie->routes[route].parent = near;
    adopt_covered(trie, prefix, route);
}

static uint32_t find_exact(const struct route_trie *trie, const struct route_prefix *prefix)
{
    uint32_t route;

    if (trie->count == 0)
        return ROUTE_NONE;
    route = find_leaf(trie, prefix->address);
    if (memcmp(trie->routes[route].address, prefix->address, trie->address_bytes) != 0)
        return ROUTE_NONE;
    while (route != ROUTE_NONE && trie->routes[route].length > prefix->length)
        route = trie->routes[route].parent;
    return route != ROUTE_NONE && trie->routes[route].length == prefix->length ? route : ROUTE_NONE;
}

int route_insert(struct route_table *table, const struct route_prefix *prefix, uint32_t target,
                 struct error *error)
{
    struct route_trie *trie = trie_of(table, prefix);
    uint32_t route, near;
    unsigned int common;
    struct place above;
    int code = check_prefix(prefix, error);

    if (code == 0 && target == ROUTE_NONE)
        code = fail(error, EINVAL, prefix, "leads nowhere");
    if (code == 0 && find_exact(trie, prefix) != ROUTE_NONE)
        code = fail(error, EEXIST, prefix, "is there already");
    if (code == 0)
        code = reserve(trie, error);
    if (code < 0)
        return code;
    near = trie->count > 0 ? find_leaf(trie, prefix->address) : ROUTE_NONE;
    route = take_route(trie, prefix, target);
    if (near == ROUTE_NONE) {
        trie->root = route;
        return 0;
    }
    common = common_bits(prefix->address, trie->routes[near].address, trie->address_bytes);
    if (common < trie->address_bytes * 8u)
        put_leaf(trie, route, near, common);
    else if (trie->routes[near].length < prefix->length)
        put(trie, find_place(trie, prefix->address, UINT32_MAX, &above), route);
    link_route(trie, prefix, route, near);
    return 0;
}

int route_remove(struct route_table *table, const struct route_prefix *prefix, struct error *error)
{
    struct route_trie *trie = trie_of(table, prefix);
    uint32_t route, parent;
    struct place place, above;
    int code = check_prefix(prefix, error);

    if (code < 0)
        return code;
    route = find_exact(trie, prefix);
    if (route == ROUTE_NONE)
        return fail(error, ENOENT, prefix, "is not there");
    parent = trie->routes[route].parent;
    adopt_covered(trie, prefix, parent);
    place = find_place(trie, prefix->address, UINT32_MAX, &above);
    if (entry_at(trie, place) == route) {
        if (parent != ROUTE_NONE &&
            memcmp(trie->routes[parent].address, prefix->address, trie->address_bytes) == 0)
            put(trie, place, parent);
        else
            remove_leaf(trie, prefix->address);
    }
    give_route(trie, route);
    return 0;
}

/* -- Tables ------------------------------------------------------------------------------------ */

static void trie_init(struct route_trie *trie, uint8_t address_bytes)
{
    *trie = (struct route_trie){
        .free_node = ROUTE_NONE, .free_route = ROUTE_NONE, .address_bytes = address_bytes};
}

static void trie_free(struct route_trie *trie)
{
    free(trie->nodes);
    free(trie->occupied);
    free(trie->routes);
    trie_init(trie, trie->address_bytes);
}

void route_table_init(struct route_table *table)
{
    trie_init(&table->ipv4, 4);
    trie_init(&table->ipv6, 16);
}

void route_table_free(struct route_table *table)
{
    trie_free(&table->ipv4);
    trie_free(&table->ipv6);
}
