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
    fixture_stop(fixture);
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

#define MEASURE_YAML(what)                                                                         \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  n:\n"                                                                                       \
    "    steps:\n"                                                                                 \
    "      - {name: tcp, run: x, measure: " what "}\n"                                             \
    "      - {name: later, run: x}\n"

/* The node asks how much CPU time has been used. */
static uint64_t asked_cpu(const struct fixture *fixture)
{
    const struct fake_request *request = &fixture->vm->requests[fixture->vm->request_count - 1];

    assert_int_equal(request->code, WIRE_PING);
    return request_id(request);
}

static void answer_cpu_as(const struct fixture *fixture, uint64_t id, uint64_t guest_ns,
                          uint64_t qemu_ms)
{
    fixture->vm->cpu_ms = qemu_ms;
    guest_says(fixture->vm, WIRE_ACK, "{\"code\":12,\"id\":%llu,\"clock_ns\":1,\"busy_ns\":%llu}",
               (unsigned long long)id, (unsigned long long)guest_ns);
}

static void answer_cpu(const struct fixture *fixture, uint64_t guest_ns, uint64_t qemu_ms)
{
    answer_cpu_as(fixture, asked_cpu(fixture), guest_ns, qemu_ms);
}

static void begin(struct fixture *fixture, const char *yaml)
{
    fixture_use(fixture, yaml);
    node_start(fixture->node);
    fixture->vm = fixture->host.machines[0];
    machine_starts(fixture->vm);
    guest_is_ready(fixture->vm);
    fixture_is_configured(fixture);
    node_go(fixture->node);
}

/* Runs the second step, and takes what came of both. */
static void finish_steps(struct fixture *fixture)
{
    fixture_executes(fixture, 2);
    guest_finished(fixture->vm, 2, 0, 0, 0);
    assert_int_equal(node_state(fixture->node), NODE_DONE);
    fixture_stop(fixture);
    node_result(fixture->node, &fixture->result);
}

/* Of the guest, before and after the measuring step. */
static uint64_t busy_ns[2];

/* Runs the two steps of MEASURE_YAML: the first prints `prints`, on standard error `says`, and ends
 * with `status`. */
static void measure(struct fixture *fixture, const char *yaml, const char *prints, const char *says,
                    int status)
{
    bool asks = strstr(yaml, "measure: iperf3") != NULL;

    begin(fixture, yaml);
    if (asks)
        answer_cpu(fixture, busy_ns[0], 100);
    fixture_executes(fixture, 1);
    guest_writes(fixture->vm, 2, prints);
    guest_writes(fixture->vm, 3, says);
    guest_finished(fixture->vm, 1, status, status > 128 ? status - 128 : 0, strlen(prints));
    if (asks)
        answer_cpu(fixture, busy_ns[1], 120);
    finish_steps(fixture);
}

static const char iperf3_text[] =
    "{\"start\":{\"version\":\"iperf 3.12\",\"test_start\":{\"protocol\":\"TCP\","
    "\"duration\":1}},\"intervals\":[{\"sum\":{\"seconds\":1,\"bytes\":1000}}],\"end\":{"
    "\"sum_sent\":{\"seconds\":1,\"retransmits\":0},\"sum_received\":{\"bytes\":1000,"
    "\"bits_per_second\":8e6}}}";

static void iperf3_is_measured(void **state)
{
    struct fixture *fixture = *state;

    busy_ns[0] = 5000000;
    busy_ns[1] = 305000000;
    measure(fixture, MEASURE_YAML("iperf3"), iperf3_text, "", 0);
    assert_int_equal(fixture->result.verdict, VERDICT_PASSED);
    assert_int_equal(fixture->result.metrics.count, 4);
    assert_true(metrics_find(&fixture->result.metrics, "tcp.throughput")->values[0] == 8);
    assert_true(metrics_find(&fixture->result.metrics, "tcp.cpu_qemu.n")->values[0] == 20e3);
    assert_true(metrics_find(&fixture->result.metrics, "tcp.cpu_guest.n")->values[0] == 300e3);
    assert_string_equal(metrics_find(&fixture->result.metrics, "tcp.cpu_guest.n")->unit, "ns/B");
}

/* What is not known is not there, and fails nothing: the times of an idle guest are rounded, each
 * by itself. */
static void cpu_time_of_a_guest_is_known_or_not(void **state)
{
    static const struct {
        const char *what;
        uint64_t before, after;
        bool known;
    } times[] = {
        {"it does not say", 0, 0, false},
        {"it does not say before", 0, 900000000, false},
        {"nor after", 50000000, 0, false},
        {"none", 50000000, 50000000, false},
        {"less than none", 50000000, 31000000, false},
        {"less than is sure of two CPUs", 50000000, 109999999, false},
        {"enough", 50000000, 110000000, true},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(times); i++) {
        busy_ns[0] = times[i].before;
        busy_ns[1] = times[i].after;
        measure(fixture, MEASURE_YAML("iperf3") "    cpus: 2\n", iperf3_text, "", 0);
        if (fixture->result.verdict != VERDICT_PASSED)
            fail_msg("%s: %s", times[i].what, fixture->result.reason);
        if ((metrics_find(&fixture->result.metrics, "tcp.cpu_guest.n") != NULL) != times[i].known)
            fail_msg("%s: known %d", times[i].what, !times[i].known);
        assert_non_null(metrics_find(&fixture->result.metrics, "tcp.throughput"));
    }
}

