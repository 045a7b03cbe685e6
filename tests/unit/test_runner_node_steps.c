/* Steps and background processes that fail, take too long or cannot be run, and guests that fall
 * silent: verdict and reason of each. */
#include "node_fixture.h"

#include <signal.h>

/* -- Steps ------------------------------------------------------------------------------------- */

static void a_step_that_fails_is_the_last_one(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_finished(fixture->vm, 2, 3, 0, 0);
    assert_null(next_request(fixture->vm));
    guest_writes(fixture->vm, 4, ""); /* its streams close after it */
    guest_writes(fixture->vm, 5, "");
    fixture_is_lost(fixture, VERDICT_FAILED,
                    "step \"first\": it ended with exit status 3, expected exit status 0");
    assert_int_equal(fixture->result.step_count, 2);
    assert_int_equal(fixture->result.steps[1].status, 3);
    assert_string_equal(fixture->result.steps[1].expected, "exit status 0");
    assert_string_equal(fixture->result.steps[1].found, "exit status 3");
}

static void a_step_that_says_something_else_fails(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_finished(fixture->vm, 2, 0, 0, 0);
    fixture_executes(fixture, 3);
    guest_writes(fixture->vm, 6, "hullo");
    guest_finished(fixture->vm, 3, 0, 0, 5);
    fixture_is_lost(fixture, VERDICT_FAILED, "step \"second\": its standard output is another");
    assert_string_equal(fixture->result.steps[2].expected, "hello");
}

static void step_times_out(struct fixture *fixture)
{
    guest_says(fixture->vm, WIRE_CMDFINISHED,
               "{\"id\":2,\"status\":143,\"signal\":15,\"timed_out\":true,\"duration_ms\":10010,"
               "\"stdout_bytes\":0,\"stderr_bytes\":0}");
}

static void a_step_that_takes_too_long_times_out(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    for (int i = 0; i < 10; i++) {
        virtual_time_pass(fixture->loop, NS_PER_S);
        guest_answers_ping(fixture->vm);
    }
    step_times_out(fixture);
    fixture_is_lost(fixture, VERDICT_TIMEOUT,
                    "step \"first\": it ran into its timeout after 10.0 s");
}

static void a_timeout_that_the_host_s_clock_does_not_confirm_is_invalid(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    virtual_time_pass(fixture->loop, 4 * NS_PER_S);
    step_times_out(fixture);
    fixture_is_lost(fixture, VERDICT_INVALID,
                    "step \"first\" ran into its timeout of 10 s after 4 s of the host's time: the "
                    "guest's clock is wrong");
}

static void a_guest_that_forgets_a_timeout_makes_no_progress(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    for (int i = 0; i < 24; i++) {
        virtual_time_pass(fixture->loop, NS_PER_S);
        assert_false(node_is_lost(fixture->node));
        guest_answers_ping(fixture->vm);
    }
    virtual_time_pass(fixture->loop, 2 * NS_PER_S);
    fixture_is_lost(fixture, VERDICT_NO_PROGRESS,
                    "step \"first\" (1 of 2) runs; its timeout is "
                    "long over and the guest does not say so");
}

static void output_that_never_comes_is_waited_for_as_long(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_finished(fixture->vm, 2, 0, 0, 1000);
    assert_int_equal(node_state(fixture->node), NODE_STEPS);
    for (int i = 0; i < 26; i++) {
        virtual_time_pass(fixture->loop, NS_PER_S);
        guest_answers_ping(fixture->vm);
    }
    assert_true(node_is_lost(fixture->node));
    assert_int_equal(node_verdict(fixture->node), VERDICT_NO_PROGRESS);
    fixture_stop(fixture);
}

static void a_step_whose_files_cannot_be_made_is_duet_s_error(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *in_the_way = xasprintf("%s/02-first.stdout", fixture->directory);

    assert_int_equal(fs_mkdirs(in_the_way, 0755, NULL), 0);
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BACKGROUND);
    guest_says(fixture->vm, WIRE_CMDREADY, "{\"id\":1,\"after_ms\":5}");
    assert_null(next_request(fixture->vm));
    assert_true(node_is_lost(fixture->node));
    node_stop(fixture->node, false);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_DESTROYPOD);
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    node_result(fixture->node, &fixture->result);
    assert_int_equal(fixture->result.verdict, VERDICT_ERROR);
    assert_non_null(strstr(fixture->result.reason, "02-first.stdout: Is a directory"));
}

