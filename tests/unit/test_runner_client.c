/* What the clients of a kept topology make of their command lines: which node, which file. */
#include "runner/client.h"
#include "runner/exec_line.h"
#include "runner/operand.h"

#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* -- Operands of cp ---------------------------------------------------------------------------- */

static void expect_remote(const char *text, const char *case_name, const char *node,
                          const char *path)
{
    struct operand operand;

    operand_parse(text, &operand);
    assert_true(operand.remote);
    assert_int_equal(operand.word_count, case_name ? 2 : 1);
    if (case_name)
        assert_string_equal(operand.words[0], case_name);
    assert_string_equal(operand.words[operand.word_count - 1], node);
    assert_string_equal(operand.path, path);
    operand_free(&operand);
}

static void expect_local(const char *text)
{
    struct operand operand;

    operand_parse(text, &operand);
    assert_false(operand.remote);
    assert_string_equal(operand.path, text);
    operand_free(&operand);
}

static void a_file_in_a_node_has_its_node_before_it(void **state)
{
    (void)state;
    expect_remote("entry:/tmp/x", NULL, "entry", "/tmp/x");
    expect_remote("a-b_c.1:/", NULL, "a-b_c.1", "/");
    expect_remote("entry:/a:/b", NULL, "entry", "/a:/b");
}

static void a_case_may_be_called_anything(void **state)
{
    (void)state;
    expect_remote("direct,ipv4,tcp:entry:/x", "direct,ipv4,tcp", "entry", "/x");
    expect_remote("smoke/direct*:entry:/x", "smoke/direct*", "entry", "/x");
    expect_remote("web/server=[fd00::1]:web:/x", "web/server=[fd00::1]", "web", "/x");
    expect_remote("s/http://h:80/p:entry:/x", "s/http://h:80/p", "entry", "/x");
    expect_remote("http://h:80/p:entry:/x", "http://h:80/p", "entry", "/x");
    expect_remote("712:entry:/x:y", "712", "entry", "/x:y");
    expect_remote("a b:entry:/x", "a b", "entry", "/x");
}

static void what_else_there_is_is_here(void **state)
{
    (void)state;
    expect_local("-");
    expect_local("");
    expect_local("file");
    expect_local("/entry:/x");
    expect_local("./entry:/x");
    expect_local("../s.yaml:entry:/x");
    expect_local("entry:x");
    expect_local("a b:/x");
    expect_local(":/x");
    expect_local("s/x:/y");
    expect_local("http://h/p");
}

static void expect_checked(const char *from, const char *to, const char *message)
{
    struct operand a, b;
    struct error error = {0};

    operand_parse(from, &a);
    operand_parse(to, &b);
    assert_int_equal(operand_check(&a, &b, &error), message ? -EINVAL : 0);
    if (message)
        assert_non_null(strstr(error.message, message));
    operand_free(&a);
    operand_free(&b);
}

static void one_of_two_is_in_a_node(void **state)
{
    (void)state;
    expect_checked("n:/x", "y", NULL);
    expect_checked("-", "c:n:/x", NULL);
    expect_checked("n:/x", "m:/x", "both are in nodes");
    expect_checked("n:x", "y", "neither \"n:x\" nor \"y\" is in a node");
}

static void expect_inside(const char *from, const char *to, const char *path)
{
    cleanup_free char *found = operand_inside(from, to);

    if (path)
        assert_string_equal(found, path);
    else
        assert_null(found);
}

static void a_directory_gets_a_file_under_its_own_name(void **state)
{
    (void)state;
    expect_inside("/a/b", "/c", "/c/b");
    expect_inside("b", "c", "c/b");
    expect_inside("/a/b//", "c//", "c/b");
    expect_inside("/a/.b", "/", "/.b");
    expect_inside("/", "c", NULL);
    expect_inside("a/..", "c", NULL);
    expect_inside("./", "c", NULL);
}

/* -- The line of exec -------------------------------------------------------------------------- */

enum { WORDS_MAX = 16 };

