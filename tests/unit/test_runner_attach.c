/* The user's streams at the end of a command in a guest, whose agent the test plays. */
#include "runner/attach.h"
#include "runner/shell.h"

#include "fake_agent.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/epoll.h>
#include <termios.h>

struct fixture {
    struct fake_agent agent;
    struct attach *attach;
    int in[2], out[2], err[2]; /* pipes: the user's other ends are in[1], out[0] and err[0] */
    int master, slave;         /* a terminal, where there is one */
    bool ended;
    struct attach_end end;
    char message[256];
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    signal(SIGPIPE, SIG_IGN);
    fixture->master = fixture->slave = -1;
    assert_int_equal(pipe2(fixture->in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(fixture->out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(fixture->err, O_CLOEXEC), 0);
    fake_open(&fixture->agent);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    attach_free(fixture->attach);
    fake_close(&fixture->agent);
    for (int i = 0; i < 2; i++) {
        close_fd(&fixture->in[i]);
        close_fd(&fixture->out[i]);
        close_fd(&fixture->err[i]);
    }
    close_fd(&fixture->master);
    close_fd(&fixture->slave);
    free(fixture);
    return 0;
}

static void on_ended(void *context, const struct attach_end *end)
{
    struct fixture *fixture = context;

    assert_false(fixture->ended);
    fixture->ended = true;
    fixture->end = *end;
    snprintf(fixture->message, sizeof fixture->message, "%s", end->message ? end->message : "");
    loop_stop(fixture->agent.loop);
}

static const char *const argv[] = {"cat", "-", NULL};
static const struct control_exec cat = {.name = "cat", .argv = argv};

static void start(struct fixture *fixture)
{
    struct error error = {0};

    assert_int_equal(attach_start(&(struct attach_options){.loop = fixture->agent.loop,
                                                           .control = fixture->agent.control,
                                                           .exec = &cat,
                                                           .in = fixture->in[0],
                                                           .out = fixture->out[1],
                                                           .err = fixture->err[1],
                                                           .ended = on_ended,
                                                           .context = fixture},
                                  &fixture->attach, &error),
                     0);
    fake_expect(&fixture->agent, WIRE_EXECCMD, "\"argv\":[\"cat\",\"-\"]");
}

static void on_readable(void *context, uint32_t events)
{
    (void)events;
    loop_stop(context);
}

/* Until there is something to read from `fd`. */
static void run_until(struct fixture *fixture, int fd)
{
    struct watch *watch;

    assert_int_equal(loop_watch(fixture->agent.loop, fd, EPOLLIN, on_readable, fixture->agent.loop,
                                &watch, NULL),
                     0);
    loop_run(fixture->agent.loop);
    watch_free(watch);
}

static void expect_end(struct fixture *fixture, enum attach_reason reason, const char *message)
{
    if (!fixture->ended)
        loop_run(fixture->agent.loop);
    assert_true(fixture->ended);
    assert_int_equal(fixture->end.reason, reason);
    if (message)
        assert_string_equal(fixture->message, message);
}

static void expect_read(int fd, const char *expected)
{
    char bytes[256];
    ssize_t n = read(fd, bytes, sizeof bytes);

    assert_int_equal(n, strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
}

/* What the command is fed, up to its end or until so much has come. */
static void expect_fed(struct fixture *fixture, const char *expected, bool closed)
{
    cleanup_buffer struct buffer fed = {0};
    bool has_closed = false;

    while (fed.length < strlen(expected) || has_closed < closed) {
        run_until(fixture, fixture->agent.io);
        has_closed = fake_receive(&fixture->agent, 2, &fed);
    }
    assert_int_equal(fed.length, strlen(expected));
    assert_memory_equal(fed.data, expected, fed.length);
}

/* -- Streams ----------------------------------------------------------------------------------- */

static void a_command_prints_here(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    fake_ack(&fixture->agent, WIRE_EXECCMD, 1);
    fake_print(&fixture->agent, 2, "out\0put", 7);
    fake_print(&fixture->agent, 3, "error", 5);
    fake_end(&fixture->agent, 7, 0, 7, 5);
    expect_end(fixture, ATTACH_ENDED, NULL);
    assert_int_equal(fixture->end.status, 7);
    assert_int_equal(fixture->end.signal, 0);
    expect_read(fixture->err[0], "error");
    fixture->message[0] = '\0';
    assert_int_equal(read(fixture->out[0], fixture->message, 64), 7);
    assert_memory_equal(fixture->message, "out\0put", 7);
}

static void the_signal_that_ended_it_is_told(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    fake_ack(&fixture->agent, WIRE_EXECCMD, 1);
    fake_end(&fixture->agent, 128 + SIGSEGV, SIGSEGV, 0, 0);
    expect_end(fixture, ATTACH_ENDED, NULL);
    assert_int_equal(fixture->end.status, 128 + SIGSEGV);
    assert_int_equal(fixture->end.signal, SIGSEGV);
}

static void what_is_piped_is_fed(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(write(fixture->in[1], "~.\n~.", 5), 5); /* no escapes without a terminal */
    close_fd(&fixture->in[1]);
    start(fixture);
    fake_ack(&fixture->agent, WIRE_EXECCMD, 1);
    fake_room(&fixture->agent, 2, 65536);
    expect_fed(fixture, "~.\n~.", true);
}

/* What the guest has no room for waits. */
static void no_more_is_fed_than_there_is_room_for(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(write(fixture->in[1], "abcdef", 6), 6);
    start(fixture);
    fake_ack(&fixture->agent, WIRE_EXECCMD, 1);
    fake_room(&fixture->agent, 2, 4);
    expect_fed(fixture, "abcd", false);
    fake_room(&fixture->agent, 2, 1);
    expect_fed(fixture, "e", false);
}

static void signals_are_passed_on(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    attach_signal(fixture->attach, SIGINT);
    fake_expect(&fixture->agent, WIRE_KILLCONTAINER, "\"target\":1,\"signal\":2");
}

/* -- Ends -------------------------------------------------------------------------------------- */

static void what_cannot_run_says_why(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    fake_say(&fixture->agent, WIRE_ERROR, "{\"code\":%d,\"id\":1,\"reason\":\"cannot run cat\"}",
             WIRE_EXECCMD);
    expect_end(fixture, ATTACH_REFUSED, "cannot run cat");
}

static void a_guest_that_goes_away_is_told_with_what_it_printed(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    fake_ack(&fixture->agent, WIRE_EXECCMD, 1);
    fake_print(&fixture->agent, 2, "last words", 10);
    fake_hang_up(&fixture->agent);
    expect_end(fixture, ATTACH_BROKEN, NULL);
    assert_true(fixture->message[0]);
    expect_read(fixture->out[0], "last words");
}

static void a_command_that_nobody_hears_gets_sigpipe(void **state)
{
    struct fixture *fixture = *state;

    close_fd(&fixture->out[0]);
    start(fixture);
    fake_ack(&fixture->agent, WIRE_EXECCMD, 1);
    fake_print(&fixture->agent, 2, "x", 1);
    expect_end(fixture, ATTACH_UNHEARD, "");
    fake_expect(&fixture->agent, WIRE_KILLCONTAINER, "\"target\":1,\"signal\":13");
}

static void a_full_disk_is_told(void **state)
{
    struct fixture *fixture = *state;

    close_fd(&fixture->out[1]);
    fixture->out[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
    start(fixture);
    fake_ack(&fixture->agent, WIRE_EXECCMD, 1);
    fake_print(&fixture->agent, 2, "x", 1);
    expect_end(fixture, ATTACH_UNHEARD, "cannot write its output: No space left on device");
}

static void the_user_may_leave(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    attach_leave(fixture->attach, NULL);
    expect_end(fixture, ATTACH_LEFT, "");
}

static void the_first_reason_counts(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    attach_leave(fixture->attach, "the node is gone");
    attach_leave(fixture->attach, NULL);
    expect_end(fixture, ATTACH_BROKEN, "the node is gone");
}

/* -- Terminals --------------------------------------------------------------------------------- */

static void open_terminal(struct fixture *fixture)
{
    const struct winsize size = {.ws_row = 31, .ws_col = 99};

    assert_int_equal(openpty(&fixture->master, &fixture->slave, NULL, NULL, &size), 0);
}

static void start_terminal(struct fixture *fixture)
{
    struct error error = {0};

    assert_int_equal(attach_start(&(struct attach_options){.loop = fixture->agent.loop,
                                                           .control = fixture->agent.control,
                                                           .exec = &cat,
                                                           .terminal = true,
                                                           .in = fixture->slave,
                                                           .out = fixture->slave,
                                                           .err = fixture->slave,
                                                           .ended = on_ended,
                                                           .context = fixture},
                                  &fixture->attach, &error),
                     0);
    fake_expect(&fixture->agent, WIRE_EXECCMD, "\"terminal\":{\"rows\":31,\"columns\":99}");
}

static bool is_raw(const struct fixture *fixture)
{
    struct termios now;

    assert_int_equal(tcgetattr(fixture->slave, &now), 0);
    return !(now.c_lflag & ICANON);
}

/* The command runs: its terminal is the user's. */
static void take_terminal(struct fixture *fixture)
{
    start_terminal(fixture);
    fake_ack(&fixture->agent, WIRE_EXECCMD, 1);
    run_until(fixture, fixture->agent.ctl);
    fake_expect(&fixture->agent, WIRE_WINSIZE, "\"rows\":31,\"columns\":99");
    assert_true(is_raw(fixture));
    fake_room(&fixture->agent, 2, 65536);
}

static void type(const struct fixture *fixture, const char *keys)
{
    assert_int_equal(write(fixture->master, keys, strlen(keys)), strlen(keys));
}

static void the_terminal_is_lent_while_the_command_runs(void **state)
{
    struct fixture *fixture = *state;

    open_terminal(fixture);
    take_terminal(fixture);
    type(fixture, "ls\r\003\032");
    expect_fed(fixture, "ls\r\003\032", false);
    fake_print(&fixture->agent, 2, "a\r\n", 3);
    run_until(fixture, fixture->master);
    expect_read(fixture->master, "a\r\n");
    fake_print(&fixture->agent, 2, NULL, 0);
    fake_print(&fixture->agent, 2, "\0", 1);
    fake_say(&fixture->agent, WIRE_CMDFINISHED,
             "{\"id\":1,\"status\":0,\"signal\":0,\"timed_out\":false,\"duration_ms\":1,"
             "\"stdout_bytes\":3,\"stderr_bytes\":0}");
    expect_end(fixture, ATTACH_ENDED, NULL);
    assert_false(is_raw(fixture));
}

static void an_escape_leaves(void **state)
{
    struct fixture *fixture = *state;

    open_terminal(fixture);
    take_terminal(fixture);
    type(fixture, "x\r~.");
    expect_end(fixture, ATTACH_LEFT, "");
    assert_false(is_raw(fixture));
}

static void a_guest_that_dies_gives_the_terminal_back(void **state)
{
    struct fixture *fixture = *state;

    open_terminal(fixture);
    take_terminal(fixture);
    fake_hang_up(&fixture->agent);
    expect_end(fixture, ATTACH_BROKEN, NULL);
    assert_false(is_raw(fixture));
}

static void a_command_that_cannot_run_never_gets_it(void **state)
{
    struct fixture *fixture = *state;

    open_terminal(fixture);
    start_terminal(fixture);
    fake_say(&fixture->agent, WIRE_ERROR, "{\"code\":%d,\"id\":1,\"reason\":\"no\"}", WIRE_EXECCMD);
    expect_end(fixture, ATTACH_REFUSED, "no");
    assert_false(is_raw(fixture));
}

/* -- Shells ------------------------------------------------------------------------------------ */

static const char *variable(const struct shell_command *command, const char *name)
{
    for (size_t i = 0; i < command->exec.env_count; i++)
        if (strcmp(command->exec.env[i].name, name) == 0)
            return command->exec.env[i].value;
    return NULL;
}

static void a_shell_says_where_it_is(void **state)
{
    struct shell_command command;

    (void)state;
    setenv("TERM", "xterm-256color", 1);
    unsetenv("NO_COLOR");
    shell_describe(&command, "entry", NULL);
    assert_string_equal(variable(&command, "PS1"), "\\[\\e[1m\\]entry\\[\\e[0m\\]:\\w\\$ ");
    assert_string_equal(variable(&command, "HOME"), "/root");
    assert_string_equal(command.exec.cwd, "/root");
    assert_null(command.exec.container);
    shell_describe(&command, "entry", "web");
    assert_string_equal(variable(&command, "PS1"), "\\[\\e[1m\\]entry/web\\[\\e[0m\\]:\\w\\$ ");
    assert_string_equal(command.exec.cwd, "/");
    assert_string_equal(command.exec.container, "web");
}

static void a_shell_has_no_colours_where_none_are_wanted(void **state)
{
    struct shell_command command;

    (void)state;
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    shell_describe(&command, "entry", NULL);
    assert_string_equal(variable(&command, "PS1"), "entry:\\w\\$ ");
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    shell_describe(&command, "entry", NULL);
    assert_string_equal(variable(&command, "PS1"), "entry:\\w\\$ ");
}

static void a_guest_is_told_a_terminal_that_has_a_name(void **state)
{
    struct shell_command command;

    (void)state;
    setenv("TERM", "screen.xterm-256color+x_1", 1);
    shell_describe(&command, "entry", NULL);
    assert_string_equal(variable(&command, "TERM"), "screen.xterm-256color+x_1");
    setenv("TERM", "$(reboot)", 1);
    shell_describe(&command, "entry", NULL);
    assert_null(variable(&command, "TERM"));
    setenv("TERM", "", 1);
    assert_null(shell_term());
    unsetenv("TERM");
    assert_null(shell_term());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_command_prints_here),
        TEST(the_signal_that_ended_it_is_told),
        TEST(what_is_piped_is_fed),
        TEST(no_more_is_fed_than_there_is_room_for),
        TEST(signals_are_passed_on),
        TEST(what_cannot_run_says_why),
        TEST(a_guest_that_goes_away_is_told_with_what_it_printed),
        TEST(a_command_that_nobody_hears_gets_sigpipe),
        TEST(a_full_disk_is_told),
        TEST(the_user_may_leave),
        TEST(the_first_reason_counts),
        TEST(the_terminal_is_lent_while_the_command_runs),
        TEST(an_escape_leaves),
        TEST(a_guest_that_dies_gives_the_terminal_back),
        TEST(a_command_that_cannot_run_never_gets_it),
        cmocka_unit_test(a_shell_says_where_it_is),
        cmocka_unit_test(a_shell_has_no_colours_where_none_are_wanted),
        cmocka_unit_test(a_guest_is_told_a_terminal_that_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
