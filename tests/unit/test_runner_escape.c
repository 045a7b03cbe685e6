/* What is typed and what is printed: escapes, and what a program leaves switched on. */
#include "runner/escape.h"
#include "runner/screen.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* -- Escapes ----------------------------------------------------------------------------------- */

/* What the guest gets of `typed` up to the first action, in pieces of `step` bytes. */
static enum escape_action feed(const char *typed, size_t step, struct buffer *out)
{
    struct escape escape = {0};
    enum escape_action action = ESCAPE_NONE;
    size_t length = strlen(typed);

    buffer_append_text(out, "");
    for (size_t at = 0; at < length && action == ESCAPE_NONE; at += step)
        escape_feed(&escape, typed + at, length - at < step ? length - at : step, out, &action);
    return action;
}

static void expect_typed(const char *typed, enum escape_action expected, const char *guest)
{
    for (size_t step = 1; step <= strlen(typed); step++) {
        cleanup_buffer struct buffer out = {0};

        assert_int_equal(feed(typed, step, &out), expected);
        assert_int_equal(out.length, strlen(guest));
        assert_string_equal(out.length ? out.data : "", guest);
    }
}

static void an_escape_stands_behind_a_newline(void **state)
{
    (void)state;
    expect_typed("~.", ESCAPE_LEAVE, "");
    expect_typed("ls\r~.", ESCAPE_LEAVE, "ls\r");
    expect_typed("ls\n~.", ESCAPE_LEAVE, "ls\n");
    expect_typed("~?", ESCAPE_HELP, "");
    expect_typed("a~.", ESCAPE_NONE, "a~.");
    expect_typed("cd ~\r~.", ESCAPE_LEAVE, "cd ~\r");
    expect_typed(" ~.", ESCAPE_NONE, " ~.");
}

static void what_is_no_escape_is_the_guests(void **state)
{
    (void)state;
    expect_typed("~~.", ESCAPE_NONE, "~.");
    expect_typed("~x~.", ESCAPE_NONE, "~x~.");
    expect_typed("~\r~.", ESCAPE_LEAVE, "~\r");
    expect_typed("~/bin\r", ESCAPE_NONE, "~/bin\r");
    expect_typed("~", ESCAPE_NONE, "");
    expect_typed("\003\032\034", ESCAPE_NONE, "\003\032\034");
}

/* Busybox asks where the cursor is at each prompt, and the answer comes as if it were typed. */
static void what_the_terminal_answers_is_not_typed(void **state)
{
    (void)state;
    expect_typed("\r\033[24;9R~.", ESCAPE_LEAVE, "\r\033[24;9R");
    expect_typed("\r\033[?62;c~.", ESCAPE_LEAVE, "\r\033[?62;c");
    expect_typed("\r\033[I\033[O~.", ESCAPE_LEAVE, "\r\033[I\033[O");
    expect_typed("\r\033[<0;3;4M~.", ESCAPE_LEAVE, "\r\033[<0;3;4M");
    expect_typed("\r\033]11;rgb:0/0/0\033\\~.", ESCAPE_LEAVE, "\r\033]11;rgb:0/0/0\033\\");
    expect_typed("\r\033P1$r0m\033\\~.", ESCAPE_LEAVE, "\r\033P1$r0m\033\\");
    expect_typed("\r\033]11;rgb:0/0/0\a~.", ESCAPE_LEAVE, "\r\033]11;rgb:0/0/0\a");
    expect_typed("x\033[24;9R~.", ESCAPE_NONE, "x\033[24;9R~.");
    expect_typed("\033[24;~.", ESCAPE_NONE, "\033[24;~.");
}

static void keys_that_send_sequences_are_typed(void **state)
{
    (void)state;
    expect_typed("\033[A~.", ESCAPE_NONE, "\033[A~.");
    expect_typed("\033[1;5D~.", ESCAPE_NONE, "\033[1;5D~.");
    expect_typed("\033OP~.", ESCAPE_NONE, "\033OP~.");
    expect_typed("\033:q\r~.", ESCAPE_LEAVE, "\033:q\r");
    expect_typed("\033\r~.", ESCAPE_LEAVE, "\033\r");
    expect_typed("\033\033\r~.", ESCAPE_LEAVE, "\033\033\r");
    expect_typed("\033P\r~.", ESCAPE_LEAVE, "\033P\r");
    expect_typed("\033]x\033\r~.", ESCAPE_LEAVE, "\033]x\033\r");
}

static void what_follows_an_action_is_left_for_the_caller(void **state)
{
    struct escape escape = {0};
    cleanup_buffer struct buffer out = {0};
    enum escape_action action;

    (void)state;
    assert_int_equal(escape_feed(&escape, "~?ls\r", 5, &out, &action), 2);
    assert_int_equal(action, ESCAPE_HELP);
    assert_int_equal(escape_feed(&escape, "~.x", 3, &out, &action), 2); /* still at its beginning */
    assert_int_equal(action, ESCAPE_LEAVE);
    assert_int_equal(out.length, 0);
}

