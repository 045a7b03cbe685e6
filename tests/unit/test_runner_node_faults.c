/* A node whose guest, machine or init fails, or lies: verdict and reason of each. */
#include "node_fixture.h"

#include "vm/control.h"

#include <signal.h>

/* -- The kernel's trouble ---------------------------------------------------------------------- */

#define PANIC "[    2.500000] Kernel panic - not syncing: sysrq triggered crash\n"

static const enum node_state running[] = {NODE_BOOTING,    NODE_CONFIGURING, NODE_WAITING,
                                          NODE_BACKGROUND, NODE_STEPS,       NODE_DONE};

static void a_panic_is_a_panic_in_every_state(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(running); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, running[i]);
        guest_prints(fixture->vm, PANIC);
        assert_true(node_is_lost(fixture->node));
        node_stop(fixture->node, false);
        assert_int_equal(fixture->vm->stops, 0); /* it has more to print */
        guest_prints(fixture->vm, "[    2.600000] ---[ end Kernel panic ]---\n");
        machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
        fixture_judge(fixture, VERDICT_PANIC, "Kernel panic - not syncing: sysrq triggered crash");
    }
}

static void a_panic_while_stopping_counts(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_DONE);
    node_stop(fixture->node, false);
    guest_prints(fixture->vm, PANIC);
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    fixture_judge(fixture, VERDICT_PANIC, "Kernel panic - not syncing: sysrq triggered crash");
}

static void a_panicked_guest_that_stays_is_killed(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_prints(fixture->vm, PANIC);
    node_stop(fixture->node, false);
    virtual_time_pass(fixture->loop, 9 * NS_PER_S);
    assert_int_equal(fixture->vm->stops, 1);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
    fixture_judge(fixture, VERDICT_PANIC, "Kernel panic - not syncing: sysrq triggered crash");
}

static void an_oops_lets_the_case_go_on_and_decides_it(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_prints(fixture->vm, "[    3.000000] BUG: kernel NULL pointer dereference\n");
    assert_false(node_is_lost(fixture->node));
    guest_finished(fixture->vm, 2, 0, 0, 0);
    fixture_executes(fixture, 3);
    guest_writes(fixture->vm, 6, "hello");
    guest_finished(fixture->vm, 3, 0, 0, 5);
    assert_true(node_passed(fixture->node));
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_OOPS, "BUG: kernel NULL pointer dereference");
}

static void the_cause_outranks_what_came_of_it(void **state)
{
    struct fixture *fixture = *state;
    const char *killed = "[    3.000000] Out of memory: Killed process 93 (one)\n";

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_finished(fixture->vm, 2, 137, SIGKILL, 0);
    guest_prints(fixture->vm, killed);
    fixture_is_lost(fixture, VERDICT_OOM, "Out of memory: Killed process 93 (one)");
}

/* -- The machine's end ------------------------------------------------------------------------- */

static const char *const activities[] = {
    [NODE_BOOTING] = "booting",
    [NODE_CONFIGURING] = "being configured",
    [NODE_WAITING] = "waiting for other nodes",
    [NODE_BACKGROUND] = "background process \"server\" gets ready",
    [NODE_STEPS] = "step \"first\" (1 of 2) runs",
    [NODE_DONE] = "waiting for the other nodes to finish",
};

static void a_guest_that_powers_off_by_itself_failed(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(running); i++) {
        cleanup_free char *reason = xasprintf(
            "the guest powered off or rebooted by itself while %s%s", activities[running[i]],
            running[i] == NODE_BOOTING ? " (with 256 MiB of memory, which may be too "
                                         "little for its initrd)"
                                       : "");

        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, running[i]);
        machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
        assert_true(node_is_lost(fixture->node));
        fixture_judge(fixture, VERDICT_FAILED, reason);
    }
}

/* printf without a newline, then the panic in the same line. */
static void a_panic_behind_an_unfinished_line_is_one(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_prints(fixture->vm, "working...[    9.500000] Kernel panic - not syncing: Attempted\r\n");
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    fixture_judge(fixture, VERDICT_PANIC, "Kernel panic - not syncing: Attempted");
}

static void a_foreign_init_that_powers_off_without_a_result_failed(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_TOKEN);
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    assert_true(node_is_lost(fixture->node));
    fixture_judge(fixture, VERDICT_FAILED,
                  "the guest powered off or rebooted by itself while "
                  "waiting for its result token");
}

