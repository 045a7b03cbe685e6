#include "runner/schedule.h"

#include <stdlib.h>

/* -- The order --------------------------------------------------------------------------------- */

/* Negative where `a` comes first. */
static int compare(const double *durations, size_t a, size_t b)
{
    bool a_known = durations[a] >= 0, b_known = durations[b] >= 0;

    if (a_known != b_known)
        return a_known ? 1 : -1;
    if (a_known && durations[a] != durations[b])
        return durations[a] > durations[b] ? -1 : 1;
    return a < b ? -1 : 1;
}

static int compare_indices(const void *a, const void *b, void *durations)
{
    return compare(durations, *(const size_t *)a, *(const size_t *)b);
}

void schedule_order(const double *durations, size_t count, size_t *order)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, compare_indices, (void *)durations);
}

/* -- What is next ------------------------------------------------------------------------------ */

size_t schedule_jobs(size_t cores, uint64_t memory_bytes, uint64_t largest_bytes)
{
    uint64_t fit = largest_bytes > 0 ? memory_bytes / largest_bytes : cores;
    size_t jobs = fit < cores ? (size_t)fit : cores;

    return jobs > 0 ? jobs : 1;
}

static size_t count_in(const struct schedule *schedule, enum schedule_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < schedule->count; i++)
        count += schedule->cases[i].state == state;
    return count;
}

static bool has_machines(const struct schedule_case *one)
{
    return one->state == SCHEDULE_AHEAD || one->state == SCHEDULE_RUNNING;
}

/* A case that is brought up for later must not slow those down whose time runs. */
static bool may_prepare(const struct schedule *schedule)
{
    size_t coming_up = 0;

    for (size_t i = 0; i < schedule->count; i++)
        coming_up += has_machines(&schedule->cases[i]) && schedule->cases[i].is_coming_up;
    return coming_up < schedule->jobs && count_in(schedule, SCHEDULE_AHEAD) < schedule->ahead;
}

static uint64_t used_bytes(const struct schedule *schedule)
{
    uint64_t used = 0;

    for (size_t i = 0; i < schedule->count; i++)
        if (has_machines(&schedule->cases[i]))
            used += schedule->cases[i].memory_bytes;
    return used;
}

static bool may_start(const struct schedule *schedule, size_t index, uint64_t used)
{
    const struct schedule_case *one = &schedule->cases[index];

    return one->state == SCHEDULE_AHEAD || used == 0 ||
           used + one->memory_bytes <= schedule->memory_bytes;
}

/* The memory of a case that cannot wait is left to it, so that what is prepared behind it does not
 * have to be taken down again. */
static enum schedule_action next_ahead(const struct schedule *schedule, uint64_t used,
                                       size_t *index)
{
    for (size_t i = 0; i < schedule->count; i++) {
        const struct schedule_case *one = &schedule->cases[schedule->order[i]];

        if (one->state != SCHEDULE_WAITING)
            continue;
        used += one->memory_bytes;
        if (used > schedule->memory_bytes)
            break;
        if (one->can_wait) {
            *index = schedule->order[i];
            return SCHEDULE_PREPARE;
        }
    }
    return SCHEDULE_NOTHING;
}

enum schedule_action schedule_next(const struct schedule *schedule, size_t *index)
{
    uint64_t used = used_bytes(schedule);
    size_t running = count_in(schedule, SCHEDULE_RUNNING);

    for (size_t i = 0; i < schedule->count && running < schedule->jobs; i++) {
        enum schedule_state state = schedule->cases[schedule->order[i]].state;

        if (state == SCHEDULE_RUNNING || state == SCHEDULE_OVER)
            continue;
        if (!may_start(schedule, schedule->order[i], used))
            return SCHEDULE_NOTHING;
        *index = schedule->order[i];
        return SCHEDULE_START;
    }
    return may_prepare(schedule) ? next_ahead(schedule, used, index) : SCHEDULE_NOTHING;
}
