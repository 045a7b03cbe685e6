/* Results of the real iperf3 3.12 (tests/fuzz/corpus/iperf3), and what is wrong with others. */
#include "base/base.h"
#include "bench/iperf3.h"
#include "tests/unit/source_tree.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char *fixture(const char *name)
{
    cleanup_free char *corpus = source_tree_path("tests/fuzz/corpus/iperf3");
    cleanup_free char *file = xasprintf("%s/%s.json", corpus, name);
    struct buffer text = {0};
    struct error error;

    if (fs_read(file, 1 << 20, &text, &error) < 0)
        fail_msg("%s", error.message);
    return buffer_steal(&text);
}

static struct metrics parsed(const char *name)
{
    cleanup_free char *text = fixture(name);
    struct metrics metrics = {0};
    struct error error;

    if (iperf3_read(text, strlen(text), "t", &metrics, NULL, &error) < 0)
        fail_msg("%s: %s", name, error.message);
    return metrics;
}

static void assert_metric(const struct metrics *metrics, const char *name, const char *unit,
                          enum metric_better better, double expected)
{
    const struct metric *metric = metrics_find(metrics, name);

    if (!metric)
        fail_msg("there is no %s", name);
    assert_string_equal(metric->unit, unit);
    assert_int_equal(metric->better, better);
    assert_int_equal(metric->count, 1);
    if (fabs(metric->values[0] - expected) > 1e-6 * fabs(expected))
        fail_msg("%s is %.9g, expected %.9g", name, metric->values[0], expected);
}

/* A number of the fixture by its path. */
static double said(const char *name, const char *sum, const char *key)
{
    cleanup_free char *text = fixture(name);
    cJSON *root = cJSON_Parse(text);
    const cJSON *object = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "end"), sum);
    double value = cJSON_GetNumberValue(cJSON_GetObjectItem(object, key));

    cJSON_Delete(root);
    assert_false(isnan(value));
    return value;
}

static void a_tcp_test_is_read(void **state)
{
    static const char *const names[] = {"tcp_fwd", "tcp_rev", "parallel2", "omit"};
    (void)state;

    for (size_t i = 0; i < array_size(names); i++) {
        struct metrics metrics = parsed(names[i]);

        assert_int_equal(metrics.count, 2);
        assert_metric(&metrics, "t.throughput", "Mbit/s", METRIC_HIGHER,
                      said(names[i], "sum_received", "bits_per_second") / 1e6);
        assert_metric(&metrics, "t.retransmits", "segments", METRIC_LOWER,
                      said(names[i], "sum_sent", "retransmits"));
        metrics_free(&metrics);
    }
}

static void a_test_of_both_ways_is_read(void **state)
{
    struct metrics metrics = parsed("tcp_bidir");
    (void)state;

    assert_int_equal(metrics.count, 3);
    assert_metric(&metrics, "t.throughput_reverse", "Mbit/s", METRIC_HIGHER,
                  said("tcp_bidir", "sum_received_bidir_reverse", "bits_per_second") / 1e6);
    assert_metric(&metrics, "t.retransmits", "segments", METRIC_LOWER,
                  said("tcp_bidir", "sum_sent", "retransmits") +
                      said("tcp_bidir", "sum_sent_bidir_reverse", "retransmits"));
    metrics_free(&metrics);
}

static void a_udp_test_is_read(void **state)
{
    static const char *const names[] = {"udp", "udp_rev", "udp_unlimited"};
    (void)state;

    for (size_t i = 0; i < array_size(names); i++) {
        struct metrics metrics = parsed(names[i]);

        assert_int_equal(metrics.count, 4);
        assert_metric(&metrics, "t.loss", "%", METRIC_LOWER,
                      said(names[i], "sum_received", "lost_percent"));
        assert_metric(&metrics, "t.jitter", "ms", METRIC_LOWER,
                      said(names[i], "sum_received", "jitter_ms"));
        assert_non_null(metrics_find(&metrics, "t.out_of_order"));
        assert_null(metrics_find(&metrics, "t.retransmits"));
        metrics_free(&metrics);
    }
}

