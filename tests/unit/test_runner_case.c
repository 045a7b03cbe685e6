/* A case of several nodes: the order of what happens, its verdict, and that it always ends. */
#include "case_fixture.h"

static void a_pair_runs_in_order_and_passes(void **state)
{
    struct fixture *fixture = *state;
    struct case_result *result = &fixture->result;

    make(fixture, PAIR);
    run(fixture, VERDICT_PASSED, NULL);
    assert_string_equal(fixture->log.data,
                        "exit starts, entry starts, exit echo, entry send, exit asked to end, "
                        "entry asked to end, exit killed, entry killed");
    assert_int_equal(result->node_count, 2);
    assert_int_equal(result->link_count, 1);
    assert_string_equal(result->links[0].nodes[0], "entry");
    assert_true(result->duration_s >= 4);
    assert_true(result->duration_s < 60);
    assert_null(case_run_console_tail(fixture->run, 10, &fixture->log));
    assert_true(directory_has(fixture->directory, "case/exit/domain.xml"));
    assert_true(directory_has(fixture->directory, "case/entry/01-send.stdout"));
}

/* No command runs anywhere while a node still boots. */
static void all_nodes_boot_before_any_works(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].never_ready = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_TIMEOUT, "b: the case's 90 s ended while booting");
    assert_string_equal(fixture->log.data,
                        "a starts, b starts, a asked to end, b killed, a killed");
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_SKIPPED);
}

static void one_that_fails_stops_the_others(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer tail = {0};

    fixture->scripts[1].status = 1;
    fixture->scripts[0].step_ns = 30 * NS_PER_S;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_FAILED,
        "b: step \"work\": it ended with exit status 1, expected exit status 0");
    assert_true(fixture->result.duration_s < 20);
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_SKIPPED);
    assert_string_equal(case_run_console_tail(fixture->run, 10, &tail), "b");
}

static void of_equals_the_first_in_time_gives_the_reason(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].status = 1;
    fixture->scripts[0].step_ns = 2 * NS_PER_S + 1;
    fixture->scripts[1].status = 2;
    fixture->scripts[1].step_ns = 2 * NS_PER_S;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_FAILED,
        "b: step \"work\": it ended with exit status 2, expected exit status 0");
}

static void the_cause_outranks_the_consequence(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].status = 1; /* the peer was gone */
    fixture->scripts[1].dies_at_step = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_QEMU_DIED,
        "b: QEMU was killed by signal 9 (Killed) while step \"work\" (1 of 1) runs");
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_FAILED);
}

static void a_skipped_node_skips_its_case_and_says_why(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].prints = "DUET_RESULT: {\"verdict\":\"skipped\",\"reason\":\"no IPv6\"}\n";
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_SKIPPED, "b: its result token says skipped: no IPv6");
}

static void a_timeout_names_who_takes_so_long(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].step_ns = 1000 * NS_PER_S;
    make(fixture, "name: s\n"
                  "timeout: 15s\n"
                  "nodes:\n"
                  "  entry: {after: [exit], steps: [{name: send, run: send}]}\n"
                  "  exit: {background: [{name: echo, run: serve, ready: tcp/9}]}\n"
                  "links: [{nodes: [entry, exit], subnet: 10.0.0.0/24}]\n");
    run(fixture, VERDICT_TIMEOUT,
        "exit: the case's 15 s ended while background process \"echo\" gets ready");
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_SKIPPED);
}

static void a_silent_guest_makes_no_progress(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].silent = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_NO_PROGRESS,
        "a: while step \"work\" (1 of 1) runs, the guest answered nothing for 22 s, in which QEMU "
        "used 0.0 s of CPU time");
}

static void a_machine_that_cannot_start_ends_the_case(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].fails_to_start = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_ERROR, "b: libvirt cannot start the machine: no memory");
}

static void a_host_that_takes_no_machine_ends_the_case(void **state)
{
    struct fixture *fixture = *state;

    fixture->host.start_code = -EACCES;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_ERROR, "a: no such luck");
    assert_int_equal(fixture->result.nodes[1].verdict, VERDICT_ERROR);
}

