/* Routes: the longest prefix of IPv4 or IPv6 that an address has. */
#ifndef DUET_NET_ROUTE_H
#define DUET_NET_ROUTE_H

#include "base/error.h"
#include "net/packet.h"

#define ROUTE_NONE UINT32_MAX

struct route_prefix {
    enum packet_network network;         /* IPV4 or IPV6 */
    uint8_t address[PACKET_ADDRESS_MAX]; /* the first 4 for IPv4; zero behind `length` bits */
    uint8_t length;                      /* bits: 0 to 32, or to 128 */
};

/* The routes of one family. Its memory grows when one is inserted, and at no other time. */
struct route_trie {
    struct route_node *nodes;
    uint16_t *occupied; /* of each node: which of its children are its own */
    struct route *routes;
    uint32_t node_capacity, node_count, free_node;
    uint32_t route_capacity, route_count, free_route;
    uint32_t root;
    uint32_t count;        /* of routes that are there */
    uint8_t address_bytes; /* 4 or 16 */
};

struct route_table {
    struct route_trie ipv4, ipv6;
};

void route_table_init(struct route_table *table);
void route_table_free(struct route_table *table);
/* `target` is the caller's, but for ROUTE_NONE. EEXIST where the prefix has one already, EINVAL for
 * a prefix that is none. */
int route_insert(struct route_table *table, const struct route_prefix *prefix, uint32_t target,
                 struct error *error);
/* ENOENT where there is no route with this very prefix. */
int route_remove(struct route_table *table, const struct route_prefix *prefix, struct error *error);
/* The target of the longest prefix that `address` (network order, 4 or 16 bytes) has, or
 * ROUTE_NONE. */
uint32_t route_lookup(const struct route_table *table, enum packet_network network,
                      const uint8_t *address);
/* The same for each of the addresses, all of one family. */
void route_lookup_all(const struct route_table *table, enum packet_network network,
                      const uint8_t *const addresses[], size_t count, uint32_t targets[]);

#endif
