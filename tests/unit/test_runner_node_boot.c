/* A guest whose kernel has measured its timer wrong boots again before anything is asked of it. */
#include "node_fixture.h"

#include "vm/snapshot.h"

#define RIGHT_HZ   62500000u
#define WRONG_HZ   65000000u /* by 0.04, which will do where there is no better */
#define USELESS_HZ 93750000u

static struct vm_snapshot snapshot;

static void is_ready_with(struct fixture *fixture, const char *tick_device, unsigned hz)
{
    guest_says(fixture->vm, WIRE_READY,
               "{\"version\":2,\"kernel\":\"6.1\",\"uptime_ms\":1500,\"clock_ns\":1,"
               "\"tick_device\":\"%s\",\"tick_hz\":%u}",
               tick_device, hz);
}

static void boot(struct fixture *fixture)
{
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BOOTING);
}

static void end(struct fixture *fixture)
{
    node_stop(fixture->node, true);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, 9);
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
                {"lapic", 0}, /* it does not say */
                {"lapic-deadline", 312500000},
                {"pit", 1193182}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        boot(fixture);
        is_ready_with(fixture, good[i].device, good[i].hz);
        fixture_is_configured(fixture);
        assert_int_equal(fixture->vm->resets, 0);
        end(fixture);
    }
}

static void a_timer_that_is_wrong_is_measured_anew(void **state)
{
    struct fixture *fixture = *state;
    char activity[128];

    for (int is_template = 0; is_template < 2; is_template++) {
        fixture->machine.saves_to = is_template ? &snapshot : NULL;
        boot(fixture);
        is_ready_with(fixture, "lapic", RIGHT_HZ / 1000 * 1011);
        is_reset(fixture, 1);
        node_activity(fixture->node, activity, sizeof activity);
        assert_string_equal(activity, "booting again, since its kernel measured its timer wrong");
        virtual_time_pass(fixture->loop, 100 * NS_PER_S); /* each boot has its own time */
        is_ready_with(fixture, "lapic", RIGHT_HZ / 1000 * 989);
        is_reset(fixture, 2);
        virtual_time_pass(fixture->loop, 100 * NS_PER_S);
        is_ready_with(fixture, "", 0);
        is_reset(fixture, 3);
        is_ready_with(fixture, "lapic", RIGHT_HZ);
        assert_int_equal(fixture->vm->resets, 3);
        assert_int_equal(node_state(fixture->node), is_template ? NODE_SAVING : NODE_CONFIGURING);
        end(fixture);
    }
}

/* QEMU's answer may come when the guest has long booted. */
static void the_next_boot_may_come_before_the_word_of_the_reset(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    boot(fixture);
    is_ready_with(fixture, "lapic", USELESS_HZ);
    is_ready_with(fixture, "lapic", RIGHT_HZ);
    fixture_is_configured(fixture);
    error_set(&error, EIO, "late");
    fake_done(fixture->vm, &error);
    assert_false(node_is_lost(fixture->node));
    end(fixture);
}

static void the_last_boot_may_be_a_little_wrong(void **state)
{
    struct fixture *fixture = *state;

    boot(fixture);
    for (size_t i = 1; i <= 4; i++) {
        is_ready_with(fixture, "lapic", WRONG_HZ);
        is_reset(fixture, i);
    }
    is_ready_with(fixture, "lapic", WRONG_HZ);
    fixture_is_configured(fixture);
    end(fixture);
}

static void a_timer_that_stays_wrong_is_an_error(void **state)
{
    static const struct {
        const char *device;
        unsigned hz;
        const char *reason;
    } bad[] = {
        {"lapic", USELESS_HZ,
         "the guest's kernel took its timer for 1.500 times as fast as it is, in each of 5 boots: "
         "the host was too busy while it measured (fewer cases at a time may help: -j 1)"},
        {"", 0,
         "the guest's kernel found no timer, in each of 5 boots: its command line forbids it, or "
         "the host was too busy while it measured (fewer cases at a time may help: -j 1)"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        boot(fixture);
        for (size_t times = 1; times <= 4; times++) {
            is_ready_with(fixture, bad[i].device, bad[i].hz);
            is_reset(fixture, times);
        }
        is_ready_with(fixture, bad[i].device, bad[i].hz);
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
    is_ready_with(fixture, "lapic", WRONG_HZ);
    fake_done(fixture->vm, &error);
    fixture_is_configured(fixture);
    end(fixture);

    boot(fixture);
    is_ready_with(fixture, "", 0);
    fake_done(fixture->vm, &error);
    fixture_is_lost(fixture, VERDICT_ERROR,
                    "the guest's kernel measured its timer wrong and cannot boot again: QEMU "
                    "refused set-action");
}

static void a_node_may_end_before_its_reset(void **state)
{
    struct fixture *fixture = *state;
    vm_done_fn done;
    void *context;

    boot(fixture);
    is_ready_with(fixture, "lapic", USELESS_HZ);
    done = fixture->vm->done;
    context = fixture->vm->done_context;
    end(fixture);
    fixture_drop_node(fixture);
    done(context, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_timer_that_is_right_is_gone_on_with),
        TEST(a_timer_that_is_wrong_is_measured_anew),
        TEST(the_next_boot_may_come_before_the_word_of_the_reset),
        TEST(the_last_boot_may_be_a_little_wrong),
        TEST(a_timer_that_stays_wrong_is_an_error),
        TEST(without_a_reset_it_is_gone_on_with_where_it_can_be),
        TEST(a_node_may_end_before_its_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
