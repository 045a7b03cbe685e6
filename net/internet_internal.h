/* What the files of the internet share. */
#ifndef DUET_NET_INTERNET_INTERNAL_H
#define DUET_NET_INTERNET_INTERNAL_H

#include "net/icmp_error.h"
#include "net/internet.h"
#include "net/neighbour.h"

/* In the target of a route: the address is the router's own (or ROUTE_NONE, which has every bit);
 * it is on a wire; it is reached by a gateway, whose number the rest is. Else the rest is the NIC.
 */
#define TARGET_ROUTER UINT32_C(0x40000000)
#define TARGET_WIRE   UINT32_C(0x20000000)
#define TARGET_VIA    UINT32_C(0x10000000)
#define TARGET_NIC    UINT32_C(0x0000ffff)

enum { GATEWAYS_MAX = TARGET_NIC };

struct nic {
    struct packet **queue; /* a ring that could hold all packets in flight */
    size_t head, tail;     /* of the ring, never reduced; there are tail - head */
    uint32_t mtu;
    bool hairpin;
    bool is_wire;
    bool has_router[2]; /* an address of the router's, of IPv4 and IPv6 */
    uint8_t router[2][PACKET_ADDRESS_MAX];
    struct internet_counters counters;
    uint8_t mac[PACKET_MAC_BYTES]; /* of a wire */
};

/* A token bucket; the tokens are ns, of which one error costs `each`. */
struct limit {
    uint64_t last_ns, tokens_ns;
    uint64_t each_ns, burst_ns;
};

struct gateway {
    uint8_t address[PACKET_ADDRESS_MAX];
    uint8_t network; /* enum packet_network */
    uint16_t nic;
};

struct internet {
    struct pool *pool;
    struct route_table routes;
    struct nic *nics;
    size_t nic_count, nic_capacity;
    size_t flight, in_flight;
    size_t queue_mask;
    struct limit limit;
    struct packet *dropped[INTERNET_VECTOR]; /* of the vector in work, to be given back together */
    size_t dropped_count;
    struct gateway *gateways;
    size_t gateway_count;
    struct neighbours neighbours; /* empty until there is a wire */
    uint32_t neighbours_most;
    struct limit questions;
};

static inline unsigned int family_of(const struct packet *packet)
{
    return packet->network == PACKET_NETWORK_IPV6;
}

/* Notes that a packet of the vector in work, which came from the NIC, is dropped. */
static inline void internet_drop(struct internet *internet, struct nic *from, struct packet *packet,
                                 enum internet_cause cause)
{
    from->counters.dropped[cause]++;
    internet->dropped[internet->dropped_count++] = packet;
}

/* Of a target without TARGET_ROUTER: the NIC. */
static inline uint32_t internet_nic_of(const struct internet *internet, uint32_t target)
{
    return target & TARGET_VIA ? internet->gateways[target & TARGET_NIC].nic : target & TARGET_NIC;
}

/* The target of what is next to that NIC. */
static inline uint32_t internet_next_to(const struct internet *internet, uint32_t nic)
{
    return nic | (internet->nics[nic].is_wire ? TARGET_WIRE : 0);
}

/* Into the queue; false where too many are in flight. */
bool internet_enqueue(struct internet *internet, uint32_t nic, struct packet *packet);
/* To the next hop of the target, which has no TARGET_ROUTER: into a queue, or it waits. Else the
 * packet stays the caller's, and why is returned; INTERNET_CAUSES: it does not. */
enum internet_cause internet_output(struct internet *internet, const struct nic *from,
                                    struct packet *packet, uint32_t target, uint64_t now_ns);
/* Of a vector that came from a wire: those that are neither another's, which are dropped, nor what
 * neighbours say, which is settled. Returns how many. */
size_t internet_from_wire(struct internet *internet, struct nic *from,
                          struct packet *const packets[], size_t count,
                          struct packet *kept[static INTERNET_VECTOR], uint64_t now_ns);
/* Takes the tokens of one; false where there are too few. */
bool internet_limit(struct limit *limit, uint64_t now_ns);
/* Tells the sender, where it may be told. */
void internet_complain(struct internet *internet, struct nic *from, const struct packet *about,
                       enum icmp_error error, uint32_t mtu, uint64_t now_ns);
/* One hop less, and the checksum with it. */
void internet_count_hop(struct packet *packet);
/* A packet of the vector in work that must not be forwarded; says so to its sender where that is
 * told. */
void internet_refuse(struct internet *internet, struct nic *from, struct packet *packet,
                     enum internet_cause cause, uint64_t now_ns);
/* One that is longer than the MTU of the target's NIC: goes out in fragments, or is refused. */
void internet_cut(struct internet *internet, struct nic *from, struct packet *packet,
                  uint32_t target, uint64_t now_ns);
/* One to the router itself. */
void internet_answer(struct internet *internet, struct nic *from, struct packet *packet,
                     uint64_t now_ns);
/* Gives back what waits for neighbours. */
void internet_free_neighbours(struct internet *internet);

#endif
