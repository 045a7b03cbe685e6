/* A node whose guest does what it should: what it is asked, in which order, and how it ends. */
#include "node_fixture.h"

#include <signal.h>
#include <time.h>

static void steps_run_one_after_another_and_the_node_passes(void **state)
{
    struct fixture *fixture = *state;
    const struct fake_request *request;

    fixture_use(fixture, NODE_YAML);
    assert_int_equal(node_state(fixture->node), NODE_IDLE);
    fixture_reach(fixture, NODE_STEPS);
    assert_null(next_request(fixture->vm)); /* the second step waits for the first */
    guest_writes(fixture->vm, 5, "to standard error");
    guest_says(fixture->vm, WIRE_CMDFINISHED,
               "{\"id\":2,\"status\":0,\"signal\":0,\"timed_out\":false,\"duration_ms\":1250,"
               "\"stdout_bytes\":0,\"stderr_bytes\":17}");
    fixture_executes(fixture, 3);
    guest_writes(fixture->vm, 6, "hel");
    guest_writes(fixture->vm, 6, "lo");
    guest_finished(fixture->vm, 3, 0, 0, 5);
    assert_int_equal(node_state(fixture->node), NODE_DONE);
    assert_true(node_passed(fixture->node));
    assert_null(next_request(fixture->vm));

    node_stop(fixture->node, false);
    assert_int_equal(node_state(fixture->node), NODE_STOPPING);
    request = next_request(fixture->vm);
    assert_int_equal(request->code, WIRE_DESTROYPOD);
    assert_int_equal(fixture->vm->stops, 0);
    guest_acks(fixture->vm, WIRE_DESTROYPOD, request_id(request));
    assert_int_equal(fixture->vm->stops, 1);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

/* Fresh entropy and the time of this moment each time: forks of one machine share neither. */
static void a_node_is_told_who_it_is_when_its_guest_is_up(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *earlier = NULL;

    for (int i = 0; i < 2; i++) {
        uint64_t before = (uint64_t)time(NULL), told;
        const struct fake_request *request;
        const char *entropy;

        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, NODE_CONFIGURING);
        assert_false(node_is_ready(fixture->node));
        request = next_request(fixture->vm);
        assert_int_equal(request->code, WIRE_STARTPOD);
        assert_string_equal(request_text(request, "hostname"), "n");
        told = strtoull(request_text(request, "time_ns"), NULL, 10) / NS_PER_S;
        assert_true(told >= before && told <= (uint64_t)time(NULL));
        entropy = request_text(request, "entropy");
        assert_int_equal(strlen(entropy), 128);
        assert_true(!earlier || strcmp(entropy, earlier) != 0);
        free(earlier);
        earlier = xstrdup(entropy);
        guest_acks(fixture->vm, WIRE_STARTPOD, request_id(request) + 1); /* another's answer */
        assert_int_equal(node_state(fixture->node), NODE_CONFIGURING);
        guest_acks(fixture->vm, WIRE_STARTPOD, request_id(request));
        assert_int_equal(node_state(fixture->node), NODE_WAITING);
        assert_true(node_is_ready(fixture->node));
        assert_false(node_is_up(fixture->node));
    }
}

static void the_result_tells_what_was_found(void **state)
{
    struct fixture *fixture = *state;
    const struct step_result *step;
    cleanup_free char *log = xasprintf("%s/libvirt.log", fixture->directory);
    char *text;

    fixture_use(fixture, NODE_YAML);
    directory_write(fixture->directory, "libvirt.log", "qemu says\n", 0644);
    fixture->host.log_path = log;
    fixture_reach(fixture, NODE_DONE);
    guest_prints(fixture->vm, "boot\nDUET_RESULT: {\"verdict\":\"passed\",\"reason\":\"why\"}\n");
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
    assert_string_equal(fixture->result.name, "n");
    assert_true(fixture->result.ready);
    assert_string_equal(fixture->result.console.path, "case/n/console.log.gz");
    assert_int_equal(fixture->result.console.bytes, fixture->vm->ring.written);
    assert_int_equal(fixture->result.qemu.pid, 4711);
    assert_int_equal(fixture->result.qemu.signal, SIGKILL);
    assert_int_equal(fixture->result.token_count, 1);
    assert_string_equal(fixture->result.tokens[0].reason, "why");
    assert_int_equal(fixture->result.step_count, 3);
    assert_true(fixture->result.steps[0].background);
    assert_false(fixture->result.steps[0].ended);
    assert_int_equal(fixture->result.steps[0].verdict, VERDICT_PASSED);
    step = &fixture->result.steps[2];
    assert_string_equal(step->name, "second");
    assert_int_equal(step->verdict, VERDICT_PASSED);
    assert_string_equal(step->standard_output.path, "case/n/03-second.stdout");
    text = directory_read(fixture->directory, "03-second.stdout");
    assert_string_equal(text, "hello");
    free(text);
    text = directory_read(fixture->directory, "qemu.log");
    assert_string_equal(text, "qemu says\n");
    free(text);
    assert_false(directory_has(fixture->directory, "libvirt.log")); /* the next one starts anew */
}

