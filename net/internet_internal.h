/* What the files of the internet share. */
#ifndef DUET_NET_INTERNET_INTERNAL_H
#define DUET_NET_INTERNET_INTERNAL_H

#include "net/icmp_error.h"
#include "net/internet.h"

/* In the target of a route: the address is the router's own. The rest is the NIC. */
#define TARGET_ROUTER UINT32_C(0x40000000)
#define TARGET_NIC    UINT32_C(0x0000ffff)

struct nic {
    struct packet **queue; /* a ring that could hold all packets in flight */
    size_t head, tail;     /* of the ring, never reduced; there are tail - head */
    uint32_t mtu;
    bool hairpin;
    bool has_router[2]; /* an address of the router's, of IPv4 and IPv6 */
    uint8_t router[2][PACKET_ADDRESS_MAX];
    struct internet_counters counters;
};

/* A token bucket; the tokens are ns, of which one error costs `each`. */
struct limit {
    uint64_t last_ns, tokens_ns;
    uint64_t each_ns, burst_ns;
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

/* Into the queue; false where too many are in flight. */
bool internet_enqueue(struct internet *internet, uint32_t nic, struct packet *packet);
/* One hop less, and the checksum with it. */
void internet_count_hop(struct packet *packet);
/* A packet of the vector in work that must not be forwarded; says so to its sender where that is
 * told. */
void internet_refuse(struct internet *internet, struct nic *from, struct packet *packet,
                     enum internet_cause cause, uint64_t now_ns);
/* One that is longer than the NIC's MTU: goes out in fragments, or is refused. */
void internet_cut(struct internet *internet, struct nic *from, struct packet *packet, uint32_t nic,
                  uint64_t now_ns);
/* One to the router itself. */
void internet_answer(struct internet *internet, struct nic *from, struct packet *packet);

#endif
