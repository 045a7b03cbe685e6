/* A node whose machine is saved for others to go on from, and one that goes on from such. */
#include "node_fixture.h"

#include "vm/snapshot.h"

#include <signal.h>

/* Nobody looks into it. */
static struct vm_snapshot snapshot;

/* -- Forks ------------------------------------------------------------------------------------- */

/* Its guest said READY in its template. */
static void a_fork_is_told_who_it_is_when_it_runs(void **state)
{
    struct fixture *fixture = *state;

    fixture->machine.fork_of = &snapshot;
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STARTING);
    assert_null(next_request(fixture->vm));
    machine_starts(fixture->vm);
    fixture_is_configured(fixture);
    assert_int_equal(node_state(fixture->node), NODE_WAITING);
    fixture_stop(fixture);
}

static void a_forked_foreign_init_is_held_back(void **state)
{
    struct fixture *fixture = *state;

    fixture->machine.fork_of = &snapshot;
    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_STARTING);
    machine_starts(fixture->vm);
    assert_int_equal(node_state(fixture->node), NODE_WAITING);
    assert_null(next_request(fixture->vm));
    node_go(fixture->node);
    fixture_is_configured(fixture);
    assert_int_equal(node_state(fixture->node), NODE_TOKEN);
    fixture_stop(fixture);
}

static void a_fork_that_boots_is_a_fault(void **state)
{
    struct fixture *fixture = *state;

    fixture->machine.fork_of = &snapshot;
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STARTING);
    machine_starts(fixture->vm);
    guest_is_ready(fixture->vm);
    fixture_is_lost(fixture, VERDICT_FAILED, "the guest said READY twice: its init started anew");
}

/* What its case makes of that is not the node's business. */
static void a_fork_that_cannot_start_is_a_fault_that_booting_may_not_have(void **state)
{
    struct fixture *fixture = *state;

    for (int forked = 0; forked < 2; forked++) {
        fixture->machine.fork_of = forked ? &snapshot : NULL;
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, NODE_STARTING);
        fixture->vm->gone.message = (char *)"-incoming is not known";
        machine_ends(fixture->vm, VM_END_START_FAILED, -1, 0);
        fixture_judge(fixture, VERDICT_ERROR,
                      "libvirt cannot start the machine: -incoming is not known");
        assert_true(node_is_lost(fixture->node));
        if (forked)
            assert_string_equal(node_refusal(fixture->node), "-incoming is not known");
        else
            assert_null(node_refusal(fixture->node));
    }
}

static void the_result_says_where_the_machine_came_from(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STARTING);
    fixture_stop(fixture);
    node_result(fixture->node, &fixture->result);
    assert_int_equal(fixture->result.start, START_BOOTED);

    fixture->machine.fork_of = &snapshot;
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STARTING);
    fixture_stop(fixture);
    node_result(fixture->node, &fixture->result);
    assert_int_equal(fixture->result.start, START_FORKED);

    fixture_use(fixture, NODE_YAML);
    node_stop(fixture->node, true);
    node_result(fixture->node, &fixture->result);
    assert_int_equal(fixture->result.start, START_NONE);
}

/* -- Templates --------------------------------------------------------------------------------- */

static void start_template(struct fixture *fixture)
{
    fixture->machine.saves_to = &snapshot;
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BOOTING);
}

/* Nothing is asked of its guest, which is to be nobody yet. */
static void a_template_is_saved_when_its_guest_is_up(void **state)
{
    struct fixture *fixture = *state;

    start_template(fixture);
    assert_null(fixture->vm->saved);
    guest_is_ready(fixture->vm);
    assert_int_equal(node_state(fixture->node), NODE_SAVING);
    virtual_time_pass(fixture->loop, 100 * NS_PER_S);
    assert_int_equal(fixture->vm->request_count, 0);
    assert_int_equal(fixture->vm->stops, 0);
    fixture->vm->saved(fixture->vm->context, NULL);
    assert_int_equal(fixture->vm->stops, 1);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    assert_int_equal(node_state(fixture->node), NODE_GONE);
    assert_false(verdict_is_bad(node_verdict(fixture->node)));
    assert_null(node_refusal(fixture->node));
}

static void a_template_that_cannot_be_saved_is_no_fault(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    start_template(fixture);
    guest_is_ready(fixture->vm);
    error_set(&error, EOPNOTSUPP, "QEMU refused: no such capability");
    fixture->vm->saved(fixture->vm->context, &error);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    assert_false(verdict_is_bad(node_verdict(fixture->node)));
    assert_string_equal(node_refusal(fixture->node), "QEMU refused: no such capability");
}

/* It may start where its memory need not be a file. */
static void a_template_that_cannot_start_is_no_fault(void **state)
{
    struct fixture *fixture = *state;

    fixture->machine.saves_to = &snapshot;
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STARTING);
    fixture->vm->gone.message = (char *)"no memory-backend-file";
    machine_ends(fixture->vm, VM_END_START_FAILED, -1, 0);
    assert_false(verdict_is_bad(node_verdict(fixture->node)));
    assert_string_equal(node_refusal(fixture->node), "no memory-backend-file");
}

static void a_template_s_guest_may_have_its_own_faults(void **state)
{
    struct fixture *fixture = *state;

    start_template(fixture);
    guest_prints(fixture->vm, "[    1.500000] Kernel panic - not syncing: no init found\n");
    fixture_is_lost(fixture, VERDICT_PANIC, "Kernel panic - not syncing: no init found");
    assert_null(node_refusal(fixture->node));

    start_template(fixture);
    virtual_time_pass(fixture->loop, 121 * NS_PER_S);
    fixture_is_lost(fixture, VERDICT_NO_PROGRESS, "the guest was not ready 120 s after its start");
}

/* What ended it has also ended the saving. */
static void a_template_that_is_stopped_while_it_is_saved_refuses_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    start_template(fixture);
    guest_is_ready(fixture->vm);
    node_stop(fixture->node, true);
    error_set(&error, EIO, "QEMU's monitor: closed");
    fixture->vm->saved(fixture->vm->context, &error);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    assert_false(verdict_is_bad(node_verdict(fixture->node)));
    assert_null(node_refusal(fixture->node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fork_is_told_who_it_is_when_it_runs),
        TEST(a_forked_foreign_init_is_held_back),
        TEST(a_fork_that_boots_is_a_fault),
        TEST(a_fork_that_cannot_start_is_a_fault_that_booting_may_not_have),
        TEST(the_result_says_where_the_machine_came_from),
        TEST(a_template_is_saved_when_its_guest_is_up),
        TEST(a_template_that_cannot_be_saved_is_no_fault),
        TEST(a_template_that_cannot_start_is_no_fault),
        TEST(a_template_s_guest_may_have_its_own_faults),
        TEST(a_template_that_is_stopped_while_it_is_saved_refuses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
