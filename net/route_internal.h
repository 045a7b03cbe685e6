/* What net/route.c, which reads tries, and net/route_change.c, which makes them, share. */
#ifndef DUET_NET_ROUTE_INTERNAL_H
#define DUET_NET_ROUTE_INTERNAL_H

#include "net/route.h"

/* Set in an entry that is a node's. */
#define NODE UINT32_C(0x80000000)

enum {
    FAN = 16,
    INDEX_BITS = 26,
    INDEX_MASK = (1 << INDEX_BITS) - 1,
};

struct route_node {
    uint32_t children[FAN];
} __attribute__((aligned(64)));

struct route {
    uint8_t address[PACKET_ADDRESS_MAX];
    uint32_t parent; /* ROUTE_NONE: no route covers this one */
    uint32_t target;
    uint32_t mask; /* of the address's first 32 bits, as a number */
    uint8_t length;
} __attribute__((aligned(32)));

static inline unsigned int nibble(const uint8_t *address, unsigned int depth)
{
    return (address[depth / 2] >> (depth % 2 ? 0 : 4)) & 15;
}

static inline unsigned int depth_of(uint32_t entry)
{
    return (entry >> INDEX_BITS) & 31;
}

static inline uint32_t step(const struct route_trie *trie, uint32_t entry, const uint8_t *address)
{
    return trie->nodes[entry & INDEX_MASK].children[nibble(address, depth_of(entry))];
}

/* Leading bits that both have in common. */
static inline unsigned int common_bits(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    uint64_t differs;

    if (bytes == 4) {
        differs = bytes_load32(a) ^ bytes_load32(b);
        return differs ? (unsigned int)__builtin_clzll(differs) - 32 : 32;
    }
    differs = bytes_load64(a) ^ bytes_load64(b);
    if (differs)
        return (unsigned int)__builtin_clzll(differs);
    differs = bytes_load64(a + 8) ^ bytes_load64(b + 8);
    return differs ? 64 + (unsigned int)__builtin_clzll(differs) : 128;
}

static inline uint32_t find_leaf(const struct route_trie *trie, const uint8_t *address)
{
    uint32_t entry = trie->root;

    while (entry & NODE)
        entry = step(trie, entry, address);
    return entry;
}

#endif