/* -- What is wrong ----------------------------------------------------------------------------- */

static void assert_refused(const char *text, int code, const char *message)
{
    struct metrics metrics = {0};
    struct error error;

    assert_int_equal(iperf3_read(text, strlen(text), "t", &metrics, NULL, &error), -code);
    assert_int_equal(metrics.count, 0);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" lacks \"%s\"", error.message, message);
}

/* Cut short in the middle of what it prints. */
static void no_part_of_a_result_is_one(void **state)
{
    cleanup_free char *text = fixture("udp");
    size_t whole = (size_t)(strrchr(text, '}') - text) + 1;
    struct metrics metrics = {0};
    struct error error;
    (void)state;

    for (size_t length = 0; length < whole; length++) {
        if (iperf3_read(text, length, "t", &metrics, NULL, &error) != -EBADMSG)
            fail_msg("%zu of %zu bytes were read", length, whole);
        assert_int_equal(metrics.count, 0);
    }
    assert_int_equal(iperf3_read(text, whole, "t", &metrics, NULL, &error), 0);
    metrics_free(&metrics);
}

static void tests_that_went_wrong_are_errors(void **state)
{
    static const struct {
        const char *name, *message;
    } bad[] = {
        {"refused", "iperf3 says: unable to connect to server: Connection refused"},
        {"server_busy", "iperf3 says: the server is busy running a test"},
        {"killed", "iperf3 says: interrupt - the client has terminated"},
        {"server_died", "iperf3 says: unable to write to stream socket: Connection reset by peer"},
    };
    (void)state;

    for (size_t i = 0; i < array_size(bad); i++) {
        cleanup_free char *text = fixture(bad[i].name);

        assert_refused(text, EIO, bad[i].message);
    }
}

static void what_is_no_result_is_an_error(void **state)
{
    (void)state;

    assert_refused("", EBADMSG, "it printed nothing");
    assert_refused("sh: iperf3: not found\n", EBADMSG,
                   "no JSON from byte 0 on: it was run without -J");
    assert_refused("[]", EBADMSG, "no JSON");
    assert_refused("{}", EBADMSG, "these are results of \"something else\"; expected");
    assert_refused("{\"start\":{\"version\":\"iperf 2.1\"}}", EBADMSG, "of \"iperf 2.1\"");
    assert_refused("{\"start\":{\"version\":\"iperf 3.1\"}}", EBADMSG, "of \"iperf 3.1\"");
    assert_refused("{\"start\":{\"version\":\"iperf 4.12\"}}", EBADMSG, "of \"iperf 4.12\"");
    assert_refused("{\"start\":{\"version\":3.12}}", EBADMSG, "of \"something else\"");
    assert_refused("{\"start\":{\"version\":\"iperf 3.12\"},\"error\":{}}", EIO,
                   "iperf3 says: \"error\"");
    assert_refused("{\"start\":{\"version\":\"iperf 3.12\"}}", EBADMSG, "no \"protocol\"");
}

/* The fixture with another value, or without one, of a member of an object of its end. */
static void spoil(const char *name, const char *sum, const char *key, const char *value)
{
    cleanup_free char *text = fixture(name);
    cleanup_free char *spoiled = NULL;
    cJSON *root = cJSON_Parse(text);
    cJSON *object = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "end"), sum);

    if (cJSON_IsArray(object)) /* the first stream's */
        object = cJSON_GetObjectItem(cJSON_GetArrayItem(object, 0), "udp");
    assert_true(cJSON_HasObjectItem(object, key));
    if (value)
        cJSON_ReplaceItemInObject(object, key, cJSON_CreateRaw(value));
    else
        cJSON_DeleteItemFromObject(object, key);
    spoiled = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    assert_refused(spoiled, EBADMSG, value && strcmp(value, "NaN") == 0 ? "no JSON" : key);
}

