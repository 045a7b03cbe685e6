/* The kernels of a suite's cases: from the file, from --kernel, and in the cases' names. */
#include "directory.h"

#include "runner/suite.h"

#include <errno.h>
#include <stdint.h>

#define cleanup_suite __attribute__((cleanup(free_suite)))

static void free_suite(struct suite **suite)
{
    suite_free(*suite);
}

/* In `directory`, as the file s.yaml. */
static int load_in(const char *directory, const char *text, const char *kernels,
                   struct suite **suite, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/s.yaml", directory);

    directory_write(directory, "s.yaml", text, 0600);
    return suite_load(path, kernels, suite, error);
}

static struct suite *load(void *const *state, const char *text, const char *kernels)
{
    struct suite *suite = NULL;
    struct error error = {0};

    if (load_in(*state, text, kernels, &suite, &error))
        fail_msg("%s", error.message);
    return suite;
}

#define NODES "nodes: {a: {run: 'x ${case}'}}\n"

struct expected {
    const char *name, *kernel;
};

static void check_cases(const struct suite *suite, const struct expected expected[], size_t count)
{
    for (size_t i = 0; i < count && i < suite->case_count; i++) {
        const struct suite_case *built = &suite->cases[i];
        cleanup_free char *run = xasprintf("x %s", expected[i].name);

        assert_string_equal(built->name, expected[i].name);
        assert_string_equal(built->kernel, expected[i].kernel);
        assert_string_equal(built->nodes[0].steps[0].run, run);
    }
    assert_int_equal(suite->case_count, count);
}

#define CHECK(text, kernels, ...)                                                                  \
    do {                                                                                           \
        static const struct expected expected_[] = {__VA_ARGS__};                                  \
        cleanup_suite struct suite *suite_ = load(state, text, kernels);                           \
        check_cases(suite_, expected_, array_size(expected_));                                     \
    } while (0)

static void one_kernel_is_in_no_name(void **state)
{
    CHECK(NODES, NULL, {"s", "debian"});
    CHECK("kernel: small\n" NODES, NULL, {"s", "small"});
    CHECK("kernels: [small]\n" NODES, NULL, {"s", "small"});
    CHECK("kernel: small\n" NODES, "host", {"s", "host"});
    CHECK("kernels: [debian, small]\n" NODES, "host", {"s", "host"});
}

static void several_make_a_case_each(void **state)
{
    CHECK("kernels: [debian, small]\n" NODES, NULL, {"s,kernel=debian", "debian"},
          {"s,kernel=small", "small"});
    CHECK("kernels: [debian, small]\nmatrix: {n: [1, 2]}\n" NODES, NULL,
          {"n=1,kernel=debian", "debian"}, {"n=1,kernel=small", "small"},
          {"n=2,kernel=debian", "debian"}, {"n=2,kernel=small", "small"});
    CHECK("vars: {all: [debian, '${one}'], one: small}\nkernels: '${all}'\n" NODES, NULL,
          {"s,kernel=debian", "debian"}, {"s,kernel=small", "small"});
}

static void a_case_s_own_replace_the_suite_s(void **state)
{
    CHECK("kernels: [debian, small]\n"
          "cases: {a: , b: {kernel: host}, c: {kernels: [host, small]}}\n" NODES,
          NULL, {"a,kernel=debian", "debian"}, {"a,kernel=small", "small"}, {"b", "host"},
          {"c,kernel=host", "host"}, {"c,kernel=small", "small"});
    CHECK("kernel: debian\ncases: {a: , b: {kernels: [host, small]}}\n" NODES, NULL,
          {"a", "debian"}, {"b,kernel=host", "host"}, {"b,kernel=small", "small"});
}

static void the_option_replaces_all_that_the_file_says(void **state)
{
    CHECK("kernel: debian\ncases: {a: , b: {kernels: [x, y, z]}}\n" NODES, "small,host",
          {"a,kernel=small", "small"}, {"a,kernel=host", "host"}, {"b,kernel=small", "small"},
          {"b,kernel=host", "host"});
}

/* What it says must be right all the same. */
static void the_option_hides_no_mistake(void **state)
{
    struct suite *suite = NULL;
    struct error error = {0};

    assert_int_equal(load_in(*state, "kernels: [a, a]\n" NODES, "small", &suite, &error), -EINVAL);
    assert_non_null(strstr(error.message, "s.yaml:1:14: kernels: the kernel \"a\" is here twice"));
}

static void paths_are_called_by_their_last_part(void **state)
{
    CHECK("kernels: [/b/vmlinux, vmlinux, /c/vmlinux, '/d e,f/g h,i=~j', /tree/, /]\n" NODES, NULL,
          {"s,kernel=vmlinux-2", "/b/vmlinux"}, {"s,kernel=vmlinux", "vmlinux"},
          {"s,kernel=vmlinux-3", "/c/vmlinux"}, {"s,kernel=g-h-i--j", "/d e,f/g h,i=~j"},
          {"s,kernel=tree", "/tree/"}, {"s,kernel=root", "/"});
    CHECK("kernels: ['https://x/a/k.deb?b=/c#sha256=12', "
          "/x/k123456789012345678901234567890123456789z]\n" NODES,
          NULL, {"s,kernel=k.deb", "https://x/a/k.deb?b=/c#sha256=12"},
          {"s,kernel=k123456789012345678901234567890123456789",
           "/x/k123456789012345678901234567890123456789z"});
}

