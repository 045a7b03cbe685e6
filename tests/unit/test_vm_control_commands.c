/* Commands: their streams, their end, and what is asked of them meanwhile, against the mock agent.
 */
#include "control_fixture.h"

enum { MIB = 1 << 20 };

static struct mock_command *plan(struct fixture *fixture)
{
    return mock_agent_plan(fixture->mock);
}

static void start(struct fixture *fixture, const struct control_exec *exec, struct heard *heard)
{
    hear(fixture, heard);
    execute(fixture, exec, heard);
}

static const struct control_exec plain, with_input = {.input = true};

/* -- From the start to the end ----------------------------------------------------------------- */

static void a_command_prints_and_ends(void **state)
{
    struct fixture *fixture = *state;
    struct mock_command *command = plan(fixture);
    struct heard heard;

    buffer_append_text(&command->output, "out\n");
    buffer_append_text(&command->errors, "err\n");
    command->status = 3;
    start(fixture, &plain, &heard);
    assert_int_equal(control_command_id(heard.command), 1);
    expect_end(&heard, 3);
    run_until(fixture, heard.closed[0] && heard.closed[1]);
    assert_int_equal(heard.started, 1);
    assert_int_equal(heard.ready, 0);
    expect_text(&heard.output[CONTROL_STDOUT], "out\n");
    expect_text(&heard.output[CONTROL_STDERR], "err\n");
    assert_int_equal(heard.end.signal, 0);
    assert_int_equal(heard.end.stdout_bytes, 4);
    assert_int_equal(heard.end.stderr_bytes, 4);
    assert_false(heard.end.timed_out);
    forget(&heard);
}

static void a_refused_command_never_starts(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    mock_agent_trouble(fixture->mock, WIRE_EXECCMD, MOCK_REFUSE, "No such file or directory", 0);
    start(fixture, &plain, &heard);
    expect_failure(&heard, -EREMOTEIO);
    assert_string_equal(heard.reason, "No such file or directory");
    assert_int_equal(heard.started, 0);
    forget(&heard);
    start(fixture, &plain, &heard);
    expect_end(&heard, 0);
    forget(&heard);
}

