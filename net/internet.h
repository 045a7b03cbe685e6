/* An internet: one router, which hands each IPv4 and IPv6 packet that comes in from a NIC to the
 * NIC that its destination is behind.
 *
 * A NIC is virtual, and all that matters is what is behind it; or it is at a wire, and what goes
 * out there is an Ethernet frame to the next hop, which is the destination itself or a gateway. For
 * that the router asks for its neighbours and answers them (ARP, neighbour discovery); packets wait
 * until one is known. It advertises nothing, and believes no other router.
 *
 * Packets go in with internet_send, as the hosts behind a NIC send them, and come out with
 * internet_receive, as these hosts receive them. In between they wait in the NIC's queue. All
 * queues together hold a bounded number of packets, and nothing is allocated for one: what is too
 * much is dropped. Every packet that is not delivered is counted under one cause, with the NIC that
 * it came from.
 *
 * What is between a NIC and its hosts (delay, loss, a rate: net/impair.h) is not the internet's. */
#ifndef DUET_NET_INTERNET_H
#define DUET_NET_INTERNET_H

#include "base/error.h"
#include "net/pool.h"
#include "net/route.h"

enum {
    NET_MTU_MIN = 68,        /* RFC 791 */
    NET_MTU_IPV6_MIN = 1280, /* RFC 8200, 5 */
    NET_MTU_ETHERNET = 1500, /* IEEE 802.3 */
    NET_MTU_JUMBO = 9000,    /* what NICs call jumbo frames */
    NET_MTU_MAX = PACKET_IP_MAX,
};

enum {
    INTERNET_FLIGHT_DEFAULT = 1024,
    INTERNET_FLIGHT_MAX = 1 << 20,
    INTERNET_NICS_MAX = 4096,
    INTERNET_VECTOR = 64, /* packets that are best given at once: they stay in the cache */
    INTERNET_ERRORS_PER_S = 1000,
    INTERNET_ERRORS_BURST = 50,
};

/* Why a packet was dropped. */
enum internet_cause {
    INTERNET_FLAWED,      /* not understood; `flaws` says why */
    INTERNET_NOT_IP,      /* ARP, or another EtherType */
    INTERNET_TOO_LONG,    /* longer than the MTU of the NIC that it came from */
    INTERNET_UNSPECIFIED, /* from or to 0.0.0.0/8 or :: */
    INTERNET_LOOPBACK,    /* from or to 127.0.0.0/8 or ::1 */
    INTERNET_LINK_LOCAL,  /* from or to 169.254.0.0/16 or fe80::/10 */
    INTERNET_MULTICAST,   /* from or to a group or broadcast, in its frame or in IP */
    INTERNET_RESERVED,    /* from or to 240.0.0.0/4 */
    INTERNET_NO_ROUTE,
    INTERNET_SAME_NIC,     /* would go back to where it came from */
    INTERNET_HOPS,         /* TTL or hop limit used up */
    INTERNET_TOO_BIG,      /* longer than the next MTU, and must not be fragmented */
    INTERNET_LOCAL,        /* to the router itself, and no echo request */
    INTERNET_FULL,         /* too many packets in flight */
    INTERNET_NO_ROOM,      /* the pool had none for the fragments */
    INTERNET_OTHER_HOST,   /* at a wire: the frame is for somebody else, or in a VLAN */
    INTERNET_NO_NEIGHBOUR, /* the next hop does not answer, or the router has no address there */
    INTERNET_UNRESOLVED,   /* too many wait for the next hop's answer, or for other neighbours' */
    INTERNET_CAUSES,
};

/* "no-route" */
const char *internet_cause_name(enum internet_cause cause);

struct internet_counters {
    uint64_t packets_in, bytes_in;   /* that came from the NIC, dropped ones included */
    uint64_t packets_out, bytes_out; /* put into its queue */
    uint64_t crowded_out;            /* that were to go out here, and found no room: `dropped` has
                                      * them too, with the NIC that they came from */
    uint64_t dropped[INTERNET_CAUSES];
    uint64_t flaws[PACKET_FLAWS]; /* also of packets that were delivered: of a transport's header */
    uint64_t fragmented;          /* packets that went out as fragments */
    uint64_t echoes;              /* requests to the router that were answered */
    uint64_t errors;              /* ICMP errors about its packets: sent */
    uint64_t errors_limited;      /* not sent: too many a second */
    uint64_t errors_lost;         /* not sent: no packet, no source address or no way back */
    uint64_t upkeep;              /* what neighbours asked and answered, and is not dropped */
    uint64_t asked, answered;     /* what the router did */
    uint64_t upkeep_lost;         /* what it did not: too many a second, no packet, no address */
};