static void a_qemu_that_dies_is_told_in_every_state(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(running); i++) {
        cleanup_free char *killed =
            xasprintf("QEMU was killed by signal 9 (Killed) while %s", activities[running[i]]);
        cleanup_free char *ended =
            xasprintf("QEMU ended with status 3 while %s", activities[running[i]]);

        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, running[i]);
        machine_ends(fixture->vm, VM_END_DIED, -1, SIGKILL);
        assert_true(node_is_lost(fixture->node));
        fixture_judge(fixture, VERDICT_QEMU_DIED, killed);
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, running[i]);
        machine_ends(fixture->vm, VM_END_DIED, 3, 0);
        fixture_judge(fixture, VERDICT_QEMU_DIED, ended);
    }
}

static void a_qemu_that_dies_while_stopping_died(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_DONE);
    node_stop(fixture->node, false);
    machine_ends(fixture->vm, VM_END_DIED, -1, SIGSEGV);
    fixture_judge(fixture, VERDICT_QEMU_DIED,
                  "QEMU was killed by signal 11 (Segmentation fault) while stopping");
}

static void a_machine_that_cannot_start_is_duet_s_error(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STARTING);
    fixture->vm->gone.message = (char *)"internal error: no KVM";
    machine_ends(fixture->vm, VM_END_START_FAILED, -1, 0);
    assert_true(node_is_lost(fixture->node));
    fixture_judge(fixture, VERDICT_ERROR,
                  "libvirt cannot start the machine: internal error: no KVM");
    assert_false(fixture->result.ready);

    fixture_use(fixture, NODE_YAML);
    fixture->host.start_code = -ENAMETOOLONG;
    node_start(fixture->node);
    fixture->host.start_code = 0;
    assert_true(node_is_lost(fixture->node));
    fixture_judge(fixture, VERDICT_ERROR, "no such luck");
}

/* -- Lies -------------------------------------------------------------------------------------- */

struct lie {
    void (*tell)(struct vm *vm);
    const char *reason;
};

static void finish_unknown(struct vm *vm)
{
    guest_finished(vm, 9, 0, 0, 0);
}

static void finish_later(struct vm *vm)
{
    guest_finished(vm, 3, 0, 0, 0);
}

static void finish_none(struct vm *vm)
{
    guest_finished(vm, 0, 0, 0, 0);
}

static void finish_twice(struct vm *vm)
{
    guest_finished(vm, 1, 0, 0, 0);
    guest_finished(vm, 1, 0, 0, 0);
}

static void ready_unknown(struct vm *vm)
{
    guest_says(vm, WIRE_CMDREADY, "{\"id\":4,\"after_ms\":1}");
}

static void write_unknown(struct vm *vm)
{
    guest_writes(vm, 6, "early");
}

/* Numbers of a hub's client, and there is no hub. */
static void ready_elsewhere(struct vm *vm)
{
    guest_says(vm, WIRE_CMDREADY, "{\"id\":4294967297,\"after_ms\":1}");
}

static void write_elsewhere(struct vm *vm)
{
    guest_writes(vm, UINT64_C(2) << CONTROL_BASE_SHIFT, "x");
}

static void write_to_none(struct vm *vm)
{
    guest_writes(vm, 1, "x");
}

static void write_another_status(struct vm *vm)
{
    guest_finished(vm, 1, 0, 0, 0);
    guest_writes(vm, 2, "");
    guest_writes_status(vm, 2, 3);
}

static void write_too_much(struct vm *vm)
{
    static char bytes[WIRE_WINDOW + 2];

    memset(bytes, 'x', sizeof bytes - 1);
    guest_writes(vm, 5, bytes);
}

static void announce_too_much(struct vm *vm)
{
    guest_finished(vm, 2, 0, 0, 9);
    guest_writes(vm, 4, "");
}

static void write_to_closed(struct vm *vm)
{
    guest_writes(vm, 4, "");
    guest_writes(vm, 4, "more");
}

static void say_end(struct vm *vm)
{
    guest_acks(vm, WIRE_DESTROYPOD, 1);
}

static void say_nonsense(struct vm *vm)
{
    guest_says(vm, WIRE_CMDFINISHED, "nonsense");
}

static void say_unknown(struct vm *vm)
{
    guest_says(vm, 200, "{}");
}

static void break_frames(struct vm *vm)
{
    vm->calls.lied(vm->context, "a ctl frame of 4 bytes");
    vm->send_code = -EPIPE; /* the port is closed after that */
}

