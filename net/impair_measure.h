/* What a direction of a link was asked to do to packets, against what it did.
 *
 * It is fed each verdict, by struct impair_options' note or out of a log, and the settings as they
 * come into force, and says at the end how often packets were lost, duplicated, reordered and
 * corrupted and how long they took, each beside what is believed of a network that does as it was
 * asked (net/chance_bounds.h). Memory is fixed. The link's own upkeep is left out. */
#ifndef DUET_NET_IMPAIR_MEASURE_H
#define DUET_NET_IMPAIR_MEASURE_H

#include "net/chance_bounds.h"
#include "net/histogram.h"
#include "net/impair_rate.h"
#include "net/impair_settings.h"
#include "net/impair_verdict.h"

/* What is left to chance. The delay is, by its quantiles: how many packets were asked to be at most
 * as late as the first quarter, the half, the … of packets of that distribution are. */
enum measure {
    MEASURE_LOSS,
    MEASURE_DUPLICATE,
    MEASURE_REORDER,
    MEASURE_CORRUPT,
    MEASURE_DELAY_QUARTER,
    MEASURE_DELAY_HALF,
    MEASURE_DELAY_MOST, /* 99 of 100 */
    MEASURES,
};
enum { MEASURE_DELAYS = 3 };

/* Settings whose packets may still be on their way. A verdict on a packet of earlier ones counts
 * no more, and the bounds are wider by it. */
enum { MEASURE_STRETCHES = 64 };

struct measure_stretch {
    uint64_t from;                   /* its first packet */
    struct impair_settings settings; /* without rules and table */
    bool starts_good;                /* its loss model is in its good state at `from` */
    uint64_t at_most_ns[MEASURE_DELAYS];
    double share[MEASURE_DELAYS]; /* of packets, that is at most so late; 0: not looked at */
    uint64_t late_ns;             /* what is handed on more than that after it is due is late */
    uint64_t trials[MEASURES], hits[MEASURES];
    /* Trials of which nothing but the model knows what came of them: packets that it might have
     * lost, and delays of those that were on their way as the link ended. */
    uint64_t unknown[MEASURES];
};

struct measure_rate {
    bool waits; /* `due_ns` is that of the last packet */
    uint64_t from, due_ns;
    uint64_t periods;          /* in which packets waited all the time */
    double asked_ns, taken_ns; /* what their packets take at the rate, and took */
    double bits;               /* of these */
    double jitter_ns;          /* the largest of these periods' settings */
};

struct impair_measure {
    uint64_t late_ns;                                    /* of impair_measure_init */
    struct measure_stretch stretches[MEASURE_STRETCHES]; /* the newest is the last */
    unsigned count;
    struct bounds bounds[MEASURES];
    uint64_t hits[MEASURES];
    uint64_t unknown[MEASURES];   /* trials whose outcome is not known */
    uint64_t packets;             /* taken, without copies */
    uint64_t unasked;             /* lost, though nothing asked for it: no room in flight */
    uint64_t missing;             /* verdicts that the log has lost */
    struct histogram asked, late; /* delays; how long after they were due packets were handed on */
    uint64_t timed, late_count;   /* packets that something was to delay; those too late */
    struct measure_rate rate;
};

/* `late_ns`: later than that is late, unless half of the delay is more. No settings are in force.
 */
void impair_measure_init(struct impair_measure *measure, uint64_t late_ns);
/* From packet of data `number` on; as impair_set, in order. */
void impair_measure_set(struct impair_measure *measure, uint64_t number,
                        const struct impair_settings *settings);
void impair_measure_add(struct impair_measure *measure, const struct impair_verdict *verdict);
/* So many verdicts are not known. */
void impair_measure_miss(struct impair_measure *measure, uint64_t count);
/* Every verdict was added. Once, before impair_measure_say. */
void impair_measure_end(struct impair_measure *measure);

struct measured {
    uint64_t trials, hits;
    double expected;      /* hits */
    uint64_t least, most; /* believed */
    bool believed;
};
void impair_measure_say(const struct impair_measure *measure, enum measure what,
                        struct measured *out);

struct measured_rate {
    double asked_bps, bps; /* as packets that waited were due; 0: too few did to tell */
    double least_bps, most_bps;
    bool believed;
};
void impair_measure_say_rate(const struct impair_measure *measure, struct measured_rate *out);

/* "loss", "duplicate". */
const char *measure_name(enum measure what);

#endif
