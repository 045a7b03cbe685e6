/* What `duet bench` measures of a suite. */
#include "runner/bench_metric.h"

#include "directory.h"

static const char yaml[] = "name: s\n"
                           "metrics: {tcp.throughput: {fail_below: 1}, udp.loss: {fail_above: 5}, "
                           "own: {fail_above: 9}}\n"
                           "nodes:\n"
                           "  server: {background: [{name: iperf3, run: serve}]}\n"
                           "  client:\n"
                           "    steps:\n"
                           "      - {name: tcp, run: x, measure: iperf3}\n"
                           "      - {name: udp, run: x, measure: iperf3}\n"
                           "      - {name: rr, run: x, measure: metrics}\n"
                           "      - {name: prints, run: x}\n"
                           "links: [{nodes: [server, client]}]\n";

static struct suite *kept(const char *pattern)
{
    struct suite *suite = NULL;
    struct error error;

    if (suite_load_text("s.yaml", "/", yaml, strlen(yaml), &suite, &error) < 0)
        fail_msg("%s", error.message);
    bench_keep_metrics(suite, NULL, pattern);
    return suite;
}

/* "tcp prints; tcp.throughput" */
static void assert_keeps(const char *pattern, const char *expected)
{
    struct suite *suite = kept(pattern);
    const struct suite_case *suite_case = &suite->cases[0];
    const struct suite_node *client = &suite_case->nodes[1];
    cleanup_buffer struct buffer found = {0};

    for (size_t i = 0; i < client->step_count; i++)
        buffer_printf(&found, "%s ", client->steps[i].name);
    buffer_append_text(&found, ";");
    for (size_t i = 0; i < suite_case->metric_count; i++)
        buffer_printf(&found, " %s", suite_case->metrics[i].name);
    assert_string_equal(found.data, expected);
    suite_free(suite);
}

/* A limit of what is not measured would fail every run. */
static void what_is_not_wanted_has_no_step_and_no_limit(void **state)
{
    (void)state;
    assert_keeps("*", "tcp udp rr prints ; tcp.throughput udp.loss own");
    assert_keeps("tcp.*", "tcp prints ; tcp.throughput");
    assert_keeps("*.cpu_qemu.server", "tcp udp rr prints ;");
    assert_keeps("udp.cpu_guest.client", "udp prints ;");
    assert_keeps("udp.cpu_guest.other", "prints ;");
    assert_keeps("own", "prints ; own");
    assert_keeps("none", "prints ;");
}

/* Nobody knows beforehand which metrics a step prints, but they are named after it. */
static void a_step_with_tokens_is_measured_where_they_may_match(void **state)
{
    static const char *const kept[] = {"rr", "rr.p50", "rr.*", "r*", "?r", "[r]r", "rr*", "*.p50"};
    static const char *const dropped[] = {"r", "rrr", "r.p50", "rr2*", "rrr*", "x*", "tcp.p50"};
    (void)state;

    for (size_t i = 0; i < array_size(kept); i++)
        assert_keeps(kept[i], "rr prints ;");
    for (size_t i = 0; i < array_size(dropped); i++)
        assert_keeps(dropped[i], "prints ;");
}

static bool may_have(const char *case_yaml, const char *only, const char *pattern)
{
    cleanup_free char *text = xasprintf("name: s\ncases: {a: , b: {tags: [t]}}\n%s", case_yaml);
    struct suite *suite = NULL;
    struct error error;
    bool may;

    if (suite_load_text("s.yaml", "/", text, strlen(text), &suite, &error) < 0)
        fail_msg("%s", error.message);
    may = bench_keep_metrics(suite, only, pattern);
    suite_free(suite);
    return may;
}

/* So that a name with a mistake in it is no success after minutes. */
static void what_no_step_can_have_is_told_beforehand(void **state)
{
    static const char measured[] = "nodes: {n: {background: [{name: b, run: serve}], steps: ["
                                   "{name: tcp, run: x, measure: iperf3}]}}\n";
    static const char printed[] = "nodes: {n: {background: [{name: b, run: 'echo DUET_METRIC: x'}]"
                                  ", steps: [{name: tcp, run: x, measure: iperf3}]}}\n";
    static const char undeclared[] = "nodes: {n: {steps: [{name: tcp, run: x, measure: iperf3}, "
                                     "{name: y, run: y}]}}\n";
    (void)state;

    assert_true(may_have(measured, NULL, "tcp.*"));
    assert_false(may_have(measured, NULL, "typo"));
    assert_false(may_have(measured, "t", "typo"));
    assert_false(may_have(measured, "none", "tcp.*"));
    assert_true(may_have(printed, NULL, "own"));
    assert_true(may_have(undeclared, NULL, "own"));
    assert_true(may_have("nodes: {n: {background: [{name: b, run: serve}]}}\n", NULL, "own"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_wanted_has_no_step_and_no_limit),
        cmocka_unit_test(a_step_with_tokens_is_measured_where_they_may_match),
        cmocka_unit_test(what_no_step_can_have_is_told_beforehand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
