/* The live view: a fake terminal of some lines shows what a person would see. */
#include "runner/live.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS_MAX = 32, COLUMNS_MAX = 100 };

struct fixture {
    struct terminal terminal;
    char *err;
    size_t err_length;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->terminal = (struct terminal){.live = true, .columns = 40, .rows = 10};
    fixture->terminal.err = open_memstream(&fixture->err, &fixture->err_length);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    fclose(fixture->terminal.err);
    free(fixture->err);
    free(fixture);
    return 0;
}

/* What all that was written so far leaves on a terminal that is high enough, its lines with "|"
 * between them. Only what duet writes is understood. */
static const char *screen(struct fixture *fixture)
{
    static char text[ROWS_MAX * (COLUMNS_MAX + 1)];
    char rows[ROWS_MAX][COLUMNS_MAX + 1] = {{0}};
    size_t row = 0, column = 0, up;
    int taken;

    fflush(fixture->terminal.err);
    for (const char *at = fixture->err; *at; at++) {
        taken = 0;
        if (*at == '\n') {
            row++;
            column = 0;
        } else if (*at == '\r') {
            column = 0;
        } else if (sscanf(at, "\033[%zuA%n", &up, &taken) == 1 && taken > 0) {
            assert_true(up > 0 && up <= row);
            row -= up;
            at += taken - 1;
        } else if (strncmp(at, "\033[J", 3) == 0) {
            assert_int_equal(column, 0);
            memset(rows[row], 0, (ROWS_MAX - row) * sizeof rows[0]);
            at += 2;
        } else {
            assert_true((unsigned char)*at >= ' ');
            assert_true(row < ROWS_MAX && column < COLUMNS_MAX);
            rows[row][column++] = *at;
        }
    }
    text[0] = '\0';
    for (size_t i = 0; i <= row; i++) {
        strcat(text, i ? "|" : "");
        strcat(text, rows[i]);
    }
    return text;
}

static const struct live_case two[] = {{"tcp", 3, "a: booting"}, {"udp,loss", 12, "b: step \"x\""}};

static void a_line_for_each_case_and_one_with_counts(void **state)
{
    struct fixture *fixture = *state;

    live_show(&fixture->terminal, two, 2,
              &(struct live_counts){.total = 12, .done = 3, .prepared = 2});
    assert_string_equal(screen(fixture), "  tcp         3 s  a: booting|"
                                         "  udp,loss   12 s  b: step \"x\"|"
                                         "  3/12 done, 2 running, 2 prepared");
}

static void it_is_replaced_and_taken_away(void **state)
{
    struct fixture *fixture = *state;

    live_show(&fixture->terminal, two, 2, &(struct live_counts){.total = 3});
    live_show(&fixture->terminal, two, 1, &(struct live_counts){.total = 3, .done = 1});
    assert_string_equal(screen(fixture), "  tcp    3 s  a: booting|  1/3 done, 1 running");
    terminal_clear(&fixture->terminal);
    terminal_clear(&fixture->terminal);
    assert_string_equal(screen(fixture), "");
    live_show(&fixture->terminal, two, 0, &(struct live_counts){.total = 3, .done = 3});
    assert_string_equal(screen(fixture), "  3/3 done, 0 running");
}

/* Troubles stand above it, whole, and nothing of the view stays between them. */
static void what_is_said_meanwhile_stays(void **state)
{
    struct fixture *fixture = *state;

    live_show(&fixture->terminal, two, 2, &(struct live_counts){.total = 3});
    terminal_say(&fixture->terminal, "one");
    terminal_say(&fixture->terminal, "two");
    live_show(&fixture->terminal, two, 1, &(struct live_counts){.total = 3});
    assert_string_equal(screen(fixture),
                        "duet: one|duet: two|  tcp    3 s  a: booting|  0/3 done, 1 running");
}

static void it_fits_the_width(void **state)
{
    struct fixture *fixture = *state;

    fixture->terminal.columns = 20;
    live_show(&fixture->terminal, two, 1, &(struct live_counts){.total = 3});
    assert_string_equal(screen(fixture), "  tcp    3 s  a: bo|  0/3 done, 1 runni");
}

/* What a suite's author named does not move the cursor, nor is a character cut in two. */
static void names_cannot_steer_it(void **state)
{
    const struct live_case odd = {"\xc3\xa9\n\033[2J", 0, "\xc3\xa9\xc3\xa9\xc3\xa9"};
    struct fixture *fixture = *state;

    fixture->terminal.columns = 19;
    live_show(&fixture->terminal, &odd, 1, &(struct live_counts){.total = 1});
    assert_string_equal(screen(fixture), "  \xc3\xa9??[2J    0 s  \xc3\xa9|  0/1 done, 1 runn");
}

static void it_fits_the_height(void **state)
{
    static const struct live_case many[] = {
        {"a", 1, "x"}, {"b", 1, "x"}, {"c", 1, "x"}, {"d", 1, "x"}, {"e", 1, "x"}};
    const struct live_counts counts = {.total = 9};
    struct fixture *fixture = *state;

    fixture->terminal.rows = 6;
    live_show(&fixture->terminal, many, 5, &counts);
    assert_string_equal(screen(fixture), "  a    1 s  x|  b    1 s  x|  c    1 s  x|  and 2 more|"
                                         "  0/9 done, 5 running");
    fixture->terminal.rows = 7;
    live_show(&fixture->terminal, many, 5, &counts);
    assert_string_equal(screen(fixture), "  a    1 s  x|  b    1 s  x|  c    1 s  x|  d    1 s  x|"
                                         "  e    1 s  x|  0/9 done, 5 running");
    fixture->terminal.rows = 1;
    live_show(&fixture->terminal, many, 5, &counts);
    assert_string_equal(screen(fixture), "  0/9 done, 5 running");
}

static void no_terminal_gets_a_byte(void **state)
{
    struct fixture *fixture = *state;

    fixture->terminal.live = false;
    live_show(&fixture->terminal, two, 2, &(struct live_counts){.total = 3});
    terminal_clear(&fixture->terminal);
    fflush(fixture->terminal.err);
    assert_int_equal(fixture->err_length, 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_line_for_each_case_and_one_with_counts),
        TEST(it_is_replaced_and_taken_away),
        TEST(what_is_said_meanwhile_stays),
        TEST(it_fits_the_width),
        TEST(names_cannot_steer_it),
        TEST(it_fits_the_height),
        TEST(no_terminal_gets_a_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