static void a_guest_that_does_not_power_off_is_killed(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].mute_stop = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_PASSED, NULL);
}

static void a_guest_that_ends_unasked_fails(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].ends_at_step = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_FAILED,
        "b: the guest broke the control channel: it says that it ends, unasked");
    assert_true(fixture->result.duration_s < 30);
}

/* A NIC whose server is not there yet connects to nobody. */
static void a_machine_waits_for_those_that_serve_its_links(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].never_starts = true;
    make(fixture, "name: s\n"
                  "timeout: 90s\n"
                  "nodes:\n"
                  "  a: {steps: [{name: work, run: work}]}\n"
                  "  b: {steps: [{name: work, run: work}]}\n"
                  "  c: {steps: [{name: work, run: work}]}\n"
                  "  d: {steps: [{name: work, run: work}]}\n"
                  "links:\n"
                  "  - {nodes: [b, a], subnet: 10.0.0.0/24}\n"
                  "  - {nodes: [d, c], subnet: 10.0.1.0/24}\n");
    run(fixture, VERDICT_TIMEOUT, "a: the case's 90 s ended while starting");
    assert_string_equal(fixture->log.data, "a starts, c starts, d starts, a killed, c asked to "
                                           "end, d asked to end, c killed, d killed");
}

/* -- Prepared ahead ---------------------------------------------------------------------------- */

#define SHORT_PAIR                                                                                 \
    "name: s\n"                                                                                    \
    "timeout: 20s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  exit:\n"                                                                                    \
    "    background: [{name: echo, run: serve}]\n"                                                 \
    "  entry:\n"                                                                                   \
    "    after: [exit]\n"                                                                          \
    "    steps: [{name: send, run: send}]\n"                                                       \
    "links: [{nodes: [entry, exit], subnet: 10.0.0.0/24}]\n"

static void a_prepared_case_holds_until_it_is_started(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, SHORT_PAIR);
    case_run_prepare(fixture->run);
    assert_false(case_run_is_prepared(fixture->run));
    virtual_time_pass(fixture->loop, 60 * NS_PER_S);
    assert_true(case_run_is_prepared(fixture->run));
    assert_string_equal(fixture->log.data, "exit starts, entry starts");
    run(fixture, VERDICT_PASSED, NULL);
    assert_string_equal(fixture->log.data,
                        "exit starts, entry starts, exit echo, entry send, exit asked to end, "
                        "entry asked to end, exit killed, entry killed");
    assert_true(fixture->result.duration_s < 10);
}

/* Its clock runs from there on, and what is left of the way counts. */
static void a_case_may_be_started_while_it_is_prepared(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].never_ready = true;
    make(fixture, SHORT_PAIR);
    case_run_prepare(fixture->run);
    virtual_time_pass(fixture->loop, 30 * NS_PER_S);
    assert_false(case_run_is_prepared(fixture->run));
    run(fixture, VERDICT_TIMEOUT, "entry: the case's 20 s ended while booting");
    assert_in_range((int)fixture->result.duration_s, 20, 25);
}

static void a_fault_while_prepared_is_the_verdict_once_started(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, SHORT_PAIR);
    case_run_prepare(fixture->run);
    virtual_time_pass(fixture->loop, 20 * NS_PER_S);
    machine_ends(fixture->host.machines[1], VM_END_DIED, -1, SIGSEGV);
    virtual_time_pass(fixture->loop, 20 * NS_PER_S);
    assert_int_equal(fixture->ended, 0);
    assert_true(case_run_is_prepared(fixture->run));
    assert_non_null(strstr(fixture->log.data, "exit killed"));
    run(fixture, VERDICT_QEMU_DIED,
        "entry: QEMU was killed by signal 11 (Segmentation fault) while waiting for other nodes");
    assert_null(strstr(fixture->log.data, "echo"));
}

