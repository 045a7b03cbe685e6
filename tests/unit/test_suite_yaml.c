/* YAML as a tree: places, aliases, and the bounds of what is taken. */
#include "runner/yaml.h"

#include "base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int parse(struct arena *arena, const char *text, size_t length, struct yaml_node **root,
                 struct error *error)
{
    return yaml_parse("f", text, length, arena, root, error);
}

static void check_refused(const char *text, size_t length, const char *message)
{
    struct arena *arena = arena_new();
    struct yaml_node *root = NULL;
    struct error error = {0};

    assert_true(parse(arena, text, length, &root, &error) < 0);
    assert_null(root);
    if (strncmp(error.message, message, strlen(message)))
        fail_msg("%s\nexpected: %s", error.message, message);
    arena_free(arena);
}

static void every_value_knows_its_place(void **state)
{
    static const char text[] = "# über\n"
                               "a: 1\n"
                               "ü: {b: [x, 'y'], c: }\n"
                               "d: |\n"
                               "  one\n"
                               "  two\n";
    struct arena *arena = arena_new();
    struct yaml_node *root = NULL;
    struct yaml_node *map, *list;

    (void)state;
    assert_int_equal(parse(arena, text, strlen(text), &root, NULL), 0);
    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->count, 3);
    assert_string_equal(yaml_find(root, "a")->text, "1");
    assert_int_equal(yaml_find(root, "a")->line, 2);
    assert_int_equal(yaml_find(root, "a")->column, 4);
    map = yaml_find(root, "ü");
    assert_int_equal(map->line, 3);
    assert_int_equal(map->column, 4);
    list = yaml_find(map, "b");
    assert_int_equal(list->kind, YAML_LIST);
    assert_int_equal(list->items[1]->column, 12);
    assert_true(list->items[0]->plain);
    assert_false(list->items[1]->plain);
    assert_true(yaml_is_null(yaml_find(map, "c")));
    assert_string_equal(yaml_find(root, "d")->text, "one\ntwo\n");
    assert_null(yaml_find(root, "e"));
    assert_null(yaml_find(list, "a"));
    assert_null(yaml_find(NULL, "a"));
    arena_free(arena);
}

static void aliases_stand_for_what_they_name(void **state)
{
    static const char text[] = "a: &x [1, 2]\nb: *x\nc: {d: *x}\n";
    struct arena *arena = arena_new();
    struct yaml_node *root = NULL;

    (void)state;
    assert_int_equal(parse(arena, text, strlen(text), &root, NULL), 0);
    assert_int_equal(yaml_find(root, "b")->count, 2);
    assert_string_equal(yaml_find(yaml_find(root, "c"), "d")->items[1]->text, "2");
    assert_int_equal(root->weight, 1 + 3 + 3 + 3 + (1 + 1 + 3));
    arena_free(arena);
}

