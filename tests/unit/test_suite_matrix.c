/* Variables, the matrix and the cases that come of them. */
#include "runner/suite.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define cleanup_suite __attribute__((cleanup(free_suite)))

static void free_suite(struct suite **suite)
{
    suite_free(*suite);
}

static struct suite *load(const char *text)
{
    struct suite *suite = NULL;
    struct error error = {0};

    if (suite_load_text("test.yaml", "/", text, strlen(text), &suite, &error))
        fail_msg("%s", error.message);
    return suite;
}

static const char *run_of(const struct suite *suite, size_t index)
{
    return suite->cases[index].nodes[0].steps[0].run;
}

static void check_names(const struct suite *suite, const char *const names[], size_t count)
{
    assert_int_equal(suite->case_count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(suite->cases[i].name, names[i]);
}

static void the_first_key_is_outermost(void **state)
{
    static const char *const names[] = {"a,n=1", "a,n=2", "b,n=1", "b,n=2"};
    cleanup_suite struct suite *suite =
        load("matrix: {l: [a, b], n: [1, 2]}\nnodes: {x: {run: '${n}${l}'}}\n");

    (void)state;
    check_names(suite, names, array_size(names));
    assert_string_equal(run_of(suite, 2), "1b");
}

static void excluded_combinations_are_left_out(void **state)
{
    static const char *const names[] = {"a,n=2", "b,n=1"};
    cleanup_suite struct suite *suite =
        load("matrix:\n  l: [a, b]\n  n: [1, 2]\n  exclude:\n  - {l: a, n: 1}\n  - {n: 2, l: b}\n"
             "nodes: {x: {run: x}}\n");

    (void)state;
    check_names(suite, names, array_size(names));
}

static void values_without_a_name_get_the_variables(void **state)
{
    static const char *const names[] = {"v=none", "v=2", "v=0=x"};
    cleanup_suite struct suite *suite =
        load("matrix: {v: [{}, \"a\\nb\", {0: x}]}\nnodes: {x: {run: x}}\n");

    (void)state;
    check_names(suite, names, array_size(names));
}

static void slugs_are_names_of_files(void **state)
{
    cleanup_suite struct suite *suite =
        load("matrix: {v: [a b, a/b, '../x', results.json, '%%%', a-b, templates, libvirt.log]}\n"
             "nodes: {x: {run: x}}\n");
    static const char *const slugs[] = {"a-b", "a-b~2", "v=..-x",      "results.json~1",
                                        "v=",  "a-b~3", "templates~1", "libvirt.log~1"};

    (void)state;
    assert_int_equal(suite->case_count, array_size(slugs));
    for (size_t i = 0; i < array_size(slugs); i++)
        assert_string_equal(suite->cases[i].slug, slugs[i]);
}

static void the_shell_keeps_its_dollars(void **state)
{
    cleanup_suite struct suite *suite =
        load("vars: {x: 1, dollar: $}\n"
             "nodes: {n: {run: 'echo $HOME $$ $(id) $${HOME} ${x} $ ${dollar}${x}'}}\n");

    (void)state;
    assert_string_equal(run_of(suite, 0), "echo $HOME $$ $(id) ${HOME} 1 $ $1");
}

static void variables_may_be_made_of_others(void **state)
{
    static const char *const names[] = {"one", "two"};
    cleanup_suite struct suite *suite =
        load("name: s\n"
             "vars: {port: 7, ready: 'tcp/${port}', m: {deep: {er: '${port}!'}}}\n"
             "nodes:\n"
             "  n:\n"
             "    background: [{name: p, run: x, ready: '${ready}'}]\n"
             "    run: '${m.deep.er} ${suite} ${case} ${node}'\n"
             "cases:\n"
             "  one:\n"
             "  two: {vars: {port: 8}}\n");

    (void)state;
    check_names(suite, names, array_size(names));
    assert_string_equal(run_of(suite, 0), "7! s one n");
    assert_string_equal(run_of(suite, 1), "8! s two n");
    assert_int_equal(suite->cases[0].nodes[0].background[0].ready.port, 7);
    assert_int_equal(suite->cases[1].nodes[0].background[0].ready.port, 8);
}

static const char cases_text[] = "tags: [all]\n"
                                 "timeout: 10s\n"
                                 "env: {A: suite, B: suite}\n"
                                 "matrix: {family: [4, 6]}\n"
                                 "defaults: {memory: 128M, env: {D: default}}\n"
                                 "nodes:\n"
                                 "  a:\n"
                                 "    files: [{to: /x, content: suite}]\n"
                                 "    modules: [tun]\n"
                                 "    env: {B: node}\n"
                                 "    run: suite\n"
                                 "  b:\n"
                                 "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]\n"
                                 "cases:\n"
                                 "  plain:\n"
                                 "  tunnel:\n"
                                 "    tags: [tunnel, all]\n"
                                 "    timeout: 20s\n"
                                 "    skip: not yet\n"
                                 "    matrix: {kind: [wireguard]}\n"
                                 "    env: {C: case}\n"
                                 "    links: [{nodes: [b, a], subnet: 10.1.0.0/24}]\n"
                                 "    nodes:\n"
                                 "      a:\n"
                                 "        files: [{to: /x, content: case}, {to: /y, content: y}]\n"
                                 "        modules: [wireguard]\n"
                                 "        env: {D: case}\n"
                                 "        steps: [{run: one}, {run: two}]\n";

static void cases_share_the_topology(void **state)
{
    static const char *const names[] = {"plain,family=4", "plain,family=6", "tunnel,wireguard"};
    cleanup_suite struct suite *suite = load(cases_text);
    const struct suite_case *plain = &suite->cases[1];

    (void)state;
    check_names(suite, names, array_size(names));
    assert_int_equal(plain->timeout_ns, 10000000000ull);
    assert_int_equal(plain->tags.count, 1);
    assert_null(plain->skip);
    assert_string_equal(run_of(suite, 1), "suite");
    assert_string_equal(plain->nodes[0].files[0].content, "suite");
    assert_int_equal(plain->nodes[0].file_count, 1);
    assert_int_equal(plain->nodes[1].memory_bytes, 128 << 20);
    assert_string_equal(plain->links[0].ends[0].addresses[0].text, "10.0.0.1/24");
    assert_int_equal(plain->nodes[0].env.count, 3);
    assert_string_equal(plain->nodes[0].env.items[0].value, "suite");
    assert_string_equal(plain->nodes[0].env.items[1].value, "node");
    assert_string_equal(plain->nodes[1].env.items[1].value, "suite");
}

static void a_case_changes_what_it_says(void **state)
{
    cleanup_suite struct suite *suite = load(cases_text);
    const struct suite_case *tunnel = &suite->cases[2];
    const struct suite_node *node = tunnel->nodes;

    (void)state;
    assert_int_equal(tunnel->timeout_ns, 20000000000ull);
    assert_int_equal(tunnel->tags.count, 2);
    assert_string_equal(tunnel->tags.items[0], "all");
    assert_string_equal(tunnel->tags.items[1], "tunnel");
    assert_string_equal(tunnel->skip, "not yet");
    assert_int_equal(tunnel->links[0].ends[0].node, 1);
    assert_string_equal(tunnel->links[0].ends[0].addresses[0].text, "10.1.0.1/24");
    assert_int_equal(node->step_count, 2);
    assert_string_equal(node->steps[1].run, "two");
    assert_int_equal(node->file_count, 2);
    assert_string_equal(node->files[0].content, "case");
    assert_string_equal(node->files[1].to, "/y");
    assert_int_equal(node->modules.count, 2);
    assert_string_equal(node->modules.items[1], "wireguard");
    assert_int_equal(node->env.count, 4);
    assert_string_equal(node->env.items[2].name, "C");
    assert_string_equal(node->env.items[3].value, "case");
}

static void skip_may_depend_on_a_variable(void **state)
{
    cleanup_suite struct suite *suite =
        load("vars: {why: ''}\nskip: '${why}'\nnodes: {a: {run: x}}\n"
             "cases: {runs: , waits: {vars: {why: broken}}}\n");

    (void)state;
    assert_null(suite->cases[0].skip);
    assert_string_equal(suite->cases[1].skip, "broken");
}

/* The suite's is of the suite, and no case's. */
static void a_case_is_explicit_of_itself(void **state)
{
    cleanup_suite struct suite *suite =
        load("explicit: true\nnodes: {a: {run: x}}\ncases: {runs: , waits: {explicit: true}}\n");

    (void)state;
    assert_true(suite->is_explicit);
    assert_false(suite->cases[0].is_explicit);
    assert_true(suite->cases[1].is_explicit);
}

static void a_thousand_cases_are_all_there(void **state)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_suite struct suite *suite = NULL;

    (void)state;
    buffer_append_text(&text, "matrix:\n  x: [");
    for (unsigned i = 0; i < 100; i++)
        buffer_printf(&text, "%u,", i);
    buffer_append_text(&text, "]\n  y: [a, b, c, d, e, f, g, h, i, j]\n"
                              "nodes: {n: {run: 'echo ${x} ${y}'}, m: }\n"
                              "links: [{nodes: [n, m], subnet: 10.0.0.0/24}]\n");
    suite = load(text.data);
    assert_int_equal(suite->case_count, 1000);
    assert_string_equal(suite->cases[999].name, "x=99,j");
    assert_string_equal(run_of(suite, 999), "echo 99 j");
}