static void a_machine_that_cannot_start_ahead_is_told_when_started(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].fails_to_start = true;
    make(fixture, SHORT_PAIR);
    case_run_prepare(fixture->run);
    virtual_time_pass(fixture->loop, 20 * NS_PER_S);
    assert_int_equal(fixture->ended, 0);
    run(fixture, VERDICT_ERROR, "exit: libvirt cannot start the machine: no memory");
}

#define FOREIGN(init)                                                                              \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  foreign: {init: {directory: guest, run: /run.sh" init "}}\n"

static void a_foreign_init_runs_when_its_case_is_started(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].prints = "DUET_RESULT: {\"verdict\":\"passed\"}\n";
    make(fixture, FOREIGN(""));
    assert_true(case_run_can_wait(&fixture->suite->cases[0]));
    case_run_prepare(fixture->run);
    virtual_time_pass(fixture->loop, 60 * NS_PER_S);
    assert_true(case_run_is_prepared(fixture->run));
    assert_string_equal(fixture->log.data, "foreign starts");
    run(fixture, VERDICT_PASSED, NULL);
    assert_non_null(strstr(fixture->log.data, "foreign runs its init"));
}

static void a_raw_init_cannot_wait(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, FOREIGN(", raw: true"));
    assert_false(case_run_can_wait(&fixture->suite->cases[0]));
}

/* -- Foreign inits ----------------------------------------------------------------------------- */

#define LATE(init)                                                                                 \
    "name: s\n"                                                                                    \
    "timeout: 90s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  server: {background: [{name: echo, run: serve}]}\n"                                         \
    "  foreign: {after: [server], init: {directory: guest, run: /run.sh" init "}}\n"               \
    "  client: {steps: [{name: send, run: send}]}\n"                                               \
    "links:\n"                                                                                     \
    "  - {nodes: [server, foreign], subnet: 10.0.0.0/24}\n"                                        \
    "  - {nodes: [foreign, client], subnet: 10.0.1.0/24}\n"

