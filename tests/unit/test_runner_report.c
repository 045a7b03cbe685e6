/* What a person sees: lines of cases, everything about a bad one, the live line, colours. */
#include "runner/report.h"

#include "directory.h"

#include <fcntl.h>

struct fixture {
    struct terminal terminal;
    char *directory;
    char *out, *err;
    size_t out_length, err_length;
    size_t seen; /* of `out`, by printed */
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->directory = directory_make();
    fixture->terminal.out = open_memstream(&fixture->out, &fixture->out_length);
    fixture->terminal.err = open_memstream(&fixture->err, &fixture->err_length);
    fixture->terminal.columns = 80;
    fixture->terminal.rows = 24;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    fclose(fixture->terminal.out);
    fclose(fixture->terminal.err);
    free(fixture->out);
    free(fixture->err);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

/* What was printed since the last call. */
static const char *printed(struct fixture *fixture)
{
    size_t start = fixture->seen;

    fflush(fixture->terminal.out);
    fixture->seen = fixture->out_length;
    return fixture->out + start;
}

static void a_case_is_one_line(void **state)
{
    struct fixture *fixture = *state;
    struct case_result result = {
        .name = (char *)"tcp", .verdict = VERDICT_PASSED, .duration_s = 3.14};

    report_case(&fixture->terminal, &result, 6);
    assert_string_equal(printed(fixture), "  passed      tcp       3.1 s\n");
    result.verdict = VERDICT_NO_PROGRESS;
    result.name = (char *)"longer-than-six";
    report_case(&fixture->terminal, &result, 6);
    assert_string_equal(printed(fixture), "  no_progress longer-than-six    3.1 s\n");
    result.verdict = VERDICT_SKIPPED;
    result.reason = (char *)"no \033[31mIPv6\nhere";
    report_case(&fixture->terminal, &result, 6);
    assert_string_equal(printed(fixture),
                        "  skipped     longer-than-six          no \xef\xbf\xbd[31mIPv6 here\n");
}

static void what_is_said_moves_no_cursor(void **state)
{
    struct fixture *fixture = *state;

    terminal_say(&fixture->terminal, "server: it says: %s", "\033[2J\ttrue\r");
    fflush(fixture->terminal.err);
    assert_string_equal(fixture->err, "duet: server: it says: \xef\xbf\xbd[2J\ttrue\xef\xbf\xbd\n");
}

static void colours_are_the_terminal_s(void **state)
{
    struct fixture *fixture = *state;
    struct case_result result = {.name = (char *)"tcp", .verdict = VERDICT_PANIC};

    fixture->terminal.color = true;
    report_case(&fixture->terminal, &result, 3);
    assert_string_equal(printed(fixture), "  \033[31mpanic      \033[0m tcp    0.0 s\n");
    assert_string_equal(terminal_verdict_color(&fixture->terminal, VERDICT_PASSED), "\033[32m");
    assert_string_equal(terminal_verdict_color(&fixture->terminal, VERDICT_SKIPPED), "\033[33m");
    fixture->terminal.color = false;
    assert_string_equal(terminal_verdict_color(&fixture->terminal, VERDICT_PANIC), "");
}

/* Standard output is a file here, and NO_COLOR has its say where it is not. */
static void colours_can_be_forced_and_forbidden(void **state)
{
    struct terminal terminal;

    (void)state;
    unsetenv("NO_COLOR");
    terminal_init(&terminal, COLOR_ALWAYS);
    assert_true(terminal.color);
    terminal_init(&terminal, COLOR_NEVER);
    assert_false(terminal.color);
}

/* Opens a terminal as standard output; returns the old one. */
static int use_terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    int before = dup(STDOUT_FILENO);
    int slave;

    fflush(stdout);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return -1;
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    dup2(slave, STDOUT_FILENO);
    close(slave);
    /* `master` stays open, so that the terminal does not hang up. */
    return before;
}

