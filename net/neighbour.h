/* Who is where on a wire: the link-layer addresses of the hosts next to a router, and how sure it
 * is of them (RFC 4861, 7.3; of IPv4, whose RFC 826 has no states, the same).
 *
 * The table decides, and sends nothing: who uses it is told when to ask, and hands over what was
 * heard. It has a fixed size; nothing is allocated after neighbours_init. When it is full, one that
 * did not answer gives way to a new one, or who was not used for longest; but where half of it is
 * asked for, nobody does: who makes a router ask for any number of addresses must not drive out
 * those that are there. */
#ifndef DUET_NET_NEIGHBOUR_H
#define DUET_NET_NEIGHBOUR_H

#include "net/packet.h"

#define NEIGHBOUR_REACHABLE_NS UINT64_C(30000000000) /* RFC 4861, 10 */
#define NEIGHBOUR_DELAY_NS     UINT64_C(5000000000)
#define NEIGHBOUR_RETRANS_NS   UINT64_C(1000000000)
#define NEIGHBOUR_NEVER        UINT64_MAX

enum {
    NEIGHBOURS_DEFAULT = 1024,
    NEIGHBOURS_MAX = 1 << 16,
    NEIGHBOUR_SOLICITS = 3, /* RFC 4861: MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
    NEIGHBOUR_WAITING = 16, /* packets that wait for one */
};

enum neighbour_state {
    NEIGHBOUR_NONE,       /* a free place */
    NEIGHBOUR_INCOMPLETE, /* asked for, and nobody has answered yet */
    NEIGHBOUR_FAILED,     /* nobody has; for a second nobody is asked again */
    NEIGHBOUR_REACHABLE,  /* has answered not long ago */
    NEIGHBOUR_STALE,      /* was there once; nobody has sent to it since */
    NEIGHBOUR_DELAY,      /* somebody has */
    NEIGHBOUR_PROBE,      /* is asked whether it is still there */
};

struct neighbour {
    uint8_t address[PACKET_ADDRESS_MAX];
    uint8_t network; /* enum packet_network: PACKET_NETWORK_IPV4 or PACKET_NETWORK_IPV6 */
    uint8_t state;   /* enum neighbour_state */
    uint8_t mac[PACKET_MAC_BYTES]; /* from NEIGHBOUR_REACHABLE on */
    uint16_t nic;
    uint8_t asked; /* how often, without an answer */
    uint8_t waiting_count;
    uint32_t next;        /* in its chain, or of the free places */
    uint64_t deadline_ns; /* when its state ends, where that has an end */
    uint64_t used_ns;
    struct packet *waiting[NEIGHBOUR_WAITING]; /* until it is known; the oldest first */
};

struct neighbours {
    struct neighbour *items;
    uint32_t *chains; /* by hash; the first of each */
    uint32_t count, mask, free;
    uint64_t next_ns; /* no later than the first deadline */
};

/* `count` places, up to NEIGHBOURS_MAX; 0: NEIGHBOURS_DEFAULT. */
void neighbours_init(struct neighbours *neighbours, uint32_t count);
/* What waits is the caller's to take first. */
void neighbours_free(struct neighbours *neighbours);

/* NULL where it is not there. */
struct neighbour *neighbour_find(struct neighbours *neighbours, uint16_t nic,
                                 enum packet_network network, const uint8_t *address);
/* Adds one that is not there, of which nothing is known yet: it is NEIGHBOUR_FAILED until it is
 * used or heard of. NULL where nobody gives way. */
struct neighbour *neighbour_add(struct neighbours *neighbours, uint16_t nic,
                                enum packet_network network, const uint8_t *address,
                                uint64_t now_ns);

/* What who has a packet for a neighbour is to do. */
enum neighbour_use {
    NEIGHBOUR_SEND,        /* to its mac */
    NEIGHBOUR_WAIT,        /* until it is known */
    NEIGHBOUR_ASK,         /* the same, and ask all for it now */
    NEIGHBOUR_UNREACHABLE, /* say so to the packet's sender */
};
enum neighbour_use neighbour_use(struct neighbours *neighbours, struct neighbour *neighbour,
                                 uint64_t now_ns);

/* What was heard of it. */
struct neighbour_news {
    uint8_t mac[PACKET_MAC_BYTES];
    bool solicited; /* it answers a question of the router's */
    bool override;  /* a mac that is another than is known counts */
};
/* Afterwards its mac is known, where it was not, and what waits can go. */
void neighbour_hear(struct neighbours *neighbours, struct neighbour *neighbour,
                    const struct neighbour_news *news, uint64_t now_ns);

/* What neighbours_tick calls for. */
enum neighbour_want {
    NEIGHBOUR_ASK_ALL, /* who has its address */
    NEIGHBOUR_ASK_IT,  /* whether it is still there */
    NEIGHBOUR_GIVE_UP, /* it has not answered: take what waits */
};
/* Calls for what is due by now. The callee may use, add and hear of neighbours. */
void neighbours_tick(struct neighbours *neighbours, uint64_t now_ns,
                     void (*want)(void *context, struct neighbour *neighbour,
                                  enum neighbour_want want),
                     void *context);
/* When neighbours_tick is to be called next; NEIGHBOUR_NEVER. */
uint64_t neighbours_next_ns(const struct neighbours *neighbours);

#endif
