/* Files of measurements: the three kinds, what is refused, what is compared with what, and one
 * metric over many of them. */
#include "directory.h"

#include "base/base.h"
#include "bench/history.h"
#include "bench/match.h"

#include <errno.h>
#include <math.h>

#define HOST                                                                                       \
    "\"host\":{\"cpu_model\":\"Z80\",\"cpus\":2,\"accel\":\"tcg\",\"kernel\":\"6.1\",\"qemu\":"    \
    "\"7.2\"}"
#define BENCH(more, metrics)                                                                       \
    "{\"format\":\"bench\",\"schema\":2,\"suite\":\"bench\",\"started\":\"2026-01-01T00:00:"       \
    "00Z\"," HOST more ",\"metrics\":[" metrics "]}"
#define METRIC(name, values)                                                                       \
    "{\"name\":\"" name "\",\"unit\":\"s\",\"better\":\"lower\",\"values\":[" values "]}"
#define DISTURBED(name, values, count)                                                             \
    "{\"name\":\"" name "\",\"unit\":\"s\",\"better\":\"lower\",\"disturbed\":" count              \
    ",\"values\":[" values "]}"
#define RUN(metrics)                                                                               \
    "{\"schema\":6,\"suite\":\"s\"," HOST ",\"cases\":[{\"name\":\"c\",\"metrics\":[" metrics "]}" \
    "]}"

static int read_text(const char *text, struct record *record, struct error *error)
{
    return record_read("f.json", text, strlen(text), false, record, error);
}

static struct record parsed(const char *text)
{
    struct record record = {0};
    struct error error;

    if (read_text(text, &record, &error) < 0)
        fail_msg("%s", error.message);
    return record;
}

static void the_three_kinds_are_read(void **state)
{
    struct record bench = parsed(BENCH(",\"tag\":\"v1\",\"spin_ms\":12.5", METRIC("c/m", "1,2,4")));
    struct record run = parsed(RUN(METRIC("m", "3")));
    struct record measures = parsed("{\"measures\":[{\"name\":\"m\",\"value\":7,\"unit\":\"s\","
                                    "\"better\":\"higher\",\"n\":5}]}");
    (void)state;

    assert_int_equal(bench.kind, RECORD_BENCH);
    assert_string_equal(bench.tag, "v1");
    assert_string_equal(bench.host.cpu_model, "Z80");
    assert_int_equal(bench.host.cpus, 2);
    assert_true(bench.spin_ms == 12.5);
    assert_int_equal(record_find(&bench, "c/m")->count, 3);
    assert_true(record_find(&bench, "c/m")->values[2] == 4);
    assert_int_equal(run.kind, RECORD_RUN);
    assert_non_null(record_find(&run, "c/m"));
    assert_int_equal(measures.kind, RECORD_MEASURES);
    assert_int_equal(measures.metrics[0].better, METRIC_HIGHER);
    assert_true(measures.metrics[0].values[0] == 7);
    record_free(&bench);
    record_free(&run);
    record_free(&measures);
}

static void make_bench_says_what_the_machine_was_and_did(void **state)
{
    struct record record =
        parsed("{\"measures\":[{\"name\":\"m\",\"unit\":\"s\",\"better\":\"lower\",\"value\":2,"
               "\"values\":[1,2,3],\"disturbed\":3},"
               "{\"name\":\"n\",\"unit\":\"s\",\"better\":\"lower\",\"value\":2}]," HOST
               ",\"spin_ms\":10,\"started\":\"2026\",\"runs\":[]}");
    (void)state;

    assert_int_equal(record.kind, RECORD_MEASURES);
    assert_string_equal(record.host.cpu_model, "Z80");
    assert_string_equal(record.started, "2026");
    assert_null(record.suite);
    assert_true(record.spin_ms == 10);
    assert_int_equal(record.metrics[0].disturbed, 3);
    assert_int_equal(record.metrics[1].disturbed, 0);
    record_free(&record);
}

