/* The rules of a direction, with what they have to remember. */
#ifndef DUET_NET_IMPAIR_RULES_H
#define DUET_NET_IMPAIR_RULES_H

#include "net/impair_chance.h"
#include "net/impair_verdict.h"

/* How many packets of a flow there were. */
struct rules_flow {
    uint64_t hash;
    uint64_t packets;
    uint64_t last; /* when the newest came, in packets; who rests longest gives way to a new flow */
};

struct rules {
    struct impair_rule set[IMPAIR_RULES_MAX];
    uint64_t share[IMPAIR_RULES_MAX]; /* thresholds */
    uint64_t key[IMPAIR_CLASSES][IMPAIR_RULES_MAX];
    uint64_t acted[IMPAIR_CLASSES][IMPAIR_RULES_MAX];
    size_t count;
    bool counts_flows; /* a rule asks for the nth of a flow */
    uint64_t flow_seed;
    uint64_t counted; /* packets, for who rests longest */
    struct rules_flow *flows[IMPAIR_CLASSES];
    uint32_t flow_sets; /* of RULES_WAYS flows each, a power of two */
};

enum { RULES_WAYS = 4 };

/* What the rules want of one packet. */
struct rules_order {
    const struct impair_rule *ending; /* the rule that drops or resets it; NULL: it goes on */
    uint64_t delay_ns;
    uint32_t copies;
    bool mangled;
    uint8_t last; /* the last rule that acted, from 1; 0: none */
};

/* Sets of flows for `flows` of them. */
uint32_t rules_flow_sets(uint32_t flows);

/* The owner's class does not count: there are draws, counts and `flow_sets` sets of each. `flows`
 * has room for all, IMPAIR_CLASSES * flow_sets * RULES_WAYS of them. */
void rules_init(struct rules *rules, const struct draw_owner *owner, struct rules_flow *flows,
                uint32_t flow_sets);
/* A rule that is as the one that was there keeps its count of acts. */
void rules_set(struct rules *rules, const struct impair_rule *set, size_t count);
/* Packet n of its class, in turn; what is to be mangled is. */
void rules_apply(struct rules *rules, enum impair_class class, uint64_t n, struct packet *packet,
                 struct rules_order *order);

#endif
