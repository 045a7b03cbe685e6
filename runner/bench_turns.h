/* Which case `duet bench` runs when: all of them in rounds, and again those that were disturbed.
 *
 * Pure but for the source of noise. */
#ifndef DUET_RUNNER_BENCH_TURNS_H
#define DUET_RUNNER_BENCH_TURNS_H

#include "bench/noise.h"

#include <stdbool.h>
#include <stddef.h>

struct bench_plan {
    const size_t *cases; /* indices in their suite, in order */
    size_t case_count;
    size_t builds;
    size_t warmup;  /* rounds, the first ones, that do not count */
    size_t runs;    /* rounds that do */
    size_t repeats; /* rounds at most of each case in place of disturbed ones */
};

/* A case, run once. */
struct bench_turn {
    size_t case_index, build, round; /* `round` from 0 */
    struct noise_mark before, after;
};

/* Zero-initialised but for `plan` and `source`, it is empty. */
struct bench_turns {
    struct bench_plan plan;
    struct noise_source source;
    struct bench_turn *items;
    size_t count;
    struct noise_calm calm; /* of all marks so far */
};

/* Adds every case and build once, then all of them again: what changes in the course of time meets
 * all alike. */
void bench_turns_plan(struct bench_turns *turns);
/* Where all turns were taken: adds as many rounds of each case as it lacks runs that were not
 * disturbed, of all builds, so that these still take turns; as the plan allows. Returns how many
 * turns there are more: 0 is the end. */
size_t bench_turns_repeat(struct bench_turns *turns);
/* The turn begins, and ends. */
void bench_turns_begin(struct bench_turns *turns, size_t index);
void bench_turns_end(struct bench_turns *turns, size_t index);
bool bench_turns_warms_up(const struct bench_turns *turns, size_t index);
bool bench_turns_is_repeat(const struct bench_turns *turns, size_t index);
/* Of a turn that was taken, by what is known of the machine by now. */
struct noise bench_turns_noise(const struct bench_turns *turns, size_t index);
void bench_turns_free(struct bench_turns *turns);

#endif