static void what_is_none_of_them_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
        int code;
    } bad[] = {
        {"", "f.json: this is not JSON", EBADMSG},
        {"{\"measures\":[", "f.json: this is not JSON", EBADMSG},
        {"[]", "f.json: this is no results file", EBADMSG},
        {"{\"format\":\"bench\"}", "expected a \"schema\", a number", EBADMSG},
        {"{\"format\":\"bench\",\"schema\":1,\"metrics\":[]}",
         "of schema 1, and this duet reads schema 2", EPROTONOSUPPORT},
        {"{\"schema\":5,\"cases\":[]}", "of schema 5, and this duet reads schema 6",
         EPROTONOSUPPORT},
        {BENCH("", METRIC("m", "")), "m: expected \"values\", a list of 1 to 10000 numbers",
         EBADMSG},
        {BENCH("", METRIC("m", "1e999")), "m: expected numbers alone", EBADMSG},
        {BENCH("", METRIC("m", "\"1\"")), "m: expected numbers alone", EBADMSG},
        {BENCH("", METRIC("m", "1") "," METRIC("m", "1")), "m: expected it once", EBADMSG},
        {BENCH("", "{\"name\":\"m\",\"values\":[1]}"), "m: expected a \"unit\"", EBADMSG},
        {BENCH("", DISTURBED("m", "1", "2")),
         "m: expected \"disturbed\", a whole number of its values", EBADMSG},
        {BENCH("", DISTURBED("m", "1", "0.5")),
         "m: expected \"disturbed\", a whole number of its values", EBADMSG},
        {BENCH("", "7"), "a metric: expected a \"name\"", EBADMSG},
        {"{\"measures\":[{\"name\":\"m\",\"unit\":\"s\",\"better\":\"lower\",\"value\":null}]}",
         "a measure: expected", EBADMSG},
    };
    (void)state;

    for (size_t i = 0; i < array_size(bad); i++) {
        struct record record = {0};
        struct error error;

        assert_int_equal(read_text(bad[i].text, &record, &error), -bad[i].code);
        if (!strstr(error.message, bad[i].message))
            fail_msg("\"%s\" lacks \"%s\"", error.message, bad[i].message);
        assert_null(record.path);
    }
}

static void another_schema_is_read_where_that_is_wanted(void **state)
{
    static const char text[] = "{\"format\":\"bench\",\"schema\":9,\"metrics\":[]}";
    struct record record = {0};
    (void)state;

    assert_int_equal(record_read("f", text, strlen(text), true, &record, NULL), 0);
    assert_int_equal(record.schema, 9);
    record_free(&record);
}

/* What was interrupted is no whole measurement, and whoever compares it is told. */
static void that_it_was_interrupted_is_kept_and_said(void **state)
{
    char *directory = directory_make();
    cleanup_free char *path = xasprintf("%s/results.json", directory);
    cleanup_buffer struct buffer remarks = {0};
    struct record stump = parsed(BENCH("", METRIC("c/m", "1")));
    struct record whole = parsed(BENCH("", METRIC("c/m", "1")));
    struct record read = {0};
    (void)state;

    stump.interrupted = true;
    assert_int_equal(record_write(&stump, path, NULL), 0);
    assert_int_equal(record_load(path, false, &read, NULL), 0);
    assert_true(read.interrupted);
    assert_false(whole.interrupted);
    match_remarks(&whole, &read, &remarks);
    assert_non_null(strstr(remarks.data, "the second was interrupted before all was measured\n"));
    assert_null(strstr(remarks.data, "the first was"));
    record_free(&stump);
    record_free(&whole);
    record_free(&read);
    directory_remove(directory);
}

/* -- Two of them ------------------------------------------------------------------------------- */

static void assert_lines(void (*tell)(const struct record *, const struct record *,
                                      struct buffer *),
                         const char *a, const char *b, const char *expected)
{
    cleanup_buffer struct buffer lines = {0};
    struct record first = parsed(a);
    struct record second = parsed(b);

    tell(&first, &second, &lines);
    assert_string_equal(lines.data ? lines.data : "", expected);
    record_free(&first);
    record_free(&second);
}

static void what_makes_them_unlike_is_said(void **state)
{
    (void)state;

    assert_lines(match_obstacles, BENCH("", ""), BENCH(",\"tag\":\"x\"", ""), "");
    assert_lines(match_obstacles, BENCH("", ""), RUN(""),
                 "another kind of file: results of `duet bench` against results of `duet run`\n"
                 "another suite: bench against s\n");
    assert_lines(match_obstacles,
                 "{\"format\":\"bench\",\"schema\":2,\"suite\":\"s\",\"metrics\":[],"
                 "\"host\":{\"cpu_model\":\"A\",\"cpus\":2,\"accel\":\"kvm\"}}",
                 "{\"format\":\"bench\",\"schema\":2,\"suite\":\"s\",\"metrics\":[],"
                 "\"host\":{\"cpu_model\":\"B\",\"cpus\":4}}",
                 "another machine: processor: A against B\n"
                 "another machine: processors: 2 against 4\n"
                 "another machine: accelerator: kvm against not known\n");
}

