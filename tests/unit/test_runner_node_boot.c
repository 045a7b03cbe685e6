/* A guest whose kernel has measured its timer wrong boots again before anything is asked of it. */
#include "node_fixture.h"

#include "vm/snapshot.h"

#define RIGHT_HZ   62500000u
#define WRONG_HZ   65000000u /* by 0.04, which will do where there is no better */
#define USELESS_HZ 93750000u

static struct vm_snapshot snapshot;

static void boot(struct fixture *fixture)
{
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BOOTING);
}

/* The guest was reset, and QEMU says so. */
static void is_reset(struct fixture *fixture, size_t times)
{
    assert_int_equal(fixture->vm->resets, times);
    assert_int_equal(fixture->vm->request_count, 0);
    assert_int_equal(node_state(fixture->node), NODE_BOOTING);
    fake_done(fixture->vm, NULL);
    assert_int_equal(node_state(fixture->node), NODE_BOOTING);
}

static void a_timer_that_is_right_is_gone_on_with(void **state)
{
    static const struct {
        const char *device;
        unsigned hz;
    } good[] = {{"lapic", RIGHT_HZ},
                {"lapic", RIGHT_HZ / 1000 * 1009},
                {"lapic", RIGHT_HZ / 1000 * 991},
                {"lapic-deadline", 312500000},
                {"pit", 1193182}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        boot(fixture);
        guest_is_ready_with(fixture->vm, good[i].device, good[i].hz);
        fixture_is_configured(fixture);
        assert_int_equal(fixture->vm->resets, 0);
        fixture_stop(fixture);
    }
}

static void a_timer_that_is_wrong_is_measured_anew(void **state)
{
    struct fixture *fixture = *state;
    char activity[128];

    for (int is_template = 0; is_template < 2; is_template++) {
        fixture->machine.saves_to = is_template ? &snapshot : NULL;
        boot(fixture);
        guest_is_ready_with(fixture->vm, "lapic", RIGHT_HZ / 1000 * 1011);
        is_reset(fixture, 1);
        node_activity(fixture->node, activity, sizeof activity);
        assert_string_equal(activity, "booting again (its kernel measured its timer wrong)");
        virtual_time_pass(fixture->loop, 100 * NS_PER_S); /* each boot has its own time */
        guest_is_ready_with(fixture->vm, "lapic", RIGHT_HZ / 1000 * 989);
        is_reset(fixture, 2);
        virtual_time_pass(fixture->loop, 100 * NS_PER_S);
        guest_is_ready_with(fixture->vm, "", 0);
        is_reset(fixture, 3);
        guest_is_ready_with(fixture->vm, "lapic", RIGHT_HZ);
        assert_int_equal(fixture->vm->resets, 3);
        assert_int_equal(node_state(fixture->node), is_template ? NODE_SAVING : NODE_CONFIGURING);
        fixture_stop(fixture);
    }
}

/* QEMU's answer may come when the guest has long booted. Until then nothing is asked of QEMU. */
static void the_next_boot_may_come_before_the_word_of_the_reset(void **state)
{
    struct fixture *fixture = *state;

    fixture->machine.saves_to = &snapshot;
    boot(fixture);
    guest_is_ready_with(fixture->vm, "lapic", USELESS_HZ);
    guest_is_ready_with(fixture->vm, "lapic", USELESS_HZ);
    is_reset(fixture, 1);
    assert_int_equal(fixture->vm->resets, 2);
    guest_is_ready_with(fixture->vm, "lapic", RIGHT_HZ);
    assert_int_equal(node_state(fixture->node), NODE_BOOTING);
    fake_done(fixture->vm, NULL);
    assert_int_equal(node_state(fixture->node), NODE_SAVING);
    assert_int_equal(fixture->vm->resets, 2);
    fixture_stop(fixture);
}

static void the_later_a_boot_the_less_it_has_to_be_right(void **state)
{
    static const unsigned hz[] = {RIGHT_HZ / 1000 * 1011, RIGHT_HZ / 1000 * 1011,
                                  RIGHT_HZ / 1000 * 1021, RIGHT_HZ / 1000 * 949,
                                  RIGHT_HZ / 1000 * 901};
    struct fixture *fixture = *state;

    for (size_t last = 2; last < 5; last++) {
        boot(fixture);
        for (size_t i = 0; i < last; i++) {
            guest_is_ready_with(fixture->vm, "lapic", hz[i]);
            is_reset(fixture, i + 1);
        }
        guest_is_ready_with(fixture->vm, "lapic", last == 4 ? hz[4] : hz[last - 1]);
        fixture_is_configured(fixture);
        assert_true(node_timer_is_off(fixture->node));
        fixture_stop(fixture);
    }
    boot(fixture);
    guest_is_ready_with(fixture->vm, "lapic", hz[0]);
    is_reset(fixture, 1);
    guest_is_ready_with(fixture->vm, "lapic", RIGHT_HZ);
    assert_false(node_timer_is_off(fixture->node));
    fixture_stop(fixture);
}