static void a_command_has_its_script_its_environment_and_its_streams(void **state)
{
    struct fixture *fixture = *state;
    const struct fake_request *request;
    char *text;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BACKGROUND);
    guest_says(fixture->vm, WIRE_CMDREADY, "{\"id\":1,\"after_ms\":5}");
    request = fixture_executes(fixture, 2);
    text = cJSON_PrintUnformatted(request->json);
    assert_string_equal(text, "{\"id\":2,\"name\":\"first\",\"argv\":[\"/bin/sh\",\"-c\",\"one\"],"
                              "\"env\":{\"DUET_NODE\":\"n\",\"DUET_CASE\":\"s\",\"DUET_SEED\":"
                              "\"42\",\"MORE\":\"node\",\"WHERE\":\"step\"},\"cwd\":\"/\","
                              "\"stdout\":4,\"stderr\":5,\"timeout_ms\":10000}");
    free(text);
    fixture_stop(fixture);
}

static void the_end_and_the_output_come_in_any_order(void **state)
{
    struct fixture *fixture = *state;

    for (int order = 0; order < 3; order++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, NODE_STEPS);
        guest_finished(fixture->vm, 2, 0, 0, 0);
        fixture_executes(fixture, 3);
        if (order == 0)
            guest_finished(fixture->vm, 3, 0, 0, 5);
        guest_writes(fixture->vm, 6, "hel");
        if (order == 1)
            guest_finished(fixture->vm, 3, 0, 0, 5);
        assert_int_equal(node_state(fixture->node), NODE_STEPS);
        guest_writes(fixture->vm, 6, "lo");
        if (order == 2) {
            assert_int_equal(node_state(fixture->node), NODE_STEPS);
            guest_finished(fixture->vm, 3, 0, 0, 5);
        }
        assert_int_equal(node_state(fixture->node), NODE_DONE);
        guest_writes(fixture->vm, 6, "");
        guest_writes_status(fixture->vm, 6, 0);
        assert_int_equal(node_verdict(fixture->node), VERDICT_PASSED);
        fixture_stop(fixture);
    }
}

/* What a step left running writes is kept, and the step stays what it was. */
static void output_after_the_judgement_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    char *text;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_DONE);
    guest_writes(fixture->vm, 6, " and more");
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(fixture->result.steps[2].verdict, VERDICT_PASSED);
    assert_int_equal(fixture->result.steps[2].standard_output.bytes, 14);
    text = directory_read(fixture->directory, "03-second.stdout");
    assert_string_equal(text, "hello and more");
    free(text);
}

/* -- Background processes ---------------------------------------------------------------------- */

#define TWO_BACKGROUND                                                                             \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  n:\n"                                                                                       \
    "    background:\n"                                                                            \
    "      - {name: a, run: serve-a}\n"                                                            \
    "      - {name: b, run: serve-b, ready: udp/53, stop_signal: INT}\n"                           \
    "    run: one\n"