static void other_differences_are_remarks(void **state)
{
    (void)state;

    assert_lines(match_remarks, BENCH(",\"spin_ms\":10", METRIC("a", "1") "," METRIC("b", "1")),
                 BENCH(",\"spin_ms\":11",
                       METRIC("c", "1") ",{\"name\":\"b\",\"unit\":\"h\",\"better\":\"lower\","
                                        "\"values\":[1]}"),
                 "the machine itself took 1.1 times as long for the same work: a difference has "
                 "to be so much larger\n"
                 "c: only the second has it\n"
                 "b: in s and in h, so it is not compared\n"
                 "a: only the first has it\n");
}

/* Builds that took turns differ in it on purpose. */
static void other_variables_are_a_remark_of_two_sessions(void **state)
{
    (void)state;

    assert_lines(match_remarks, BENCH("", ""), BENCH(",\"set\":null", ""), "");
    assert_lines(match_remarks, BENCH(",\"set\":\"a=1\"", ""), BENCH(",\"set\":\"a=1\"", ""), "");
    assert_lines(match_remarks, BENCH("", ""), BENCH(",\"set\":\"duration=1\"", ""),
                 "the suite's variables (--set): none set against duration=1\n");
    assert_lines(match_remarks, BENCH(",\"spin_ms\":10,\"set\":\"bin=old\"", ""),
                 BENCH(",\"spin_ms\":10,\"set\":\"bin=new\"", ""), "");
}

static void metrics_of_one_name_are_compared(void **state)
{
    struct record a = parsed(BENCH("", METRIC("x", "10,10.1,9.9,10") "," METRIC("y", "1,1,1")));
    struct record b = parsed(BENCH("", METRIC("z", "1") "," METRIC("x", "20,20.1,19.9,20")));
    struct match match;
    (void)state;

    match_make(&a, &b, 0.05, &match);
    assert_int_equal(match.count, 1);
    assert_string_equal(match.rows[0].b->name, "x");
    assert_int_equal(match.rows[0].comparison.verdict, COMPARE_SLOWER);
    assert_true(match.rows[0].comparison.ratio == 2);
    assert_null(match.rows[0].limit);
    assert_true(match_has_regression(&match));
    match_free(&match);
    match_make(&b, &a, 0.05, &match);
    assert_false(match_has_regression(&match));
    match_free(&match);
    record_free(&a);
    record_free(&b);
}

/* A machine that became 6 % slower, and the threshold, explain a tenth. */
static void a_machine_that_changed_explains_as_much(void **state)
{
    struct record a = parsed(BENCH(",\"spin_ms\":10", METRIC("x", "10,10.1,9.9,10,10")));
    struct record b = parsed(BENCH(",\"spin_ms\":10.6", METRIC("x", "11,11.1,10.9,11,11")));
    struct match match;
    (void)state;

    match_make(&a, &b, 0.05, &match);
    assert_true(fabs(match.drift - log(1.06)) < 1e-12);
    assert_int_equal(match.rows[0].comparison.verdict, COMPARE_SAME);
    match_free(&match);
    b.spin_ms = 20;
    match_make(&a, &b, 0.05, &match);
    assert_int_equal(match.rows[0].comparison.verdict, COMPARE_TOO_NOISY);
    match_free(&match);
    b.spin_ms = 10;
    match_make(&a, &b, 0.05, &match);
    assert_true(match_has_regression(&match));
    match_free(&match);
    record_free(&a);
    record_free(&b);
}

/* -- Disturbed runs ---------------------------------------------------------------------------- */

static void measure(struct record *record, const char *name, double value, bool disturbed)
{
    struct metric metric = {
        .values = &value, .count = 1, .unit = (char *)"s", .better = METRIC_LOWER};
    struct error error;

    if (record_add(record, name, &metric, disturbed, &error) < 0)
        fail_msg("%s", error.message);
}