/* `text` has blanks between its words. */
static void parse(const char *text, char *copy, char *argv[], struct exec_line *line)
{
    char *state = NULL;
    int argc = 0;

    strcpy(copy, text);
    for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    exec_line_parse(argc, argv, line);
}

static void expect_line(const char *text, const char *words, const char *command)
{
    char copy[128], *argv[WORDS_MAX + 1];
    cleanup_buffer struct buffer found = {0};
    cleanup_buffer struct buffer run = {0};
    struct exec_line line;

    parse(text, copy, argv, &line);
    buffer_append_text(&found, "");
    buffer_append_text(&run, "");
    for (size_t i = 0; i < line.word_count; i++)
        buffer_printf(&found, "%s%s", i ? " " : "", line.words[i]);
    for (size_t i = 0; line.argv[i]; i++)
        buffer_printf(&run, "%s%s", i ? " " : "", line.argv[i]);
    assert_string_equal(found.data, words);
    assert_string_equal(run.data, command);
    exec_line_free(&line);
}

static void a_command_stands_behind_its_node(void **state)
{
    (void)state;
    expect_line("exec case node -- ls -l", "case node", "ls -l");
    expect_line("exec case node ls -l", "case node", "ls -l");
    expect_line("exec node -- ls -l", "node", "ls -l");
    expect_line("exec -- ls", "", "ls");
    expect_line("exec case node", "case node", "");
    expect_line("exec case node --", "case node", "");
    expect_line("exec node", "node", "");
    expect_line("exec", "", "");
}

static void what_a_command_has_is_its_own(void **state)
{
    (void)state;
    expect_line("exec case node sh -t --help -- x", "case node", "sh -t --help -- x");
    expect_line("exec case node -- -x --tty", "case node", "-x --tty");
    expect_line("exec node -- -- x", "node", "-- x");
}

static void options_stand_before_it(void **state)
{
    char copy[128], *argv[WORDS_MAX + 1];
    struct exec_line line;

    (void)state;
    setenv("HERE", "of here", 1);
    unsetenv("NOWHERE");
    parse("exec -t case -e A=1=2 -eHERE node -w /tmp --container=web -e NOWHERE -e B= -- id", copy,
          argv, &line);
    assert_int_equal(line.terminal, EXEC_TERMINAL);
    assert_string_equal(line.words[1], "node");
    assert_string_equal(line.cwd, "/tmp");
    assert_string_equal(line.container, "web");
    assert_int_equal(line.env_count, 3);
    assert_string_equal(line.env[0].name, "A");
    assert_string_equal(line.env[0].value, "1=2");
    assert_string_equal(line.env[1].name, "HERE");
    assert_string_equal(line.env[1].value, "of here");
    assert_string_equal(line.env[2].name, "B");
    assert_string_equal(line.env[2].value, "");
    assert_string_equal(line.argv[0], "id");
    exec_line_free(&line);
    parse("exec node -T", copy, argv, &line);
    assert_int_equal(line.terminal, EXEC_NO_TERMINAL);
    exec_line_free(&line);
}

/* -- Which one --------------------------------------------------------------------------------- */

static struct held_node smoke_nodes[] = {{.name = "entry"}, {.name = "exit"}};
static struct held_node web_nodes[] = {{.name = "entry"}, {.name = "web"}};
static struct held_node bare_nodes[] = {{.name = "node"}};

static struct held kept[] = {
    {.suite = "smoke",
     .case_name = "direct,tcp",
     .path = "",
     .pid = 11,
     .nodes = smoke_nodes,
     .node_count = 2},
    {.suite = "web",
     .case_name = "server=1",
     .path = "",
     .pid = 12,
     .nodes = web_nodes,
     .node_count = 2},
    {.suite = "bare",
     .case_name = "bare",
     .path = "",
     .pid = 13,
     .nodes = bare_nodes,
     .node_count = 1},
};

/* "SUITE/NODE" of what `words` mean where the first `count` of `kept` are kept, or "-" and the
 * message. */