struct internet_options {
    struct pool *pool;     /* takes what is dropped; gives ICMP errors and fragments */
    size_t nics;           /* at most, up to INTERNET_NICS_MAX */
    size_t flight;         /* packets at most; 0: INTERNET_FLIGHT_DEFAULT */
    uint32_t errors_per_s; /* ICMP errors; 0: INTERNET_ERRORS_PER_S */
    uint32_t errors_burst; /* at once; 0: INTERNET_ERRORS_BURST */
    uint32_t neighbours;   /* of all wires, up to NEIGHBOURS_MAX; 0: NEIGHBOURS_DEFAULT */
};

struct internet;

/* EINVAL for numbers outside these limits. The pool stays the caller's and must outlive it. */
int internet_new(const struct internet_options *options, struct internet **internet,
                 struct error *error);
/* Gives back what waits. NULL is fine. */
void internet_free(struct internet *internet);

/* Adds a NIC, whose number goes to *nic: 0, 1, … The MTU is NET_MTU_MIN to NET_MTU_MAX bytes of IP.
 * `hairpin`: hosts behind it do not reach each other by themselves, so a packet may go back out. */
int internet_add_nic(struct internet *internet, size_t mtu, bool hairpin, uint16_t *nic,
                     struct error *error);
/* The same of one at a wire, where the router has the address `mac`. Packets that come from it are
 * frames. They, and those of other NICs that go out there, have POOL_HEADROOM bytes before the
 * first that are theirs, and are cut to their IP. Hosts there may reach each other through the
 * router. */
int internet_add_wire(struct internet *internet, size_t mtu, const uint8_t mac[PACKET_MAC_BYTES],
                      uint16_t *nic, struct error *error);
/* From the next packet on. */
int internet_set_mtu(struct internet *internet, uint16_t nic, size_t mtu, struct error *error);
/* A host behind the NIC has the address (4 or 16 bytes). EEXIST where any NIC or the router has it,
 * EINVAL where it is none of a host's. */
int internet_attach(struct internet *internet, uint16_t nic, enum packet_network network,
                    const uint8_t *address, struct error *error);
/* The router has the address on this NIC: errors about the NIC's packets come from it, and it
 * answers echo requests. One of each family. Errors as internet_attach. */
int internet_set_router(struct internet *internet, uint16_t nic, enum packet_network network,
                        const uint8_t *address, struct error *error);
/* ENOENT where nobody has the address. */
int internet_detach(struct internet *internet, enum packet_network network, const uint8_t *address,
                    struct error *error);
/* What has the prefix is behind the NIC; at a wire, each of it is on the wire itself. EEXIST where
 * that very prefix has a route. */
int internet_add_route(struct internet *internet, uint16_t nic, const struct route_prefix *prefix,
                       struct error *error);
/* What has the prefix is reached by the gateway, of the same family. EHOSTUNREACH where that is not
 * on a wire. */
int internet_add_route_via(struct internet *internet, const struct route_prefix *prefix,
                           const uint8_t *gateway, struct error *error);
/* ENOENT where it has none. */
int internet_remove_route(struct internet *internet, const struct route_prefix *prefix,
                          struct error *error);

/* Takes over packets that came from the NIC, which was added, parsed, at the time `now_ns`, which
 * counts for the rate of ICMP errors. All are the internet's from then on: delivered ones are in a
 * queue, the others went to the pool. */
void internet_send(struct internet *internet, uint16_t nic, struct packet *const packets[],
                   size_t count, uint64_t now_ns);
/* Hands over up to `max` packets for the hosts behind the NIC, in the order in which they came.
 * Returns how many. */
size_t internet_receive(struct internet *internet, uint16_t nic, struct packet *packets[],
                        size_t max);
/* Packets that wait for it; of all NICs, those that wait for neighbours with them. */
size_t internet_waiting(const struct internet *internet, uint16_t nic);
size_t internet_in_flight(const struct internet *internet);

/* Asks neighbours again that have not answered, and gives them up: what waited for these is dropped
 * then, and its senders are told. */
void internet_tick(struct internet *internet, uint64_t now_ns);
/* When internet_tick is to be called next; UINT64_MAX: only what is sent changes that. */
uint64_t internet_next_ns(const struct internet *internet);

const struct internet_counters *internet_counters(const struct internet *internet, uint16_t nic);

#endif