static void disturbed_runs_are_left_out_where_others_are_enough(void **state)
{
    char *directory = directory_make();
    cleanup_free char *path = xasprintf("%s/results.json", directory);
    cleanup_buffer struct buffer text = {0};
    struct record record = {.kind = RECORD_BENCH}, read = {0};
    const struct record_metric *enough, *few;
    (void)state;

    for (int i = 1; i <= 4; i++) {
        measure(&record, "enough", i, i == 2);
        measure(&record, "few", i, i == 2 || i == 3);
    }
    record_settle(&record, 3);
    enough = record_find(&record, "enough");
    few = record_find(&record, "few");
    assert_int_equal(enough->count, 3);
    assert_int_equal(enough->disturbed, 0);
    assert_true(enough->values[1] == 3);
    assert_int_equal(enough->left_out_count, 1);
    assert_true(enough->left_out[0] == 2);
    assert_int_equal(few->count, 4);
    assert_int_equal(few->disturbed, 2);
    assert_true(few->values[1] == 4 && few->values[2] == 2 && few->values[3] == 3);
    assert_int_equal(few->left_out_count, 0);

    assert_int_equal(record_write(&record, path, NULL), 0);
    assert_int_equal(fs_read(path, SIZE_MAX / 2, &text, NULL), 0);
    assert_non_null(strstr(text.data, "\"left_out\":\t[2]"));
    assert_int_equal(record_load(path, false, &read, NULL), 0);
    assert_int_equal(record_find(&read, "enough")->disturbed, 0);
    assert_int_equal(record_find(&read, "enough")->count, 3);
    assert_int_equal(record_find(&read, "few")->disturbed, 2);
    record_free(&record);
    record_free(&read);
    directory_remove(directory);
}

/* All that there is, where nothing is without disturbance. */
static void a_metric_is_never_without_values(void **state)
{
    struct record record = {.kind = RECORD_BENCH};
    (void)state;

    measure(&record, "m", 7, true);
    record_settle(&record, 1);
    assert_int_equal(record.metrics[0].count, 1);
    assert_int_equal(record.metrics[0].disturbed, 1);
    record_free(&record);
}

static void what_was_disturbed_tells_no_difference(void **state)
{
    struct record a = parsed(
        BENCH("", DISTURBED("x", "10,10.1,9.9,10,10", "3") "," METRIC("y", "10,10.1,9.9,10,10")));
    struct record b =
        parsed(BENCH("", METRIC("x", "20,20.1,19.9,20,20") "," METRIC("y", "20,20.1,19.9,20,20")));
    cleanup_buffer struct buffer lines = {0}, json = {0};
    struct match match;
    (void)state;

    b.started[0] = '3';
    match_make(&a, &b, 0.05, &match);
    assert_int_equal(match.rows[0].comparison.verdict, COMPARE_TOO_NOISY);
    assert_true(match.rows[0].comparison.disturbed);
    assert_int_equal(match.rows[1].comparison.verdict, COMPARE_SLOWER);
    assert_false(match.rows[1].comparison.disturbed);
    match_remarks(&a, &b, &lines);
    assert_non_null(strstr(lines.data, "1 metric is marked \"disturbed\": of one side or both"));
    match_write(&a, &b, &match, &lines, &lines, &json);
    assert_non_null(strstr(json.data, "\"disturbed\":\ttrue"));
    assert_non_null(strstr(json.data, "\"disturbed\":\tfalse"));
    match_free(&match);
    record_free(&a);
    record_free(&b);
}

/* Builds that took turns met the same, but not where calm runs of one stand against disturbed ones
 * of the other. */
static void builds_that_took_turns_are_disturbed_alike_or_not(void **state)
{
    struct record a =
        parsed(BENCH(",\"spin_ms\":10", DISTURBED("x", "10,10.1,9.9,10,10", "3") "," DISTURBED(
                                            "y", "10,10.1,9.9,10,10", "1")));
    struct record b =
        parsed(BENCH(",\"spin_ms\":10", DISTURBED("x", "20,20.1,19.9,20,20", "0") "," DISTURBED(
                                            "y", "20,20.1,19.9,20,20", "2")));
    cleanup_buffer struct buffer lines = {0};
    struct match match;
    (void)state;

    match_make(&a, &b, 0.05, &match);
    assert_int_equal(match.rows[0].comparison.verdict, COMPARE_TOO_NOISY);
    assert_true(match.rows[0].comparison.disturbed);
    assert_int_equal(match.rows[1].comparison.verdict, COMPARE_SLOWER);
    assert_false(match.rows[1].comparison.disturbed);
    match_free(&match);
    match_remarks(&a, &b, &lines);
    assert_non_null(strstr(lines.data, "1 metric is marked \"disturbed\": of one side, too few"));
    assert_non_null(strstr(lines.data, "(bench with more --repeats may)"));
    match_make(&a, &a, 0.05, &match);
    assert_int_equal(match.rows[0].comparison.verdict, COMPARE_SAME);
    match_free(&match);
    record_free(&a);
    record_free(&b);
}

