/* Verdicts, JUnit, TAP, and what makes a guest's bytes fit to show. */
#include "results_fixture.h"

#include "base/base.h"

#include <errno.h>

static void names_lead_back_to_their_verdicts(void **state)
{
    enum verdict verdict = VERDICT_OOM;

    (void)state;
    for (int i = 0; i < VERDICT_COUNT; i++) {
        assert_true(verdict_from_name(verdict_name((enum verdict)i), &verdict));
        assert_int_equal(verdict, i);
    }
    assert_string_equal(verdict_name(VERDICT_QEMU_DIED), "qemu_died");
    verdict = VERDICT_OOM;
    assert_false(verdict_from_name("Passed", &verdict));
    assert_false(verdict_from_name("", &verdict));
    assert_int_equal(verdict, VERDICT_OOM);
    assert_string_equal(verdict_name((enum verdict)99), "error");
}

static void the_cause_outranks_the_consequence(void **state)
{
    (void)state;
    assert_int_equal(verdict_worse(VERDICT_TIMEOUT, VERDICT_PANIC), VERDICT_PANIC);
    assert_int_equal(verdict_worse(VERDICT_QEMU_DIED, VERDICT_FAILED), VERDICT_QEMU_DIED);
    assert_int_equal(verdict_worse(VERDICT_FAILED, VERDICT_INVALID), VERDICT_INVALID);
    assert_int_equal(verdict_worse(VERDICT_ERROR, VERDICT_QEMU_DIED), VERDICT_ERROR);
    assert_int_equal(verdict_worse(VERDICT_OOPS, VERDICT_PANIC), VERDICT_PANIC);
    assert_int_equal(verdict_worse(VERDICT_PASSED, VERDICT_SKIPPED), VERDICT_SKIPPED);
    assert_int_equal(verdict_worse(VERDICT_PASSED, VERDICT_PASSED), VERDICT_PASSED);
    for (int i = 0; i < VERDICT_PASSED; i++)
        assert_int_not_equal(verdict_worse((enum verdict)i, VERDICT_PASSED), VERDICT_PASSED);
}

static int exit_status_of(size_t count, const enum verdict verdicts[])
{
    struct run_result run = {0};
    int status;

    for (size_t i = 0; i < count; i++)
        run_result_add_case(&run)->verdict = verdicts[i];
    status = run_result_exit_status(&run);
    run_result_free(&run);
    return status;
}

#define exit_status(...)                                                                           \
    exit_status_of(array_size(((enum verdict[]){__VA_ARGS__})), (enum verdict[]){__VA_ARGS__})

static void the_exit_status_sums_a_run_up(void **state)
{
    (void)state;
    assert_int_equal(exit_status(VERDICT_PASSED), 0);
    assert_int_equal(exit_status(VERDICT_SKIPPED, VERDICT_PASSED), 0);
    assert_int_equal(exit_status(VERDICT_SKIPPED, VERDICT_SKIPPED), 4);
    assert_int_equal(exit_status_of(0, NULL), 4);
    assert_int_equal(exit_status(VERDICT_PASSED, VERDICT_FAILED), 1);
    assert_int_equal(exit_status(VERDICT_QEMU_DIED, VERDICT_PASSED), 1);
    assert_int_equal(exit_status(VERDICT_TIMEOUT, VERDICT_SKIPPED), 1);
    assert_int_equal(exit_status(VERDICT_FAILED, VERDICT_ERROR, VERDICT_PASSED), 3);
    assert_int_equal(exit_status(VERDICT_INVALID, VERDICT_PASSED), 3);
}

static void a_verdict_that_nobody_set_is_never_green(void **state)
{
    struct run_result run = {0};

    (void)state;
    run_result_add_case(&run);
    assert_int_equal(run.cases[0].verdict, VERDICT_ERROR);
    assert_int_equal(case_result_add_node(&run.cases[0])->verdict, VERDICT_ERROR);
    assert_int_equal(node_result_add_step(&run.cases[0].nodes[0])->verdict, VERDICT_ERROR);
    run_result_free(&run);
    assert_null(run.cases);
    run_result_free(NULL);
}

static void add_case(struct run_result *run, const char *name, enum verdict verdict,
                     const char *reason)
{
    struct case_result *result = run_result_add_case(run);

    result->name = xstrdup(name);
    result->slug = xasprintf("%zu", run->case_count);
    result->verdict = verdict;
    result->reason = reason ? xstrdup(reason) : NULL;
    result->duration_s = 1.5;
    result->directory = xstrdup("the/directory");
}