static void a_node_is_up_when_its_last_background_process_is_ready(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, TWO_BACKGROUND);
    fixture_reach(fixture, NODE_WAITING);
    node_go(fixture->node);
    assert_int_equal(request_id(next_request(fixture->vm)), 1);
    assert_null(next_request(fixture->vm));
    guest_acks(fixture->vm, WIRE_EXECCMD, 1); /* running is ready */
    assert_int_equal(request_id(next_request(fixture->vm)), 2);
    guest_acks(fixture->vm, WIRE_EXECCMD, 2); /* not for this one */
    assert_int_equal(node_state(fixture->node), NODE_BACKGROUND);
    assert_false(node_is_up(fixture->node));
    guest_says(fixture->vm, WIRE_CMDREADY, "{\"id\":2,\"after_ms\":5}");
    assert_true(node_is_up(fixture->node));
    assert_int_equal(node_state(fixture->node), NODE_STEPS);
    fixture_executes(fixture, 3);
    guest_finished(fixture->vm, 3, 0, 0, 0);
    assert_int_equal(node_state(fixture->node), NODE_DONE);
    fixture_stop(fixture);
}

/* `a` runs on and ends with the pod; `b` is sent its own signal, and waited for. */
static void reach_own_signal(struct fixture *fixture)
{
    const struct fake_request *request;

    fixture_use(fixture, TWO_BACKGROUND);
    fixture_reach(fixture, NODE_WAITING);
    node_go(fixture->node);
    fixture_executes(fixture, 1);
    fixture_executes(fixture, 2);
    guest_says(fixture->vm, WIRE_CMDREADY, "{\"id\":2,\"after_ms\":5}");
    fixture_executes(fixture, 3);
    guest_finished(fixture->vm, 3, 0, 0, 0);
    node_stop(fixture->node, false);
    request = next_request(fixture->vm);
    assert_int_equal(request->code, WIRE_KILLCONTAINER);
    assert_int_equal(request_number(request, "target"), 2);
    assert_int_equal(request_number(request, "signal"), SIGINT);
    assert_null(next_request(fixture->vm));
}

static void an_own_stop_signal_comes_before_the_end(void **state)
{
    struct fixture *fixture = *state;

    reach_own_signal(fixture);
    guest_finished(fixture->vm, 2, 130, SIGINT, 0);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_DESTROYPOD);
    guest_finished(fixture->vm, 1, 143, SIGTERM, 0);
    assert_null(next_request(fixture->vm));
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

static void who_ignores_its_stop_signal_is_not_waited_for(void **state)
{
    struct fixture *fixture = *state;

    reach_own_signal(fixture);
    virtual_time_pass(fixture->loop, NS_PER_S);
    assert_null(next_request(fixture->vm));
    virtual_time_pass(fixture->loop, 2 * NS_PER_S);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_DESTROYPOD);
    assert_int_equal(fixture->vm->stops, 0);
    virtual_time_pass(fixture->loop,
                      9 * NS_PER_S); /* and a guest that does not power off is killed */
    assert_int_equal(fixture->vm->stops, 1);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

static void a_stop_signal_that_comes_too_late_is_refused_in_peace(void **state)
{
    struct fixture *fixture = *state;

    reach_own_signal(fixture);
    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":18,\"id\":2147483649,\"reason\":\"it ended\"}");
    guest_finished(fixture->vm, 2, 0, 0, 0);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_DESTROYPOD);
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

static void a_daemon_may_leave_before_it_is_ready_and_after(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BACKGROUND);
    guest_finished(fixture->vm, 1, 0, 0, 0); /* it put itself into the background */
    assert_int_equal(node_state(fixture->node), NODE_BACKGROUND);
    guest_says(fixture->vm, WIRE_CMDREADY, "{\"id\":1,\"after_ms\":5}");
    assert_int_equal(node_state(fixture->node), NODE_STEPS);
    assert_false(node_is_lost(fixture->node));
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_SKIPPED, "it was stopped before it could say that it passed");
    assert_int_equal(fixture->result.steps[1].verdict, VERDICT_SKIPPED);
}

static void a_node_without_work_is_done_when_it_is_up(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, "name: s\nnodes:\n  n: {}\n  m: {run: one}\n"
                         "links: [{nodes: [n, m], subnet: 10.0.0.0/24}]\n");
    fixture_reach(fixture, NODE_WAITING);
    node_go(fixture->node);
    assert_true(node_is_up(fixture->node));
    assert_int_equal(node_state(fixture->node), NODE_DONE);
    node_stop(fixture->node, false);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_DESTROYPOD);
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

/* -- Stopping early ---------------------------------------------------------------------------- */

static void a_node_that_never_started_is_gone_at_once(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    node_stop(fixture->node, false);
    fixture_judge(fixture, VERDICT_SKIPPED, "it was stopped before it could say that it passed");
    assert_int_equal(fixture->result.qemu.pid, 0);
}

