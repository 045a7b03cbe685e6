/* How much sooner a sleeping thread is woken than something is due. */
#include "base/loop.h"
#include "initrd/init/datapath_alarm.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum { LATE_NS = 400000, ALARMS = 1000 };

static void learn(struct alarm_lead *lead, uint64_t late_ns, int count)
{
    while (count-- > 0)
        alarm_lead_learn(lead, late_ns);
}

static void test_lead_is_what_alarms_come_late_by(void **state)
{
    struct alarm_lead lead = {0};

    (void)state;
    learn(&lead, LATE_NS / 8, 1);
    assert_int_equal(lead.ns, LATE_NS / 8);
    learn(&lead, LATE_NS, ALARMS);
    assert_in_range(lead.ns, LATE_NS * 3 / 4, LATE_NS * 5 / 4);
    learn(&lead, 0, ALARMS);
    assert_in_range(lead.ns, 0, LATE_NS / 100);
}

/* One of five alarms is later than the rest: the lead lies about there. */
static void test_lead_is_more_than_most_are_late_by(void **state)
{
    struct alarm_lead lead = {0};

    (void)state;
    for (int i = 0; i < ALARMS; i++)
        alarm_lead_learn(&lead, (uint64_t)(i % 5 + 1) * LATE_NS / 5);
    assert_in_range(lead.ns, LATE_NS * 3 / 5, LATE_NS * 6 / 5);
}

static void test_lead_stays_below_a_millisecond(void **state)
{
    struct alarm_lead lead = {0};

    (void)state;
    learn(&lead, 50 * NS_PER_MS, ALARMS);
    assert_int_equal(lead.ns, NS_PER_MS);
}

static void test_alarms_have_as_much_of_the_lead_as_there_is_time(void **state)
{
    const struct alarm_lead lead = {LATE_NS};
    const uint64_t now_ns = NS_PER_S;

    (void)state;
    assert_int_equal(alarm_lead_wake_ns(&lead, now_ns, now_ns + NS_PER_MS),
                     now_ns + NS_PER_MS - LATE_NS);
    assert_int_equal(alarm_lead_wake_ns(&lead, now_ns, now_ns + LATE_NS), now_ns + LATE_NS / 2);
    assert_int_equal(alarm_lead_wake_ns(&lead, now_ns, now_ns + LATE_NS / 8), now_ns + LATE_NS / 8);
    assert_int_equal(alarm_lead_wake_ns(&lead, now_ns, now_ns - 1), now_ns - 1);
    assert_int_equal(alarm_lead_wake_ns(&lead, now_ns, 0), 0);
}

static void wait_for(struct alarm *alarm)
{
    struct pollfd input = {.fd = alarm->fd, .events = POLLIN};

    do
        assert_int_equal(poll(&input, 1, -1), 1);
    while (!alarm_rings(alarm));
}

static void test_alarm_never_rings_before_its_time(void **state)
{
    struct error error;
    struct alarm alarm;

    (void)state;
    assert_int_equal(alarm_init(&alarm, &error), 0);
    for (int i = 0; i < 50; i++) {
        uint64_t due_ns = clock_ns() + 5 * NS_PER_MS;

        alarm.lead.ns = NS_PER_MS;
        alarm_set(&alarm, due_ns);
        wait_for(&alarm);
        assert_true(clock_ns() >= due_ns);
    }
    close(alarm.fd);
}

/* On a host so slow that it is late by all of the lead it shows nothing, and is tried again. */
static void test_alarm_wakes_before_its_time_and_rings_at_it(void **state)
{
    struct error error;
    struct alarm alarm;
    uint64_t due_ns;

    (void)state;
    assert_int_equal(alarm_init(&alarm, &error), 0);
    do {
        struct pollfd input = {.fd = alarm.fd, .events = POLLIN};

        due_ns = clock_ns() + 20 * NS_PER_MS;
        alarm.lead.ns = 10 * NS_PER_MS;
        alarm_set(&alarm, due_ns);
        assert_int_equal(poll(&input, 1, -1), 1);
    } while (alarm_rings(&alarm));
    alarm_set(&alarm, due_ns); /* it is set to that: nothing changes */
    wait_for(&alarm);
    assert_true(clock_ns() >= due_ns);
    close(alarm.fd);
}

static void test_alarm_takes_the_place_of_another(void **state)
{
    struct error error;
    struct alarm alarm;

    (void)state;
    assert_int_equal(alarm_init(&alarm, &error), 0);
    alarm_set(&alarm, clock_ns() + 3600 * NS_PER_S);
    alarm_set(&alarm, 0);
    wait_for(&alarm);
    assert_int_equal(alarm.due_ns, UINT64_MAX);
    alarm_set(&alarm, 0);
    alarm_set(&alarm, UINT64_MAX);
    assert_false(alarm_rings(&alarm));
    close(alarm.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lead_is_what_alarms_come_late_by),
        cmocka_unit_test(test_lead_is_more_than_most_are_late_by),
        cmocka_unit_test(test_lead_stays_below_a_millisecond),
        cmocka_unit_test(test_alarms_have_as_much_of_the_lead_as_there_is_time),
        cmocka_unit_test(test_alarm_never_rings_before_its_time),
        cmocka_unit_test(test_alarm_wakes_before_its_time_and_rings_at_it),
        cmocka_unit_test(test_alarm_takes_the_place_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