static const struct lie lies[] = {
    {finish_unknown,
     "the guest broke the control channel: its CMDFINISHED names command 9, which was not started"},
    {finish_later,
     "the guest broke the control channel: its CMDFINISHED names command 3, which was not started"},
    {finish_none,
     "the guest broke the control channel: its CMDFINISHED names command 0, which was not started"},
    {finish_twice, "the guest broke the control channel: command 1 ended twice"},
    {guest_is_ready, "the guest said READY twice: its init started anew"},
    {ready_unknown,
     "the guest broke the control channel: its CMDREADY names command 4, which was not started"},
    {write_unknown,
     "the guest broke the control channel: its output names command 3, which was not started"},
    {ready_elsewhere,
     "the guest broke the control channel: its CMDREADY names command 1, which was not started"},
    {write_elsewhere,
     "the guest broke the control channel: its output names command 0, which was not started"},
    {write_to_none,
     "the guest broke the control channel: its output names command 0, which was not started"},
    {write_to_closed,
     "the guest broke the control channel: command 2 sends on a stream that it has closed"},
    {write_another_status,
     "the guest broke the control channel: command 1 ended with another status on io than on ctl"},
    {write_too_much,
     "the guest broke the control channel: command 2 sends more than there is room for"},
    {announce_too_much,
     "the guest broke the control channel: command 2 has closed a stream on which it announced "
     "more bytes"},
    {say_end, "the guest broke the control channel: it says that it ends, unasked"},
    {say_nonsense, "the payload of a frame of code 7 from the guest is not a JSON object"},
    {say_unknown, "the guest sent a frame of code 200, which is no answer"},
    {break_frames, "the guest broke the control channel: a ctl frame of 4 bytes"},
};

static void a_lie_fails_the_node_and_does_nothing_else(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(lies); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, NODE_STEPS);
        lies[i].tell(fixture->vm);
        assert_true(node_is_lost(fixture->node));
        assert_int_equal(node_state(fixture->node), NODE_STEPS);
        assert_null(next_request(fixture->vm));
        assert_int_equal(fixture->vm->stops, 0);
        node_stop(fixture->node, false); /* the stop's own troubles change nothing */
        virtual_time_pass(fixture->loop, 10 * NS_PER_S);
        assert_true(fixture->vm->stops > 0);
        machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
        fixture_judge(fixture, VERDICT_FAILED, lies[i].reason);
    }
}

/* Where the disk is full, say. The guest was told nothing of the command. */
static void a_lie_about_a_command_whose_files_cannot_be_made(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *in_the_way = xasprintf("%s/02-first.stdout", fixture->directory);
    cleanup_free char *reason = xasprintf("cannot make %s: Is a directory", in_the_way);

    assert_int_equal(fs_mkdirs(in_the_way, 0700, NULL), 0);
    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BACKGROUND);
    guest_says(fixture->vm, WIRE_CMDREADY, "{\"id\":1,\"after_ms\":5}");
    assert_null(next_request(fixture->vm));
    guest_finished(fixture->vm, 2, 0, 0, 0);
    guest_writes(fixture->vm, 4, "x");
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_ERROR, reason);
}

static void lies_before_the_first_command_are_lies_too(void **state)
{
    static const struct lie early[] = {
        {finish_unknown,
         "the guest broke the control channel: its CMDFINISHED names command 9, which was not "
         "started"},
        {write_to_none,
         "the guest broke the control channel: its output names command 0, which was not started"},
        {say_end, "the guest broke the control channel: it says that it ends, unasked"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(early); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, NODE_BOOTING);
        early[i].tell(fixture->vm);
        fixture_is_lost(fixture, VERDICT_FAILED, early[i].reason);
    }
}

static void answers_that_nobody_waits_for_are_passed_over(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BOOTING);
    guest_acks(fixture->vm, WIRE_EXECCMD, 0);
    guest_acks(fixture->vm, WIRE_EXECCMD, 1);
    guest_acks(fixture->vm, WIRE_PING, 77);
    guest_acks(fixture->vm, WIRE_KILLCONTAINER, 77);
    assert_int_equal(node_state(fixture->node), NODE_BOOTING);
    assert_false(node_is_lost(fixture->node));
    fixture_stop(fixture);
    fixture_judge(fixture, VERDICT_SKIPPED, "it was stopped before it could say that it passed");
}