/* Of `duet run` there is no spin, and several begin in one second. */
static void one_second_is_not_one_session(void **state)
{
    struct record a = parsed(BENCH("", METRIC("x", "10,10.1,9.9")));
    struct record b = parsed(BENCH("", METRIC("x", "10,10.1,9.9")));
    struct match match;
    (void)state;

    match_make(&a, &b, 0.05, &match);
    assert_false(match.one_session);
    match_free(&match);
    match_make(&a, &a, 0.05, &match);
    assert_true(match.one_session);
    match_free(&match);
    a.spin_ms = b.spin_ms = 10;
    match_make(&a, &b, 0.05, &match);
    assert_true(match.one_session);
    match_free(&match);
    record_free(&a);
    record_free(&b);
}

static void limits_are_regressions_of_their_own(void **state)
{
    struct record a = parsed(BENCH("", METRIC("x", "10")));
    struct record b =
        parsed(BENCH("", "{\"name\":\"x\",\"unit\":\"s\",\"better\":\"lower\",\"values\":[12],"
                         "\"fail_above\":{\"value\":1.1,\"relative\":true},\"fail_below\":null}"));
    struct match match;
    (void)state;

    match_make(&a, &b, 0.05, &match);
    assert_int_equal(match.rows[0].comparison.verdict, COMPARE_TOO_FEW);
    assert_string_equal(match.rows[0].limit, "above the limit of 11 s");
    assert_true(match_has_regression(&match));
    match_free(&match);
    match_make(&b, &a, 0.05, &match);
    assert_null(match.rows[0].limit);
    match_free(&match);
    record_free(&a);
    record_free(&b);
}

static void a_comparison_is_written_without_nan(void **state)
{
    struct record a = parsed(BENCH("", METRIC("x", "0")));
    struct record b = parsed(BENCH("", METRIC("x", "1")));
    cleanup_buffer struct buffer json = {0}, obstacles = {0}, remarks = {0};
    struct match match;
    (void)state;

    match_make(&a, &b, 0.05, &match);
    buffer_append_text(&remarks, "one\ntwo\n");
    match_write(&a, &b, &match, &obstacles, &remarks, &json);
    assert_non_null(strstr(json.data, "\"ratio\":\tnull"));
    assert_non_null(strstr(json.data, "[\"one\", \"two\"]"));
    match_free(&match);
    record_free(&a);
    record_free(&b);
}

/* -- Many of them ------------------------------------------------------------------------------ */

static void put_run(const char *results, const char *run, const char *text)
{
    cleanup_free char *directory = xasprintf("%s/bench/%s", results, run);

    assert_int_equal(fs_mkdirs(directory, 0755, NULL), 0);
    directory_write(directory, "results.json", text, 0644);
}

