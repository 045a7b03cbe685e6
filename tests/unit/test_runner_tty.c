/* The user's terminal while it is lent: raw, and as it was whatever becomes of duet. */
#include "runner/tty.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 60000 };

struct fixture {
    struct loop *loop;
    int master, slave;
    struct termios before;
    struct tty *tty;
    int resizes;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};

    assert_int_equal(loop_new(&fixture->loop, &error), 0);
    assert_int_equal(openpty(&fixture->master, &fixture->slave, NULL, NULL, NULL), 0);
    assert_int_equal(tcgetattr(fixture->slave, &fixture->before), 0);
    assert_true(fixture->before.c_lflag & ICANON);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    tty_give_back(fixture->tty, true);
    loop_free(fixture->loop);
    close(fixture->master);
    close(fixture->slave);
    free(fixture);
    return 0;
}

static void on_resized(void *context)
{
    struct fixture *fixture = context;

    fixture->resizes++;
    loop_stop(fixture->loop);
}

static void take(struct fixture *fixture)
{
    struct error error = {0};

    assert_int_equal(tty_take(fixture->loop, fixture->slave, fixture->slave, on_resized, fixture,
                              &fixture->tty, &error),
                     0);
}

static void give_back(struct fixture *fixture, bool clean)
{
    tty_give_back(fixture->tty, clean);
    fixture->tty = NULL;
}

static void show(struct fixture *fixture, const char *text)
{
    tty_shown(fixture->tty, text, strlen(text));
}

static void expect_as_before(const struct fixture *fixture)
{
    struct termios now;

    assert_int_equal(tcgetattr(fixture->slave, &now), 0);
    assert_int_equal(now.c_iflag, fixture->before.c_iflag);
    assert_int_equal(now.c_oflag, fixture->before.c_oflag);
    assert_int_equal(now.c_cflag, fixture->before.c_cflag);
    assert_int_equal(now.c_lflag, fixture->before.c_lflag);
    assert_memory_equal(now.c_cc, fixture->before.c_cc, sizeof now.c_cc);
}

/* What the terminal shows up to and with `end`. */
static void read_until(const struct fixture *fixture, const char *end, struct buffer *out)
{
    while (!out->data || !strstr(out->data, end)) {
        struct pollfd ready = {.fd = fixture->master, .events = POLLIN};
        char bytes[256];
        ssize_t n;

        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
        n = read(fixture->master, bytes, sizeof bytes);
        assert_true(n > 0);
        buffer_append(out, bytes, (size_t)n);
    }
}

static void expect_shown(const struct fixture *fixture, const char *text)
{
    cleanup_buffer struct buffer shown = {0};

    read_until(fixture, text, &shown);
    assert_string_equal(shown.data, text);
}

static bool shows_something(const struct fixture *fixture)
{
    struct pollfd ready = {.fd = fixture->master, .events = POLLIN};

    return poll(&ready, 1, 0) == 1;
}

static void every_byte_that_is_typed_passes(void **state)
{
    static const char typed[] = "\003\004\023\032\034\r\021";
    struct fixture *fixture = *state;
    char got[sizeof typed];

    take(fixture);
    assert_int_equal(write(fixture->master, typed, sizeof typed), sizeof typed);
    for (size_t count = 0; count < sizeof typed;) {
        ssize_t n = read(fixture->slave, got + count, sizeof got - count);

        assert_true(n > 0);
        count += (size_t)n;
    }
    assert_memory_equal(got, typed, sizeof typed);
    assert_false(shows_something(fixture)); /* no echo */
}

static void the_settings_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct termios raw;

    take(fixture);
    assert_int_equal(tcgetattr(fixture->slave, &raw), 0);
    assert_false(raw.c_lflag & (ICANON | ECHO | ISIG));
    assert_false(raw.c_oflag & OPOST);
    give_back(fixture, true);
    expect_as_before(fixture);
}

static void nothing_is_shared_with_the_shell(void **state)
{
    struct fixture *fixture = *state;
    int flags = fcntl(fixture->slave, F_GETFL);

    take(fixture);
    assert_int_equal(fcntl(fixture->slave, F_GETFL), flags);
}

static void a_program_that_ended_has_tidied_up_itself(void **state)
{
    struct fixture *fixture = *state;

    take(fixture);
    show(fixture, "\033[?25l$ ");
    give_back(fixture, true);
    assert_false(shows_something(fixture));
}

static void what_a_dead_program_left_on_is_switched_off(void **state)
{
    struct fixture *fixture = *state;

    take(fixture);
    show(fixture, "\033[?1049h\033[?25l\033[?2004h");
    give_back(fixture, false);
    expect_shown(fixture, "\033[?1049l\033[?2004l\033[?25h\r");
    expect_as_before(fixture);
}

