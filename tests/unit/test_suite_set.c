/* Variables of a suite that the command line sets. */
#include "directory.h"

#include "runner/suite.h"

#include <errno.h>
#include <stdint.h>

static const char text[] = "vars: {bin: old, files: [a, b], both: \"${bin}!\"}\n"
                           "nodes: {a: {run: 'x ${bin} ${both}'}}\n"
                           "cases: {one: , two: {vars: {bin: own}}}\n";

static int set_up(void **state)
{
    *state = directory_make();
    directory_write(*state, "s.yaml", text, 0600);
    return 0;
}

static int tear_down(void **state)
{
    directory_remove(*state);
    return 0;
}

static int load(void *const *state, struct suite_pair *items, size_t count, struct suite **suite,
                struct error *error)
{
    const char *directory = *state;
    cleanup_free char *path = xasprintf("%s/s.yaml", directory);
    const struct suite_pairs set = {.items = items, .count = count};

    return suite_load_set(path, NULL, &set, suite, error);
}

static void a_value_takes_the_place_of_the_suite_s(void **state)
{
    struct suite_pair set[] = {{(char *)"bin", (char *)"/tmp/new: [1]"}};
    struct suite *suite = NULL;
    struct error error = {0};

    if (load(state, set, 1, &suite, &error))
        fail_msg("%s", error.message);
    assert_string_equal(suite->cases[0].nodes[0].steps[0].run, "x /tmp/new: [1] /tmp/new: [1]!");
    assert_string_equal(suite->cases[1].nodes[0].steps[0].run, "x own own!");
    suite_free(suite);
}

static void nothing_set_changes_nothing(void **state)
{
    struct suite *suite = NULL;

    assert_int_equal(load(state, NULL, 0, &suite, NULL), 0);
    assert_string_equal(suite->cases[0].nodes[0].steps[0].run, "x old old!");
    suite_free(suite);
}

static void the_last_value_counts(void **state)
{
    struct suite_pair set[] = {{(char *)"bin", (char *)"1"}, {(char *)"bin", (char *)"2"}};
    struct suite *suite = NULL;

    assert_int_equal(load(state, set, 2, &suite, NULL), 0);
    assert_string_equal(suite->cases[0].nodes[0].steps[0].run, "x 2 2!");
    suite_free(suite);
}

static void a_variable_that_is_none_is_refused(void **state)
{
    struct suite_pair set[] = {{(char *)"bim", (char *)"1"}};
    struct suite *suite = NULL;
    struct error error;

    assert_int_equal(load(state, set, 1, &suite, &error), -EINVAL);
    assert_non_null(strstr(error.message, "--set bim: the suite "));
    assert_non_null(strstr(error.message, "has no such variable; did you mean \"bin\"?"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_value_takes_the_place_of_the_suite_s),
        TEST(nothing_set_changes_nothing),
        TEST(the_last_value_counts),
        TEST(a_variable_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
