/* A command's output as it arrives, and the judgement of it. */
#include "runner/command.h"

#include "directory.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct fixture {
    char *directory;
    struct suite_expect expect;
    struct command *command;
    struct step_result result;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->directory = directory_make();
    *state = fixture;
    return 0;
}

static void drop_result(struct fixture *fixture)
{
    struct node_result holder = {.steps = xmalloc(sizeof fixture->result), .step_count = 1};

    holder.steps[0] = fixture->result;
    node_result_free(&holder);
    fixture->result = (struct step_result){0};
}

static void drop(struct fixture *fixture)
{
    drop_result(fixture);
    command_free(fixture->command);
    fixture->command = NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    drop(fixture);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

static int make_in(struct fixture *fixture, const char *directory, bool step, struct error *error)
{
    const struct command_spec spec = {.name = "transfer",
                                      .expect = step ? &fixture->expect : NULL,
                                      .directory = directory,
                                      .relative = "case/node",
                                      .file = "02-transfer"};

    drop(fixture);
    return command_new(&spec, &fixture->command, error);
}

static void make(struct fixture *fixture)
{
    assert_int_equal(make_in(fixture, fixture->directory, true, NULL), 0);
}

static void says(struct fixture *fixture, const char *text)
{
    command_output(fixture->command, false, text, strlen(text));
}

static void ends(struct fixture *fixture, int status, int signal)
{
    command_finished(
        fixture->command,
        &(struct control_end){.status = status, .signal = signal, .duration_ms = 1500});
}

static void judged(struct fixture *fixture, enum verdict verdict, const char *reason,
                   const char *expected, const char *found)
{
    struct step_result *result = &fixture->result;

    command_result(fixture->command, result);
    assert_string_equal(verdict_name(result->verdict), verdict_name(verdict));
    assert_true(!result->reason == !reason);
    if (reason)
        assert_string_equal(result->reason, reason);
    assert_true(!result->expected == !expected);
    if (expected)
        assert_string_equal(result->expected, expected);
    assert_true(!result->found == !found);
    if (found)
        assert_string_equal(result->found, found);
}

/* -- Files ------------------------------------------------------------------------------------- */

/* What came first is known, whichever stream it was on. */
static void the_times_of_both_are_in_one_file(void **state)
{
    struct fixture *fixture = *state;
    double at[3];
    char *times;

    make(fixture);
    says(fixture, "one ");
    command_output(fixture->command, true, "error", 5);
    says(fixture, "two");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    assert_string_equal(fixture->result.times, "case/node/02-transfer.times");
    times = directory_read(fixture->directory, "02-transfer.times");
    assert_int_equal(
        sscanf(times, "%lf stdout 4\n%lf stderr 5\n%lf stdout 3\n", &at[0], &at[1], &at[2]), 3);
    assert_true(at[0] >= 0 && at[0] <= at[1] && at[1] <= at[2]);
    free(times);
}

static void a_flood_of_pieces_has_no_times_without_end(void **state)
{
    struct fixture *fixture = *state;
    char *times;

    make(fixture);
    for (int i = 0; i < COMMAND_TIMES_BYTES_MAX / 16; i++)
        says(fixture, "x");
    times = directory_read(fixture->directory, "02-transfer.times");
    assert_in_range(strlen(times), COMMAND_TIMES_BYTES_MAX - 64, COMMAND_TIMES_BYTES_MAX);
    assert_null(command_trouble(fixture->command));
    free(times);
}

static void both_outputs_go_to_files(void **state)
{
    struct fixture *fixture = *state;
    char *out, *err;

    make(fixture);
    says(fixture, "one ");
    command_output(fixture->command, true, "err\0or", 6);
    says(fixture, "two");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    assert_string_equal(fixture->result.name, "transfer");
    assert_true(fixture->result.started);
    assert_true(fixture->result.ended);
    assert_false(fixture->result.background);
    assert_true(fixture->result.duration_s == 1.5);
    assert_string_equal(fixture->result.standard_output.path, "case/node/02-transfer.stdout");
    assert_int_equal(fixture->result.standard_output.bytes, 7);
    assert_string_equal(fixture->result.standard_error.path, "case/node/02-transfer.stderr");
    assert_int_equal(fixture->result.standard_error.bytes, 6);
    out = directory_read(fixture->directory, "02-transfer.stdout");
    err = directory_read(fixture->directory, "02-transfer.stderr");
    assert_string_equal(out, "one two");
    assert_memory_equal(err, "err\0or", 6);
    free(out);
    free(err);
    assert_null(command_trouble(fixture->command));
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *none = xasprintf("%s/none", fixture->directory);
    struct error error = {0};

    assert_int_equal(make_in(fixture, none, true, &error), -ENOENT);
    assert_null(fixture->command);
    assert_non_null(strstr(error.message, "none/02-transfer.stdout: No such file"));
}

static void a_second_file_that_cannot_be_made_is_an_error_too(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *in_the_way = xasprintf("%s/02-transfer.stderr", fixture->directory);
    struct error error = {0};

    assert_int_equal(fs_mkdirs(in_the_way, 0755, NULL), 0);
    assert_int_equal(make_in(fixture, fixture->directory, true, &error), -EISDIR);
    assert_null(fixture->command);
}

static void a_full_disk_is_told_and_the_checks_go_on(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *path = xasprintf("%s/02-transfer.stdout", fixture->directory);

    if (access("/dev/full", W_OK) < 0)
        skip();
    assert_int_equal(symlink("/dev/full", path), 0);
    fixture->expect.output = (char *)"hello";
    make(fixture);
    says(fixture, "hel");
    says(fixture, "lo");
    assert_string_equal(command_trouble(fixture->command),
                        "case/node/02-transfer.stdout is cut short: cannot write: No space left on "
                        "device");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
}

static void write_over_the_size_limit(struct fixture *fixture)
{
    const struct rlimit limit = {.rlim_cur = 4, .rlim_max = 4};

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        _exit(1);
    command_output(fixture->command, false, "hello", 5);
    if (!command_trouble(fixture->command) ||
        !strstr(command_trouble(fixture->command), "File too large"))
        _exit(2);
    _exit(0);
}

static void a_file_size_limit_is_told(void **state)
{
    struct fixture *fixture = *state;
    int status;
    pid_t pid;

    make(fixture);
    pid = fork();
    if (pid == 0)
        write_over_the_size_limit(fixture);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* Into /dev/null: the limit is duet's, whatever the disk has. */
static void a_flood_ends_the_file_and_not_the_digest(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *path = xasprintf("%s/02-transfer.stdout", fixture->directory);
    size_t size = 1 << 20;
    cleanup_free char *chunk = xcalloc(1, size);

    assert_int_equal(symlink("/dev/null", path), 0);
    /* `head -c 268435457 /dev/zero | sha256sum` */
    fixture->expect.output_sha256 =
        (char *)"da6ce8755151acd05195db67ebce3ee0fb5f4012e71e821cc5750f3304eaf41e";
    make(fixture);
    for (size_t written = 0; written < COMMAND_FILE_BYTES_MAX; written += size)
        command_output(fixture->command, false, chunk, size);
    assert_null(command_trouble(fixture->command));
    command_output(fixture->command, false, chunk, 1);
    assert_string_equal(command_trouble(fixture->command),
                        "case/node/02-transfer.stdout is cut short: it has reached its limit of "
                        "256 MiB");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    assert_int_equal(fixture->result.standard_output.bytes, (uint64_t)COMMAND_FILE_BYTES_MAX + 1);
}

/* -- Judgement --------------------------------------------------------------------------------- */

static void a_status_is_judged(void **state)
{
    struct fixture *fixture = *state;

    make(fixture);
    ends(fixture, 3, 0);
    judged(fixture, VERDICT_FAILED, "it ended with exit status 3, expected exit status 0",
           "exit status 0", "exit status 3");
    fixture->expect.status = 3;
    make(fixture);
    ends(fixture, 3, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    make(fixture);
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_FAILED, "it ended with exit status 0, expected exit status 3",
           "exit status 3", "exit status 0");
    fixture->expect.status = 0;
    make(fixture);
    ends(fixture, 127, 0);
    judged(fixture, VERDICT_FAILED,
           "it ended with exit status 127, expected exit status 0: the guest has no such program, "
           "perhaps; programs go into `files:`",
           "exit status 0", "exit status 127");
}

static void a_signal_is_judged(void **state)
{
    struct fixture *fixture = *state;

    make(fixture);
    ends(fixture, 139, 11);
    judged(fixture, VERDICT_FAILED,
           "it was ended by signal 11 (Segmentation fault), expected exit status 0",
           "exit status 0", "ended by signal 11 (Segmentation fault)");
    assert_int_equal(fixture->result.signal, 11);
    fixture->expect.status = 143;
    make(fixture);
    ends(fixture, 143, 15);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
}

static void a_timeout_is_no_failure(void **state)
{
    struct fixture *fixture = *state;
    const struct control_end end = {
        .status = 143, .signal = 15, .timed_out = true, .duration_ms = 10040};

    fixture->expect.status = 143;
    make(fixture);
    command_finished(fixture->command, &end);
    judged(fixture, VERDICT_TIMEOUT, "it ran into its timeout after 10.0 s", NULL, NULL);
    assert_true(fixture->result.timed_out);
}

static void an_output_is_compared_byte_for_byte(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer difference = {0};

    fixture->expect.output = (char *)"hello\n";
    make(fixture);
    says(fixture, "hello\n");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    make(fixture);
    says(fixture, "hello\r\n");
    ends(fixture, 0, 0);
    hexdump_difference(&difference, "hello\n", 6, "hello\r\n", 7);
    judged(fixture, VERDICT_FAILED, "its standard output is another", "hello\n", difference.data);
    make(fixture);
    ends(fixture, 0, 0);
    buffer_clear(&difference);
    hexdump_difference(&difference, "hello\n", 6, "", 0);
    judged(fixture, VERDICT_FAILED, "its standard output is empty", "hello\n", difference.data);
    make(fixture);
    command_output(fixture->command, false, "hello\n\0", 7);
    ends(fixture, 0, 0);
    command_result(fixture->command, &fixture->result);
    assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
}

static void no_output_can_be_expected(void **state)
{
    struct fixture *fixture = *state;

    fixture->expect.output = (char *)"";
    make(fixture);
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    make(fixture);
    says(fixture, "x");
    ends(fixture, 0, 0);
    command_result(fixture->command, &fixture->result);
    assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
    assert_string_equal(fixture->result.expected, "");
}

/* More than is kept for messages. */
static void a_long_output_is_not_equal_by_its_beginning(void **state)
{
    struct fixture *fixture = *state;
    size_t size = COMMAND_KEPT_BYTES + 10;
    cleanup_free char *expected = xmalloc(size + 1);

    memset(expected, 'a', size);
    expected[size] = '\0';
    fixture->expect.output = expected;
    make(fixture);
    command_output(fixture->command, false, expected, size);
    ends(fixture, 0, 0);
    command_result(fixture->command, &fixture->result);
    assert_int_equal(fixture->result.verdict, VERDICT_FAILED);
}

static void a_digest_is_compared(void **state)
{
    static const char hello[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    static const char nothing[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct fixture *fixture = *state;

    fixture->expect.output_sha256 = (char *)hello;
    make(fixture);
    says(fixture, "hel");
    says(fixture, "lo");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    make(fixture);
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_FAILED, "its standard output is empty",
           "SHA-256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
           "SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 of 0 bytes");
    fixture->expect.output_sha256 = (char *)nothing;
    make(fixture);
    says(fixture, "hello");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_FAILED, "its standard output has another SHA-256",
           "SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
           "SHA-256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 of 5 bytes");
}

/* Across two frames, and behind what is kept for messages. */
static void a_part_is_found_wherever_it_stands(void **state)
{
    struct fixture *fixture = *state;
    size_t size = COMMAND_KEPT_BYTES - 1;
    cleanup_free char *filler = xmalloc(size);

    memset(filler, 'k', size);
    fixture->expect.output_has = (char *)"key";
    make(fixture);
    command_output(fixture->command, false, filler, size);
    says(fixture, "e");
    says(fixture, "y...");
    says(fixture, "and more");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    make(fixture);
    command_output(fixture->command, true, "key", 3);
    says(fixture, "ke");
    says(fixture, "xy");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_FAILED, "its standard output lacks what was expected",
           "\"key\" in its standard output", "4 bytes without it");
}

static void what_comes_later_changes_no_judgement(void **state)
{
    struct fixture *fixture = *state;
    char *text;

    fixture->expect.output = fixture->expect.output_has = (char *)"hello";
    make(fixture);
    says(fixture, "hello");
    ends(fixture, 0, 0);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    says(fixture, " again");
    drop_result(fixture);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    assert_int_equal(fixture->result.standard_output.bytes, 11);
    text = directory_read(fixture->directory, "02-transfer.stdout");
    assert_string_equal(text, "hello again");
    free(text);
}

static void a_background_process_is_not_judged(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(make_in(fixture, fixture->directory, false, NULL), 0);
    says(fixture, "listening");
    ends(fixture, 143, 15);
    judged(fixture, VERDICT_PASSED, NULL, NULL, NULL);
    assert_true(fixture->result.background);
    assert_int_equal(fixture->result.signal, 15);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(both_outputs_go_to_files),
        TEST(the_times_of_both_are_in_one_file),
        TEST(a_flood_of_pieces_has_no_times_without_end),
        TEST(a_directory_that_is_not_there_is_an_error),
        TEST(a_second_file_that_cannot_be_made_is_an_error_too),
        TEST(a_full_disk_is_told_and_the_checks_go_on),
        TEST(a_file_size_limit_is_told),
        TEST(a_flood_ends_the_file_and_not_the_digest),
        TEST(a_status_is_judged),
        TEST(a_signal_is_judged),
        TEST(a_timeout_is_no_failure),
        TEST(an_output_is_compared_byte_for_byte),
        TEST(no_output_can_be_expected),
        TEST(a_long_output_is_not_equal_by_its_beginning),
        TEST(a_digest_is_compared),
        TEST(a_part_is_found_wherever_it_stands),
        TEST(what_comes_later_changes_no_judgement),
        TEST(a_background_process_is_not_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
