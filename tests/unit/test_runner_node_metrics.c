/* Where a node's metrics come from, and what becomes of those that are none. */
#include "node_fixture.h"

#define METRIC(value)                                                                              \
    "DUET_METRIC: {\"name\":\"m\",\"value\":" value ",\"unit\":\"s\",\"better\":\"lower\"}"

/* From STEPS to the end of the node; the first step has printed `bytes`. */
static void finish(struct fixture *fixture, size_t bytes)
{
    guest_writes(fixture->vm, 4, "");
    guest_finished(fixture->vm, 2, 0, 0, bytes);
    fixture_executes(fixture, 3);
    guest_writes(fixture->vm, 6, "hello");
    guest_writes(fixture->vm, 6, "");
    guest_finished(fixture->vm, 3, 0, 0, 5);
    assert_int_equal(node_state(fixture->node), NODE_DONE);
    node_stop(fixture->node, true);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, 9);
    node_result(fixture->node, &fixture->result);
}

static void they_come_from_outputs_and_the_console(void **state)
{
    static const char whole[] = "noise\n" METRIC("1") "\n";
    static const char half[] = "DUET_MET";
    static const char rest[] =
        "RIC: {\"name\":\"m\",\"value\":2,\"unit\":\"s\",\"better\":\"lower\"}\n";
    struct fixture *fixture = *state;
    const struct metric *metric;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_writes(fixture->vm, 4, whole);
    guest_writes(fixture->vm, 4, half);
    guest_writes(fixture->vm, 4, rest);
    guest_writes(fixture->vm, 2, METRIC("3") "\n"); /* the background process */
    guest_prints(fixture->vm, "x" METRIC("4") "\r\n");
    finish(fixture, strlen(whole) + strlen(half) + strlen(rest));
    assert_int_equal(fixture->result.verdict, VERDICT_PASSED);
    assert_int_equal(fixture->result.metrics.count, 1);
    metric = &fixture->result.metrics.items[0];
    assert_int_equal(metric->count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(metric->values[i] == (double)(i + 1));
}

static void standard_error_has_none(void **state)
{
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_writes(fixture->vm, 5, METRIC("1") "\n");
    finish(fixture, 0);
    assert_int_equal(fixture->result.metrics.count, 0);
}

static void a_bad_one_fails_the_node_which_goes_on(void **state)
{
    static const struct {
        const char *prints, *reason;
        size_t values;
    } bad[] = {
        {METRIC("1") "\n" METRIC("nan") "\n" METRIC("2") "\n",
         "a metric token on the standard output of \"first\" cannot be used: the token has \"nan,",
         2},
        {METRIC("1") "\nDUET_METRIC: "
                     "{\"name\":\"m\",\"value\":1,\"unit\":\"h\",\"better\":\"lower\"}\n",
         "a metric token on the standard output of \"first\" cannot be used: the unit of \"m\" was "
         "\"s\" and is now \"h\"",
         1},
        {METRIC("1"),
         "a metric token on the standard output of \"first\" cannot be used: the token "
         "that starts with",
         0},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(bad); i++) {
        fixture_use(fixture, NODE_YAML);
        fixture_reach(fixture, NODE_STEPS);
        guest_writes(fixture->vm, 4, bad[i].prints);
        finish(fixture, strlen(bad[i].prints));
        assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
        if (strncmp(fixture->result.reason, bad[i].reason, strlen(bad[i].reason)) != 0)
            fail_msg("%s", fixture->result.reason);
        assert_int_equal(bad[i].values, fixture->result.metrics.count
                                            ? fixture->result.metrics.items[0].count
                                            : 0);
    }
}

static void what_a_step_prints_is_no_panic(void **state)
{
    static const char text[] = "[    1.234567] Kernel panic - not syncing: says the test\n";
    struct fixture *fixture = *state;

    fixture_use(fixture, NODE_YAML);
    fixture_reach(fixture, NODE_STEPS);
    guest_writes(fixture->vm, 4, text);
    finish(fixture, strlen(text));
    assert_int_equal(fixture->result.verdict, VERDICT_PASSED);
}

#define MEASURE_YAML                                                                               \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  n:\n"                                                                                       \
    "    steps:\n"                                                                                 \
    "      - {name: tcp, run: iperf3, measure: iperf3}\n"                                          \
    "      - {name: later, run: x}\n"

/* Runs the two steps of MEASURE_YAML: iperf3 prints `prints` and ends with `status`. */
static void measure(struct fixture *fixture, const char *prints, int status)
{
    fixture_use(fixture, MEASURE_YAML);
    node_start(fixture->node);
    fixture->vm = fixture->host.machines[0];
    machine_starts(fixture->vm);
    guest_is_ready(fixture->vm);
    fixture_is_configured(fixture);
    fixture->vm->cpu_ms = 100;
    node_go(fixture->node);
    fixture_executes(fixture, 1);
    fixture->vm->cpu_ms = 120;
    guest_writes(fixture->vm, 2, prints);
    guest_finished(fixture->vm, 1, status, 0, strlen(prints));
    fixture_executes(fixture, 2);
    guest_finished(fixture->vm, 2, 0, 0, 0);
    assert_int_equal(node_state(fixture->node), NODE_DONE);
    node_stop(fixture->node, true);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, 9);
    node_result(fixture->node, &fixture->result);
}

static void iperf3_is_measured(void **state)
{
    static const char text[] =
        "{\"start\":{\"version\":\"iperf 3.12\",\"test_start\":{\"protocol\":\"TCP\","
        "\"duration\":1}},\"intervals\":[{\"sum\":{\"seconds\":1,\"bytes\":1000}}],\"end\":{"
        "\"sum_sent\":{\"seconds\":1,\"retransmits\":0},\"sum_received\":{\"bytes\":1000,"
        "\"bits_per_second\":8e6},\"cpu_utilization_percent\":{\"host_total\":1,"
        "\"remote_total\":2}}}";
    struct fixture *fixture = *state;

    measure(fixture, text, 0);
    assert_int_equal(fixture->result.verdict, VERDICT_PASSED);
    assert_true(metrics_find(&fixture->result.metrics, "tcp.throughput")->values[0] == 8);
    assert_true(metrics_find(&fixture->result.metrics, "tcp.cpu_qemu.n")->values[0] == 20e3);
}

static void a_measurement_that_failed_leaves_the_others(void **state)
{
    struct fixture *fixture = *state;

    measure(fixture, "{\"start\":{\"version\":\"iperf 3.12\"},\"error\":\"no route\"}", 1);
    assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
    assert_string_equal(fixture->result.reason, "step \"tcp\": iperf3 says: no route");
    measure(fixture, "", 127);
    assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
    assert_non_null(strstr(fixture->result.reason, "it printed nothing: iperf3 is missing"));
    assert_int_equal(fixture->result.metrics.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_come_from_outputs_and_the_console),
        TEST(standard_error_has_none),
        TEST(a_bad_one_fails_the_node_which_goes_on),
        TEST(what_a_step_prints_is_no_panic),
        TEST(iperf3_is_measured),
        TEST(a_measurement_that_failed_leaves_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