static void a_field_that_is_missing_or_no_number_is_an_error(void **state)
{
    static const struct {
        const char *name, *sum, *key;
    } fields[] = {
        {"tcp_fwd", "sum_received", "bits_per_second"},
        {"tcp_fwd", "sum_received", "bytes"},
        {"tcp_fwd", "sum_sent", "seconds"},
        {"tcp_fwd", "sum_sent", "retransmits"},
        {"tcp_rev", "sum_sent", "retransmits"},
        {"parallel2", "sum_sent", "retransmits"},
        {"tcp_bidir", "sum_received_bidir_reverse", "bits_per_second"},
        {"tcp_bidir", "sum_received_bidir_reverse", "bytes"},
        {"tcp_bidir", "sum_sent_bidir_reverse", "retransmits"},
        {"udp", "sum_received", "lost_percent"},
        {"udp", "sum_received", "jitter_ms"},
        {"udp", "streams", "out_of_order"},
    };
    static const char *const values[] = {NULL, "null", "-1", "\"5\"", "true", "1e999", "NaN", "[]"};
    (void)state;

    for (size_t i = 0; i < array_size(fields); i++)
        for (size_t j = 0; j < array_size(values); j++)
            spoil(fields[i].name, fields[i].sum, fields[i].key, values[j]);
}

/* `key` of `object` becomes `value`. */
static void change(const char *name, cJSON *(*find)(cJSON *root), const char *key, double value,
                   int code, const char *message)
{
    cleanup_free char *text = fixture(name);
    cleanup_free char *changed = NULL;
    cJSON *root = cJSON_Parse(text);
    cJSON *number = cJSON_GetObjectItem(find(root), key);

    assert_non_null(number);
    cJSON_SetNumberValue(number, value);
    changed = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    assert_refused(changed, code, message);
}

static cJSON *first_interval(cJSON *root)
{
    cJSON *interval = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "intervals"), 0);

    return cJSON_GetObjectItem(interval, "sum");
}

static cJSON *first_reverse(cJSON *root)
{
    cJSON *interval = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "intervals"), 0);

    return cJSON_GetObjectItem(interval, "sum_bidir_reverse");
}

static cJSON *test_start(cJSON *root)
{
    return cJSON_GetObjectItem(cJSON_GetObjectItem(root, "start"), "test_start");
}

static cJSON *sum_sent(cJSON *root)
{
    return cJSON_GetObjectItem(cJSON_GetObjectItem(root, "end"), "sum_sent");
}

static cJSON *sum_received(cJSON *root)
{
    return cJSON_GetObjectItem(cJSON_GetObjectItem(root, "end"), "sum_received");
}

static void nothing_sent_and_too_little_are_errors(void **state)
{
    (void)state;

    change("tcp_fwd", first_interval, "bytes", 0, EBADMSG, "nothing was sent in interval 1");
    change("tcp_fwd", first_interval, "seconds", 0, EBADMSG, "nothing was sent in interval 1");
    change("tcp_bidir", first_reverse, "bytes", 0, EBADMSG, "(\"sum_bidir_reverse\")");
    change("tcp_fwd", sum_received, "bits_per_second", 0, EBADMSG, "got nothing");
    change("tcp_fwd", sum_received, "bytes", 0, EBADMSG, "\"bytes\" in \"sum_received\"");
    change("tcp_fwd", sum_sent, "seconds", 0, EBADMSG, "took no time");
    change("tcp_fwd", test_start, "duration", 10, EIO, "of 10 s: it was cut short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_test_is_read),
        cmocka_unit_test(a_test_of_both_ways_is_read),
        cmocka_unit_test(a_udp_test_is_read),
        cmocka_unit_test(no_part_of_a_result_is_one),
        cmocka_unit_test(tests_that_went_wrong_are_errors),
        cmocka_unit_test(what_is_no_result_is_an_error),
        cmocka_unit_test(a_field_that_is_missing_or_no_number_is_an_error),
        cmocka_unit_test(nothing_sent_and_too_little_are_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
