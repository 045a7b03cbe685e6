/* Which case begins when: the order, what runs at once, what is prepared, and what memory holds. */
#include "runner/schedule.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CASES_MAX = 8 };

struct fixture {
    struct schedule_case cases[CASES_MAX];
    size_t order[CASES_MAX];
    struct schedule schedule;
};

/* `count` cases of 10 bytes, in their order. */
static void make(struct fixture *fixture, size_t count, size_t jobs, size_t ahead, uint64_t memory)
{
    *fixture = (struct fixture){.schedule = {.cases = fixture->cases,
                                             .order = fixture->order,
                                             .count = count,
                                             .jobs = jobs,
                                             .ahead = ahead,
                                             .memory_bytes = memory}};
    for (size_t i = 0; i < count; i++) {
        fixture->order[i] = i;
        fixture->cases[i] = (struct schedule_case){.memory_bytes = 10, .can_wait = true};
    }
}

/* Does all that is to be done now; what it was, as "+1 ~2": 1 starts, 2 is prepared. */
static const char *step(struct fixture *fixture)
{
    static char done[64];
    enum schedule_action action;
    size_t index, length = 0;

    done[0] = '\0';
    while ((action = schedule_next(&fixture->schedule, &index)) != SCHEDULE_NOTHING) {
        length += (size_t)snprintf(done + length, sizeof done - length, "%s%c%zu",
                                   length ? " " : "", action == SCHEDULE_START ? '+' : '~', index);
        assert_true(length < sizeof done);
        fixture->cases[index].state = action == SCHEDULE_START ? SCHEDULE_RUNNING : SCHEDULE_AHEAD;
    }
    return done;
}

static const char *end(struct fixture *fixture, size_t index)
{
    assert_int_equal(fixture->cases[index].state, SCHEDULE_RUNNING);
    fixture->cases[index].state = SCHEDULE_OVER;
    return step(fixture);
}

static void one_after_another(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, 3, 1, 0, 1000);
    assert_string_equal(step(&fixture), "+0");
    assert_string_equal(step(&fixture), "");
    assert_string_equal(end(&fixture, 0), "+1");
    assert_string_equal(end(&fixture, 1), "+2");
    assert_string_equal(end(&fixture, 2), "");
}

static void the_next_ones_are_prepared_while_others_run(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, 6, 2, 2, 1000);
    assert_string_equal(step(&fixture), "+0 +1 ~2 ~3");
    assert_string_equal(end(&fixture, 1), "+2 ~4");
    assert_string_equal(end(&fixture, 2), "+3 ~5");
    assert_string_equal(end(&fixture, 3), "+4");
    assert_string_equal(end(&fixture, 0), "+5");
}

static void they_begin_in_their_order(void **state)
{
    static const size_t order[] = {2, 0, 1};
    struct fixture fixture;

    (void)state;
    make(&fixture, 3, 1, 1, 1000);
    memcpy(fixture.order, order, sizeof order);
    assert_string_equal(step(&fixture), "+2 ~0");
    assert_string_equal(end(&fixture, 2), "+0 ~1");
    assert_string_equal(end(&fixture, 0), "+1");
}

/* Whose time runs must not be slowed down by as many again that come up. */
static void no_more_come_up_at_once_than_may_run(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, 4, 2, 2, 1000);
    fixture.cases[0].is_coming_up = fixture.cases[1].is_coming_up = true;
    fixture.cases[2].is_coming_up = true;
    assert_string_equal(step(&fixture), "+0 +1");
    fixture.cases[1].is_coming_up = false;
    assert_string_equal(step(&fixture), "~2");
    fixture.cases[0].is_coming_up = false;
    assert_string_equal(step(&fixture), "~3");
}

static void memory_holds_all_that_is_up(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, 5, 3, 3, 29);
    assert_string_equal(step(&fixture), "+0 +1");
    assert_string_equal(end(&fixture, 0), "+2");
    fixture.schedule.memory_bytes = 30;
    assert_string_equal(step(&fixture), "+3");
    assert_string_equal(end(&fixture, 1), "+4");
    make(&fixture, 5, 1, 3, 30);
    assert_string_equal(step(&fixture), "+0 ~1 ~2");
    assert_string_equal(end(&fixture, 0), "+1 ~3");
}

