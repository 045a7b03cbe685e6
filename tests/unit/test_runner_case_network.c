/* Cases whose network was not what they ask for, because somebody stood still. */
#include "case_fixture.h"

#define CASE(carrier, more)                                                                        \
    "name: s\n"                                                                                    \
    "timeout: 90s\n" more "nodes:\n"                                                               \
    "  a: {steps: [{name: work, run: work}]}\n"                                                    \
    "  b: {steps: [{name: work, run: work}]}\n"                                                    \
    "links: [{nodes: [a, b], subnet: 10.0.0.0/24" carrier "}]\n"

#define CARRIED ", carrier: host, impair: {delay: 5ms}"

struct pause {
    struct timer *timer;
    uint64_t length_ns;
};

/* duet does not run, while time goes on. */
static void stand_still(void *context)
{
    const struct pause *pause = context;

    virtual_time.now_ns += pause->length_ns;
}

static void run_with_pause(struct fixture *fixture, uint64_t length_ns)
{
    struct pause pause = {.length_ns = length_ns};

    pause.timer = loop_timer(fixture->loop, stand_still, &pause);
    timer_start(pause.timer, 2 * NS_PER_S);
    for (size_t i = 0; i < 2; i++)
        fixture->scripts[i].step_ns = 20 * NS_PER_S;
    case_run_start(fixture->run);
    loop_run(fixture->loop);
    timer_free(pause.timer);
    assert_int_equal(fixture->ended, 1);
    case_run_result(fixture->run, &fixture->result);
}

static void assert_verdict(const struct fixture *fixture, enum verdict verdict)
{
    assert_string_equal(verdict_name(fixture->result.verdict), verdict_name(verdict));
}

static void a_link_that_stood_still_makes_a_case_say_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct stall_result *stall;

    make(fixture, CASE(CARRIED, ""));
    run_with_pause(fixture, 3 * NS_PER_S);
    assert_verdict(fixture, VERDICT_INVALID);
    assert_non_null(strstr(fixture->result.reason, "duet stood still for 3."));
    assert_non_null(strstr(fixture->result.reason, "network: {stall: "));
    assert_non_null(strstr(fixture->result.reason, "Without that: passed"));
    assert_true(fixture->result.stall_count >= 1);
    stall = &fixture->result.stalls[0];
    assert_null(stall->node);
    assert_true(stall->start_s > 1.9 && stall->start_s < 2.2);
    assert_true(stall->length_s > 2.9 && stall->length_s < 3.1);
    assert_true(stall->cpu_s >= 0);
}

static void so_it_does_of_one_that_failed_and_says_so(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE(CARRIED, ""));
    fixture->scripts[1].status = 7;
    run_with_pause(fixture, 3 * NS_PER_S);
    assert_verdict(fixture, VERDICT_INVALID);
    assert_non_null(strstr(fixture->result.reason, "Without that: failed, b: step \"work\": "));
}

static void short_stalls_are_told_and_are_fine(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE(CARRIED, ""));
    run_with_pause(fixture, 400 * NS_PER_MS);
    assert_verdict(fixture, VERDICT_PASSED);
    assert_int_equal(fixture->result.stall_count, 1);
    assert_true(fixture->result.stalls[0].length_s > 0.3);
}

static void no_stall_is_no_news(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE(CARRIED, ""));
    run_with_pause(fixture, 0);
    assert_verdict(fixture, VERDICT_PASSED);
    assert_int_equal(fixture->result.stall_count, 0);
}

/* The machines talk to each other there. */
static void a_direct_link_does_not_need_duet(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE("", ""));
    run_with_pause(fixture, 3 * NS_PER_S);
    assert_verdict(fixture, VERDICT_PASSED);
    assert_int_equal(fixture->result.stall_count, 1);
}

/* A host that stood still has stopped the guests that carry it as well, or not. */
static void a_link_that_a_guest_carries_may_have_stood_still(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE(", impair: {delay: 5ms}", ""));
    fixture->scripts[1].status = 7;
    run_with_pause(fixture, 3 * NS_PER_S);
    assert_verdict(fixture, VERDICT_INVALID);
}