static void commands_run_side_by_side(void **state)
{
    enum { COUNT = 100 };
    struct fixture *fixture = *state;
    struct heard *heard = xcalloc(COUNT, sizeof *heard);

    for (int i = 0; i < COUNT; i++) {
        struct mock_command *command = plan(fixture);

        buffer_printf(&command->output, "I am %d", i);
        command->status = i;
        start(fixture, &plain, &heard[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        cleanup_free char *text = xasprintf("I am %d", i);

        expect_end(&heard[i], i);
        expect_text(&heard[i].output[CONTROL_STDOUT], text);
        forget(&heard[i]);
    }
    free(heard);
}

static void a_signal_ends_a_command(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->stays = true;
    start(fixture, &plain, &heard);
    run_until(fixture, heard.started);
    control_signal(heard.command, SIGWINCH);
    ping(fixture);
    assert_int_equal(heard.ends, 0);
    control_signal(heard.command, SIGTERM);
    expect_end(&heard, 128 + SIGTERM);
    assert_int_equal(heard.end.signal, SIGTERM);
    control_signal(heard.command, SIGTERM);
    ping(fixture);
    forget(&heard);
}

static void a_signal_that_comes_too_late_is_no_news(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    start(fixture, &plain, &heard);
    control_signal(heard.command, SIGKILL);
    expect_end(&heard, 0);
    ping(fixture);
    forget(&heard);
}

static void a_command_that_ignores_signals_is_killed(void **state)
{
    struct fixture *fixture = *state;
    struct mock_command *command = plan(fixture);
    struct heard heard;

    command->stays = command->stubborn = true;
    start(fixture, &plain, &heard);
    run_until(fixture, heard.started);
    control_signal(heard.command, SIGTERM);
    ping(fixture);
    assert_int_equal(heard.ends, 0);
    control_signal(heard.command, SIGKILL);
    expect_end(&heard, 128 + SIGKILL);
    forget(&heard);
}

static void a_command_that_takes_too_long_is_ended(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->stays = true;
    start(fixture, &(struct control_exec){.timeout_ms = 1}, &heard);
    expect_end(&heard, 128 + SIGTERM);
    assert_true(heard.end.timed_out);
    forget(&heard);
}

static void a_background_process_becomes_ready(void **state)
{
    static const struct control_exec kinds[] = {
        {.background = true, .ready = CONTROL_TCP, .ready_port = 80},
        {.background = true, .ready = CONTROL_OUTPUT, .ready_text = "come in"}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(kinds); i++) {
        struct mock_command *command = plan(fixture);
        struct heard heard;

        command->stays = true;
        start(fixture, &kinds[i], &heard);
        if (kinds[i].ready == CONTROL_OUTPUT) {
            run_until(fixture, heard.started);
            ping(fixture);
            assert_int_equal(heard.ready, 0);
            assert_int_equal(mock_agent_print(fixture->mock, control_command_id(heard.command),
                                              true, "so, come in.", 12, NULL),
                             0);
        }
        run_until(fixture, heard.ready);
        assert_int_equal(heard.ends, 0);
        assert_int_equal(
            mock_agent_end(fixture->mock, control_command_id(heard.command), 0, 0, NULL), 0);
        expect_end(&heard, 0);
        assert_int_equal(heard.ready, 1);
        forget(&heard);
    }
}

static void a_terminal_is_one_stream_and_has_a_size(void **state)
{
    struct fixture *fixture = *state;
    struct mock_command *command = plan(fixture);
    struct heard heard;

    command->stays = command->echo = true;
    buffer_append_text(&command->errors, "warning; ");
    start(fixture, &(struct control_exec){.terminal = {.rows = 24, .columns = 80}}, &heard);
    run_until(fixture, heard.rooms);
    expect_message(fixture, "\"terminal\":{\"rows\":24,\"columns\":80}");
    control_resize(heard.command, 50, 132);
    ping(fixture);
    expect_message(fixture, "\"target\":1,\"rows\":50,\"columns\":132");
    assert_int_equal(control_feed(heard.command, "ls\r", 3), 3);
    run_until(fixture, heard.received[CONTROL_STDOUT] == strlen("warning; ls\r"));
    expect_text(&heard.output[CONTROL_STDOUT], "warning; ls\r");
    control_signal(heard.command, SIGHUP);
    expect_end(&heard, 128 + SIGHUP);
    forget(&heard);
}

/* -- Streams ----------------------------------------------------------------------------------- */

static void what_is_fed_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->echo = true;
    start(fixture, &with_input, &heard);
    assert_int_equal(control_feed(heard.command, "early", 5), 0);
    run_until(fixture, heard.rooms);
    assert_int_equal(control_feed(heard.command, "hello", 5), 5);
    control_close(heard.command);
    control_close(heard.command);
    assert_int_equal(control_feed(heard.command, "late", 4), 0);
    expect_end(&heard, 0);
    expect_text(&heard.output[CONTROL_STDOUT], "hello");
    forget(&heard);
}

static void input_that_is_closed_early_is_closed_when_it_can_be(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->echo = true;
    start(fixture, &with_input, &heard);
    control_close(heard.command);
    expect_end(&heard, 0);
    assert_int_equal(heard.rooms, 0);
    forget(&heard);
    expect_message(fixture, "\"port\":\"io\"");
}

static void more_is_fed_than_there_is_room_for(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->echo = true;
    hear(fixture, &heard);
    heard.feeds = 8 * MIB;
    heard.counts = true;
    execute(fixture, &with_input, &heard);
    expect_end(&heard, 0);
    assert_int_equal(heard.feeds, 0);
    assert_int_equal(heard.received[CONTROL_STDOUT], 8 * MIB);
    assert_int_equal(heard.end.stdout_bytes, 8 * MIB);
    forget(&heard);
}

static void nobody_is_fed_more_than_it_has_room_for(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;
    char *bytes = xcalloc(1, MIB);

    plan(fixture)->stays = true; /* and reads nothing */
    start(fixture, &with_input, &heard);
    run_until(fixture, heard.rooms);
    assert_int_equal(control_feed(heard.command, bytes, MIB), WIRE_WINDOW);
    assert_int_equal(control_feed(heard.command, bytes, 1), 0);
    ping(fixture);
    assert_int_equal(fixture->broken, 0);
    control_signal(heard.command, SIGKILL);
    expect_end(&heard, 128 + SIGKILL);
    assert_int_equal(control_feed(heard.command, bytes, 1), 0);
    forget(&heard);
    free(bytes);
}

static void a_stream_that_nobody_takes_holds_up_no_other(void **state)
{
    struct fixture *fixture = *state;
    struct heard held, other;

    plan(fixture)->zeros = 2 * MIB;
    hear(fixture, &held);
    held.holds = held.counts = true;
    execute(fixture, &plain, &held);
    run_until(fixture, held.received[CONTROL_STDOUT] == WIRE_WINDOW);
    plan(fixture)->zeros = 2 * MIB;
    hear(fixture, &other);
    other.counts = true;
    execute(fixture, &plain, &other);
    expect_end(&other, 0);
    assert_int_equal(other.received[CONTROL_STDOUT], 2 * MIB);
    assert_int_equal(held.received[CONTROL_STDOUT], WIRE_WINDOW);
    assert_int_equal(held.ends, 0);
    held.holds = false;
    control_taken(held.command, CONTROL_STDOUT, WIRE_WINDOW);
    expect_end(&held, 0);
    assert_int_equal(held.received[CONTROL_STDOUT], 2 * MIB);
    forget(&held);
    forget(&other);
}

static void a_command_that_nobody_reads_does_not_end(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->zeros = WIRE_WINDOW + 1;
    hear(fixture, &heard);
    heard.holds = heard.counts = true;
    execute(fixture, &plain, &heard);
    run_until(fixture, heard.received[CONTROL_STDOUT] == WIRE_WINDOW);
    ping(fixture);
    assert_int_equal(heard.ends, 0);
    control_taken(heard.command, CONTROL_STDOUT, WIRE_WINDOW);
    expect_end(&heard, 0);
    forget(&heard);
}

/* -- Freeing ----------------------------------------------------------------------------------- */

/* One that was freed is not heard any more, and the next is as if it had not been. */
static void expect_forgotten(struct fixture *fixture, struct heard *heard)
{
    const struct heard before = *heard;
    struct heard next;

    plan(fixture)->echo = true;
    hear(fixture, &next);
    next.feeds = 3;
    execute(fixture, &with_input, &next);
    expect_end(&next, 0);
    expect_text(&next.output[CONTROL_STDOUT], "xxx");
    forget(&next);
    assert_int_equal(heard->started, before.started);
    assert_int_equal(heard->rooms, before.rooms);
    assert_int_equal(heard->ends, before.ends);
    assert_int_equal(heard->received[CONTROL_STDOUT], before.received[CONTROL_STDOUT]);
    assert_int_equal(fixture->broken, 0);
}

static void a_command_is_freed_before_it_starts(void **state)
{
    struct fixture *fixture = *state;
    struct mock_command *command = plan(fixture);
    struct heard heard;

    command->echo = true;
    command->zeros = 2 * MIB;
    start(fixture, &with_input, &heard);
    forget(&heard);
    expect_forgotten(fixture, &heard);
}

static void a_command_is_freed_while_it_prints(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->zeros = 2 * MIB;
    hear(fixture, &heard);
    heard.holds = heard.counts = true;
    execute(fixture, &plain, &heard);
    run_until(fixture, heard.received[CONTROL_STDOUT] == WIRE_WINDOW);
    forget(&heard);
    expect_forgotten(fixture, &heard);
    request(fixture, WIRE_FINISHPOD, ""); /* so it could print all and end */
}

static void a_command_is_freed_while_it_is_fed(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->echo = true;
    start(fixture, &with_input, &heard);
    run_until(fixture, heard.rooms);
    assert_int_equal(control_feed(heard.command, "abc", 3), 3);
    forget(&heard);
    expect_forgotten(fixture, &heard);
}

static void a_command_is_freed_between_its_end_and_its_last_byte(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    plan(fixture)->zeros = MIB;
    hear(fixture, &heard);
    heard.counts = true;
    execute(fixture, &plain, &heard);
    run_until(fixture, heard.ends);
    forget(&heard);
    expect_forgotten(fixture, &heard);
}

static void a_refused_command_is_freed_before_its_answer(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    mock_agent_trouble(fixture->mock, WIRE_EXECCMD, MOCK_REFUSE, NULL, 0);
    start(fixture, &with_input, &heard);
    forget(&heard);
    expect_forgotten(fixture, &heard);
}

struct suicide {
    struct fixture *fixture;
    struct control_command *command;
    unsigned calls;
};

static void die(struct suicide *suicide)
{
    suicide->calls++;
    control_command_free(suicide->command);
    loop_stop(suicide->fixture->loop);
}

static void die_at_output(void *context, enum control_output output, const char *bytes,
                          size_t count)
{
    (void)output;
    (void)bytes;
    (void)count;
    die(context);
}

static void die_at_end(void *context, const struct control_end *end)
{
    assert_int_equal(end->code, 0);
    die(context);
}

static void die_at_call(void *context)
{
    die(context);
}

static void a_command_is_freed_in_each_of_its_calls(void **state)
{
    static const struct control_command_calls calls[] = {
        {.started = die_at_call}, {.ready = die_at_call}, {.output = die_at_output},
        {.room = die_at_call},    {.ended = die_at_end},  {.complete = die_at_end}};
    const struct control_exec exec = {
        .name = "it", .argv = some_argv, .input = true, .ready = CONTROL_TCP, .ready_port = 80};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(calls); i++) {
        struct suicide suicide = {.fixture = fixture};
        struct heard unheard = {0};
        struct error error = {0};

        buffer_append_text(&plan(fixture)->output, "some output");
        assert_int_equal(
            control_exec(fixture->control, &exec, &calls[i], &suicide, &suicide.command, &error),
            0);
        run_until(fixture, suicide.calls);
        expect_forgotten(fixture, &unheard);
        assert_int_equal(suicide.calls, 1);
    }
}