static void fill_run(struct run_result *run)
{
    struct node_result *node;
    struct step_result *step;

    run->suite = xstrdup("a \"suite\" & more");
    run->seed = 42;
    run->started = xstrdup("2024-05-01T12:00:00Z");
    run->duration_s = 9;
    add_case(run, "good", VERDICT_PASSED, NULL);
    add_case(run, "bad <1>", VERDICT_FAILED, "exit\x01 \xff status 1\nof ]]> #2");
    add_case(run, "bad <1>", VERDICT_PANIC, "Kernel panic");
    add_case(run, "gone", VERDICT_QEMU_DIED, NULL);
    add_case(run, "later # \\", VERDICT_SKIPPED, "not\nyet");
    node = case_result_add_node(&run->cases[1]);
    node->name = xstrdup("entry");
    node->verdict = VERDICT_FAILED;
    step = node_result_add_step(node);
    step->name = xstrdup("run");
    step->verdict = VERDICT_FAILED;
    step->reason = xstrdup("exit status 1");
}

static void junit_tells_failures_errors_and_skips_apart(void **state)
{
    static const char expected[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuites name=\"a &quot;suite&quot; &amp; more\" tests=\"5\" failures=\"2\" "
        "errors=\"1\" skipped=\"1\" time=\"9.000\">\n"
        "  <testsuite name=\"a &quot;suite&quot; &amp; more\" tests=\"5\" failures=\"2\" "
        "errors=\"1\" skipped=\"1\" time=\"9.000\" timestamp=\"2024-05-01T12:00:00Z\">\n"
        "    <properties>\n"
        "      <property name=\"seed\" value=\"42\"/>\n"
        "    </properties>\n"
        "    <testcase classname=\"a &quot;suite&quot; &amp; more\" name=\"good\" "
        "time=\"1.500\"/>\n"
        "    <testcase classname=\"a &quot;suite&quot; &amp; more\" name=\"bad &lt;1&gt;\" "
        "time=\"1.500\">\n"
        "      <failure type=\"failed\" message=\"exit\xef\xbf\xbd \xef\xbf\xbd status 1&#10;of "
        "]]&gt; #2\">node entry: failed&#10;  step run: failed: exit status 1&#10;directory: "
        "the/directory</failure>\n"
        "    </testcase>\n"
        "    <testcase classname=\"a &quot;suite&quot; &amp; more\" name=\"bad &lt;1&gt; #2\" "
        "time=\"1.500\">\n"
        "      <failure type=\"panic\" message=\"Kernel panic\">directory: "
        "the/directory</failure>\n"
        "    </testcase>\n"
        "    <testcase classname=\"a &quot;suite&quot; &amp; more\" name=\"gone\" time=\"1.500\">\n"
        "      <error type=\"qemu_died\" message=\"qemu_died\">directory: the/directory</error>\n"
        "    </testcase>\n"
        "    <testcase classname=\"a &quot;suite&quot; &amp; more\" name=\"later # \\\" "
        "time=\"1.500\">\n"
        "      <skipped message=\"not&#10;yet\"/>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n";
    struct run_result run = {0};
    cleanup_free char *text = NULL;

    fill_run(&run);
    text = results_written(*state, &run, results_write_junit);
    assert_string_equal(text, expected);
}

static void junit_names_stay_unique(void **state)
{
    struct run_result run = {.suite = xstrdup("s")};
    cleanup_free char *text = NULL;

    add_case(&run, "a #2", VERDICT_PASSED, NULL);
    add_case(&run, "a", VERDICT_PASSED, NULL);
    add_case(&run, "a", VERDICT_PASSED, NULL);
    add_case(&run, "\x01", VERDICT_PASSED, NULL);
    add_case(&run, "\x02", VERDICT_PASSED, NULL);
    text = results_written(*state, &run, results_write_junit);
    assert_non_null(strstr(text, "name=\"a #2\""));
    assert_non_null(strstr(text, "name=\"a\""));
    assert_non_null(strstr(text, "name=\"a #3\""));
    assert_non_null(strstr(text, "name=\"\xef\xbf\xbd\""));
    assert_non_null(strstr(text, "name=\"\xef\xbf\xbd #2\""));
}

static void tap_has_a_line_per_case(void **state)
{
    static const char expected[] =
        "TAP version 14\n"
        "1..5\n"
        "ok 1 - good\n"
        "not ok 2 - bad <1>\n"
        "  ---\n"
        "  verdict: \"failed\"\n"
        "  message: \"exit\xef\xbf\xbd \xef\xbf\xbd status 1\\nof ]]> #2\"\n"
        "  directory: \"the/directory\"\n"
        "  duration_ms: 1500\n"
        "  ...\n"
        "not ok 3 - bad <1>\n"
        "  ---\n"
        "  verdict: \"panic\"\n"
        "  message: \"Kernel panic\"\n"
        "  directory: \"the/directory\"\n"
        "  duration_ms: 1500\n"
        "  ...\n"
        "not ok 4 - gone\n"
        "  ---\n"
        "  verdict: \"qemu_died\"\n"
        "  directory: \"the/directory\"\n"
        "  duration_ms: 1500\n"
        "  ...\n"
        "ok 5 - later \\# \\\\ # SKIP not yet\n";
    struct run_result run = {0};
    cleanup_free char *text = NULL;
    cleanup_free char *none = NULL;

    fill_run(&run);
    text = results_written(*state, &run, results_write_tap);
    assert_string_equal(text, expected);
    none = results_written(*state, &run, results_write_tap);
    assert_string_equal(none, "TAP version 14\n1..0 # SKIP no cases\n");
}

static void a_file_that_cannot_be_written_is_an_error(void **state)
{
    cleanup_free char *path = xasprintf("%s/missing/file", (char *)*state);
    struct run_result run = {.suite = xstrdup("s")};
    struct error error;

    assert_int_equal(results_write_json(&run, path, &error), -ENOENT);
    assert_int_equal(results_write_junit(&run, path, &error), -ENOENT);
    assert_int_equal(results_write_tap(&run, path, &error), -ENOENT);
    assert_non_null(strstr(error.message, path));
    run_result_free(&run);
}

typedef void (*text_fn)(struct buffer *out, const char *bytes, size_t count);

static void assert_text(text_fn convert, const char *bytes, size_t count, const char *expected)
{
    cleanup_buffer struct buffer out = {0};

    convert(&out, bytes, count);
    assert_string_equal(out.data, expected);
}

static void bytes_become_valid_text(void **state)
{
    (void)state;
    assert_text(text_utf8, "", 0, "");
    assert_text(text_utf8, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10,
                "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    /* Overlong, a surrogate, beyond U+10FFFF, a lone continuation, and cut short. */
    assert_text(text_utf8, "\xc0\x80|", 3, "\xef\xbf\xbd\xef\xbf\xbd|");
    assert_text(text_utf8, "\xed\xa0\x80|", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|");
    assert_text(text_utf8, "\xf4\x90\x80\x80|", 5,
                "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|");
    assert_text(text_utf8, "\x80|\xe2\x82", 4, "\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd");
    assert_text(text_xml, "<&>\"'\t\r\n\x1b\0\xef\xbf\xbf", 13,
                "&lt;&amp;&gt;&quot;&apos;&#9;&#13;&#10;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_text(text_printable, "a\r\n\tb\rc\x1b[2J\x7f\xc2\x9b", 14,
                "a\n\tb\xef\xbf\xbd"
                "c\xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd");
}

static void a_hexdump_shows_where_two_strings_part(void **state)
{
    cleanup_buffer struct buffer out = {0};
    char expected[200], found[200];

    (void)state;
    memset(expected, 'A', sizeof expected);
    memset(found, 'A', sizeof found);
    hexdump_difference(&out, expected, sizeof expected, found, sizeof found);
    assert_int_equal(out.length, 0);
    found[50] = 'B';
    found[51] = 'C';
    hexdump_difference(&out, expected, 66, found, 65);
    assert_string_equal(
        out.data,
        "66 bytes expected, 65 found, 3 differ, the first at offset 50 (expected | found)\n"
        "00000010  41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41  "
        "| 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41\n"
        "00000020  41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41  "
        "| 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41\n"
        "00000030  41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41  "
        "| 41 41*42*43 41 41 41 41 41 41 41 41 41 41 41 41\n"
        "00000040  41 41                                            "
        "| 41*--\n");
}

static void a_hexdump_is_bounded(void **state)
{
    cleanup_buffer struct buffer out = {0};
    cleanup_free char *zeroes = xcalloc(1 << 20, 1);
    size_t lines = 0;

    (void)state;
    hexdump_difference(&out, NULL, 0, zeroes, 1 << 20);
    for (size_t i = 0; i < out.length; i++)
        lines += out.data[i] == '\n';
    assert_int_equal(lines, 1 + HEXDUMP_ROWS);
    assert_int_equal(strncmp(out.data, "0 bytes expected, 1048576 found, 1048576 differ", 47), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_back_to_their_verdicts),
        cmocka_unit_test(the_cause_outranks_the_consequence),
        cmocka_unit_test(the_exit_status_sums_a_run_up),
        cmocka_unit_test(a_verdict_that_nobody_set_is_never_green),
        cmocka_unit_test(junit_tells_failures_errors_and_skips_apart),
        cmocka_unit_test(junit_names_stay_unique),
        cmocka_unit_test(tap_has_a_line_per_case),
        cmocka_unit_test(a_file_that_cannot_be_written_is_an_error),
        cmocka_unit_test(bytes_become_valid_text),
        cmocka_unit_test(a_hexdump_shows_where_two_strings_part),
        cmocka_unit_test(a_hexdump_is_bounded),
    };

    return cmocka_run_group_tests_name("results", tests, directory_set_up, directory_tear_down);
}