static void a_plain_shell_that_dies_needs_a_new_line_alone(void **state)
{
    struct fixture *fixture = *state;

    take(fixture);
    show(fixture, "\033[1;32mnode\033[0m# ");
    give_back(fixture, false);
    expect_shown(fixture, "\r\n\r");
}

/* A full terminal that nobody reads must not hold duet up. */
static void a_stopped_terminal_can_be_given_back(void **state)
{
    struct fixture *fixture = *state;

    take(fixture);
    show(fixture, "\033[?1049h");
    assert_int_equal(tcflow(fixture->slave, TCOOFF), 0);
    give_back(fixture, false);
    expect_as_before(fixture);
}

static void the_watcher_ends_with_the_loan(void **state)
{
    struct fixture *fixture = *state;

    take(fixture);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
    give_back(fixture, false);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_new_size_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct winsize size = {.ws_row = 50, .ws_col = 132};
    unsigned rows = 0, columns = 0;

    assert_false(tty_size(fixture->slave, &rows, &columns)); /* 0 by 0 */
    take(fixture);
    assert_int_equal(ioctl(fixture->master, TIOCSWINSZ, &size), 0);
    raise(SIGWINCH); /* which the kernel sends where it is the controlling terminal */
    loop_run(fixture->loop);
    assert_int_equal(fixture->resizes, 1);
    assert_true(tty_size(fixture->slave, &rows, &columns));
    assert_int_equal(rows, 50);
    assert_int_equal(columns, 132);
    assert_false(tty_size(STDIN_FILENO, &rows, &columns) && rows == 50 && columns == 132);
}

/* After SIGTSTP from elsewhere, say: the user's shell had it meanwhile. */
static void a_duet_that_goes_on_takes_the_terminal_anew(void **state)
{
    struct fixture *fixture = *state;
    struct termios now;

    take(fixture);
    assert_int_equal(tcsetattr(fixture->slave, TCSANOW, &fixture->before), 0);
    raise(SIGCONT);
    raise(SIGWINCH); /* which is read behind it, and ends the loop in any case */
    loop_run(fixture->loop);
    assert_int_equal(tcgetattr(fixture->slave, &now), 0);
    assert_false(now.c_lflag & (ICANON | ECHO | ISIG));
    give_back(fixture, true);
    expect_as_before(fixture);
}

/* -- Deaths ------------------------------------------------------------------------------------ */

/* A duet that has taken the terminal, and had a program print `text` on it; killed with SIGKILL. */
static void borrow_and_die(struct fixture *fixture, const char *text, void (*meanwhile)(int slave))
{
    int ready[2];
    pid_t child;
    char byte;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        take(fixture);
        show(fixture, text);
        if (write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    if (meanwhile)
        meanwhile(fixture->slave);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
}

static void a_duet_that_is_killed_leaves_a_sane_terminal(void **state)
{
    struct fixture *fixture = *state;

    borrow_and_die(fixture, "\033[?1049h\033[?25lvi", NULL);
    expect_shown(fixture, "\033[?1049l\033[?25h"); /* when the settings are back */
    expect_as_before(fixture);
}

static void set_own(int slave)
{
    struct termios own;

    tcgetattr(slave, &own);
    own.c_lflag |= ECHO;
    own.c_cc[VINTR] = 'x';
    tcsetattr(slave, TCSANOW, &own);
}

/* The shell was quicker, and has its line editor's settings by now. */
static void settings_that_somebody_else_made_stay(void **state)
{
    struct fixture *fixture = *state;
    struct termios now;

    borrow_and_die(fixture, "x", set_own);
    expect_shown(fixture, "\r");
    assert_int_equal(tcgetattr(fixture->slave, &now), 0);
    assert_int_equal(now.c_cc[VINTR], 'x');
    assert_true(now.c_lflag & ECHO);
}

static void what_is_no_terminal_is_refused(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct tty *tty = NULL;
    struct error error = {0};

    assert_int_equal(tty_take(fixture->loop, null, null, on_resized, fixture, &tty, &error),
                     -ENOTTY);
    assert_null(tty);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        test(every_byte_that_is_typed_passes),
        test(the_settings_come_back),
        test(nothing_is_shared_with_the_shell),
        test(a_program_that_ended_has_tidied_up_itself),
        test(what_a_dead_program_left_on_is_switched_off),
        test(a_plain_shell_that_dies_needs_a_new_line_alone),
        test(a_stopped_terminal_can_be_given_back),
        test(the_watcher_ends_with_the_loan),
        test(a_new_size_is_told),
        test(a_duet_that_goes_on_takes_the_terminal_anew),
        test(a_duet_that_is_killed_leaves_a_sane_terminal),
        test(settings_that_somebody_else_made_stay),
        test(what_is_no_terminal_is_refused),
    };
#undef test

    return cmocka_run_group_tests(tests, NULL, NULL);
}