/* Room that a freed command gives back is what it held, and not more: the guest would be allowed to
 * send without an end. */
static void what_a_freed_command_held_is_given_back_once(void **state)
{
    static const struct control_command_calls calls = {.output = die_at_output};
    const struct control_exec exec = {.name = "it", .argv = some_argv};
    struct fixture *fixture = *state;
    struct suicide suicide = {.fixture = fixture};
    struct error error = {0};

    plan(fixture)->zeros = 4 * MIB - 1; /* one byte more, and the next large step is told */
    assert_int_equal(
        control_exec(fixture->control, &exec, &calls, &suicide, &suicide.command, &error), 0);
    run_until(fixture, suicide.calls);
    request(fixture, WIRE_FINISHPOD, "");
    expect_forgotten(fixture, &(struct heard){0}); /* which comes after all of that on io */
    ping(fixture);
    {
        cleanup_free char *messages = mock_agent_messages(fixture->mock);
        uint64_t granted = 0;

        for (char *at = messages; (at = strstr(at, "\"bytes\":")); at++)
            granted += strtoull(at + strlen("\"bytes\":"), NULL, 10);
        assert_true(granted > 0);
        assert_true(granted <= 4 * MIB - 1);
    }
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(a_command_prints_and_ends),
        with_fixture(a_refused_command_never_starts),
        with_fixture(commands_run_side_by_side),
        with_fixture(a_signal_ends_a_command),
        with_fixture(a_signal_that_comes_too_late_is_no_news),
        with_fixture(a_command_that_ignores_signals_is_killed),
        with_fixture(a_command_that_takes_too_long_is_ended),
        with_fixture(a_background_process_becomes_ready),
        with_fixture(a_terminal_is_one_stream_and_has_a_size),
        with_fixture(what_is_fed_comes_back),
        with_fixture(input_that_is_closed_early_is_closed_when_it_can_be),
        with_fixture(more_is_fed_than_there_is_room_for),
        with_fixture(nobody_is_fed_more_than_it_has_room_for),
        with_fixture(a_stream_that_nobody_takes_holds_up_no_other),
        with_fixture(a_command_that_nobody_reads_does_not_end),
        with_fixture(a_command_is_freed_before_it_starts),
        with_fixture(a_command_is_freed_while_it_prints),
        with_fixture(a_command_is_freed_while_it_is_fed),
        with_fixture(a_command_is_freed_between_its_end_and_its_last_byte),
        with_fixture(a_refused_command_is_freed_before_its_answer),
        with_fixture(a_command_is_freed_in_each_of_its_calls),
        with_fixture(what_a_freed_command_held_is_given_back_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