/* Not the small ones behind it, however many there are, else it would never begin. */
static void a_big_case_is_waited_for(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, 4, 2, 2, 30);
    fixture.cases[2].memory_bytes = 25;
    assert_string_equal(step(&fixture), "+0 +1");
    assert_string_equal(end(&fixture, 0), "");
    assert_string_equal(end(&fixture, 1), "+2");
    assert_string_equal(end(&fixture, 2), "+3");
}

static void one_that_fits_nowhere_runs_alone(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, 3, 2, 2, 30);
    fixture.cases[1].memory_bytes = 1000;
    assert_string_equal(step(&fixture), "+0");
    assert_string_equal(end(&fixture, 0), "+1");
    assert_string_equal(step(&fixture), "");
    assert_string_equal(end(&fixture, 1), "+2");
}

/* Its memory is kept for it: what is prepared behind it never has to yield. */
static void one_that_cannot_wait_is_passed_by_with_its_memory(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, 5, 1, 2, 1000);
    fixture.cases[1].can_wait = false;
    assert_string_equal(step(&fixture), "+0 ~2 ~3");
    assert_string_equal(end(&fixture, 0), "+1");
    assert_string_equal(end(&fixture, 1), "+2 ~4");
    make(&fixture, 4, 1, 2, 35);
    fixture.cases[1].can_wait = false;
    assert_string_equal(step(&fixture), "+0 ~2");
    assert_string_equal(end(&fixture, 0), "+1 ~3");
}

/* -- The order --------------------------------------------------------------------------------- */

static void the_longest_begins_first(void **state)
{
    static const double durations[] = {3.5, 10, 0, 10, 4};
    static const size_t expected[] = {1, 3, 4, 0, 2};
    size_t order[5];

    (void)state;
    schedule_order(durations, 5, order);
    assert_memory_equal(order, expected, sizeof expected);
}

static void what_nobody_knows_may_be_longer_yet(void **state)
{
    static const double durations[] = {2, -1, 5, -1, -1};
    static const size_t expected[] = {1, 3, 4, 2, 0};
    size_t order[5];

    (void)state;
    schedule_order(durations, 5, order);
    assert_memory_equal(order, expected, sizeof expected);
}

static void without_a_past_the_suite_s_order_holds(void **state)
{
    double durations[100];
    size_t order[100];

    (void)state;
    for (size_t i = 0; i < 100; i++)
        durations[i] = -1;
    schedule_order(durations, 100, order);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(order[i], i);
}

static void as_many_at_once_as_cores_and_memory_allow(void **state)
{
    (void)state;
    assert_int_equal(schedule_jobs(8, 1000, 100), 8);
    assert_int_equal(schedule_jobs(8, 799, 100), 7);
    assert_int_equal(schedule_jobs(8, 99, 100), 1);
    assert_int_equal(schedule_jobs(1, 1000, 100), 1);
    assert_int_equal(schedule_jobs(4, 0, 100), 1);
    assert_int_equal(schedule_jobs(4, UINT64_MAX, 1), 4);
    assert_int_equal(schedule_jobs(4, 1000, 0), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_another),
        cmocka_unit_test(the_next_ones_are_prepared_while_others_run),
        cmocka_unit_test(they_begin_in_their_order),
        cmocka_unit_test(no_more_come_up_at_once_than_may_run),
        cmocka_unit_test(memory_holds_all_that_is_up),
        cmocka_unit_test(a_big_case_is_waited_for),
        cmocka_unit_test(one_that_fits_nowhere_runs_alone),
        cmocka_unit_test(one_that_cannot_wait_is_passed_by_with_its_memory),
        cmocka_unit_test(the_longest_begins_first),
        cmocka_unit_test(what_nobody_knows_may_be_longer_yet),
        cmocka_unit_test(without_a_past_the_suite_s_order_holds),
        cmocka_unit_test(as_many_at_once_as_cores_and_memory_allow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