/* -- Background processes ---------------------------------------------------------------------- */

static void a_background_process_that_ends_badly_fails_its_node(void **state)
{
    static const struct {
        enum node_state state;
        int status, signal;
        const char *reason;
    } ends[] = {
        {NODE_BACKGROUND, 1, 0,
         "background process \"server\" ended with status 1 before it was ready"},
        {NODE_BACKGROUND, 139, SIGSEGV,
         "background process \"server\" was killed by signal 11 (Segmentation fault) before it was "
         "ready"},
        {NODE_STEPS, 1, 0, "background process \"server\" ended with status 1 while it was needed"},
        {NODE_DONE, 137, SIGKILL,
         "background process \"server\" was killed by signal 9 (Killed) while it was needed"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(ends); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, ends[i].state);
        guest_finished(fixture->vm, 1, ends[i].status, ends[i].signal, 0);
        fixture_is_lost(fixture, VERDICT_FAILED, ends[i].reason);
    }
}

static void a_background_process_may_be_killed_at_the_end(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_DONE);
    node_stop(fixture->node, false);
    guest_finished(fixture->vm, 1, 143, SIGTERM, 0);
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

static void a_background_process_that_is_never_ready_times_out(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BACKGROUND);
    for (int i = 0; i < 29; i++) {
        virtual_time_pass(fixture->loop, NS_PER_S);
        guest_answers_ping(fixture->vm);
    }
    assert_false(node_is_lost(fixture->node));
    virtual_time_pass(fixture->loop, 2 * NS_PER_S);
    fixture_is_lost(fixture, VERDICT_TIMEOUT,
                    "background process \"server\" was not ready after 30 s");
}

/* -- Silence ----------------------------------------------------------------------------------- */

static void a_guest_that_never_gets_ready_makes_no_progress(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BOOTING);
    virtual_time_pass(fixture->loop, 119 * NS_PER_S);
    assert_false(node_is_lost(fixture->node));
    virtual_time_pass(fixture->loop, 2 * NS_PER_S);
    fixture_is_lost(fixture, VERDICT_NO_PROGRESS, "the guest was not ready 120 s after its start");
}

static void a_guest_that_answers_nothing_makes_no_progress(void **state)
{
    static const enum node_state states[] = {NODE_WAITING, NODE_DONE};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(states); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, states[i]);
        fixture->vm->cpu_ms = 7500;
        virtual_time_pass(fixture->loop, 15 * NS_PER_S);
        assert_false(node_is_lost(fixture->node));
        virtual_time_pass(fixture->loop, 10 * NS_PER_S);
        assert_true(node_is_lost(fixture->node));
        node_stop(fixture->node, false);
        assert_int_equal(fixture->vm->stops, 1); /* nothing is asked of it any more */
        machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
        fixture_judge(fixture, VERDICT_NO_PROGRESS,
                      states[i] == NODE_WAITING
                          ? "while waiting for other nodes, the guest answered nothing for 22 s, "
                            "in which QEMU used 7.5 s of CPU time"
                          : "while waiting for the other nodes to finish, the guest answered "
                            "nothing for 22 s, in which QEMU used 7.5 s of CPU time");
    }
}

static void a_guest_that_answers_slowly_lives(void **state)
{
    struct fixture *fixture = *state;
    size_t pings = 0;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_DONE);
    for (int i = 0; i < 10; i++) {
        virtual_time_pass(fixture->loop, 15 * NS_PER_S);
        guest_answers_ping(fixture->vm);
    }
    for (size_t i = 0; i < fixture->vm->request_count; i++)
        pings += fixture->vm->requests[i].code == WIRE_PING;
    assert_in_range(pings, 10, 11); /* one at a time */
    assert_false(node_is_lost(fixture->node));
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

/* -- Requests that do not reach the guest ------------------------------------------------------ */

static void a_request_that_cannot_be_sent_has_its_verdict(void **state)
{
    static const struct {
        int code;
        enum verdict verdict;
    } refusals[] = {{-ENOBUFS, VERDICT_NO_PROGRESS}, {-EMSGSIZE, VERDICT_ERROR}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(refusals); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, NODE_WAITING);
        fixture->vm->send_code = refusals[i].code;
        node_go(fixture->node);
        fixture_is_lost(fixture, refusals[i].verdict, "the guest cannot be told");
    }
}