static void a_timer_that_stays_wrong_is_an_error(void **state)
{
    static const char wrong[] =
        "the guest's kernel measured its timer wrong in each of 5 boots, at last as 1.500 times as "
        "fast as it is: the host was too busy while it measured (fewer cases at a time may help: "
        "-j 1)";
    static const char none[] =
        "the guest's kernel measured its timer wrong in each of 5 boots, and at last found none: "
        "its command line forbids it, or the host was too busy while it measured (fewer cases at "
        "a time may help: -j 1)";
    static const struct {
        const char *device;
        unsigned hz;
        const char *reason;
    } bad[] = {
        {"lapic", USELESS_HZ, wrong},
        {"", 0, none},
        {"lapic", 0, none}, /* as a kernel for more than one CPU says it */
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        boot(fixture);
        for (size_t times = 1; times <= 4; times++) {
            guest_is_ready_with(fixture->vm, bad[i].device, bad[i].hz);
            is_reset(fixture, times);
        }
        guest_is_ready_with(fixture->vm, bad[i].device, bad[i].hz);
        assert_int_equal(fixture->vm->resets, 4);
        fixture_is_lost(fixture, VERDICT_ERROR, bad[i].reason);
    }
}

static void without_a_reset_it_is_gone_on_with_where_it_can_be(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    error_set(&error, EOPNOTSUPP, "QEMU refused set-action");
    boot(fixture);
    guest_is_ready_with(fixture->vm, "lapic", WRONG_HZ);
    fake_done(fixture->vm, &error);
    fixture_is_configured(fixture);
    assert_true(node_timer_is_off(fixture->node));
    fixture_stop(fixture);

    boot(fixture);
    guest_is_ready_with(fixture->vm, "", 0);
    fake_done(fixture->vm, &error);
    fixture_is_lost(fixture, VERDICT_ERROR,
                    "the guest's kernel measured its timer wrong and cannot boot again: QEMU "
                    "refused set-action");
}

/* The monitor's word is there before the end of QEMU is known. */
static void a_qemu_that_dies_in_the_reset_has_died(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    error_set(&error, EIO, "QEMU's monitor: closed");
    boot(fixture);
    guest_is_ready_with(fixture->vm, "lapic", WRONG_HZ);
    fake_done(fixture->vm, &error);
    assert_false(node_is_lost(fixture->node));
    machine_ends(fixture->vm, VM_END_DIED, -1, 11);
    fixture_judge(fixture, VERDICT_QEMU_DIED,
                  "QEMU was killed by signal 11 (Segmentation fault) while booting again (its "
                  "kernel measured its timer wrong)");

    boot(fixture);
    guest_is_ready_with(fixture->vm, "lapic", WRONG_HZ);
    fake_done(fixture->vm, &error);
    virtual_time_pass(fixture->loop, 6 * NS_PER_S);
    fixture_is_lost(fixture, VERDICT_ERROR,
                    "the guest's kernel measured its timer wrong, and its machine was not reset: "
                    "QEMU's monitor: closed");
}

static void a_guest_that_does_not_come_back_makes_no_progress(void **state)
{
    struct fixture *fixture = *state;

    boot(fixture);
    guest_is_ready_with(fixture->vm, "lapic", USELESS_HZ);
    is_reset(fixture, 1);
    virtual_time_pass(fixture->loop, 121 * NS_PER_S);
    fixture_is_lost(fixture, VERDICT_NO_PROGRESS,
                    "the guest was not ready 120 s after its last reset");
}

static void a_node_may_end_before_its_reset(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    vm_done_fn done;
    void *context;

    error_set(&error, EIO, "QEMU's monitor: closed");
    boot(fixture);
    guest_is_ready_with(fixture->vm, "lapic", USELESS_HZ);
    node_stop(fixture->node, true);
    fake_done(fixture->vm, &error);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, 9);
    assert_false(verdict_is_bad(node_verdict(fixture->node)));

    boot(fixture);
    guest_is_ready_with(fixture->vm, "lapic", USELESS_HZ);
    done = fixture->vm->done;
    context = fixture->vm->done_context;
    fixture_stop(fixture);
    fixture_drop_node(fixture);
    done(context, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_timer_that_is_right_is_gone_on_with),
        TEST(a_timer_that_is_wrong_is_measured_anew),
        TEST(the_next_boot_may_come_before_the_word_of_the_reset),
        TEST(the_later_a_boot_the_less_it_has_to_be_right),
        TEST(a_timer_that_stays_wrong_is_an_error),
        TEST(without_a_reset_it_is_gone_on_with_where_it_can_be),
        TEST(a_qemu_that_dies_in_the_reset_has_died),
        TEST(a_guest_that_does_not_come_back_makes_no_progress),
        TEST(a_node_may_end_before_its_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
