/* Finding suites by name and by path, from a directory of the test's own. */
#include "runner/find.h"

#include "directory.h"

#include <errno.h>

struct fixture {
    char *directory, *before;
    struct found_suites found;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->before = realpath(".", NULL);
    fixture->directory = directory_make();
    assert_int_equal(chdir(fixture->directory), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    found_suites_free(&fixture->found);
    assert_int_equal(chdir(fixture->before), 0);
    directory_remove(fixture->directory);
    free(fixture->before);
    free(fixture);
    return 0;
}

static void make_suites(const struct fixture *fixture)
{
    static const char *const files[] = {"scenarios/zeta.yaml", "scenarios/alpha.yaml",
                                        "scenarios/.hidden.yaml", "scenarios/notes.txt",
                                        "scenarios/tunnel.yml"};

    assert_int_equal(fs_mkdirs("scenarios/alpha", 0755, NULL), 0);
    for (size_t i = 0; i < array_size(files); i++)
        directory_write(fixture->directory, files[i], "name: s\n", 0644);
}

static int find(struct fixture *fixture, const char *const names[], size_t count)
{
    return find_suites((char *const *)names, count, &fixture->found, &fixture->error);
}

static void a_name_is_a_file_of_the_scenarios(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = {"zeta", "alpha", "zeta"};

    make_suites(fixture);
    assert_int_equal(find(fixture, names, 3), 0);
    assert_int_equal(fixture->found.count, 3);
    assert_string_equal(fixture->found.paths[0], "scenarios/zeta.yaml");
    assert_string_equal(fixture->found.paths[1], "scenarios/alpha.yaml");
    assert_string_equal(fixture->found.paths[2], "scenarios/zeta.yaml");
}

/* Whether the file is there shows when it is read. */
static void a_path_is_itself(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = {"./none", "none.yaml", "x.yml", "/a/b"};

    assert_int_equal(find(fixture, names, 4), 0);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(fixture->found.paths[i], names[i]);
}

static void without_names_all_are_found_in_order(void **state)
{
    struct fixture *fixture = *state;

    make_suites(fixture);
    assert_int_equal(find(fixture, NULL, 0), 0);
    assert_true(fixture->found.count >= 2); /* and duet's own, where it has them */
    assert_string_equal(fixture->found.paths[0], "scenarios/alpha.yaml");
    assert_string_equal(fixture->found.paths[1], "scenarios/zeta.yaml");
    for (size_t i = 2; i < fixture->found.count; i++)
        assert_int_equal(fixture->found.paths[i][0], '/');
}

static void a_name_that_is_none_is_told_with_the_nearest(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = {"alpha", "zata"};

    make_suites(fixture);
    assert_int_equal(find(fixture, names, 2), -ENOENT);
    assert_string_equal(fixture->error.message,
                        "there is no suite \"zata\": neither scenarios/zata.yaml here nor one of "
                        "duet's own; a file is named with its .yaml; did you mean \"zeta\"?");
    assert_int_equal(fixture->found.count, 0);
    assert_null(fixture->found.paths);
}

static void a_name_that_is_far_from_all_has_no_suggestion(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = {"quarantine-q"};

    assert_int_equal(find(fixture, names, 1), -ENOENT);
    assert_null(strstr(fixture->error.message, "did you mean"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_name_is_a_file_of_the_scenarios),
        TEST(a_path_is_itself),
        TEST(without_names_all_are_found_in_order),
        TEST(a_name_that_is_none_is_told_with_the_nearest),
        TEST(a_name_that_is_far_from_all_has_no_suggestion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