static void aliases_do_not_explode(void **state)
{
    cleanup_buffer struct buffer laughs = {0};

    (void)state;
    buffer_append_text(&laughs, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++)
        buffer_printf(&laughs,
                      "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
                      i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    check_refused(laughs.data, laughs.length, "f:5:");
    check_refused("a: &a [*a]\n", 11, "f:1:8: the alias \"*a\" has no anchor that ends before it");
    check_refused("a: *b\n", 6, "f:1:4: the alias \"*b\" has no anchor");
}

static void depth_is_bounded_with_aliases_followed(void **state)
{
    cleanup_buffer struct buffer deep = {0};
    cleanup_buffer struct buffer chain = {0};

    (void)state;
    for (int i = 0; i < 100000; i++)
        buffer_append_text(&deep, "[");
    check_refused(deep.data, deep.length, "f:1:33: nested more than 32 deep");
    buffer_append_text(&chain, "- &a0 x\n");
    for (int i = 1; i < 50; i++)
        buffer_printf(&chain, "- &a%d [*a%d]\n", i, i - 1);
    check_refused(chain.data, chain.length, "f:32:9: nested more than 32 deep");
}

static void width_is_bounded(void **state)
{
    cleanup_buffer struct buffer wide = {0};
    cleanup_buffer struct buffer keys = {0};

    (void)state;
    buffer_append_text(&wide, "[");
    for (int i = 0; i < YAML_MAX_NODES; i++)
        buffer_append_text(&wide, "x,");
    buffer_append_text(&wide, "]");
    check_refused(wide.data, wide.length, "f:1:200000: more than 100000 values");
    for (int i = 0; i <= YAML_MAX_KEYS; i++)
        buffer_printf(&keys, "k%d: x\n", i);
    check_refused(keys.data, keys.length, "f:1025:1: more than 1024 keys in one mapping");
    buffer_clear(&keys);
    for (size_t i = 0; i <= YAML_MAX_BYTES; i++)
        buffer_append(&keys, " ", 1);
    check_refused(keys.data, keys.length, "f: 1048577 bytes are too many");
}

#define REFUSED(text, message) check_refused(text, sizeof(text) - 1, message)

static void what_is_not_yaml_says_where(void **state)
{
    (void)state;
    REFUSED("", "f:1:1: the file is empty");
    REFUSED("# nothing\n", "f:2:1: the file is empty");
    REFUSED("a: [1\n", "f:2:1: this is not YAML: did not find expected ',' or ']'");
    REFUSED("a: 1\n\tb: 2\n", "f:2:1: this is not YAML: found a tab character");
    REFUSED("a: b: c\n", "f:1:5: this is not YAML: mapping values are not allowed");
    REFUSED("a: 1\nb: \xc3\x28\n", "f:2:5: invalid trailing UTF-8 octet: expected UTF-8");
    REFUSED("\xff\xfe"
            "a",
            "f:1:1: invalid leading UTF-8 octet: expected UTF-8");
    REFUSED("a: 1\0b\n", "f:1:5: control characters are not allowed: expected UTF-8");
    REFUSED("a: \"x\\0y\"\n", "f:1:4: a NUL byte in a value");
}

static void what_a_scenario_has_no_use_for_is_refused(void **state)
{
    (void)state;
    REFUSED("a: 1\n---\nb: 2\n", "f:2:1: a second document: expected one a file");
    REFUSED("a: !!str 1\n", "f:1:4: the tag \"tag:yaml.org,2002:str\"");
    REFUSED("[a]: 1\n", "f:1:1: a list as a key: expected text");
    REFUSED("a: 1\na: 2\n", "f:2:1: the key \"a\" is here twice: it was given in line 1");
    REFUSED("a: {\"b\": 1, b: 2}\n", "f:1:13: the key \"b\" is here twice");
}

static void what_was_found_fits_a_message(void **state)
{
    struct yaml_node node = {.kind = YAML_SCALAR, .text = "a\nb\x1b[31m"};
    char found[80];

    (void)state;
    assert_string_equal(yaml_found(&node, found, sizeof(found)), "\"a b [31m\"");
    node.text = "0123456789012345678901234567890123456789012345678901234567890";
    assert_string_equal(yaml_found(&node, found, sizeof(found)),
                        "\"012345678901234567890123456789012345678901234567…\"");
    node.text = "01234567890123456789012345678901234567890123456üüü";
    assert_string_equal(yaml_found(&node, found, sizeof(found)),
                        "\"01234567890123456789012345678901234567890123456…\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_knows_its_place),
        cmocka_unit_test(aliases_stand_for_what_they_name),
        cmocka_unit_test(aliases_do_not_explode),
        cmocka_unit_test(depth_is_bounded_with_aliases_followed),
        cmocka_unit_test(width_is_bounded),
        cmocka_unit_test(what_is_not_yaml_says_where),
        cmocka_unit_test(what_a_scenario_has_no_use_for_is_refused),
        cmocka_unit_test(what_was_found_fits_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