static void no_color_is_respected(void **state)
{
    static const struct {
        const char *no_color, *term;
        bool color;
    } cases[] = {
        {NULL, "xterm", true}, {"", "xterm", true}, {"1", "xterm", false},
        {NULL, "dumb", false}, {NULL, NULL, false},
    };
    bool color[array_size(cases)];
    struct terminal terminal;
    int before;

    (void)state;
    before = use_terminal();
    if (before < 0)
        skip();
    for (size_t i = 0; i < array_size(cases); i++) {
        unsetenv("NO_COLOR");
        unsetenv("TERM");
        if (cases[i].no_color)
            setenv("NO_COLOR", cases[i].no_color, 1);
        if (cases[i].term)
            setenv("TERM", cases[i].term, 1);
        terminal_init(&terminal, COLOR_AUTO);
        color[i] = terminal.color;
    }
    dup2(before, STDOUT_FILENO);
    close(before);
    for (size_t i = 0; i < array_size(cases); i++)
        assert_int_equal(color[i], cases[i].color);
}

static void a_bad_case_is_shown_with_its_evidence(void **state)
{
    struct fixture *fixture = *state;
    struct step_result steps[] = {
        {.name = (char *)"serve",
         .background = true,
         .verdict = VERDICT_PASSED,
         .standard_output = {(char *)"a.out", 0},
         .standard_error = {(char *)"a.err", 0}},
        {.name = (char *)"send",
         .ended = true,
         .verdict = VERDICT_FAILED,
         .reason = (char *)"its standard output is empty",
         .expected = (char *)"hello",
         .found = (char *)"1\n2\n",
         .standard_output = {(char *)"b.out", 0},
         .standard_error = {(char *)"b.err", 15}},
    };
    struct node_result node = {.name = (char *)"entry", .steps = steps, .step_count = 2};
    struct case_result result = {.verdict = VERDICT_FAILED,
                                 .reason = (char *)"entry: step \"send\" failed",
                                 .directory = (char *)"tcp",
                                 .nodes = &node,
                                 .node_count = 1};
    cleanup_free char *expected = xasprintf("      entry: step \"send\" failed\n"
                                            "      node entry, step \"send\": its standard output "
                                            "is empty\n"
                                            "        expected  hello\n"
                                            "        found\n"
                                            "          1\n"
                                            "          2\n"
                                            "        standard error\n"
                                            "          | no \xef\xbf\xbd[1mroute\n"
                                            "          | \n"
                                            "          | x\n"
                                            "      the last 150 lines of entry's console\n"
                                            "        | [    0.1] boot\n"
                                            "      all of it: %s/tcp\n",
                                            fixture->directory);

    directory_write(fixture->directory, "b.err", "no \033[1mroute\n\nx\n", 0644);
    report_failure(&fixture->terminal, &result, fixture->directory, "entry", "[    0.1] boot\r\n",
                   16);
    assert_string_equal(printed(fixture), expected);
}

static void an_empty_expectation_is_a_line(void **state)
{
    struct fixture *fixture = *state;
    struct step_result step = {.name = (char *)"send",
                               .verdict = VERDICT_FAILED,
                               .expected = (char *)"",
                               .found = (char *)"x",
                               .standard_output = {(char *)"out", 0},
                               .standard_error = {(char *)"err", 0}};
    struct node_result node = {.name = (char *)"entry", .steps = &step, .step_count = 1};
    struct case_result result = {
        .verdict = VERDICT_FAILED, .directory = (char *)"tcp", .nodes = &node, .node_count = 1};

    report_failure(&fixture->terminal, &result, "/r", "entry", "", 0);
    assert_string_equal(printed(fixture), "      it has no reason\n"
                                          "      node entry, step \"send\"\n"
                                          "        expected  (nothing)\n"
                                          "        found     x\n"
                                          "      the last 150 lines of entry's console: it is "
                                          "empty\n"
                                          "      all of it: /r/tcp\n");
}

/* What a server said may explain the client's failure; one that said nothing explains nothing. */
static void what_background_processes_said_is_shown(void **state)
{
    struct fixture *fixture = *state;
    struct step_result step = {.name = (char *)"serve",
                               .background = true,
                               .verdict = VERDICT_PASSED,
                               .standard_output = {(char *)"out", 0},
                               .standard_error = {(char *)"err", 5}};
    struct node_result node = {.name = (char *)"exit", .steps = &step, .step_count = 1};
    struct case_result result = {.verdict = VERDICT_FAILED,
                                 .reason = (char *)"r",
                                 .directory = (char *)"tcp",
                                 .nodes = &node,
                                 .node_count = 1};

    directory_write(fixture->directory, "err", "busy\n", 0644);
    report_failure(&fixture->terminal, &result, fixture->directory, NULL, "", 0);
    assert_non_null(strstr(printed(fixture), "node exit, background process \"serve\"\n"
                                             "        standard error\n"
                                             "          | busy\n"));
    step.standard_error.bytes = 0;
    report_failure(&fixture->terminal, &result, fixture->directory, NULL, "", 0);
    assert_null(strstr(printed(fixture), "serve"));
}