static void a_timeout_that_duet_slept_into_is_none(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE("", ""));
    run_with_pause(fixture, 100 * NS_PER_S);
    assert_verdict(fixture, VERDICT_INVALID);
    assert_non_null(strstr(fixture->result.reason, "Without that: timeout"));
}

static void a_case_may_allow_for_it(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE(CARRIED, "network: {stall: 10s}\n"));
    run_with_pause(fixture, 3 * NS_PER_S);
    assert_verdict(fixture, VERDICT_PASSED);
}

static void a_panic_is_a_panic_even_so(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE(CARRIED, ""));
    fixture->scripts[0].dies_at_step = true;
    run_with_pause(fixture, 3 * NS_PER_S);
    assert_verdict(fixture, VERDICT_QEMU_DIED);
}

/* -- Guests ------------------------------------------------------------------------------------ */

static void fall_asleep(void *context)
{
    ((struct script *)context)->silent = true;
}

/* Answers the ping that came meanwhile. */
static void wake_up(void *context)
{
    struct fixture *fixture = context;
    struct vm *vm = fixture->actors[0].vm;
    size_t i = vm->request_count;

    fixture->scripts[0].silent = false;
    while (vm->requests[--i].code != WIRE_PING)
        continue;
    guest_acks(vm, WIRE_PING, request_id(&vm->requests[i]));
}

static void run_with_sleep(struct fixture *fixture, uint64_t duet_sleeps_ns)
{
    struct pause pause = {.length_ns = duet_sleeps_ns};
    struct timer *asleep = loop_timer(fixture->loop, fall_asleep, &fixture->scripts[0]);
    struct timer *awake = loop_timer(fixture->loop, wake_up, fixture);

    pause.timer = loop_timer(fixture->loop, stand_still, &pause);
    for (size_t i = 0; i < 2; i++)
        fixture->scripts[i].step_ns = 30 * NS_PER_S;
    timer_start(asleep, 7 * NS_PER_S);
    timer_start(pause.timer, 10 * NS_PER_S);
    timer_start(awake, 13 * NS_PER_S);
    case_run_start(fixture->run);
    loop_run(fixture->loop);
    case_run_result(fixture->run, &fixture->result);
    timer_free(pause.timer);
    timer_free(asleep);
    timer_free(awake);
}

static void a_guest_s_stall_is_its_own(void **state)
{
    struct fixture *fixture = *state;
    const struct stall_result *stall;

    make(fixture, CASE(CARRIED, ""));
    run_with_sleep(fixture, 0);
    assert_verdict(fixture, VERDICT_PASSED);
    assert_int_equal(fixture->result.stall_count, 1);
    stall = &fixture->result.stalls[0];
    assert_string_equal(stall->node, "a");
    assert_true(stall->length_s > 3.9 && stall->length_s < 6.1);
    assert_true(stall->start_s > 6.9 && stall->start_s < 9.1);
    assert_true(stall->cpu_s < 0);
}

/* An answer that duet did not read for so long says nothing of the guest. */
static void duet_s_stall_is_not_the_guest_s(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CASE("", ""));
    run_with_sleep(fixture, 10 * NS_PER_S);
    assert_verdict(fixture, VERDICT_PASSED);
    assert_int_equal(fixture->result.stall_count, 2);
    assert_null(fixture->result.stalls[0].node);
    assert_true(fixture->result.stalls[0].length_s > 9.9);
    assert_string_equal(fixture->result.stalls[1].node, "a");
    assert_true(fixture->result.stalls[1].length_s < 6.1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_link_that_stood_still_makes_a_case_say_nothing),
        TEST(so_it_does_of_one_that_failed_and_says_so),
        TEST(short_stalls_are_told_and_are_fine),
        TEST(no_stall_is_no_news),
        TEST(a_direct_link_does_not_need_duet),
        TEST(a_link_that_a_guest_carries_may_have_stood_still),
        TEST(a_timeout_that_duet_slept_into_is_none),
        TEST(a_case_may_allow_for_it),
        TEST(a_panic_is_a_panic_even_so),
        TEST(a_guest_s_stall_is_its_own),
        TEST(duet_s_stall_is_not_the_guest_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
