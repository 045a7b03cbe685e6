/* Metric tokens, what becomes of many of them, and a suite's limits. */
#include "base/memory.h"
#include "results/results.h"
#include "runner/case_metrics.h"
#include "runner/suite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN(more) "{\"name\":\"m\",\"unit\":\"s\",\"better\":\"lower\"," more "}"

static void a_token_is_read(void **state)
{
    static const char text[] = " {\"name\": \"latency.p99\", \"value\": 1.5e-3, \"unit\": \"µs\", "
                               "\"better\": \"lower\", \"note\": [1]}\r";
    struct metric_token token;
    struct error error;
    (void)state;

    if (metric_parse(text, strlen(text), &token, &error) < 0)
        fail_msg("%s", error.message);
    assert_string_equal(token.name, "latency.p99");
    assert_string_equal(token.unit, "µs");
    assert_int_equal(token.better, METRIC_LOWER);
    assert_true(token.value == 1.5e-3);
}

static void assert_refused(const char *text, const char *part)
{
    struct metric_token token = {.value = 7};
    struct error error;

    assert_int_equal(metric_parse(text, strlen(text), &token, &error), -EBADMSG);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" lacks \"%s\"", error.message, part);
    assert_true(token.value == 7);
}

static void what_is_no_metric_is_refused(void **state)
{
    (void)state;

    assert_refused(TOKEN("\"value\":NaN"), "\"NaN}\" at byte 48: a number in JSON is finite");
    assert_refused(TOKEN("\"value\":-inf"), "a number in JSON is finite");
    assert_refused(TOKEN("\"value\":Infinity"), "a number in JSON is finite");
    assert_refused(TOKEN("\"value\":1e999"), "the value of \"m\" is not finite");
    assert_refused(TOKEN("\"value\":\"1\""), "the value of \"m\" is not a number");
    assert_refused(TOKEN("\"value\":null"), "the value of \"m\" is not a number");
    assert_refused(TOKEN("\"v\":1"), "the token of \"m\" has no \"value\"");
    assert_refused(TOKEN("\"value\":1,\"value\":2"), "the key \"value\" twice");
    assert_refused(TOKEN("\"value\":1") "x", "not JSON from byte 50");
    assert_refused("[1]", "not an object");
    assert_refused("", "not JSON");
    assert_refused("{}", "has no \"name\"");
    assert_refused("{\"name\":\"a b\"}", "the metric's name is \"a b\"");
    assert_refused("{\"name\":\".a\"}", "the metric's name is \".a\"");
    assert_refused("{\"name\":\"\"}", "the metric's name is \"\"");
    assert_refused("{\"name\":7}", "\"name\" is not a text");
    assert_refused("{\"name\":\"m\",\"value\":1}", "has no \"unit\"");
    assert_refused("{\"name\":\"m\",\"value\":1,\"unit\":\"\"}", "expected 1 to 24 bytes");
    assert_refused("{\"name\":\"m\",\"value\":1,\"unit\":\"\\u0007\"}", "expected 1 to 24 bytes");
    assert_refused("{\"name\":\"m\",\"value\":1,\"unit\":\"\\u009b2J\"}", "can be printed");
    assert_refused("{\"name\":\"m\",\"value\":1,\"unit\":\"a\\nb\"}", "can be printed");
    assert_refused("{\"name\":\"m\",\"value\":1,\"unit\":\"0123456789012345678901234\"}",
                   "expected 1 to 24 bytes");
    assert_refused("{\"name\":\"m\",\"value\":1,\"unit\":\"s\"}", "has no \"better\"");
    assert_refused("{\"name\":\"m\",\"value\":1,\"unit\":\"s\",\"better\":\"more\"}",
                   "is \"more\"; expected \"higher\" or \"lower\"");
}

static void a_name_has_64_bytes_at_most(void **state)
{
    char name[METRIC_NAME_MAX + 2];
    (void)state;

    memset(name, 'x', sizeof name);
    name[METRIC_NAME_MAX + 1] = '\0';
    assert_false(metric_is_name(name));
    name[METRIC_NAME_MAX] = '\0';
    assert_true(metric_is_name(name));
    assert_true(metric_is_name("tcp/fwd_1.p99-x"));
}

