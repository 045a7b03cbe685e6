/* Cases of other suites, as `duet shrink` writes them. */
#include "runner/suite.h"

#include "directory.h"

#include <errno.h>

static const char base[] = "name: base\n"
                           "matrix: {loss: [5%, 30%]}\n"
                           "timeout: 33s\n"
                           "nodes: {exit: , entry: {run: x}}\n"
                           "links:\n"
                           "  - {nodes: [entry, exit], subnet: 10.0.0.0/24, impair: {loss: "
                           "\"${loss}\", delay: 5ms, changes: [{at: 9, down: true}]}}\n";

static char *directory;

static int set_up(void **state)
{
    (void)state;
    directory = directory_make();
    directory_write(directory, "base.yaml", base, 0644);
    directory_write(directory, "again.yaml", "shrunk: {suite: again.yaml, case: x}\n", 0644);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    directory_remove(directory);
    return 0;
}

static struct suite *loaded(const char *text)
{
    cleanup_free char *path = xasprintf("%s/shrunk.yaml", directory);
    struct suite *suite = NULL;
    struct error error = {0};

    directory_write(directory, "shrunk.yaml", text, 0644);
    if (suite_load(path, NULL, &suite, &error) < 0)
        fail_msg("%s", error.message);
    return suite;
}

static void it_is_the_case_with_another_impairment(void **state)
{
    struct suite *suite = loaded("shrunk:\n"
                                 "  suite: base.yaml\n"
                                 "  case: loss=30%\n"
                                 "  seed: 18446744073709551615\n"
                                 "  impair: {entry-exit: {from: {exit: {loss: 12%, loss.limit: "
                                 "3}}}}\n");
    const struct suite_link *link = &suite->cases[0].links[0];
    (void)state;

    assert_string_equal(suite->name, "shrunk");
    assert_int_equal(suite->case_count, 1);
    assert_string_equal(suite->cases[0].name, "loss=30%");
    assert_true(suite->cases[0].timeout_ns == 33000000000);
    assert_true(suite->has_seed && suite->seed == UINT64_MAX);
    assert_true(impair_is_none(&link->impair[0]));
    assert_int_equal(link->impair[1].loss.random.ppb, 120000000);
    assert_int_equal(link->impair[1].loss.limit, 3);
    assert_int_equal(link->impair[1].delay.mean_ns, 0);
    assert_int_equal(link->changes.count, 1);
    suite_free(suite);
}

static void what_it_does_not_name_stays(void **state)
{
    struct suite *suite = loaded("name: other\nsummary: What is left\n"
                                 "shrunk: {suite: base.yaml, case: loss=5%}\n");
    (void)state;

    assert_string_equal(suite->name, "other");
    assert_string_equal(suite->summary, "What is left");
    assert_false(suite->has_seed);
    assert_int_equal(suite->cases[0].links[0].impair[0].loss.random.ppb, 50000000);
    suite_free(suite);
    suite =
        loaded("shrunk: {suite: base.yaml, case: loss=5%, impair: {entry-exit: {changes: []}}}");
    assert_int_equal(suite->cases[0].links[0].changes.count, 0);
    assert_true(impair_is_none(&suite->cases[0].links[0].impair[0]));
    suite_free(suite);
}

static void it_may_be_of_one_that_was_shrunk_before(void **state)
{
    struct suite *suite;
    (void)state;

    directory_write(directory, "less.yaml",
                    "shrunk: {suite: base.yaml, case: loss=30%, seed: 7, impair: {entry-exit: "
                    "{loss: 20%, delay: 5ms}}}",
                    0644);
    suite = loaded("shrunk: {suite: less.yaml, case: loss=30%, impair: {entry-exit: {loss: 9%}}}");
    assert_string_equal(suite->name, "shrunk");
    assert_true(suite->cases[0].timeout_ns == 33000000000);
    assert_int_equal(suite->cases[0].links[0].impair[0].loss.random.ppb, 90000000);
    assert_int_equal(suite->cases[0].links[0].impair[0].delay.mean_ns, 0);
    assert_true(suite->has_seed && suite->seed == 7);
    suite_free(suite);
}

/* By the digest a replay knows whether it runs what was run. */
static void either_file_s_change_changes_its_digest(void **state)
{
    static const char text[] = "shrunk: {suite: base.yaml, case: loss=30%}";
    cleanup_free char *changed = xasprintf("%s# a remark\n", base);
    struct suite *first = loaded(text), *same = loaded(text), *own, *other;
    (void)state;

    own = loaded("shrunk: {suite: base.yaml, case: loss=30%, seed: 1}");
    directory_write(directory, "base.yaml", changed, 0644);
    other = loaded(text);
    assert_string_equal(first->digest, same->digest);
    assert_string_not_equal(first->digest, own->digest);
    assert_string_not_equal(first->digest, other->digest);
    suite_free(first);
    suite_free(same);
    suite_free(own);
    suite_free(other);
}

static void mistakes_have_a_place(void **state)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"shrunk: {suite: base.yaml, case: loss=6%}",
         "base.yaml has no case \"loss=6%\"; did you mean \"loss=5%\""},
        {"shrunk: {suite: base.yaml, case: loss=5%, impair: {entry-exut: {loss: 1%}}}",
         "impair: the case has no link \"entry-exut\""},
        {"shrunk: {suite: base.yaml, case: loss=5%, impair: {entry-exit: {loss: 120%}}}",
         "shrunk.yaml:1:71: loss"},
        {"shrunk: {suite: base.yaml, case: loss=5%, impair: {entry-exit: {from: {x: {loss: 1%}}}}}",
         "x"},
        {"shrunk: {suite: base.yaml, case: loss=5%, seed: -1}", "seed"},
        {"shrunk: {suite: base.yaml, case: loss=5%}\nnodes: {a: {run: x}}",
         "shrunk.yaml:2:1: the key \"nodes\" beside shrunk"},
        {"shrunk: {suite: base.yaml}", "without the key \"case\""},
        {"shrunk: {suite: none.yaml, case: x}", "none.yaml"},
        {"shrunk: {suite: again.yaml, case: x}", "a case of another suite, 8 files deep"},
        {"shrunk: 3", "expected the keys of a shrunk case"},
    };
    (void)state;

    for (size_t i = 0; i < array_size(wrong); i++) {
        cleanup_free char *path = xasprintf("%s/shrunk.yaml", directory);
        struct suite *suite = NULL;
        struct error error = {0};

        directory_write(directory, "shrunk.yaml", wrong[i].text, 0644);
        if (suite_load(path, NULL, &suite, &error) == 0)
            fail_msg("it loads: %s", wrong[i].text);
        if (!strstr(error.message, wrong[i].says))
            fail_msg("%s\nexpected: %s", error.message, wrong[i].says);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_the_case_with_another_impairment),
        TEST(what_it_does_not_name_stays),
        TEST(it_may_be_of_one_that_was_shrunk_before),
        TEST(either_file_s_change_changes_its_digest),
        TEST(mistakes_have_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
