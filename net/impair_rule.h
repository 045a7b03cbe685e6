/* Rules that pick packets, and what they do with these. */
#ifndef DUET_NET_IMPAIR_RULE_H
#define DUET_NET_IMPAIR_RULE_H

#include "net/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMPAIR_PATTERN_MAX = 32 };

/* What an offset counts from. A packet without that part is not picked. */
enum impair_part {
    IMPAIR_PART_NETWORK,
    IMPAIR_PART_TRANSPORT,
    IMPAIR_PART_PAYLOAD, /* of UDP, TCP and ICMP */
    IMPAIR_PART_LINK,
    IMPAIR_PARTS,
};

/* All addresses where `network` is PACKET_NETWORK_NONE. */
struct impair_prefix {
    uint8_t network; /* enum packet_network: PACKET_NETWORK_IPV4 or PACKET_NETWORK_IPV6 */
    uint8_t bits;
    uint8_t address[PACKET_ADDRESS_MAX]; /* zero behind `bits` */
};

/* All, packets without ports included, where both are 0. */
struct impair_ports {
    uint16_t low, high;
};

/* Bytes somewhere in a packet; none where `length` is 0. */
struct impair_pattern {
    enum impair_part part;
    uint32_t offset;
    bool anywhere; /* at `offset` or later */
    uint8_t length;
    uint8_t bytes[IMPAIR_PATTERN_MAX];
    uint8_t mask[IMPAIR_PATTERN_MAX]; /* the bits that count */
};

enum impair_action {
    IMPAIR_ACT_DROP,
    IMPAIR_ACT_DELAY,
    IMPAIR_ACT_DUPLICATE,
    IMPAIR_ACT_MANGLE,
    IMPAIR_ACT_RESET, /* of TCP; in place of the packet goes a reset */
    IMPAIR_ACTIONS,
};

/* Whom a reset goes to. */
enum impair_reset {
    IMPAIR_RESET_SENDER,   /* back, as from a firewall that rejects */
    IMPAIR_RESET_RECEIVER, /* on, as from the sender */
    IMPAIR_RESET_BOTH,
    IMPAIR_RESETS,
};

/* A packet is picked where all hold that are not zero. Drop and reset end the matter; the others
 * add to what later rules do. */
struct impair_rule {
    uint8_t network;  /* enum packet_network */
    uint8_t protocol; /* IPPROTO_… */
    struct impair_prefix source, destination;
    struct impair_ports source_port, destination_port;
    uint8_t tcp_mask, tcp_flags;    /* the flags that count, and those of them that are set */
    uint32_t size_least, size_most; /* bytes of the network's packet */
    uint32_t nth;                   /* of its flow in this direction, from 1 … */
    uint32_t every;                 /* … and so many later, again and again */
    struct impair_pattern pattern;
    uint32_t share_ppb; /* of what is picked so far; 0: all */
    uint64_t limit;     /* how often it acts at most */

    enum impair_action action;
    uint64_t delay_ns;            /* IMPAIR_ACT_DELAY: added to what else delays */
    uint32_t copies;              /* IMPAIR_ACT_DUPLICATE; 0 counts as 1 */
    enum impair_reset reset;      /* IMPAIR_ACT_RESET */
    struct impair_pattern mangle; /* IMPAIR_ACT_MANGLE: these bits become those of `bytes` */
    bool keep_checksums;          /* IMPAIR_ACT_MANGLE: else they are made right again */
};

/* Whether the packet, parsed, is one that the rule describes: all but nth, every, share, limit. */
bool impair_rule_matches(const struct impair_rule *rule, const struct packet *packet);

/* Whether both pick and do the same; both have passed impair_check. */
bool impair_rule_equal(const struct impair_rule *a, const struct impair_rule *b);

/* Where that part of a packet, parsed, begins and ends, in bytes from its first: false where it has
 * none. The end is before the link's padding. */
bool impair_part_of(const struct packet *packet, enum impair_part part, size_t *start, size_t *end);

/* Whether the rule can pick anything: NULL, or the field that says that it cannot, and in *expected
 * what that should be. `mtu` as for impair_check. */
const char *impair_rule_mistake(const struct impair_rule *rule, uint32_t mtu,
                                const char **expected);

#endif
