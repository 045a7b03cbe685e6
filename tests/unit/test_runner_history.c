/* How long cases took: from the newest runs of the suite, and from nothing else. */
#include "runner/history.h"

#include "directory.h"

enum { CASES = 3 };

static const char *const names[CASES] = {"a", "b", "c"};

static int set_up(void **state)
{
    *state = directory_make();
    return 0;
}

static int tear_down(void **state)
{
    directory_remove(*state);
    return 0;
}

static void put(const char *results, const char *run, const char *text)
{
    cleanup_free char *directory = xasprintf("%s/%s", results, run);

    assert_int_equal(fs_mkdirs(directory, 0755, NULL), 0);
    directory_write(directory, "results.json", text, 0644);
}

static void expect(const char *results, double a, double b, double c)
{
    double durations[CASES];

    history_durations(results, "web", names, CASES, durations);
    assert_true(durations[0] == a);
    assert_true(durations[1] == b);
    assert_true(durations[2] == c);
}

static void a_run_tells_what_it_took(void **state)
{
    put(*state, "20260101T000000Z-web",
        "{\"suite\": \"web\", \"cases\": ["
        "{\"name\": \"c\", \"verdict\": \"failed\", \"duration_s\": 3},"
        "{\"name\": \"a\", \"verdict\": \"passed\", \"duration_s\": 1.5},"
        "{\"name\": \"new\", \"verdict\": \"passed\", \"duration_s\": 9}]}");
    expect(*state, 1.5, -1, 3);
}

/* A skipped or interrupted case took no time, whatever its number is. */
static void only_what_ran_counts(void **state)
{
    put(*state, "20260101T000000Z-web",
        "{\"suite\": \"web\", \"cases\": ["
        "{\"name\": \"a\", \"verdict\": \"skipped\", \"duration_s\": 0},"
        "{\"name\": \"b\", \"verdict\": \"error\", \"duration_s\": 0},"
        "{\"name\": \"c\", \"verdict\": \"timeout\", \"duration_s\": 90}]}");
    expect(*state, -1, -1, 90);
}

static void the_newest_that_knows_is_believed(void **state)
{
    put(*state, "20260102T000000Z-web",
        "{\"suite\": \"web\", \"cases\": ["
        "{\"name\": \"a\", \"verdict\": \"passed\", \"duration_s\": 1},"
        "{\"name\": \"b\", \"verdict\": \"passed\", \"duration_s\": 2}]}");
    put(*state, "20260102T000000Z-web-10",
        "{\"suite\": \"web\", \"cases\": ["
        "{\"name\": \"b\", \"verdict\": \"passed\", \"duration_s\": 30}]}");
    put(*state, "20260102T000000Z-web-9",
        "{\"suite\": \"web\", \"cases\": ["
        "{\"name\": \"b\", \"verdict\": \"passed\", \"duration_s\": 20}]}");
    put(*state, "20251231T000000Z-web",
        "{\"suite\": \"web\", \"cases\": ["
        "{\"name\": \"c\", \"verdict\": \"passed\", \"duration_s\": 4}]}");
    expect(*state, 1, 30, 4);
}

static void other_suites_have_no_say(void **state)
{
    static const char text[] = "{\"suite\": \"web-2\", \"cases\": ["
                               "{\"name\": \"a\", \"verdict\": \"passed\", \"duration_s\": 7}]}";

    put(*state, "20260102T000000Z-web-2", text);
    put(*state, "20260102T000000Z-website", text);
    put(*state, "20260102T000000Z-we", text);
    put(*state, "web", text);
    expect(*state, -1, -1, -1);
}

static void what_is_strange_tells_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "[",
        "[]",
        "null",
        "{\"suite\": 3, \"cases\": []}",
        "{\"suite\": \"web\", \"cases\": 5}",
        "{\"suite\": \"web\", \"cases\": [1, null, \"a\", {}, {\"name\": \"a\"}]}",
        "{\"suite\": \"web\", \"cases\": [{\"name\": \"a\", \"verdict\": \"passed\"}]}",
        "{\"suite\": \"web\", \"cases\": [{\"name\": 1, \"verdict\": \"passed\", "
        "\"duration_s\": 1}]}",
        "{\"suite\": \"web\", \"cases\": [{\"name\": \"a\", \"verdict\": \"green\", "
        "\"duration_s\": 1}]}",
        "{\"suite\": \"web\", \"cases\": [{\"name\": \"a\", \"verdict\": \"passed\", "
        "\"duration_s\": \"1\"}]}",
        "{\"suite\": \"web\", \"cases\": [{\"name\": \"a\", \"verdict\": \"passed\", "
        "\"duration_s\": -5}]}",
    };
    cleanup_free char *nowhere = xasprintf("%s/nowhere", (char *)*state);

    for (size_t i = 0; i < array_size(texts); i++) {
        put(*state, "20260102T000000Z-web", texts[i]);
        expect(*state, -1, -1, -1);
    }
    expect(nowhere, -1, -1, -1);
    history_durations(*state, "web", NULL, 0, NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_run_tells_what_it_took),          TEST(only_what_ran_counts),
        TEST(the_newest_that_knows_is_believed), TEST(other_suites_have_no_say),
        TEST(what_is_strange_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