/* -- Sets -------------------------------------------------------------------------------------- */

static struct metric_token token_of(const char *name, const char *unit, double value)
{
    struct metric_token token = {.better = METRIC_HIGHER, .value = value};

    strncpy(token.name, name, sizeof token.name - 1);
    strncpy(token.unit, unit, sizeof token.unit - 1);
    return token;
}

static void add(struct metrics *metrics, const char *name, double value)
{
    struct metric_token token = token_of(name, "s", value);

    assert_int_equal(metrics_add(metrics, &token, NULL), 0);
}

static void values_are_kept_in_their_order(void **state)
{
    struct metrics metrics = {0};
    (void)state;

    add(&metrics, "a", 3);
    add(&metrics, "b", 9);
    add(&metrics, "a", 1);
    add(&metrics, "a", 2);
    add(&metrics, "b", 4);
    assert_int_equal(metrics.count, 2);
    assert_int_equal(metrics_find(&metrics, "a")->count, 3);
    assert_true(metrics_find(&metrics, "a")->values[0] == 3);
    assert_true(metric_median(metrics_find(&metrics, "a")) == 2);
    assert_true(metric_median(metrics_find(&metrics, "b")) == 6.5);
    assert_null(metrics_find(&metrics, "c"));
    metrics_free(&metrics);
}

static void a_unit_that_changes_is_refused(void **state)
{
    struct metrics metrics = {0};
    struct metric_token token = token_of("a", "ms", 1);
    struct error error;
    (void)state;

    add(&metrics, "a", 1);
    assert_int_equal(metrics_add(&metrics, &token, &error), -EBADMSG);
    assert_string_equal(error.message, "the unit of \"a\" was \"s\" and is now \"ms\"");
    token = token_of("a", "s", 1);
    token.better = METRIC_LOWER;
    assert_int_equal(metrics_add(&metrics, &token, &error), -EBADMSG);
    assert_string_equal(error.message, "\"a\" was better when higher and is now when lower");
    assert_int_equal(metrics_find(&metrics, "a")->count, 1);
    metrics_free(&metrics);
}

static void a_guest_cannot_fill_the_memory(void **state)
{
    struct metrics metrics = {0};
    struct metric_token token = token_of("m0", "s", 1);
    struct error error;
    (void)state;

    for (int i = 0; i < METRIC_VALUES_MAX; i++)
        assert_int_equal(metrics_add(&metrics, &token, NULL), 0);
    assert_int_equal(metrics_add(&metrics, &token, &error), -ENOBUFS);
    for (int i = 1; i < METRICS_MAX; i++) {
        cleanup_free char *name = xasprintf("m%d", i);

        add(&metrics, name, 1);
    }
    token = token_of("another", "s", 1);
    assert_int_equal(metrics_add(&metrics, &token, &error), -ENOBUFS);
    assert_int_equal(metrics.count, METRICS_MAX);
    metrics_free(&metrics);
}

/* -- Limits ------------------------------------------------------------------------------------ */

static struct suite *suite_of(const char *metrics)
{
    cleanup_free char *text = xasprintf("name: s\nnodes: {a: {run: x}}\nmetrics: %s\n", metrics);
    struct suite *suite = NULL;
    struct error error;

    if (suite_load_text("s.yaml", "/", text, strlen(text), &suite, &error) < 0)
        fail_msg("%s", error.message);
    return suite;
}

/* Of a case that passed with two nodes; `first` prints "a" in "s", the other as it is told. */
static void judge(const char *limits, double first, const char *unit, double second,
                  enum verdict verdict, const char *reason)
{
    struct suite *suite = suite_of(limits);
    struct case_result result = {.verdict = VERDICT_PASSED};
    struct metric_token token = token_of("a", unit, second);

    add(&case_result_add_node(&result)->metrics, "a", first);
    result.nodes[0].name = xstrdup("n");
    assert_int_equal(metrics_add(&case_result_add_node(&result)->metrics, &token, NULL), 0);
    result.nodes[1].name = xstrdup("o");
    case_metrics_judge(&suite->cases[0], &result);
    assert_int_equal(result.verdict, verdict);
    if (reason)
        assert_string_equal(result.reason, reason);
    else
        assert_null(result.reason);
    case_result_free(&result);
    suite_free(suite);
}

