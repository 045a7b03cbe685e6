/* The journal: whole lines, their sources, and what is lost of them. */
#include "runner/journal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state = journal_new();
    return 0;
}

static int tear_down(void **state)
{
    journal_free(*state);
    return 0;
}

static void write_text(struct journal *journal, const char *source, const char *text)
{
    journal_write(journal, source, text, strlen(text));
}

/* All of `node` after *position is this. */
static void reads(const struct journal *journal, const char *node, uint64_t *position,
                  const char *expected)
{
    struct buffer out = {0};

    journal_read(journal, node, position, SIZE_MAX, &out);
    assert_string_equal(out.data ? out.data : "", expected);
    assert_int_equal(*position, journal_end(journal));
    buffer_free(&out);
}

static void lines_have_their_source_before_them(void **state)
{
    uint64_t position = 0;

    write_text(*state, "entry", "one\ntwo\n");
    write_text(*state, "entry/echo", "three\r\n");
    write_text(*state, "exit", "\n\rfour\r\rfive\r\n");
    reads(*state, NULL, &position,
          "entry: one\nentry: two\nentry/echo: three\nexit: \nexit: \rfour\r\rfive\n");
    reads(*state, NULL, &position, "");
}

static void a_line_waits_for_its_end(void **state)
{
    uint64_t position = 0;

    write_text(*state, "a", "log");
    write_text(*state, "b", "other\n");
    reads(*state, NULL, &position, "b: other\n");
    write_text(*state, "a", "in: ");
    write_text(*state, "a", "root\r");
    write_text(*state, "a", "\n");
    reads(*state, NULL, &position, "a: login: root\n");
}

static void a_node_s_lines_may_be_ended(void **state)
{
    uint64_t position = 0;

    write_text(*state, "ab", "3");
    write_text(*state, "a/echo", "2");
    write_text(*state, "a", "1");
    write_text(*state, "b", "4");
    journal_flush(*state, "a");
    reads(*state, "a/", &position, "");
    position = 0;
    reads(*state, "a", &position, "a: 1\na/echo: 2\n");
    position = 0;
    reads(*state, NULL, &position, "a: 1\na/echo: 2\n");
    journal_flush(*state, NULL);
    journal_flush(*state, NULL);
    reads(*state, NULL, &position, "b: 4\nab: 3\n");
}

static void a_reader_may_want_one_node(void **state)
{
    uint64_t position = 0;

    write_text(*state, "a", "1\n");
    write_text(*state, "ab", "a: 2\n");
    write_text(*state, "a/x", "3\n");
    write_text(*state, "b", "a: 4\n");
    reads(*state, "a", &position, "a: 1\na/x: 3\n");
    position = 0;
    reads(*state, "ab", &position, "ab: a: 2\n");
    position = 0;
    reads(*state, "c", &position, "");
}

static void a_long_line_becomes_several(void **state)
{
    struct buffer text = {0};
    struct buffer out = {0};
    uint64_t position = 0;

    for (int i = 0; i < JOURNAL_LINE_MAX; i++)
        buffer_append(&text, "x", 1);
    write_text(*state, "a", text.data);
    write_text(*state, "a", "\nyz\n");
    buffer_append_text(&text, "\n");
    write_text(*state, "b", text.data);
    journal_read(*state, NULL, &position, SIZE_MAX, &out);
    assert_int_equal(out.length, 2 * (3 + JOURNAL_LINE_MAX + 1) + 6);
    assert_memory_equal(out.data + 3 + JOURNAL_LINE_MAX, "\na: yz\nb: x", 11);
    buffer_free(&out);
    buffer_free(&text);
}

static void no_more_is_read_than_is_wanted(void **state)
{
    struct buffer out = {0};
    uint64_t position = 0;

    for (int i = 0; i < 10000; i++)
        write_text(*state, "a", "a line of some bytes\n");
    journal_read(*state, NULL, &position, 1, &out);
    assert_true(out.length > 0 && out.length <= 1 << 16);
    assert_int_equal(position, out.length);
    while (position < journal_end(*state))
        journal_read(*state, NULL, &position, out.length + 1, &out);
    assert_int_equal(out.length, journal_end(*state));
    buffer_free(&out);
}

/* The first line that is left whole follows the one that says what is missing. */
static void what_was_lost_is_told(void **state)
{
    struct buffer out = {0};
    uint64_t position = 0, lost, number, written;
    char *rest;

    for (uint64_t i = 0; i < 500000; i++) {
        char line[32];

        snprintf(line, sizeof line, "%09" PRIu64 "\n", i);
        write_text(*state, "a", line);
    }
    written = journal_end(*state);
    journal_read(*state, NULL, &position, SIZE_MAX, &out);
    assert_int_equal(strncmp(out.data, "duet: ", 6), 0);
    lost = strtoull(out.data + 6, &rest, 10);
    assert_int_equal(strncmp(rest, " bytes were not read in time, and are not shown\na: ", 51), 0);
    number = strtoull(rest + 51, &rest, 10);
    assert_int_equal(lost, number * 13); /* bytes of "a: 000000000\n" */
    assert_true(lost >= written - JOURNAL_BYTES && lost < written - JOURNAL_BYTES + 13);
    assert_string_equal(out.data + out.length - 13, "a: 000499999\n");
    buffer_free(&out);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(lines_have_their_source_before_them),
        TEST(a_line_waits_for_its_end),
        TEST(a_node_s_lines_may_be_ended),
        TEST(a_reader_may_want_one_node),
        TEST(a_long_line_becomes_several),
        TEST(no_more_is_read_than_is_wanted),
        TEST(what_was_lost_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