/* Nothing a file of the allowed size says makes the loader take for ever. */
static void explosions_are_refused(void **state)
{
    static const char *const texts[] = {
        "vars:\n  a: x\n  b: '${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}'\n"
        "  c: '${b}${b}${b}${b}${b}${b}${b}${b}${b}${b}'\n"
        "  d: '${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}'\n"
        "  e: '${d}${d}${d}${d}${d}${d}${d}${d}${d}${d}'\n"
        "  f: '${e}${e}${e}${e}${e}${e}${e}${e}${e}${e}'\n"
        "  g: '${f}${f}${f}${f}${f}${f}${f}${f}${f}${f}'\n"
        "  h: '${g}${g}${g}${g}${g}${g}${g}${g}${g}${g}'\n"
        "nodes: {n: {run: '${h}'}}\n",
        "matrix:\n  a: &d [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n  b: *d\n  c: *d\n  d: *d\n  e: *d\n"
        "nodes: {n: {run: x}}\n",
    };
    static const char *const messages[] = {"too large: split it", "more than 10000 combinations"};

    (void)state;
    for (size_t i = 0; i < array_size(texts); i++) {
        struct suite *suite = NULL;
        struct error error = {0};

        assert_true(suite_load_text("x", "/", texts[i], strlen(texts[i]), &suite, &error) < 0);
        assert_null(suite);
        if (!strstr(error.message, messages[i]))
            fail_msg("%s", error.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_key_is_outermost),
        cmocka_unit_test(excluded_combinations_are_left_out),
        cmocka_unit_test(values_without_a_name_get_the_variables),
        cmocka_unit_test(slugs_are_names_of_files),
        cmocka_unit_test(the_shell_keeps_its_dollars),
        cmocka_unit_test(variables_may_be_made_of_others),
        cmocka_unit_test(cases_share_the_topology),
        cmocka_unit_test(a_case_changes_what_it_says),
        cmocka_unit_test(skip_may_depend_on_a_variable),
        cmocka_unit_test(a_case_is_explicit_of_itself),
        cmocka_unit_test(a_thousand_cases_are_all_there),
        cmocka_unit_test(explosions_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
