/* What became of a packet on an impaired link, and why. */
#ifndef DUET_NET_IMPAIR_VERDICT_H
#define DUET_NET_IMPAIR_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

/* The packets of a direction are of one of these, each with numbers and draws of its own. */
enum impair_class {
    IMPAIR_DATA,
    IMPAIR_OWN, /* the link's upkeep: packet_is_upkeep */
    IMPAIR_CLASSES,
};

/* In the order in which a packet meets them. The numbers are in verdict logs: new ones go to the
 * end of their half. */
enum impair_cause {
    /* One of these ends a packet. */
    IMPAIR_DOWN,      /* the link was down */
    IMPAIR_BLACKHOLE, /* the direction swallows everything */
    IMPAIR_MTU,       /* longer than the clamp */
    IMPAIR_RULE,      /* a rule dropped it */
    IMPAIR_RESET,     /* a rule put a reset in its place */
    IMPAIR_LOSS,      /* the loss model */
    IMPAIR_QUEUE,     /* the queue's limit */
    IMPAIR_CODEL,     /* CoDel */
    IMPAIR_FULL,      /* more packets in flight than there is room for */
    IMPAIR_FLUSHED,   /* the link ended while it was on its way */
    IMPAIR_DROPS,     /* how many of these there are */
    /* Any of these may be said of one. */
    IMPAIR_COPY = 16, /* it is a duplicate */
    IMPAIR_REORDERED, /* it went without delay, before others */
    IMPAIR_CORRUPTED, /* bits were flipped */
    IMPAIR_MANGLED,   /* by a rule */
    IMPAIR_HELD,      /* delayed by a rule */
    IMPAIR_FORGED,    /* it is a reset that a rule made */
    IMPAIR_UNMADE,    /* a duplicate or a reset is missing: there was no buffer for it */
    IMPAIR_UPKEEP,    /* it is of IMPAIR_OWN */
    IMPAIR_CAUSES,
};

/* One bit of `why`. */
#define IMPAIR_WHY(cause) (UINT32_C(1) << (cause))
#define IMPAIR_WHY_DROPS  (IMPAIR_WHY(IMPAIR_DROPS) - 1)
#define IMPAIR_WHY_ALL    (IMPAIR_WHY_DROPS | (IMPAIR_WHY(IMPAIR_CAUSES) - IMPAIR_WHY(IMPAIR_COPY)))

/* "loss", "queue"; NULL where there is no such cause. */
const char *impair_cause_name(unsigned cause);

struct impair_verdict {
    uint64_t number;        /* of the packet in its direction and class, from 0, lost ones, too */
    uint64_t in_ns, out_ns; /* when it came; when it was handed on, or was lost */
    uint64_t due_ns;        /* when it should have been handed on */
    uint32_t why;           /* IMPAIR_WHY of each cause; 0: data that went as it came */
    uint32_t length;        /* bytes of the packet, from the link's header on */
    uint8_t copy;           /* 0: the packet itself; 1, 2, …: its duplicates and resets */
    uint8_t rule;           /* the last that acted on it, from 1; 0: none */
    bool back;              /* it goes to the packet's sender */
};

static inline enum impair_class impair_class(const struct impair_verdict *verdict)
{
    return verdict->why & IMPAIR_WHY(IMPAIR_UPKEEP) ? IMPAIR_OWN : IMPAIR_DATA;
}

/* Not lost. */
static inline bool impair_delivered(const struct impair_verdict *verdict)
{
    return !(verdict->why & IMPAIR_WHY_DROPS);
}

#endif