/* -- Screens ----------------------------------------------------------------------------------- */

/* However it comes in pieces, `printed` is undone by `undo`. */
static void expect_undo(const char *printed, const char *undo)
{
    size_t length = strlen(printed);

    for (size_t cut = 0; cut <= length; cut++) {
        cleanup_buffer struct buffer out = {0};
        struct screen screen = {0};

        screen_take(&screen, printed, cut);
        screen_take(&screen, printed + cut, length - cut);
        screen_undo(&screen, &out);
        assert_string_equal(out.length ? out.data : "", undo);
    }
}

static void what_is_as_usual_needs_nothing(void **state)
{
    (void)state;
    expect_undo("", "");
    expect_undo("hello\r\n", "");
    expect_undo("\033[1;31mred\033[0m\r\n", "");
    expect_undo("\033[31mred\033[m\r\n", "");
    expect_undo("\033[?1049h\033[?25l\033[?25h\033[?1049l", "");
    expect_undo("\033[2;20r\033[r", "");
    expect_undo("\033=\033>\016x\017\r\n", "");
    expect_undo("\033[?25l\033[1;5r\033=\033c", "");
    expect_undo("\033[?25l\033[!p", "");
}

static void a_line_that_was_begun_is_ended(void **state)
{
    (void)state;
    expect_undo("# ", "\r\n");
    expect_undo("a\r\nb", "\r\n");
    expect_undo("progress\r", "");
    expect_undo("\xc3\xa4", "\r\n");
}

static void each_mode_is_undone(void **state)
{
    (void)state;
    expect_undo("\033[?1049h", "\033[?1049l");
    expect_undo("\033[?1049hvi", "\033[?1049l\r\n");
    expect_undo("\033[?25l", "\033[?25h");
    expect_undo("\033[?7l", "\033[?7h");
    expect_undo("\033[4h", "\033[4l");
    expect_undo("\033[?4h", "");
    expect_undo("\033[?1000;1006;2004h", "\033[?1000l\033[?1006l\033[?2004l");
    expect_undo("\033[2;20r", "\0337\033[r\0338");
    expect_undo("\033[1;44m", "\033[m");
    expect_undo("\033[0;7m", "\033[m");
    expect_undo("\033=", "\033>");
    expect_undo("\033[>4;2m", "\033[>4m");
    expect_undo("\033(0", "\017\033(B");
}

static void an_unfinished_sequence_is_ended_first(void **state)
{
    (void)state;
    expect_undo("\033[?25l\033[?10", "\030\033[?25h");
    expect_undo("\033]0;title", "\030\033\\");
    expect_undo("\033]0;title\a", "");
    expect_undo("\033]0;title\033\\", "");
    expect_undo("\033P+q\033[?25l", "\033[?25h");
    expect_undo("\033[?2\0305l", "\r\n");
}

static void a_guest_may_print_what_it_likes(void **state)
{
    char noise[256];
    struct screen screen = {0};
    cleanup_buffer struct buffer out = {0};
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof noise; i++) {
            seed = seed * 1664525 + 1013904223;
            noise[i] = "\033[?;0123456789hlmrpc!>=(]P\\x"[(seed >> 16) % 28];
        }
        screen_take(&screen, noise, sizeof noise);
    }
    screen_take(&screen, "\033[", 2);
    for (int i = 0; i < 1000; i++)
        screen_take(&screen, "99999999999;", 12);
    screen_take(&screen, "h", 1);
    screen_undo(&screen, &out);
    assert_true(out.length <= SCREEN_UNDO_MAX);
}

/* Everything at once must fit where the watcher keeps it. */
static void the_longest_fits(void **state)
{
    static const char all[] =
        "\033[4h\033[?6;9;1000;1001;1002;1003;1004;1005;1006;1015;1016h"
        "\033[?47;1047;1049;1;5;66;2004h\033[?7;25l\033[1m\033[2;3r\033=\033[>4;1m\033(0x\033]";
    struct screen screen = {0};
    cleanup_buffer struct buffer out = {0};

    (void)state;
    screen_take(&screen, all, sizeof all - 1);
    screen_undo(&screen, &out);
    assert_true(out.length > 150);
    assert_true(out.length <= SCREEN_UNDO_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_escape_stands_behind_a_newline),
        cmocka_unit_test(what_is_no_escape_is_the_guests),
        cmocka_unit_test(what_the_terminal_answers_is_not_typed),
        cmocka_unit_test(keys_that_send_sequences_are_typed),
        cmocka_unit_test(what_follows_an_action_is_left_for_the_caller),
        cmocka_unit_test(what_is_as_usual_needs_nothing),
        cmocka_unit_test(a_line_that_was_begun_is_ended),
        cmocka_unit_test(each_mode_is_undone),
        cmocka_unit_test(an_unfinished_sequence_is_ended_first),
        cmocka_unit_test(a_guest_may_print_what_it_likes),
        cmocka_unit_test(the_longest_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
