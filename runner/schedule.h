/* Which case of a suite begins when. Pure: no I/O, no clock. */
#ifndef DUET_RUNNER_SCHEDULE_H
#define DUET_RUNNER_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schedule_state {
    SCHEDULE_WAITING, /* nothing of it is there */
    SCHEDULE_AHEAD,   /* its machines come up, or hold; its time has not begun */
    SCHEDULE_RUNNING,
    SCHEDULE_OVER,
};

struct schedule_case {
    enum schedule_state state;
    uint64_t memory_bytes; /* that its machines may take, AHEAD and RUNNING */
    bool can_wait;         /* its machines may come up ahead */
    bool is_coming_up;     /* AHEAD or RUNNING, and its machines are on their way yet */
};

struct schedule {
    struct schedule_case *cases;
    const size_t *order; /* all the cases' indices, first the one to begin first */
    size_t count;
    size_t jobs;           /* that may run at once; as many may come up at once */
    size_t ahead;          /* that may be brought up ahead of these */
    uint64_t memory_bytes; /* for all of them; a case that needs more runs alone */
};

enum schedule_action { SCHEDULE_NOTHING, SCHEDULE_PREPARE, SCHEDULE_START };

/* What to do now, with which case; the caller does it, notes the new state, and asks again. Cases
 * begin in their order, whatever they need: a small one never passes a big one. */
enum schedule_action schedule_next(const struct schedule *schedule, size_t *index);

/* Fills `order` so that the whole takes little time: cases of which nobody knows how long they take
 * come first, in their order, since one of them may be the longest; then the longest first.
 * `durations` are in seconds, below 0 where not known. */
void schedule_order(const double *durations, size_t count, size_t *order);

/* How many run at once where the user does not say: one a core, as memory allows, one at least. */
size_t schedule_jobs(size_t cores, uint64_t memory_bytes, uint64_t largest_bytes);

#endif