static void paths_start_at_the_suite_s_file_and_the_option_s_where_duet_runs(void **state)
{
    cleanup_suite struct suite *suite = load(state, "kernels: [./k, x/l, m]\n" NODES, NULL);
    cleanup_suite struct suite *given = load(state, NODES, "./k,m");
    cleanup_free char *kernel = xasprintf("%s/./k", (char *)*state);
    cleanup_free char *other = xasprintf("%s/x/l", (char *)*state);

    assert_int_equal(suite->case_count, 3);
    assert_string_equal(suite->cases[0].kernel, kernel);
    assert_string_equal(suite->cases[1].kernel, other);
    assert_string_equal(suite->cases[2].kernel, "m");
    assert_string_equal(given->cases[0].kernel, "./k");
}

static void slugs_are_unique_and_say_the_kernel(void **state)
{
    cleanup_suite struct suite *suite =
        load(state, "kernels: [/a/k, /b/k]\nmatrix: {v: [a b, a-b]}\n" NODES, NULL);
    static const char *const slugs[] = {"a-b-kernel=k", "a-b-kernel=k-2", "a-b-kernel=k~2",
                                        "a-b-kernel=k-2~2"};

    assert_int_equal(suite->case_count, array_size(slugs));
    for (size_t i = 0; i < array_size(slugs); i++)
        assert_string_equal(suite->cases[i].slug, slugs[i]);
}

static void a_comma_of_a_url_is_its_own(void **state)
{
    CHECK(NODES, "https://x/a,b#sha256=12", {"s", "https://x/a,b#sha256=12"});
    CHECK(NODES, "https://x/a,b", {"s", "https://x/a,b"});
    CHECK(NODES, "small,https://x/a,b#sha256=12,https://x/c#sha256=34,/d/e",
          {"s,kernel=small", "small"}, {"s,kernel=a-b", "https://x/a,b#sha256=12"},
          {"s,kernel=c", "https://x/c#sha256=34"}, {"s,kernel=e", "/d/e"});
}

static void a_comma_of_a_path_is_its_own_where_the_path_is_there(void **state)
{
    cleanup_free char *path = xasprintf("%s/k,l", (char *)*state);
    cleanup_free char *both = xasprintf("%s,debian", path);
    cleanup_suite struct suite *before = load(state, NODES, path);
    cleanup_suite struct suite *alone = NULL;
    cleanup_suite struct suite *among = NULL;

    directory_write(*state, "k,l", "", 0600);
    alone = load(state, NODES, path);
    among = load(state, NODES, both);
    assert_int_equal(before->case_count, 2);
    assert_int_equal(alone->case_count, 1);
    assert_string_equal(alone->cases[0].kernel, path);
    assert_int_equal(among->case_count, 3);
}

static void an_option_that_cannot_be_is_told(void **state)
{
    static const char *const bad[][2] = {
        {"", "--kernel: nothing at all"},
        {",", "--kernel: nothing before or after a comma"},
        {"a,", "--kernel: nothing before or after a comma"},
        {"a,,b", "--kernel: nothing before or after a comma"},
        {"a,b,a", "--kernel: \"a\" is here twice"},
    };

    for (size_t i = 0; i < array_size(bad); i++) {
        struct suite *suite = NULL;
        struct error error = {0};

        assert_int_equal(load_in(*state, NODES, bad[i][0], &suite, &error), -EINVAL);
        assert_ptr_equal(strstr(error.message, bad[i][1]), error.message);
        assert_null(suite);
    }
}

static char *numbered(size_t count)
{
    struct buffer text = {0};

    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%sk%zu", i ? "," : "", i);
    return buffer_steal(&text);
}

static void there_is_a_most(void **state)
{
    cleanup_free char *most = numbered(SUITE_KERNELS_MAX);
    cleanup_free char *more = numbered(SUITE_KERNELS_MAX + 1);
    cleanup_free char *list = xasprintf("kernels: [%s]\n" NODES, more);
    cleanup_suite struct suite *suite = load(state, NODES, most);
    struct suite *none = NULL;
    struct error error = {0};

    assert_int_equal(suite->case_count, SUITE_KERNELS_MAX);
    assert_int_equal(load_in(*state, NODES, more, &none, &error), -EINVAL);
    assert_string_equal(error.message, "--kernel: more than 64 kernels");
    assert_int_equal(load_in(*state, list, NULL, &none, &error), -EINVAL);
    assert_non_null(strstr(error.message, "s.yaml:1:10: kernels: found 65, expected 1 to 64"));
}

int main(void)
{
#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, directory_set_up, directory_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_kernel_is_in_no_name),
        TEST(several_make_a_case_each),
        TEST(a_case_s_own_replace_the_suite_s),
        TEST(the_option_replaces_all_that_the_file_says),
        TEST(the_option_hides_no_mistake),
        TEST(paths_are_called_by_their_last_part),
        TEST(paths_start_at_the_suite_s_file_and_the_option_s_where_duet_runs),
        TEST(slugs_are_unique_and_say_the_kernel),
        TEST(a_comma_of_a_url_is_its_own),
        TEST(a_comma_of_a_path_is_its_own_where_the_path_is_there),
        TEST(an_option_that_cannot_be_is_told),
        TEST(there_is_a_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
