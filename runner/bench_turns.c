#include "runner/bench_turns.h"

#include "base/memory.h"

static void add(struct bench_turns *turns, size_t case_index, size_t round)
{
    for (size_t build = 0; build < turns->plan.builds; build++) {
        turns->items = xreallocarray(turns->items, turns->count + 1, sizeof *turns->items);
        turns->items[turns->count++] =
            (struct bench_turn){.case_index = case_index, .build = build, .round = round};
    }
}

void bench_turns_plan(struct bench_turns *turns)
{
    const struct bench_plan *plan = &turns->plan;

    for (size_t round = 0; round < plan->warmup + plan->runs; round++)
        for (size_t i = 0; i < plan->case_count; i++)
            add(turns, plan->cases[i], round);
}

/* Of the case and the build. */
static size_t count_calm(const struct bench_turns *turns, size_t case_index, size_t build)
{
    size_t count = 0;

    for (size_t i = 0; i < turns->count; i++) {
        struct noise noise = bench_turns_noise(turns, i);

        count += turns->items[i].case_index == case_index && turns->items[i].build == build &&
                 !bench_turns_warms_up(turns, i) && !noise_reason(&noise);
    }
    return count;
}

/* Rounds that the case lacks for one of the builds. */
static size_t count_lacking(const struct bench_turns *turns, size_t case_index)
{
    size_t most = 0;

    for (size_t build = 0; build < turns->plan.builds; build++) {
        size_t calm = count_calm(turns, case_index, build);
        size_t lacking = calm < turns->plan.runs ? turns->plan.runs - calm : 0;

        most = lacking > most ? lacking : most;
    }
    return most;
}

/* Rounds of the case so far, those that warm up included. */
static size_t count_rounds(const struct bench_turns *turns, size_t case_index)
{
    size_t rounds = 0;

    for (size_t i = 0; i < turns->count; i++)
        if (turns->items[i].case_index == case_index && turns->items[i].round >= rounds)
            rounds = turns->items[i].round + 1;
    return rounds;
}

size_t bench_turns_repeat(struct bench_turns *turns)
{
    const struct bench_plan *plan = &turns->plan;
    const size_t rounds_max = plan->warmup + plan->runs + plan->repeats;
    cleanup_free size_t *ends = xcalloc(plan->case_count, sizeof *ends);
    cleanup_free size_t *rounds = xcalloc(plan->case_count, sizeof *rounds);
    size_t before = turns->count;

    for (size_t i = 0; i < plan->case_count; i++) {
        size_t end;

        rounds[i] = count_rounds(turns, plan->cases[i]);
        end = rounds[i] + count_lacking(turns, plan->cases[i]);
        ends[i] = end < rounds_max ? end : rounds_max;
    }
    for (size_t done = 0; done < plan->repeats; done++)
        for (size_t i = 0; i < plan->case_count; i++)
            if (rounds[i] < ends[i])
                add(turns, plan->cases[i], rounds[i]++);
    return turns->count - before;
}

void bench_turns_begin(struct bench_turns *turns, size_t index)
{
    struct noise_mark *mark = &turns->items[index].before;

    turns->source.mark(turns->source.context, mark);
    noise_note(&turns->calm, mark);
}

void bench_turns_end(struct bench_turns *turns, size_t index)
{
    struct noise_mark *mark = &turns->items[index].after;

    turns->source.mark(turns->source.context, mark);
    noise_note(&turns->calm, mark);
}

bool bench_turns_warms_up(const struct bench_turns *turns, size_t index)
{
    return turns->items[index].round < turns->plan.warmup;
}

bool bench_turns_is_repeat(const struct bench_turns *turns, size_t index)
{
    return turns->items[index].round >= turns->plan.warmup + turns->plan.runs;
}

struct noise bench_turns_noise(const struct bench_turns *turns, size_t index)
{
    return noise_between(&turns->items[index].before, &turns->items[index].after, &turns->calm);
}

void bench_turns_free(struct bench_turns *turns)
{
    free(turns->items);
    *turns = (struct bench_turns){0};
}
