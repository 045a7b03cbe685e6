/* Theory of Operation
 *
 * The trie branches on four bits at a time (a nibble) and only where two routes differ: a node says
 * which nibble it looks at, and those between it and the node above, which all routes below it have
 * in common, are not looked at on the way down. So a table of n routes has about log16(n) levels,
 * whatever the length of an address; a node is one cache line.
 *
 * A route stands in the trie under its address, zero behind the prefix. Routes with equal addresses
 * (10/8, 10.0/16) share one leaf: it is the longest of them. Every route knows its parent: the next
 * shorter route that covers it.
 *
 * A lookup goes down by the address's nibbles without comparing anything, and so gets to a leaf in
 * any case: a child that a node does not have is a copy of the one that has most leading bits in
 * common with it. Of all leaves, this one has the most leading bits in common with the address, d
 * say. (Once on the way the address differs from all that is below, each leaf below has exactly d;
 * until then the way is the only one to leaves that have more.) A route that covers the address
 * therefore covers the leaf's address, too, or is the leaf itself: the answer is the first of the
 * leaf and its parents that is not longer than d.
 *
 * An entry is a leaf, which is the number of a route, or has NODE set and is the nibble that the
 * node looks at (5 bits) and the node's number (26 bits). */
#include "net/route_internal.h"

enum { GROUP = 8 }; /* lookups at once, so that their cache misses overlap */

/* The first of the leaf and its parents that covers the address. */
static inline uint32_t cover(const struct route_trie *trie, uint32_t leaf, const uint8_t *address,
                             size_t bytes)
{
    unsigned int common = common_bits(address, trie->routes[leaf].address, bytes);

    while (leaf != ROUTE_NONE && trie->routes[leaf].length > common)
        leaf = trie->routes[leaf].parent;
    return leaf;
}

static inline uint32_t target_of(const struct route_trie *trie, uint32_t route)
{
    return route == ROUTE_NONE ? ROUTE_NONE : trie->routes[route].target;
}

static inline uint32_t lookup(const struct route_trie *trie, const uint8_t *address, size_t bytes)
{
    if (trie->count == 0)
        return ROUTE_NONE;
    return target_of(trie, cover(trie, find_leaf(trie, address), address, bytes));
}

uint32_t route_lookup(const struct route_table *table, enum packet_network network,
                      const uint8_t *address)
{
    if (network == PACKET_NETWORK_IPV4)
        return lookup(&table->ipv4, address, 4);
    return lookup(&table->ipv6, address, 16);
}

/* All go down a level before one goes down the next. */
static inline void descend(const struct route_trie *trie, const uint8_t *const addresses[GROUP],
                           uint32_t entries[GROUP])
{
    uint32_t any = trie->root;

    for (size_t i = 0; i < GROUP; i++)
        entries[i] = trie->root;
    while (any & NODE) {
        any = 0;
        for (size_t i = 0; i < GROUP; i++) {
            if (entries[i] & NODE)
                entries[i] = step(trie, entries[i], addresses[i]);
            any |= entries[i];
        }
    }
}

/* The leaf nearly always covers the address; of IPv4 that is one comparison. */
static inline void lookup_ipv4(const struct route_trie *trie, const uint8_t *const addresses[GROUP],
                               uint32_t targets[GROUP])
{
    descend(trie, addresses, targets);
    for (size_t i = 0; i < GROUP; i++) {
        const struct route *leaf = &trie->routes[targets[i]];

        if (((bytes_load32(addresses[i]) ^ bytes_load32(leaf->address)) & leaf->mask) == 0)
            targets[i] = leaf->target;
        else
            targets[i] = target_of(trie, cover(trie, targets[i], addresses[i], 4));
    }
}

static inline void lookup_ipv6(const struct route_trie *trie, const uint8_t *const addresses[GROUP],
                               uint32_t targets[GROUP])
{
    descend(trie, addresses, targets);
    for (size_t i = 0; i < GROUP; i++)
        targets[i] = target_of(trie, cover(trie, targets[i], addresses[i], 16));
}

void route_lookup_all(const struct route_table *table, enum packet_network network,
                      const uint8_t *const addresses[], size_t count, uint32_t targets[])
{
    bool is_ipv4 = network == PACKET_NETWORK_IPV4;
    const struct route_trie *trie = is_ipv4 ? &table->ipv4 : &table->ipv6;
    size_t i = 0;

    for (; trie->count > 0 && i + GROUP <= count; i += GROUP) {
        if (is_ipv4)
            lookup_ipv4(trie, addresses + i, targets + i);
        else
            lookup_ipv6(trie, addresses + i, targets + i);
    }
    for (; i < count; i++)
        targets[i] = route_lookup(table, network, addresses[i]);
}