static void a_guest_that_boots_cannot_be_asked_and_is_killed(void **state)
{
    static const enum node_state states[] = {NODE_STARTING, NODE_BOOTING, NODE_CONFIGURING};
    struct fixture *fixture = *state;
    size_t asked;

    for (size_t i = 0; i < array_size(states); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, states[i]);
        asked = fixture->vm->request_count;
        node_stop(fixture->node, false);
        assert_int_equal(fixture->vm->stops, 1);
        assert_int_equal(fixture->vm->request_count, asked);
        if (states[i] == NODE_STARTING)
            machine_starts(fixture->vm);
        assert_int_equal(node_state(fixture->node), NODE_STOPPING);
        machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
        fixture_judge(fixture, VERDICT_SKIPPED,
                      "it was stopped before it could say that it passed");
    }
}

static void a_second_stop_may_be_less_patient(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    node_stop(fixture->node, false);
    node_stop(fixture->node, false);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_DESTROYPOD);
    assert_null(next_request(fixture->vm));
    assert_int_equal(fixture->vm->stops, 0);
    node_stop(fixture->node, true);
    assert_int_equal(fixture->vm->stops, 1);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    fixture_judge(fixture, VERDICT_SKIPPED, "it was stopped before it could say that it passed");
    assert_int_equal(fixture->result.steps[1].verdict, VERDICT_SKIPPED);
    assert_string_equal(fixture->result.steps[1].reason,
                        "it had not ended when the node was stopped");
}

static void a_step_that_the_stop_ended_did_not_fail(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    node_stop(fixture->node, false);
    guest_finished(fixture->vm, 2, 128 + SIGTERM, SIGTERM, 0);
    guest_acks(fixture->vm, WIRE_DESTROYPOD, request_id(next_request(fixture->vm)));
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    fixture_judge(fixture, VERDICT_SKIPPED, "it was stopped before it could say that it passed");
    assert_int_equal(fixture->result.steps[1].verdict, VERDICT_SKIPPED);
    assert_string_equal(fixture->result.steps[1].reason,
                        "it had not ended when the node was stopped");
    assert_int_equal(fixture->result.steps[1].signal, SIGTERM);
    assert_null(fixture->result.steps[1].expected);
    assert_null(fixture->result.steps[1].found);
}

/* -- A foreign init ---------------------------------------------------------------------------- */

static void a_foreign_init_is_up_by_its_ready_token_and_passes_by_its_result(void **state)
{
    static const char *const yaml[] = {FOREIGN_YAML, RAW_YAML};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(yaml); i++) {
        fixture_use(fixture, yaml[i]);
        fixture_reach(fixture, NODE_TOKEN);
        assert_false(node_is_up(fixture->node));
        guest_prints(fixture->vm, "DUET_READY: {}\n");
        assert_true(node_is_up(fixture->node));
        assert_true(node_is_ready(fixture->node));
        assert_false(node_passed(fixture->node));
        guest_prints(fixture->vm, "DUET_READY: {}\nDUET_RESULT: {\"verdict\":\"pas");
        guest_prints(fixture->vm, "sed\"}\n");
        assert_int_equal(node_state(fixture->node), NODE_DONE);
        assert_null(next_request(fixture->vm));
        machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0); /* it need not wait for the others */
        fixture_judge(fixture, VERDICT_PASSED, NULL);
        assert_true(fixture->result.ready);
    }
}

static void a_foreign_init_may_pass_without_a_ready_token(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_TOKEN);
    guest_prints(fixture->vm, "DUET_RESULT: {\"verdict\":\"passed\"}\n");
    assert_true(node_is_up(fixture->node));
    node_stop(fixture->node, false);
    assert_int_equal(fixture->vm->stops, 1); /* it cannot be asked */
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
}

/* It is told who it is, and then nothing holds it: so that is not before it may go. */
static void a_foreign_init_is_held_back_until_it_may_go(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_WAITING);
    virtual_time_pass(fixture->loop, 1000 * NS_PER_S);
    assert_int_equal(fixture->vm->request_count, 0);
    assert_false(node_is_lost(fixture->node));
    node_go(fixture->node);
    fixture_is_configured(fixture);
    assert_int_equal(node_state(fixture->node), NODE_TOKEN);
}