/* The third node boots at once although it stands behind one that waits for the first. */
static void a_late_machine_keeps_nobody_waiting(void **state)
{
    static const char started[] = "server starts, client starts, server echo, client send, "
                                  "foreign starts";
    struct fixture *fixture = *state;

    fixture->scripts[1].prints = "DUET_RESULT: {\"verdict\":\"passed\"}\n";
    make(fixture, LATE(", raw: true"));
    run(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(strncmp(fixture->log.data, started, strlen(started)), 0);
}

/* What duet's init starts need not wait for its machine as well. */
static void a_foreign_init_waits_in_a_machine_that_is_up(void **state)
{
    static const char started[] = "server starts, foreign starts, client starts, server echo, "
                                  "foreign runs its init";
    struct fixture *fixture = *state;

    fixture->scripts[1].prints = "DUET_RESULT: {\"verdict\":\"passed\"}\n";
    make(fixture, LATE(""));
    run(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(strncmp(fixture->log.data, started, strlen(started)), 0);
}

static void a_foreign_init_may_be_waited_for(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].prints = "DUET_READY: {}\n";
    make(fixture, "name: s\n"
                  "timeout: 30s\n"
                  "nodes:\n"
                  "  client: {after: [foreign], steps: [{name: send, run: send}]}\n"
                  "  foreign: {init: {directory: guest, run: /run.sh}}\n"
                  "links: [{nodes: [client, foreign], subnet: 10.0.0.0/24}]\n");
    run(fixture, VERDICT_TIMEOUT,
        "foreign: the case's 30 s ended while waiting for its result token");
    assert_non_null(strstr(fixture->log.data, "client send"));
}

/* -- Cancelling -------------------------------------------------------------------------------- */

static void cancel(void *context)
{
    struct fixture *fixture = context;

    case_run_cancel(fixture->run);
    case_run_cancel(fixture->run);
}

/* At any moment of a case that takes some ten seconds; after its end, too. */
static void a_cancelled_case_ends_soon_whenever_that_is(void **state)
{
    for (uint64_t ms = 0; ms < 12000; ms += 500) {
        struct fixture *fixture = *state;
        uint64_t before;

        make(fixture, PAIR);
        fixture->cancel = loop_timer(fixture->loop, cancel, fixture);
        timer_start(fixture->cancel, ms * NS_PER_MS);
        before = virtual_time.now_ns;
        case_run_start(fixture->run);
        loop_run(fixture->loop);
        assert_true(virtual_time.now_ns - before <= ms * NS_PER_MS + 3 * NS_PER_S);
        case_run_result(fixture->run, &fixture->result);
        if (fixture->result.verdict != VERDICT_PASSED) {
            assert_int_equal(fixture->result.verdict, VERDICT_ERROR);
            assert_string_equal(fixture->result.reason, "interrupted");
        } else {
            assert_true(ms > 4000);
        }
        tear_down(state);
        set_up(state);
    }
}

/* Begun or not, at any moment while it is brought up, after a fault as well. */
static void a_prepared_case_can_be_cancelled(void **state)
{
    for (uint64_t ms = 0; ms < 12000; ms += 500) {
        struct fixture *fixture = *state;

        fixture->scripts[1].prints = ms % 1000 ? "DUET_RESULT: {\"verdict\":\"failed\"}\n" : NULL;
        make(fixture, PAIR);
        case_run_prepare(fixture->run);
        virtual_time_pass(fixture->loop, ms * NS_PER_MS);
        cancel(fixture);
        loop_run(fixture->loop);
        assert_int_equal(fixture->ended, 1);
        case_run_result(fixture->run, &fixture->result);
        assert_int_equal(fixture->result.verdict, VERDICT_ERROR);
        assert_string_equal(fixture->result.reason, "interrupted");
        assert_true(fixture->result.duration_s == 0);
        tear_down(state);
        set_up(state);
    }
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct case_run_options options;
    struct case_run *none = NULL;
    struct error error = {0};

    make(fixture, TWO_WORKERS);
    options = (struct case_run_options){.loop = fixture->loop,
                                        .host = &fixture->host,
                                        .suite_case = &fixture->suite->cases[0],
                                        .plan = &fixture->plan,
                                        .run_directory = fixture->directory,
                                        .case_directory = "guest/run.sh"};
    assert_int_equal(case_run_new(&options, &none, &error), -ENOTDIR);
    assert_null(none);
    assert_non_null(strstr(error.message, "guest/run.sh"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_pair_runs_in_order_and_passes),
        TEST(all_nodes_boot_before_any_works),
        TEST(one_that_fails_stops_the_others),
        TEST(of_equals_the_first_in_time_gives_the_reason),
        TEST(the_cause_outranks_the_consequence),
        TEST(a_skipped_node_skips_its_case_and_says_why),
        TEST(a_timeout_names_who_takes_so_long),
        TEST(a_silent_guest_makes_no_progress),
        TEST(a_machine_that_cannot_start_ends_the_case),
        TEST(a_host_that_takes_no_machine_ends_the_case),
        TEST(a_guest_that_does_not_power_off_is_killed),
        TEST(a_guest_that_ends_unasked_fails),
        TEST(a_machine_waits_for_those_that_serve_its_links),
        TEST(a_prepared_case_holds_until_it_is_started),
        TEST(a_case_may_be_started_while_it_is_prepared),
        TEST(a_fault_while_prepared_is_the_verdict_once_started),
        TEST(a_machine_that_cannot_start_ahead_is_told_when_started),
        TEST(a_foreign_init_runs_when_its_case_is_started),
        TEST(a_raw_init_cannot_wait),
        TEST(a_late_machine_keeps_nobody_waiting),
        TEST(a_foreign_init_waits_in_a_machine_that_is_up),
        TEST(a_foreign_init_may_be_waited_for),
        TEST(a_cancelled_case_ends_soon_whenever_that_is),
        TEST(a_prepared_case_can_be_cancelled),
        TEST(a_directory_that_cannot_be_made_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