/* A step that waits for the answer is none that has begun. */
static void a_node_may_end_while_it_waits_for_cpu_time(void **state)
{
    struct fixture *fixture = *state;

    begin(fixture, MEASURE_YAML("iperf3"));
    node_freeze(fixture->node);
    answer_cpu(fixture, 1, 1);
    assert_null(next_request(fixture->vm));
    node_stop(fixture->node, false);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_DESTROYPOD);
    assert_null(next_request(fixture->vm));
    machine_ends(fixture->vm, VM_END_STOPPED, -1, 9);
    node_result(fixture->node, &fixture->result);
    assert_int_equal(fixture->result.metrics.count, 0);
}

/* Its step has ended by then, whoever is late with the answer. */
static void a_step_is_not_late_for_cpu_time(void **state)
{
    struct fixture *fixture = *state;
    uint64_t asked;

    begin(fixture, MEASURE_YAML("iperf3, timeout: 1s"));
    answer_cpu(fixture, 1, 1);
    fixture_executes(fixture, 1);
    guest_writes(fixture->vm, 2, iperf3_text);
    guest_writes(fixture->vm, 3, "");
    guest_finished(fixture->vm, 1, 0, 0, strlen(iperf3_text));
    asked = asked_cpu(fixture);
    virtual_time_pass(fixture->loop, NS_PER_S);
    for (size_t i = 0; i < 30; i++) {
        virtual_time_pass(fixture->loop, 2 * NS_PER_S);
        guest_answers_ping(fixture->vm);
    }
    assert_false(node_is_lost(fixture->node));
    answer_cpu_as(fixture, asked, 500000000, 2);
    finish_steps(fixture);
    assert_int_equal(fixture->result.verdict, VERDICT_PASSED);
}

static void a_measurement_that_failed_leaves_the_others(void **state)
{
    static const struct {
        const char *yaml, *prints, *says;
        int status;
        const char *reason;
    } bad[] = {
        {MEASURE_YAML("iperf3"), "{\"start\":{\"version\":\"iperf 3.12\"},\"error\":\"no route\"}",
         "", 1, "step \"tcp\": iperf3 says: no route"},
        {MEASURE_YAML("iperf3"), "", "iperf3: what is this option?\n", 1,
         "step \"tcp\": it printed nothing: it was run without -J, perhaps"},
        {MEASURE_YAML("iperf3"), "", "sh: exec: line 0: iperf3: not found\n", 127,
         "step \"tcp\": it ended with exit status 127, expected exit status 0: the guest has no "
         "such program, perhaps; programs go into `files:`: sh: exec: line 0: iperf3: not found"},
        {MEASURE_YAML("iperf3"), "{\"start\":{\"version\":\"iperf 3.12\"", "", 128 + 9,
         "step \"tcp\": it was ended by signal 9 (Killed), expected exit status 0"},
        {MEASURE_YAML("metrics"), "", "one\nonly 5 of 10\t\x1b[31m \n\n", 1,
         "step \"tcp\": it ended with exit status 1, expected exit status 0: only 5 of "
         "10??[31m"},
        {MEASURE_YAML("metrics"), "nothing\n", "", 0, "step \"tcp\": it printed no metric"},
        {MEASURE_YAML("metrics"), METRIC("nan") "\n", "none\n", 2,
         "a metric token on the standard output of \"tcp\" cannot be used: the token has "
         "\"nan,\"unit\" at byte 20: a number in JSON is finite; step \"tcp\": it ended with exit "
         "status 2, expected exit status 0: "
         "none"},
        {MEASURE_YAML("metrics"), METRIC("1") "\n", "", 0,
         "a metric token on the standard output of \"tcp\" cannot be used: it is named \"m\"; "
         "expected \"tcp\" or \"tcp.NAME\", after the step that measures it"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(bad); i++) {
        measure(fixture, bad[i].yaml, bad[i].prints, bad[i].says, bad[i].status);
        assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
        assert_string_equal(fixture->result.reason, bad[i].reason);
        assert_int_equal(fixture->result.metrics.count, 0);
    }
}

static void a_step_measures_by_tokens_of_its_name(void **state)
{
    static const char tokens[] =
        "DUET_METRIC: {\"name\":\"tcp\",\"value\":1,\"unit\":\"s\",\"better\":\"lower\"}\n"
        "DUET_METRIC: {\"name\":\"tcp.p50\",\"value\":2,\"unit\":\"s\",\"better\":\"lower\"}\n";
    struct fixture *fixture = *state;

    measure(fixture, MEASURE_YAML("metrics"), tokens, "", 0);
    assert_int_equal(fixture->result.verdict, VERDICT_PASSED);
    assert_true(metrics_find(&fixture->result.metrics, "tcp")->values[0] == 1);
    assert_true(metrics_find(&fixture->result.metrics, "tcp.p50")->values[0] == 2);

    /* iperf3's results are good, and it says that something is not. */
    busy_ns[0] = busy_ns[1] = 0;
    measure(fixture, MEASURE_YAML("iperf3"), iperf3_text, "a warning\n", 1);
    assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
    assert_string_equal(fixture->result.reason, "step \"tcp\": it ended with exit status 1, "
                                                "expected exit status 0: a warning");
    assert_int_equal(fixture->result.metrics.count, 0);

    /* What it could measure counts, though it says that it could not measure all. */
    measure(fixture, MEASURE_YAML("metrics"), tokens, "no p99\n", 1);
    assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
    assert_int_equal(fixture->result.metrics.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_come_from_outputs_and_the_console),
        TEST(standard_error_has_none),
        TEST(a_bad_one_fails_the_node_which_goes_on),
        TEST(what_a_step_prints_is_no_panic),
        TEST(iperf3_is_measured),
        TEST(cpu_time_of_a_guest_is_known_or_not),
        TEST(a_node_may_end_while_it_waits_for_cpu_time),
        TEST(a_step_is_not_late_for_cpu_time),
        TEST(a_measurement_that_failed_leaves_the_others),
        TEST(a_step_measures_by_tokens_of_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