/* The port closes when QEMU ends, and what ended QEMU is the news. */
static void a_closed_port_is_no_verdict(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_WAITING);
    fixture->vm->send_code = -EPIPE;
    node_go(fixture->node);
    assert_false(node_is_lost(fixture->node));
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    fixture_judge(fixture, VERDICT_FAILED,
                  "the guest powered off or rebooted by itself while "
                  "background process \"server\" gets ready");
}

static void a_guest_that_cannot_be_asked_to_end_is_killed(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_DONE);
    fixture->vm->send_code = -EPIPE;
    node_stop(fixture->node, false);
    assert_int_equal(fixture->vm->stops, 1);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

/* -- The case's time --------------------------------------------------------------------------- */

static void the_case_s_end_says_what_the_node_was_at(void **state)
{
    static const struct {
        enum node_state state;
        const char *reason;
    } ends[] = {
        {NODE_STARTING, "the case's 60 s ended while starting"},
        {NODE_BOOTING, "the case's 60 s ended while booting"},
        {NODE_WAITING, "the case's 60 s ended while waiting for other nodes"},
        {NODE_BACKGROUND, "the case's 60 s ended while background process \"server\" gets ready"},
        {NODE_STEPS, "the case's 60 s ended while step \"first\" (1 of 2) runs"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(ends); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, ends[i].state);
        node_time_out(fixture->node, 60 * NS_PER_S);
        fixture_is_lost(fixture, VERDICT_TIMEOUT, ends[i].reason);
    }
}

static void a_node_that_is_done_has_no_part_in_a_timeout(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    node_time_out(fixture->node, 60 * NS_PER_S);
    assert_false(node_is_lost(fixture->node));
    fixture_reach(fixture, NODE_DONE);
    node_time_out(fixture->node, 60 * NS_PER_S);
    assert_false(node_is_lost(fixture->node));
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

static void a_silent_guest_at_the_end_is_no_timeout(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    virtual_time_pass(fixture->loop, 15 * NS_PER_S);
    node_time_out(fixture->node, 60 * NS_PER_S);
    fixture_is_lost(fixture, VERDICT_NO_PROGRESS,
                    "the guest answers nothing, while step \"first\" "
                    "(1 of 2) runs, as the case's 60 s end");
}

/* -- Evidence ---------------------------------------------------------------------------------- */

static void a_log_that_is_not_whole_is_told_and_costs_no_verdict(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_DONE);
    guest_prints(fixture->vm, "0123456789");
    fixture->vm->log_failure = "cannot write the console log: No space left on device";
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_PASSED,
                  "cannot write the console log: No space left on device "
                  "(at least 3 of 10 bytes are not in it)");
}

static void the_console_s_end_is_shown(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer tail = {0};

    fixture_use(fixture, NODE_YAML);
    node_console_tail(fixture->node, 2, &tail); /* nothing, before there is a machine */
    assert_int_equal(tail.length, 0);
    fixture_reach(fixture, NODE_BOOTING);
    guest_prints(fixture->vm, "one\ntwo\nthree\n");
    node_console_tail(fixture->node, 2, &tail);
    assert_string_equal(tail.data, "two\nthree\n");
    fixture_stop(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_step_that_fails_is_the_last_one),
        TEST(a_step_that_says_something_else_fails),
        TEST(a_step_that_takes_too_long_times_out),
        TEST(a_timeout_that_the_host_s_clock_does_not_confirm_is_invalid),
        TEST(a_guest_that_forgets_a_timeout_makes_no_progress),
        TEST(output_that_never_comes_is_waited_for_as_long),
        TEST(a_step_whose_files_cannot_be_made_is_duet_s_error),
        TEST(a_background_process_that_ends_badly_fails_its_node),
        TEST(a_background_process_may_be_killed_at_the_end),
        TEST(a_background_process_that_is_never_ready_times_out),
        TEST(a_guest_that_never_gets_ready_makes_no_progress),
        TEST(a_guest_that_answers_nothing_makes_no_progress),
        TEST(a_guest_that_answers_slowly_lives),
        TEST(a_request_that_cannot_be_sent_has_its_verdict),
        TEST(a_closed_port_is_no_verdict),
        TEST(a_guest_that_cannot_be_asked_to_end_is_killed),
        TEST(the_case_s_end_says_what_the_node_was_at),
        TEST(a_node_that_is_done_has_no_part_in_a_timeout),
        TEST(a_silent_guest_at_the_end_is_no_timeout),
        TEST(a_log_that_is_not_whole_is_told_and_costs_no_verdict),
        TEST(the_console_s_end_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
