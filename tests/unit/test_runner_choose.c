/* Which case and node a person means. */
#include "runner/choose.h"

#include "base/memory.h"

#include "directory.h"

#include <errno.h>
#include <unistd.h>

static const char yaml[] = "name: web\n"
                           "matrix: {server: [10.0.0.1, \"[fd00::1]\"]}\n"
                           "nodes:\n"
                           "  foreign: {init: {directory: guest, run: /run.sh}}\n"
                           "  between: {router: true}\n"
                           "  a: {run: work}\n"
                           "  b: {run: work}\n"
                           "links:\n"
                           "  - {nodes: [foreign, a], subnet: 10.0.0.0/24}\n"
                           "  - {nodes: [a, b], subnet: 10.0.1.0/24}\n"
                           "  - {nodes: [between, b], subnet: 10.0.2.0/24}\n";

static char *directory;

static int set_up(void **state)
{
    cleanup_free char *guest = NULL;

    (void)state;
    directory = directory_make();
    guest = xasprintf("%s/scenarios/guest", directory);
    assert_int_equal(fs_mkdirs(guest, 0755, NULL), 0);
    directory_write(guest, "run.sh", "#!/bin/sh\n", 0755);
    directory_write(directory, "scenarios/web.yaml", yaml, 0644);
    return chdir(directory);
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    directory_remove(directory);
    return 0;
}

static void expect(const struct choice *choice, const char *suite, const char *name,
                   const char *node, size_t others)
{
    struct chosen chosen;
    struct error error;

    if (choose_case(choice, &chosen, &error) < 0)
        fail_msg("%s", error.message);
    assert_string_equal(chosen.suite->name, suite);
    assert_string_equal(chosen.suite_case->name, name);
    assert_int_equal(chosen.others, others);
    if (choice->wants_node)
        assert_string_equal(chosen.suite_case->nodes[chosen.node].name, node);
    suite_free(chosen.suite);
}

static void expect_error(const struct choice *choice, int code, const char *part)
{
    struct chosen chosen;
    struct error error;

    assert_int_equal(choose_case(choice, &chosen, &error), code);
    if (!strstr(error.message, part))
        fail_msg("no \"%s\" in: %s", part, error.message);
}

#define FIRST  "server=10.0.0.1"
#define SECOND "server=[fd00::1]"

static void a_name_may_say_suite_and_case(void **state)
{
    (void)state;
    expect(&(struct choice){.name = "web"}, "web", FIRST, NULL, 1);
    expect(&(struct choice){.name = "./scenarios/web.yaml"}, "web", FIRST, NULL, 1);
    expect(&(struct choice){.name = "web/server=10*"}, "web", FIRST, NULL, 0);
    expect(&(struct choice){.name = "web/*fd00*"}, "web", SECOND, NULL, 0);
    expect(&(struct choice){.name = "web/*"}, "web", FIRST, NULL, 1);
}

/* A glob(7) would read the brackets as a set of characters. */
static void a_case_is_found_by_its_own_name(void **state)
{
    (void)state;
    expect(&(struct choice){.name = "web/" SECOND}, "web", SECOND, NULL, 0);
    expect(&(struct choice){.name = "scenarios/web.yaml", .only = SECOND}, "web", SECOND, NULL, 0);
}

static void a_shell_is_in_a_node_with_duet_s_init_and_a_network(void **state)
{
    (void)state;
    expect(&(struct choice){.name = "web", .wants_node = true}, "web", FIRST, "a", 1);
    expect(&(struct choice){.name = "web", .wants_node = true, .node = "b"}, "web", FIRST, "b", 1);
    expect(&(struct choice){.name = "web", .wants_node = true, .node = "between"}, "web", FIRST,
           "between", 1);
    expect_error(&(struct choice){.name = "web", .wants_node = true, .node = "c"}, -ENOENT,
                 "no node \"c\", but foreign, between, a, b");
}

static void without_a_name_it_is_a_node_alone(void **state)
{
    (void)state;
    expect(&(struct choice){.wants_node = true}, "shell", "shell", "node", 0);
    expect(&(struct choice){.wants_node = true, .kernels = "/boot/it's: \"odd\""}, "shell", "shell",
           "node", 0);
}

static void what_is_not_there(void **state)
{
    (void)state;
    expect_error(&(struct choice){.name = "web/tcp"}, -ENOENT, "has no case \"tcp\"");
    expect_error(&(struct choice){.name = "wbe/tcp"}, -ENOENT, "\"wbe\"");
    expect_error(&(struct choice){.name = "wbe"}, -ENOENT, "web");
    expect_error(&(struct choice){.name = "other/web.yaml"}, -ENOENT, "other/web.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_may_say_suite_and_case, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_case_is_found_by_its_own_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_shell_is_in_a_node_with_duet_s_init_and_a_network, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_a_name_it_is_a_node_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_there, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