/* Console and control channel are two sockets, and the second may be read first. */
static void a_foreign_init_may_print_before_its_node_s_answer_is_read(void **state)
{
    struct fixture *fixture = *state;
    const struct fake_request *request;

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_CONFIGURING);
    guest_prints(fixture->vm, "DUET_READY: {}\n");
    assert_true(node_is_up(fixture->node));
    request = next_request(fixture->vm);
    guest_prints(fixture->vm, "DUET_RESULT: {\"verdict\":\"passed\"}\n");
    assert_int_equal(node_state(fixture->node), NODE_DONE);
    guest_acks(fixture->vm, WIRE_STARTPOD, request_id(request));
    assert_int_equal(node_state(fixture->node), NODE_DONE);
    virtual_time_pass(fixture->loop, 1000 * NS_PER_S);
    assert_int_equal(node_verdict(fixture->node), VERDICT_PASSED);
}

static void a_raw_init_has_the_case_s_time_to_boot(void **state)
{
    static const char *const yaml[] = {FOREIGN_YAML, RAW_YAML};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(yaml); i++) {
        fixture_use(fixture, yaml[i]);
        fixture_reach(fixture, NODE_TOKEN);
        virtual_time_pass(fixture->loop, 3600 * NS_PER_S);
        assert_false(node_is_lost(fixture->node));
        node_time_out(fixture->node, 3600 * NS_PER_S);
        fixture_is_lost(fixture, VERDICT_TIMEOUT,
                        "the case's 3600 s ended while waiting for its result token");
    }
}

static void a_foreign_init_may_end_once_it_has_given_its_result(void **state)
{
    static const char end[] =
        "[    2.500000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000\n";
    struct fixture *fixture = *state;

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_DONE);
    guest_prints(fixture->vm, end);
    assert_int_equal(node_verdict(fixture->node), VERDICT_PASSED);
    guest_prints(fixture->vm, "[    2.600000] Kernel panic - not syncing: something else\n");
    assert_int_equal(node_verdict(fixture->node), VERDICT_PANIC);
    fixture_stop(fixture);

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_TOKEN);
    guest_prints(fixture->vm, end);
    assert_int_equal(node_verdict(fixture->node), VERDICT_PANIC);
    fixture_stop(fixture);
}

static void a_token_of_duet_s_own_init_passes_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_prints(fixture->vm, "DUET_READY: {}\nDUET_RESULT: {\"verdict\":\"passed\"}\n");
    assert_int_equal(node_state(fixture->node), NODE_STEPS);
    assert_false(node_passed(fixture->node));
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_SKIPPED, "it was stopped before it could say that it passed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(steps_run_one_after_another_and_the_node_passes),
        TEST(a_node_is_told_who_it_is_when_its_guest_is_up),
        TEST(the_result_tells_what_was_found),
        TEST(a_command_has_its_script_its_environment_and_its_streams),
        TEST(the_end_and_the_output_come_in_any_order),
        TEST(output_after_the_judgement_changes_nothing),
        TEST(a_node_is_up_when_its_last_background_process_is_ready),
        TEST(an_own_stop_signal_comes_before_the_end),
        TEST(who_ignores_its_stop_signal_is_not_waited_for),
        TEST(a_stop_signal_that_comes_too_late_is_refused_in_peace),
        TEST(a_daemon_may_leave_before_it_is_ready_and_after),
        TEST(a_node_without_work_is_done_when_it_is_up),
        TEST(a_node_that_never_started_is_gone_at_once),
        TEST(a_guest_that_boots_cannot_be_asked_and_is_killed),
        TEST(a_second_stop_may_be_less_patient),
        TEST(a_step_that_the_stop_ended_did_not_fail),
        TEST(a_foreign_init_is_up_by_its_ready_token_and_passes_by_its_result),
        TEST(a_foreign_init_may_pass_without_a_ready_token),
        TEST(a_foreign_init_is_held_back_until_it_may_go),
        TEST(a_foreign_init_may_print_before_its_node_s_answer_is_read),
        TEST(a_raw_init_has_the_case_s_time_to_boot),
        TEST(a_foreign_init_may_end_once_it_has_given_its_result),
        TEST(a_token_of_duet_s_own_init_passes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