static void a_metric_is_found_over_tags(void **state)
{
    char *results = directory_make();
    struct history_options options = {.results = results, .metric = "m"};
    struct history history = {0};
    cleanup_buffer struct buffer plot = {0}, json = {0};
    struct error error;
    (void)state;

    assert_int_equal(history_read(&options, &history, &error), -ENOENT);
    put_run(results, "20260103T000000Z-s",
            BENCH(",\"tag\":\"v3\"", DISTURBED("c/m", "3,3,3", "2")));
    put_run(results, "20260101T000000Z-s", BENCH(",\"tag\":\"v\\\"1\"", METRIC("c/m", "1,1,1")));
    put_run(results, "20260102T000000Z-s",
            BENCH("", METRIC("c/m", "2,2,2") "," METRIC("c/n", "1")));
    put_run(results, "20260104T000000Z-s", "{}");
    if (history_read(&options, &history, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(history.count, 2);
    assert_int_equal(history.unread, 1);
    assert_string_equal(history.points[0].label, "v\"1");
    assert_string_equal(history.points[1].label, "v3");
    history_plot(&history, "m", "out.svg", &plot);
    assert_non_null(strstr(plot.data, "0 1 1 1 \"v\\\"1\"\n1 3 3 3 \"v3 (disturbed)\"\n"));
    history_write(&history, &json);
    assert_non_null(strstr(json.data, "\"disturbed\":\t0"));
    assert_non_null(strstr(json.data, "\"disturbed\":\t2"));
    assert_non_null(strstr(plot.data, "set output \"out.svg\"\n"));
    history_free(&history);
    options.untagged = true;
    options.metric = "c/n";
    assert_int_equal(history_read(&options, &history, &error), 0);
    assert_int_equal(history.count, 1);
    assert_string_equal(history.points[0].label, "2026-01-01T00:00:00Z");
    assert_int_equal(history.name_count, 2);
    history_free(&history);
    directory_remove(results);
}

static void a_name_that_fits_two_is_refused(void **state)
{
    char *results = directory_make();
    struct history_options options = {.results = results, .metric = "m", .untagged = true};
    struct history history = {0};
    struct error error;
    (void)state;

    put_run(results, "1-s", BENCH("", METRIC("c/m", "2") "," METRIC("d/m", "1")));
    assert_int_equal(history_read(&options, &history, &error), -EINVAL);
    assert_string_equal(error.message, "\"m\" may be c/m or d/m: say which");
    directory_remove(results);
}

static void the_newest_of_a_tag_is_opened(void **state)
{
    char *results = directory_make();
    struct record record = {0};
    struct error error;
    (void)state;

    put_run(results, "2-s", BENCH(",\"tag\":\"v1\"", METRIC("m", "2")));
    put_run(results, "1-s", BENCH(",\"tag\":\"v1\"", METRIC("m", "1")));
    if (history_open(results, "v1", false, &record, &error) < 0)
        fail_msg("%s", error.message);
    assert_true(record.metrics[0].values[0] == 2);
    record_free(&record);
    assert_int_equal(history_open(results, "v2", false, &record, &error), -ENOENT);
    assert_non_null(strstr(error.message, "v2 is no file, no directory, and no tag"));
    directory_remove(results);
}

static void a_metric_is_the_same_in_each_run(void **state)
{
    double value = 1;
    struct record record = {0};
    struct metric metric = {.name = (char *)"m",
                            .unit = (char *)"s",
                            .better = METRIC_LOWER,
                            .values = &value,
                            .count = 1};
    struct error error;
    (void)state;

    assert_int_equal(record_add(&record, "c/m", &metric, false, &error), 0);
    metric.unit = (char *)"ms";
    assert_int_equal(record_add(&record, "c/m", &metric, false, &error), -EBADMSG);
    assert_string_equal(error.message, "\"c/m\" was in s, better when lower, and is now in ms, "
                                       "better when lower");
    metric.unit = (char *)"s";
    metric.better = METRIC_HIGHER;
    assert_int_equal(record_add(&record, "c/m", &metric, false, &error), -EBADMSG);
    metric.better = METRIC_LOWER;
    assert_int_equal(record_add(&record, "c/m", &metric, false, &error), 0);
    assert_int_equal(record.metric_count, 1);
    assert_int_equal(record.metrics[0].count, 2);
    record_free(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_kinds_are_read),
        cmocka_unit_test(a_metric_is_the_same_in_each_run),
        cmocka_unit_test(make_bench_says_what_the_machine_was_and_did),
        cmocka_unit_test(what_is_none_of_them_is_refused),
        cmocka_unit_test(another_schema_is_read_where_that_is_wanted),
        cmocka_unit_test(that_it_was_interrupted_is_kept_and_said),
        cmocka_unit_test(what_makes_them_unlike_is_said),
        cmocka_unit_test(other_differences_are_remarks),
        cmocka_unit_test(other_variables_are_a_remark_of_two_sessions),
        cmocka_unit_test(metrics_of_one_name_are_compared),
        cmocka_unit_test(a_machine_that_changed_explains_as_much),
        cmocka_unit_test(disturbed_runs_are_left_out_where_others_are_enough),
        cmocka_unit_test(a_metric_is_never_without_values),
        cmocka_unit_test(what_was_disturbed_tells_no_difference),
        cmocka_unit_test(builds_that_took_turns_are_disturbed_alike_or_not),
        cmocka_unit_test(one_second_is_not_one_session),
        cmocka_unit_test(limits_are_regressions_of_their_own),
        cmocka_unit_test(a_comparison_is_written_without_nan),
        cmocka_unit_test(a_metric_is_found_over_tags),
        cmocka_unit_test(a_name_that_fits_two_is_refused),
        cmocka_unit_test(the_newest_of_a_tag_is_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
