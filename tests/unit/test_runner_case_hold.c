/* A case whose machines are held for somebody: when, what is judged, and that it ends. */
#include "case_fixture.h"

static void start_and_wait(struct fixture *fixture)
{
    case_run_start(fixture->run);
    loop_run(fixture->loop);
}

static void end(struct fixture *fixture, enum verdict verdict)
{
    while (fixture->ended == 0)
        loop_run(fixture->loop);
    assert_int_equal(fixture->ended, 1);
    case_run_result(fixture->run, &fixture->result);
    assert_string_equal(verdict_name(fixture->result.verdict), verdict_name(verdict));
}

static bool was_asked(const struct fixture *fixture, const char *what)
{
    return strstr(fixture->log.data, what) != NULL;
}

/* -- As soon as it is up ----------------------------------------------------------------------- */

static void a_case_that_is_up_is_held_before_its_steps(void **state)
{
    struct fixture *fixture = *state;
    struct node *const *nodes;
    size_t count;

    make_held(fixture, PAIR, CASE_HOLD_UP);
    start_and_wait(fixture);
    assert_int_equal(fixture->held, 1);
    assert_int_equal(fixture->ended, 0);
    assert_string_equal(fixture->log.data, "exit starts, entry starts, exit echo");
    nodes = case_run_nodes(fixture->run, &count);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(node_state(nodes[i]), NODE_HELD);
        assert_non_null(node_control(nodes[i]));
    }
    case_run_release(fixture->run, false);
    end(fixture, VERDICT_SKIPPED);
    assert_true(was_asked(fixture, "exit asked to end"));
}

static void no_time_ends_what_is_held(void **state)
{
    struct fixture *fixture = *state;

    make_held(fixture, PAIR, CASE_HOLD_UP);
    start_and_wait(fixture);
    virtual_time_pass(fixture->loop, 1000 * NS_PER_S);
    assert_int_equal(fixture->ended, 0);
    case_run_release(fixture->run, false);
    end(fixture, VERDICT_SKIPPED);
    assert_true(fixture->result.duration_s < 90);
}

static void a_case_that_does_not_come_up_is_not_held(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].never_ready = true;
    make_held(fixture, PAIR, CASE_HOLD_UP);
    start_and_wait(fixture);
    end(fixture, VERDICT_TIMEOUT);
    assert_int_equal(fixture->held, 0);
}

static void a_node_with_another_init_is_up_when_it_has_the_node(void **state)
{
    struct fixture *fixture = *state;

    make_held(fixture,
              "name: s\n"
              "nodes:\n"
              "  a: {run: work}\n"
              "  b: {init: {directory: guest, run: /run.sh}}\n"
              "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]\n",
              CASE_HOLD_UP);
    start_and_wait(fixture);
    assert_int_equal(fixture->held, 1);
    case_run_release(fixture->run, false);
    end(fixture, VERDICT_SKIPPED);
}

/* -- When it has failed ------------------------------------------------------------------------ */

#define FAILING "b: step \"work\": it ended with exit status 1, expected exit status 0"

static void fail_and_hold(struct fixture *fixture)
{
    fixture->scripts[1].status = 1;
    fixture->scripts[0].step_ns = 30 * NS_PER_S;
    make_held(fixture, TWO_WORKERS, CASE_HOLD_FAILED);
    start_and_wait(fixture);
    assert_int_equal(fixture->held, 1);
    assert_int_equal(fixture->ended, 0);
    assert_int_equal(case_run_decides(fixture->run), 1);
}

static void a_case_that_failed_is_held_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct node *const *nodes;
    size_t count;

    fail_and_hold(fixture);
    assert_false(was_asked(fixture, "asked to end"));
    nodes = case_run_nodes(fixture->run, &count);
    assert_string_equal(node_reason(nodes[1]), &FAILING[3]);
    assert_non_null(node_control(nodes[1]));
    case_run_release(fixture->run, false);
    end(fixture, VERDICT_FAILED);
    assert_string_equal(fixture->result.reason, FAILING);
}

static void one_that_passes_is_not_held(void **state)
{
    struct fixture *fixture = *state;

    make_held(fixture, PAIR, CASE_HOLD_FAILED);
    start_and_wait(fixture);
    end(fixture, VERDICT_PASSED);
    assert_int_equal(fixture->held, 0);
}

static void what_comes_while_it_is_held_changes_no_verdict(void **state)
{
    struct fixture *fixture = *state;

    fail_and_hold(fixture);
    virtual_time_pass(fixture->loop, 60 * NS_PER_S); /* the other's step ends */
    guest_prints(fixture->actors[1].vm, "[    1.0] Kernel panic - not syncing: at last\n");
    machine_ends(fixture->actors[1].vm, VM_END_POWEROFF, 0, 0);
    loop_run(fixture->loop);
    assert_true(fixture->held > 1);
    case_run_release(fixture->run, false);
    end(fixture, VERDICT_FAILED);
    assert_string_equal(fixture->result.reason, FAILING);
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_SKIPPED);
}

/* Its verdict was there before somebody wanted the end. */
static void the_end_of_a_run_does_not_take_its_verdict(void **state)
{
    struct fixture *fixture = *state;

    fail_and_hold(fixture);
    case_run_cancel(fixture->run);
    end(fixture, VERDICT_FAILED);
    assert_false(was_asked(fixture, "asked to end"));
    assert_true(was_asked(fixture, "b killed"));
}

static void released_at_once_no_guest_is_asked(void **state)
{
    struct fixture *fixture = *state;

    fail_and_hold(fixture);
    case_run_release(fixture->run, true);
    end(fixture, VERDICT_FAILED);
    assert_false(was_asked(fixture, "asked to end"));
}

static void a_timeout_is_held_too(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].step_ns = 1000 * NS_PER_S;
    make_held(fixture, TWO_WORKERS, CASE_HOLD_FAILED);
    start_and_wait(fixture);
    assert_int_equal(fixture->held, 1);
    assert_int_equal(case_run_decides(fixture->run), 0);
    case_run_release(fixture->run, false);
    end(fixture, VERDICT_TIMEOUT);
}

/* It is booted instead, and that may pass. */
static void a_node_that_cannot_be_forked_is_not_held(void **state)
{
    static const struct vm_snapshot *const some = (const struct vm_snapshot *)"snapshot";
    struct fixture *fixture = *state;

    fixture->scripts[0].fails_to_start = true;
    make_held(fixture, PAIR, CASE_HOLD_FAILED);
    for (size_t i = 0; i < fixture->plan.machine_count; i++)
        fixture->plan.machines[i].spec.fork_of = some;
    start_and_wait(fixture);
    while (fixture->ended == 0)
        loop_run(fixture->loop);
    assert_int_equal(fixture->held, 0);
    assert_non_null(case_run_refusal(fixture->run, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_case_that_is_up_is_held_before_its_steps),
        TEST(no_time_ends_what_is_held),
        TEST(a_case_that_does_not_come_up_is_not_held),
        TEST(a_node_with_another_init_is_up_when_it_has_the_node),
        TEST(a_case_that_failed_is_held_as_it_is),
        TEST(one_that_passes_is_not_held),
        TEST(what_comes_while_it_is_held_changes_no_verdict),
        TEST(the_end_of_a_run_does_not_take_its_verdict),
        TEST(released_at_once_no_guest_is_asked),
        TEST(a_timeout_is_held_too),
        TEST(a_node_that_cannot_be_forked_is_not_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
