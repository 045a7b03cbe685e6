/* What `stdout_contains` finds: anywhere in standard output, however it is cut into frames. */
#include "runner/command.h"

#include "tests/unit/directory.h"

enum { FRAME = 16384, FRAMES = 128 }; /* 2 MiB */

static struct command *make(const char *directory, const struct suite_expect *expect)
{
    struct command_spec spec = {.name = "step",
                                .expect = expect,
                                .directory = directory,
                                .relative = "case/node",
                                .file = "01-step"};
    struct command *command = NULL;

    assert_int_equal(command_new(&spec, &command, NULL), 0);
    return command;
}

static void say(struct command *command, bool standard_error, const char *text)
{
    command_output(command, standard_error, text, strlen(text));
}

static void flood(struct command *command)
{
    static char frame[FRAME];

    memset(frame, 'n', sizeof frame);
    for (int i = 0; i < FRAMES; i++)
        command_output(command, false, frame, sizeof frame);
}

/* Ends it and frees it. */
static void judge(struct command *command, enum verdict verdict, const char *found)
{
    struct node_result holder = {0};
    struct step_result *result = node_result_add_step(&holder);
    struct control_end end = {0};

    command_finished(command, &end);
    command_result(command, result);
    assert_int_equal(result->verdict, verdict);
    if (found)
        assert_string_equal(result->found, found);
    node_result_free(&holder);
    command_free(command);
}

static void it_is_found_behind_two_mebibytes(void **state)
{
    struct suite_expect expect = {.output_has = (char *)"needle"};
    struct command *command = make(*state, &expect);

    flood(command);
    say(command, false, "needle");
    judge(command, VERDICT_PASSED, NULL);
}

static void it_is_found_across_frames(void **state)
{
    struct suite_expect expect = {.output_has = (char *)"needle"};
    struct command *command = make(*state, &expect);

    flood(command);
    say(command, false, "nee");
    say(command, false, "d");
    say(command, false, "le");
    judge(command, VERDICT_PASSED, NULL);
}

static void standard_error_does_not_count(void **state)
{
    struct suite_expect expect = {.output_has = (char *)"needle"};
    struct command *command = make(*state, &expect);

    say(command, false, "need");
    say(command, true, "needle");
    say(command, false, "les");
    judge(command, VERDICT_PASSED, NULL);
    command = make(*state, &expect);
    flood(command);
    say(command, true, "needle");
    say(command, false, "need-le");
    judge(command, VERDICT_FAILED, "2097159 bytes without it");
}

static void nothing_is_in_everything(void **state)
{
    struct suite_expect expect = {.output_has = (char *)""};

    judge(make(*state, &expect), VERDICT_PASSED, NULL);
}

int main(void)
{
#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, directory_set_up, directory_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_found_behind_two_mebibytes),
        TEST(it_is_found_across_frames),
        TEST(standard_error_does_not_count),
        TEST(nothing_is_in_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