static void limits_decide_the_case(void **state)
{
    (void)state;

    judge("{a: {fail_below: 10, fail_above: 20}}", 10, "s", 20, VERDICT_PASSED, NULL);
    judge("{a: {fail_below: 10}}", 9, "s", 10, VERDICT_FAILED,
          "a is 9.5 s; the suite fails it below 10");
    judge("{a: {fail_above: 1e1}}", 11, "s", 10, VERDICT_FAILED,
          "a is 10.5 s; the suite fails it above 10");
    judge("{a: {fail_below: 90%}}", 1, "s", 1, VERDICT_PASSED, NULL);
    judge("{b: {fail_below: 90%}}", 1, "s", 1, VERDICT_FAILED,
          "nothing printed the metric \"b\", which the suite has a limit for");
    judge("{}", 1, "ms", 1, VERDICT_FAILED,
          "o: its metrics and those of other nodes: the unit of \"a\" was \"s\" and is now \"ms\"");
}

static void a_case_replaces_the_limits_of_its_suite(void **state)
{
    static const char text[] =
        "nodes: {a: {run: x}}\n"
        "metrics: {a: {fail_below: 1, fail_above: 5}, b: {fail_above: 120%}}\n"
        "cases: {one: {metrics: {a: {fail_below: 2}}}, two: }\n";
    struct suite *suite = NULL;
    const struct suite_metric *one, *two;
    struct error error;
    (void)state;

    if (suite_load_text("s.yaml", "/", text, strlen(text), &suite, &error) < 0)
        fail_msg("%s", error.message);
    one = suite->cases[0].metrics;
    two = suite->cases[1].metrics;
    assert_int_equal(suite->cases[0].metric_count, 2);
    assert_int_equal(suite->cases[1].metric_count, 2);
    assert_true(one[0].bounds.below.value == 2 && !one[0].bounds.above.given);
    assert_true(two[0].bounds.below.value == 1 && two[0].bounds.above.value == 5);
    assert_true(one[1].bounds.above.relative && one[1].bounds.above.value == 1.2);
    suite_free(suite);
}

static void limits_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *metrics, *message;
    } bad[] = {
        {"[a]", "s.yaml:2:10: metrics: found a list"},
        {"{a b: {fail_below: 1}}", "s.yaml:2:11: \"a b\" as the name of a metric"},
        {"{a: {fail_below: x}}",
         "s.yaml:2:27: fail_below: found \"x\", expected a number in the metric's"},
        {"{a: {fail_below: 5ms}}", "s.yaml:2:27: fail_below: found \"5ms\", expected a number"},
        {"{a: {fail_below: nan}}", "s.yaml:2:27: fail_below: found \"nan\", expected a number"},
        {"{a: {fail_above: -5%}}", "s.yaml:2:27: fail_above: found \"-5%\", expected a percentage"},
        {"{a: {fail: 5}}", "s.yaml:2:15: unknown key \"fail\" in a metric's limits"},
    };
    (void)state;

    for (size_t i = 0; i < array_size(bad); i++) {
        cleanup_free char *text = xasprintf("nodes: {a: {run: x}}\nmetrics: %s\n", bad[i].metrics);
        struct suite *suite = NULL;
        struct error error;

        assert_int_equal(suite_load_text("s.yaml", "/", text, strlen(text), &suite, &error),
                         -EINVAL);
        if (strncmp(error.message, bad[i].message, strlen(bad[i].message)) != 0)
            fail_msg("%s\nexpected: %s", error.message, bad[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_read),
        cmocka_unit_test(what_is_no_metric_is_refused),
        cmocka_unit_test(a_name_has_64_bytes_at_most),
        cmocka_unit_test(values_are_kept_in_their_order),
        cmocka_unit_test(a_unit_that_changes_is_refused),
        cmocka_unit_test(a_guest_cannot_fill_the_memory),
        cmocka_unit_test(limits_decide_the_case),
        cmocka_unit_test(a_case_replaces_the_limits_of_its_suite),
        cmocka_unit_test(limits_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
