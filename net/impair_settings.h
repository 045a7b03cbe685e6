/* What a direction of a link is asked to do to packets. docs/impairment.md says what each setting
 * means beside tc-netem(8).
 *
 * Zero is none, everywhere: a struct of zeros lets every packet through as it came. Shares are in
 * parts per thousand million (RANDOM_PPB is all), times in nanoseconds, rates in bits per second
 * and sizes in bytes of the network's packet unless it says otherwise. */
#ifndef DUET_NET_IMPAIR_SETTINGS_H
#define DUET_NET_IMPAIR_SETTINGS_H

#include "base/error.h"
#include "net/impair_rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMPAIR_RULES_MAX = 64,
    IMPAIR_COPIES_MAX = 7,    /* of one packet, besides it */
    IMPAIR_FLIPS_MAX = 16,    /* bits of one packet */
    IMPAIR_TABLE_MAX = 16384, /* entries of a distribution */
    IMPAIR_TABLE_SCALE = 8192 /* of an entry: one jitter; netem's NETEM_DIST_SCALE */
};

#define IMPAIR_NS_MAX             UINT64_C(3600000000000)  /* of any time: an hour */
#define IMPAIR_BPS_MAX            UINT64_C(10000000000000) /* 10 Tbit/s */
#define IMPAIR_QUEUE_BYTES_MAX    (UINT64_C(1) << 32)
#define IMPAIR_CODEL_TARGET_NS    UINT64_C(5000000)   /* RFC 8289, 4.4 */
#define IMPAIR_CODEL_INTERVAL_NS  UINT64_C(100000000) /* RFC 8289, 4.3 */
#define IMPAIR_CODEL_INTERVAL_MAX UINT64_C(4000000000)

/* A share of packets. With a correlation, that share of decisions repeats the draw of the packet
 * before, so that the share stays what it is and two neighbours correlate by just so much. */
struct impair_chance {
    uint32_t ppb;
    uint32_t correlation_ppb;
};

enum impair_distribution {
    IMPAIR_UNIFORM,      /* mean ± jitter, evenly */
    IMPAIR_NORMAL,       /* jitter is the standard deviation */
    IMPAIR_PARETO,       /* netem's: exponent 3, from -2/3 to 4 jitters off the mean */
    IMPAIR_PARETONORMAL, /* netem's: a quarter normal, three quarters pareto */
    IMPAIR_TABLE,        /* the user's: quantiles at equal steps, as in tc's .dist files */
    IMPAIR_DISTRIBUTIONS,
};

/* A time that varies. One that would be negative is 0. */
struct impair_spread {
    uint64_t mean_ns;
    uint64_t jitter_ns; /* at most mean_ns */
    uint32_t correlation_ppb;
    enum impair_distribution distribution;
    const int16_t *table; /* IMPAIR_TABLE: stays the caller's until other settings are in force */
    uint32_t table_count;
};

enum impair_loss_model {
    IMPAIR_LOSS_RANDOM,
    IMPAIR_LOSS_GEMODEL, /* Gilbert-Elliott */
    IMPAIR_LOSS_STATE,   /* Salsano's four states */
    IMPAIR_LOSS_MODELS,
};

struct impair_loss {
    enum impair_loss_model model; /* which of these counts */
    struct impair_chance random;
    struct {
        uint32_t p, r;          /* good to bad, bad to good */
        uint32_t bad_loss_ppb;  /* netem's 1-h */
        uint32_t good_loss_ppb; /* netem's 1-k */
    } gemodel;
    struct {
        uint32_t p13, p31, p32, p23, p14;
    } state;
    uint64_t limit; /* so many, of any of these models, and no more; 0: all */
};

struct impair_reorder {
    struct impair_chance chance; /* with a gap, 0 is all */
    uint32_t gap;                /* 0 counts as 1 */
};

struct impair_corrupt {
    struct impair_chance chance;
    uint32_t flips;     /* bits of one packet, each another; 0 counts as 1 */
    uint32_t first_bit; /* from the network's header, the highest bit of a byte first … */
    uint32_t bit_count; /* … so many bits to choose from; 0: to the packet's end */
};

struct impair_rate {
    uint64_t bps;
    uint32_t burst_bytes; /* that may go at once after idle time */
    /* netem's: what a packet is taken to be longer, and how it is cut into cells. */
    int32_t overhead_bytes;
    uint32_t cell_bytes;
    int32_t cell_overhead_bytes;
};

/* The queue in front of the rate. What is on its way behind it does not count. */
struct impair_queue {
    uint32_t limit_packets;
    uint64_t limit_bytes;
    uint64_t limit_ns;               /* longest wait */
    bool codel;                      /* RFC 8289 */
    uint64_t target_ns, interval_ns; /* of CoDel; 0: the RFC's 5 ms and 100 ms */
};

/* Packets leave in slots only. */
struct impair_slot {
    struct impair_spread interval; /* from one slot to the next */
    uint32_t packets;              /* in one slot at most */
    uint64_t bytes;                /* likewise: the slot ends with the packet that reaches it */
};

struct impair_settings {
    bool down;      /* the link has no carrier: what arrives is lost */
    bool blackhole; /* this direction swallows everything */
    uint32_t mtu;   /* longer packets are lost */
    struct impair_spread delay;
    struct impair_loss loss;
    struct impair_chance duplicate;
    struct impair_reorder reorder;
    struct impair_corrupt corrupt;
    struct impair_rate rate;
    struct impair_queue queue;
    struct impair_slot slot;
    const struct impair_rule *rules; /* in this order; copied by impair_set */
    size_t rule_count;
};

/* Where a mistake is, for who knows its line. */
struct impair_mistake {
    char field[48]; /* as docs/impairment.md names it: "loss", "queue.limit_bytes", "rules" */
    size_t rule;    /* of "rules…": the index */
};

/* Whether all that is in `settings` can be done, on a link whose packets have up to `mtu` bytes.
 * EINVAL: the message names the field, what was found and what was expected; *mistake, unless
 * NULL, says where. */
int impair_check(const struct impair_settings *settings, uint32_t mtu,
                 struct impair_mistake *mistake, struct error *error);

/* Whether the model loses packets at all. */
bool impair_loss_is_any(const struct impair_loss *loss);

/* Whether these settings let every packet through as it came. */
bool impair_is_none(const struct impair_settings *settings);

#endif