static void an_agent_of_another_version_is_duet_s_error(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_BOOTING);
    guest_says(fixture->vm, WIRE_READY, "{\"version\":1,\"uptime_ms\":1,\"clock_ns\":1}");
    fixture_is_lost(fixture, VERDICT_ERROR,
                    "the guest's init speaks version 1 of the control channel, this duet speaks 2");
}

static void an_init_that_refuses_says_why(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_says(fixture->vm, WIRE_ERROR,
               "{\"code\":6,\"id\":2,\"reason\":\"/bin/sh: no such "
               "file\"}");
    fixture_is_lost(fixture, VERDICT_ERROR,
                    "while step \"first\" (1 of 2) runs, the guest's init "
                    "refused: /bin/sh: no such file");
}

static void a_guest_that_cannot_become_the_node_says_why(void **state)
{
    static const char *const yaml[] = {NODE_YAML, FOREIGN_YAML};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(yaml); i++) {
        fixture_use(fixture, yaml[i]);
        fixture_reach(fixture, NODE_CONFIGURING);
        guest_says(fixture->vm, WIRE_ERROR,
                   "{\"code\":1,\"id\":2147483648,\"reason\":\"link eth0: no NIC\"}");
        fixture_is_lost(fixture, VERDICT_ERROR,
                        "while being configured, the guest's init refused: link eth0: no NIC");
        assert_false(fixture->result.ready);
    }
}

static void a_guest_that_never_becomes_the_node_makes_no_progress(void **state)
{
    static const char *const yaml[] = {NODE_YAML, FOREIGN_YAML};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(yaml); i++) {
        fixture_use(fixture, yaml[i]);
        fixture_reach(fixture, NODE_CONFIGURING);
        virtual_time_pass(fixture->loop, 29 * NS_PER_S);
        assert_false(node_is_lost(fixture->node));
        virtual_time_pass(fixture->loop, 2 * NS_PER_S);
        fixture_is_lost(fixture, VERDICT_NO_PROGRESS,
                        "the guest was not configured 30 s after it was told how");
    }
}

/* -- Tokens ------------------------------------------------------------------------------------ */

static void result_tokens_are_judged(void **state)
{
    static const struct {
        const char *line;
        enum verdict verdict;
        const char *reason;
    } tokens[] = {
        {"{\"verdict\":\"failed\",\"reason\":\"no route\"}", VERDICT_FAILED,
         "its result token says failed: no route"},
        {"{\"verdict\":\"failed\"}", VERDICT_FAILED, "its result token says failed"},
        {"{\"verdict\":\"skipped\",\"reason\":\"no IPv6\"}", VERDICT_SKIPPED,
         "its result token says skipped: no IPv6"},
        {"{\"verdict\":\"error\",\"reason\":\"init: no disk\"}", VERDICT_ERROR,
         "its result token says error: init: no disk"},
    };
    static const char *const yaml[] = {NODE_YAML, FOREIGN_YAML};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(tokens) * 2; i++) {
        cleanup_free char *line = xasprintf("\nDUET_RESULT: %s\n", tokens[i / 2].line);

        fixture_use(fixture, yaml[i % 2]);
        fixture_reach(fixture, NODE_BOOTING);
        guest_prints(fixture->vm, line);
        fixture_is_lost(fixture, tokens[i / 2].verdict, tokens[i / 2].reason);
        assert_int_equal(fixture->result.token_count, 1);
    }
}

static void a_failure_after_passed_counts(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_DONE);
    guest_prints(fixture->vm, "DUET_RESULT: {\"verdict\":\"failed\"}\n");
    fixture_is_lost(fixture, VERDICT_FAILED, "its result token says failed");
    assert_int_equal(fixture->result.token_count, 2);
}

static void tokens_that_cannot_be_believed_fail(void **state)
{
    static const char *const tokens[] = {
        "{\"verdict\":\"passed\"",
        "{\"verdict\":\"panic\"}",
        "{\"verdict\":\"passed\",\"node\":\"other\"}",
        "{\"verdict\":\"passed\",\"case\":\"other\"}",
        "[]",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(tokens); i++) {
        cleanup_free char *line = xasprintf("DUET_RESULT: %s\n", tokens[i]);

        fixture_use(fixture, FOREIGN_YAML);
        fixture_reach(fixture, NODE_TOKEN);
        guest_prints(fixture->vm, line);
        assert_true(node_is_lost(fixture->node));
        assert_false(node_passed(fixture->node));
        fixture_stop(fixture);
        node_result(fixture->node, &fixture->result);
        assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
        assert_non_null(strstr(fixture->result.reason, "a result token cannot be "));
    }
}

