/* Two runs of one case beside each other: the verdicts, and what its links did to each packet. */
#ifndef DUET_RUNNER_REPLAY_H
#define DUET_RUNNER_REPLAY_H

#include "runner/past_run.h"

#include <stdbool.h>

enum replay_outcome {
    REPLAY_SAME,
    /* What the seed decides of a packet it has decided alike, of all packets that both logs have.
     * But one has more of them, or others, or what time decides (queues, the end) was another; or
     * one of them is not whole, so that nobody knows. */
    REPLAY_ALIKE,
    REPLAY_DIFFERS,
};

/* Of one direction of a link. */
struct replay_way {
    const struct past_way *before, *again; /* `again` NULL: the other run has no log of it */
    enum replay_outcome outcome;
    size_t packets[2]; /* of data, and copies, in either log */
    size_t alone;      /* packets that one of them has alone */
    size_t chance;     /* to which the seed did another thing */
    size_t others;     /* that differ in another way */
    /* What either log has not, as the rest says nothing of it: so many records, and its end. */
    uint64_t missing[2];
    bool incomplete[2];
};

struct replay_case {
    const struct past_case *before, *again; /* `again` NULL: it was not run */
    bool same_verdict;
    enum replay_outcome outcome; /* the worst of all */
    struct replay_way *ways;     /* as `before` has them */
    size_t way_count;
};

/* "same", "alike", "differs". */
const char *replay_outcome_name(enum replay_outcome outcome);

/* Fills *compared, whose members stay the two runs', and which the caller frees with
 * replay_case_free in any case. An error is one of reading a log, with its path. */
int replay_compare(const struct past_case *before, const struct past_case *again,
                   struct replay_case *compared, struct error *error);
void replay_case_free(struct replay_case *compared);

#endif
