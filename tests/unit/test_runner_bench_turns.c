/* Which case is run when, on a host whose noise is made up. */
#include "runner/bench_turns.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { QUIET_MS = 4, LOUD_MS = 8 };

/* Of each turn, whether the spin behind it is slow; quiet where the text has ended. */
struct script {
    const char *loud; /* "..x." */
    size_t marks;
};

static void mark(void *context, struct noise_mark *mark)
{
    struct script *script = context;
    size_t turn = script->marks / 2;
    bool is_behind = script->marks++ % 2 == 1;
    char what = '.';

    for (size_t i = 0; i <= turn && script->loud[i]; i++)
        what = i == turn ? script->loud[i] : '.';
    *mark = (struct noise_mark){.spin_ms = is_behind && what == 'x' ? LOUD_MS : QUIET_MS};
}

static const size_t cases[] = {3, 5};

/* Takes all turns, and those in place of disturbed ones, until there are no more. */
static void take(struct bench_turns *turns, const struct bench_plan *plan, const char *loud)
{
    struct script script = {.loud = loud};

    *turns = (struct bench_turns){.plan = *plan, .source = {mark, &script}};
    bench_turns_plan(turns);
    for (size_t taken = 0; taken < turns->count;) {
        for (; taken < turns->count; taken++) {
            bench_turns_begin(turns, taken);
            bench_turns_end(turns, taken);
        }
        bench_turns_repeat(turns);
    }
}

/* "3a0 5a0" of cases, builds and rounds. */
static void assert_turns(const struct bench_turns *turns, const char *expected)
{
    char found[512];
    size_t length = 0;

    for (size_t i = 0; i < turns->count; i++)
        length += (size_t)snprintf(found + length, sizeof found - length, "%s%zu%c%zu%s",
                                   i ? " " : "", turns->items[i].case_index,
                                   (char)('a' + turns->items[i].build), turns->items[i].round,
                                   bench_turns_warms_up(turns, i)    ? "w"
                                   : bench_turns_is_repeat(turns, i) ? "r"
                                                                     : "");
    assert_string_equal(found, expected);
}

static void all_cases_once_then_all_again(void **state)
{
    const struct bench_plan plan = {
        .cases = cases, .case_count = 2, .builds = 2, .warmup = 1, .runs = 2, .repeats = 2};
    struct bench_turns turns;
    (void)state;

    take(&turns, &plan, "");
    assert_turns(&turns, "3a0w 3b0w 5a0w 5b0w 3a1 3b1 5a1 5b1 3a2 3b2 5a2 5b2");
    bench_turns_free(&turns);
}

static void what_was_disturbed_is_made_again(void **state)
{
    const struct bench_plan plan = {
        .cases = cases, .case_count = 2, .builds = 1, .runs = 3, .repeats = 3};
    struct bench_turns turns;
    (void)state;

    take(&turns, &plan, "x..xx");
    assert_turns(&turns, "3a0 5a0 3a1 5a1 3a2 5a2 3a3r 5a3r 3a4r");
    bench_turns_free(&turns);
}

/* A repeat may be disturbed like any other. */
static void a_repeat_is_repeated_up_to_the_limit(void **state)
{
    const struct bench_plan plan = {
        .cases = cases, .case_count = 1, .builds = 1, .runs = 2, .repeats = 3};
    struct bench_turns turns;
    (void)state;

    take(&turns, &plan, "x.x.");
    assert_turns(&turns, "3a0 3a1 3a2r 3a3r");
    bench_turns_free(&turns);
    take(&turns, &plan, "xxxxxxxxxxxxxxxx");
    assert_turns(&turns, "3a0 3a1 3a2r 3a3r 3a4r");
    bench_turns_free(&turns);
}

static void nothing_is_repeated_where_nothing_may_be(void **state)
{
    const struct bench_plan plan = {.cases = cases, .case_count = 2, .builds = 1, .runs = 2};
    struct bench_turns turns;
    struct noise noise;
    (void)state;

    take(&turns, &plan, ".x");
    assert_turns(&turns, "3a0 5a0 3a1 5a1");
    noise = bench_turns_noise(&turns, 0);
    assert_null(noise_reason(&noise));
    noise = bench_turns_noise(&turns, 1);
    assert_non_null(noise_reason(&noise));
    bench_turns_free(&turns);
}

static void what_warms_up_is_not_repeated(void **state)
{
    const struct bench_plan plan = {
        .cases = cases, .case_count = 1, .builds = 1, .warmup = 2, .runs = 1, .repeats = 1};
    struct bench_turns turns;
    (void)state;

    take(&turns, &plan, "xx.");
    assert_turns(&turns, "3a0w 3a1w 3a2");
    bench_turns_free(&turns);
}

/* They would not have met the same. */
static void both_builds_are_made_again(void **state)
{
    const struct bench_plan plan = {
        .cases = cases, .case_count = 1, .builds = 2, .runs = 2, .repeats = 2};
    struct bench_turns turns;
    (void)state;

    take(&turns, &plan, "...x");
    assert_turns(&turns, "3a0 3b0 3a1 3b1 3a2r 3b2r");
    bench_turns_free(&turns);
}

/* That the first ones were slow is known only when the machine has calmed down. */
static void a_turn_is_judged_by_all_that_is_known(void **state)
{
    const struct bench_plan plan = {
        .cases = cases, .case_count = 1, .builds = 1, .runs = 2, .repeats = 0};
    struct bench_turns turns = {.plan = plan};
    struct noise noise;
    (void)state;

    bench_turns_plan(&turns);
    turns.items[0].before.spin_ms = turns.items[0].after.spin_ms = LOUD_MS;
    noise_note(&turns.calm, &turns.items[0].after);
    noise = bench_turns_noise(&turns, 0);
    assert_null(noise_reason(&noise));
    noise_note(&turns.calm, &(struct noise_mark){.spin_ms = QUIET_MS});
    noise = bench_turns_noise(&turns, 0);
    assert_non_null(noise_reason(&noise));
    bench_turns_free(&turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_cases_once_then_all_again),
        cmocka_unit_test(what_was_disturbed_is_made_again),
        cmocka_unit_test(a_repeat_is_repeated_up_to_the_limit),
        cmocka_unit_test(nothing_is_repeated_where_nothing_may_be),
        cmocka_unit_test(what_warms_up_is_not_repeated),
        cmocka_unit_test(both_builds_are_made_again),
        cmocka_unit_test(a_turn_is_judged_by_all_that_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