static void half_a_token_at_the_end_fails(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_TOKEN);
    guest_prints(fixture->vm, "DUET_RESULT: {\"verdict\":\"passed\"}");
    assert_false(node_passed(fixture->node));
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    node_result(fixture->node, &fixture->result);
    assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
    assert_non_null(strstr(fixture->result.reason, "a token cannot be read: "));
}

static void half_a_token_that_duet_did_not_cut_fails(void **state)
{
    struct fixture *fixture = *state;

    for (int goodbye = 0; goodbye < 2; goodbye++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, NODE_DONE);
        node_stop(fixture->node, false);
        guest_prints(fixture->vm, "DUET_RESULT: {\"verd");
        if (goodbye)
            guest_acks(fixture->vm, WIRE_DESTROYPOD, request_id(next_request(fixture->vm)));
        else
            node_stop(fixture->node, true);
        machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
        assert_int_equal(node_verdict(fixture->node), goodbye ? VERDICT_FAILED : VERDICT_PASSED);
    }
}

static void a_guest_that_repeats_itself_costs_no_memory(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, FOREIGN_YAML);
    fixture_reach(fixture, NODE_DONE);
    for (int i = 0; i < 10000; i++)
        guest_prints(fixture->vm, "DUET_RESULT: {\"verdict\":\"passed\"}\n");
    machine_ends(fixture->vm, VM_END_POWEROFF, 0, 0);
    fixture_judge(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(fixture->result.token_count, 64);
}

static void a_raw_init_has_no_part_in_the_channel(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, RAW_YAML);
    fixture_reach(fixture, NODE_TOKEN);
    guest_is_ready(fixture->vm);
    fixture_is_lost(fixture, VERDICT_FAILED,
                    "the guest said READY on the control channel, which "
                    "its init has no part in");
}

static void ready_is_said_once(void **state)
{
    static const struct {
        const char *yaml;
        enum node_state state;
    } later[] = {
        {NODE_YAML, NODE_CONFIGURING},    {NODE_YAML, NODE_WAITING},  {FOREIGN_YAML, NODE_WAITING},
        {FOREIGN_YAML, NODE_CONFIGURING}, {FOREIGN_YAML, NODE_TOKEN},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(later); i++) {
        fixture_use(fixture, later[i].yaml);
        fixture_reach(fixture, later[i].state);
        guest_is_ready(fixture->vm);
        fixture_is_lost(fixture, VERDICT_FAILED,
                        "the guest said READY twice: its init started anew");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_panic_is_a_panic_in_every_state),
        TEST(a_panic_while_stopping_counts),
        TEST(a_panicked_guest_that_stays_is_killed),
        TEST(an_oops_lets_the_case_go_on_and_decides_it),
        TEST(the_cause_outranks_what_came_of_it),
        TEST(a_guest_that_powers_off_by_itself_failed),
        TEST(a_panic_behind_an_unfinished_line_is_one),
        TEST(a_foreign_init_that_powers_off_without_a_result_failed),
        TEST(a_qemu_that_dies_is_told_in_every_state),
        TEST(a_qemu_that_dies_while_stopping_died),
        TEST(a_machine_that_cannot_start_is_duet_s_error),
        TEST(a_lie_fails_the_node_and_does_nothing_else),
        TEST(a_lie_about_a_command_whose_files_cannot_be_made),
        TEST(lies_before_the_first_command_are_lies_too),
        TEST(answers_that_nobody_waits_for_are_passed_over),
        TEST(an_agent_of_another_version_is_duet_s_error),
        TEST(an_init_that_refuses_says_why),
        TEST(a_guest_that_cannot_become_the_node_says_why),
        TEST(a_guest_that_never_becomes_the_node_makes_no_progress),
        TEST(result_tokens_are_judged),
        TEST(a_failure_after_passed_counts),
        TEST(tokens_that_cannot_be_believed_fail),
        TEST(half_a_token_at_the_end_fails),
        TEST(half_a_token_that_duet_did_not_cut_fails),
        TEST(a_guest_that_repeats_itself_costs_no_memory),
        TEST(a_raw_init_has_no_part_in_the_channel),
        TEST(ready_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