static void the_summary_counts(void **state)
{
    struct fixture *fixture = *state;
    struct case_result cases[] = {{.verdict = VERDICT_PASSED},
                                  {.verdict = VERDICT_PANIC},
                                  {.verdict = VERDICT_SKIPPED},
                                  {.verdict = VERDICT_PASSED},
                                  {.verdict = VERDICT_ERROR}};
    const struct run_result run = {.cases = cases, .case_count = 5, .duration_s = 61.24};

    report_summary(&fixture->terminal, &run, 0, "duet-results/x");
    assert_string_equal(printed(fixture),
                        "2 passed, 2 failed, 1 skipped in 61.2 s; results in duet-results/x\n");
    report_summary(&fixture->terminal, &run, 1, "r");
    assert_string_equal(printed(fixture),
                        "2 passed, 1 failed, 1 skipped, 1 interrupted in 61.2 s; results in r\n");
}

/* -- The live line ----------------------------------------------------------------------------- */

static void the_live_line_is_only_for_terminals_and_fits(void **state)
{
    struct fixture *fixture = *state;

    terminal_status(&fixture->terminal, "1/2 %s", "tcp");
    terminal_clear(&fixture->terminal);
    assert_int_equal(fixture->err_length, 0);
    fixture->terminal.live = true;
    fixture->terminal.columns = 8;
    terminal_status(&fixture->terminal, "1/2 %s", "tcp and more");
    assert_string_equal(fixture->err, "1/2 tcp");
    terminal_clear(&fixture->terminal);
    terminal_clear(&fixture->terminal); /* once is enough */
    assert_string_equal(fixture->err, "1/2 tcp\r\033[J");
}

static void troubles_are_told_and_details_when_asked_for(void **state)
{
    struct fixture *fixture = *state;

    terminal_detail(&fixture->terminal, "quiet");
    terminal_say(&fixture->terminal, "no %s", "KVM");
    fixture->terminal.verbose = true;
    terminal_detail(&fixture->terminal, "booting");
    fflush(fixture->terminal.err);
    assert_string_equal(fixture->err, "duet: no KVM\nduet: booting\n");
}

static void a_guest_s_bytes_cannot_steer_the_terminal(void **state)
{
    static const char bytes[] = "\033]0;title\007 \033[2J\b\x7f\x9b"
                                "31m\0\xff\xc3\xa9\r\n\nend";
    struct fixture *fixture = *state;
    const char *text;

    terminal_quote(&fixture->terminal, "| ", bytes, sizeof bytes - 1);
    text = printed(fixture);
    for (const char *at = text; *at; at++)
        assert_true((unsigned char)*at >= 0x20 || *at == '\n');
    assert_non_null(strstr(text, "\xc3\xa9\n| \n| end\n"));
}

static void an_endless_line_is_cut_between_characters(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer line = {0};
    const char *text;

    buffer_append_text(&line, "x");
    for (int i = 0; i < 1000; i++)
        buffer_append_text(&line, "\xc3\xa9");
    terminal_quote(&fixture->terminal, "", line.data, line.length);
    text = printed(fixture);
    assert_memory_equal(text, line.data, 999);
    assert_string_equal(text + 999, " [1002 more bytes]\n");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_case_is_one_line),
        TEST(what_is_said_moves_no_cursor),
        TEST(colours_are_the_terminal_s),
        TEST(colours_can_be_forced_and_forbidden),
        TEST(no_color_is_respected),
        TEST(a_bad_case_is_shown_with_its_evidence),
        TEST(an_empty_expectation_is_a_line),
        TEST(what_background_processes_said_is_shown),
        TEST(the_summary_counts),
        TEST(the_live_line_is_only_for_terminals_and_fits),
        TEST(troubles_are_told_and_details_when_asked_for),
        TEST(a_guest_s_bytes_cannot_steer_the_terminal),
        TEST(an_endless_line_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
