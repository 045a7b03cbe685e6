/* What a guest says, where the report shows it to a person. */
#include "runner/report.h"

#include "base/memory.h"
#include "tests/unit/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct shown {
    struct terminal terminal;
    char *text;
    size_t length;
};

static void open_shown(struct shown *shown)
{
    *shown = (struct shown){0};
    shown->terminal.out = open_memstream(&shown->text, &shown->length);
    shown->terminal.err = stderr;
    assert_non_null(shown->terminal.out);
}

static void close_shown(struct shown *shown)
{
    fclose(shown->terminal.out);
    free(shown->text);
}

/* JSON's \u001b gets an escape character through the token's own check. */
static void the_reason_of_a_skip_cannot_steer_the_terminal(void **state)
{
    struct case_result result = {.name = (char *)"case",
                                 .verdict = VERDICT_SKIPPED,
                                 .reason = (char *)"node: no\033[2J tun\nnot ok"};
    struct shown shown;

    (void)state;
    open_shown(&shown);
    report_case(&shown.terminal, &result, 4);
    assert_null(strchr(shown.text, '\033'));
    assert_non_null(strstr(shown.text, " tun not ok\n"));
    close_shown(&shown);
}

/* The file has a hole of 200 MiB before its last line. */
static void the_end_of_a_large_output_is_shown(void **state)
{
    struct step_result step = {.name = (char *)"flood",
                               .verdict = VERDICT_FAILED,
                               .standard_output = {.path = (char *)"out", .bytes = 200 << 20},
                               .standard_error = {.path = (char *)"err"}};
    struct node_result node = {.name = (char *)"box", .steps = &step, .step_count = 1};
    struct case_result result = {.reason = (char *)"box: step",
                                 .verdict = VERDICT_FAILED,
                                 .nodes = &node,
                                 .node_count = 1,
                                 .directory = (char *)"case"};
    const char *directory = *state;
    cleanup_free char *path = xasprintf("%s/out", directory);
    struct shown shown;
    FILE *file;

    directory_write(directory, "out", "", 0600);
    assert_int_equal(truncate(path, 200 << 20), 0);
    file = fopen(path, "ae");
    assert_non_null(file);
    assert_true(fputs("\nthe reason\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    open_shown(&shown);
    report_failure(&shown.terminal, &result, directory, NULL, "", 0);
    assert_non_null(strstr(shown.text, "standard output (its end)\n"));
    assert_non_null(strstr(shown.text, "          | the reason\n"));
    assert_null(strstr(shown.text, "standard error"));
    close_shown(&shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reason_of_a_skip_cannot_steer_the_terminal),
        cmocka_unit_test_setup_teardown(the_end_of_a_large_output_is_shown, directory_set_up,
                                        directory_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