static char *choose(size_t count, const char *words)
{
    const struct held_list list = {.items = kept, .count = count};
    cleanup_free char *copy = xstrdup(words);
    const char *items[3] = {0};
    const struct held_node *node = NULL;
    const struct held *held = NULL;
    struct error error = {0};
    char *state = NULL;
    size_t n = 0;

    for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state))
        items[n++] = word;
    if (client_choose(&list, items, n, &held, &node, &error) < 0)
        return xasprintf("-%d %s", error.code, error.message);
    return xasprintf("%s/%s", held->suite, node->name);
}

static void expect_chosen(size_t count, const char *words, const char *expected)
{
    cleanup_free char *found = choose(count, words);

    assert_string_equal(found, expected);
}

static void expect_not_chosen(size_t count, const char *words, int code, const char *part)
{
    cleanup_free char *found = choose(count, words);
    cleanup_free char *start = xasprintf("-%d ", code);

    assert_memory_equal(found, start, strlen(start));
    assert_non_null(strstr(found, part));
}

static void a_case_and_a_node_mean_one(void **state)
{
    (void)state;
    expect_chosen(3, "smoke entry", "smoke/entry");
    expect_chosen(3, "smoke/tcp exit", "smoke/exit");
    expect_chosen(3, "12 entry", "web/entry");
}

static void what_is_clear_need_not_be_said(void **state)
{
    (void)state;
    expect_chosen(1, "exit", "smoke/exit");
    expect_chosen(3, "web", "web/web"); /* a node goes before a suite */
    expect_chosen(3, "exit", "smoke/exit");
    expect_chosen(3, "bare", "bare/node");
    expect_chosen(3, "node", "bare/node");
}

static void what_is_not_clear_is_asked_for(void **state)
{
    (void)state;
    expect_not_chosen(0, "", ENOENT, "`duet up CASE` keeps one");
    expect_not_chosen(0, "entry", ENOENT, "`duet up CASE` keeps one");
    expect_not_chosen(0, "smoke entry", ENOENT, "`duet up CASE` keeps one");
    expect_not_chosen(1, "", ENOENT, "entry, exit");
    expect_not_chosen(1, "nobody", ENOENT, "no node \"nobody\", but entry, exit");
    expect_not_chosen(2, "entry", EEXIST, "smoke/direct,tcp (11), web/server=1 (12)");
    expect_not_chosen(2, "nobody", ENOENT, "neither a node nor a case");
    expect_not_chosen(2, "nobody", ENOENT, "smoke/direct,tcp (11), web/server=1 (12)");
    expect_not_chosen(3, "", EEXIST, "3 cases are kept up");
    expect_not_chosen(3, "smoke", ENOENT, "entry, exit");
    expect_not_chosen(3, "smoke web", ENOENT, "no node \"web\", but entry, exit");
}

static void requests_have_what_is_given(void **state)
{
    cleanup_free char *plain = held_request("status", NULL, NULL);
    cleanup_free char *node = held_request("console", "a \"b\"", NULL);
    cleanup_free char *more = held_request("logs", NULL, "\"follow\":true");
    cleanup_free char *both = held_request("debug", "n", "\"halt\":true");

    (void)state;
    assert_string_equal(plain, "{\"open\":\"status\"}");
    assert_string_equal(node, "{\"open\":\"console\",\"node\":\"a \\\"b\\\"\"}");
    assert_string_equal(more, "{\"open\":\"logs\",\"follow\":true}");
    assert_string_equal(both, "{\"open\":\"debug\",\"node\":\"n\",\"halt\":true}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_in_a_node_has_its_node_before_it),
        cmocka_unit_test(a_case_may_be_called_anything),
        cmocka_unit_test(what_else_there_is_is_here),
        cmocka_unit_test(one_of_two_is_in_a_node),
        cmocka_unit_test(a_directory_gets_a_file_under_its_own_name),
        cmocka_unit_test(a_command_stands_behind_its_node),
        cmocka_unit_test(what_a_command_has_is_its_own),
        cmocka_unit_test(options_stand_before_it),
        cmocka_unit_test(a_case_and_a_node_mean_one),
        cmocka_unit_test(what_is_clear_need_not_be_said),
        cmocka_unit_test(what_is_not_clear_is_asked_for),
        cmocka_unit_test(requests_have_what_is_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
