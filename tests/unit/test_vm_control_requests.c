/* Requests and their answers, and every way in which a channel ends, against the mock agent. */
#include "control_fixture.h"

#include "directory.h"

/* -- The connection ---------------------------------------------------------------------------- */

static void a_guest_that_is_up_says_so(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fixture->ready, 1);
    assert_string_equal(fixture->kernel, "mock");
    assert_false(control_is_broken(fixture->control));
}

static void listen_in(const char *directory, struct fixture *fixture, char **ctl, char **io)
{
    const struct mock_options mock = {.loop = fixture->loop};
    struct error error = {0};

    *ctl = xasprintf("%s/ctl", directory);
    *io = xasprintf("%s/io", directory);
    assert_int_equal(mock_agent_listen(&mock, *ctl, *io, &fixture->mock, &error), 0);
}

static void connect_to(struct fixture *fixture, const char *ctl, const char *io)
{
    const struct control_options host = host_options(fixture);
    struct error error = {0};

    fixture->ready = 0;
    assert_int_equal(control_connect(&host, ctl, io, &fixture->control, &error), 0);
    run_until(fixture, fixture->ready);
}

static void one_connection_comes_after_the_other(void **state)
{
    struct fixture *fixture = fixture_new();
    char *directory = directory_make(), *ctl, *io;
    struct answer answer;

    listen_in(directory, fixture, &ctl, &io);
    for (int i = 0; i < 3; i++) {
        connect_to(fixture, ctl, io);
        ask(fixture, WIRE_FINISHPOD, "", 0, &answer);
        expect_answer(&answer, -EREMOTEIO, "has not been configured");
        configure(fixture);
        request(fixture, WIRE_FINISHPOD, "");
        control_free(fixture->control);
        fixture->control = NULL;
    }
    free(ctl);
    free(io);
    (void)state;
    tear_down((void *[]){fixture});
    directory_remove(directory);
}

static void the_sockets_of_a_mock_go_with_it(void **state)
{
    struct fixture *fixture = fixture_new();
    char *directory = directory_make(), *ctl, *io;
    struct mock_agent *second = NULL;
    struct error error = {0};

    listen_in(directory, fixture, &ctl, &io);
    assert_int_equal(
        mock_agent_listen(&(struct mock_options){.loop = fixture->loop}, ctl, io, &second, &error),
        -EADDRINUSE);
    assert_true(directory_has(directory, "ctl"));
    mock_agent_free(fixture->mock);
    fixture->mock = NULL;
    assert_false(directory_has(directory, "ctl"));
    assert_false(directory_has(directory, "io"));
    free(ctl);
    free(io);
    (void)state;
    tear_down((void *[]){fixture});
    directory_remove(directory);
}

static void nobody_at_the_sockets_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    const struct control_options host = host_options(fixture);
    struct control *control = NULL;
    struct error error = {0};

    assert_int_equal(
        control_connect(&host, "/nonexistent/ctl", "/nonexistent/io", &control, &error), -ENOENT);
    assert_null(control);
    assert_non_null(strstr(error.message, "/nonexistent/ctl"));
}

/* -- Answers ----------------------------------------------------------------------------------- */

static void requests_are_answered_each(void **state)
{
    struct fixture *fixture = *state;
    struct answer answers[3];

    ask(fixture, WIRE_PING, "", 0, &answers[0]);
    ask(fixture, WIRE_ONLINECPUMEM, "", 0, &answers[1]);
    ask(fixture, WIRE_SETUPROUTE, "\"routes\":[{\"to\":\"default\",\"device\":\"lo\"}]", 0,
        &answers[2]);
    for (size_t i = 0; i < array_size(answers); i++)
        expect_answer(&answers[i], 0, NULL);
    assert_true(answers[0].all.clock_ns > 0);
    assert_int_equal(answers[1].all.cpus, 1);
    assert_int_equal(answers[1].all.memory_blocks, 1);
}

static void a_refusal_has_its_reason(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    mock_agent_trouble(fixture->mock, WIRE_PING, MOCK_REFUSE, "not \"now\"", 0);
    ask(fixture, WIRE_PING, "", 0, &answer);
    expect_answer(&answer, -EREMOTEIO, "not \"now\"");
    ask(fixture, WIRE_REMOVECONTAINER, "\"container\":\"web\"", 0, &answer);
    expect_answer(&answer, -EREMOTEIO, "no container web");
    ask(fixture, WIRE_REMOVECONTAINER, "\"containers\":\"web\"", 0, &answer);
    expect_answer(&answer, -EREMOTEIO, "containers");
    ping(fixture);
}

static void what_is_not_answered_in_time_is_over(void **state)
{
    struct fixture *fixture = *state;
    struct answer silent;

    mock_agent_trouble(fixture->mock, WIRE_PING, MOCK_SILENCE, NULL, 0);
    ask(fixture, WIRE_PING, "", NS_PER_MS, &silent);
    expect_answer(&silent, -ETIMEDOUT, "does not answer");
    ping(fixture);
    assert_int_equal(silent.count, 1);
}

static void a_late_answer_is_nobodys(void **state)
{
    struct fixture *fixture = *state;
    struct answer late, after;

    mock_agent_trouble(fixture->mock, WIRE_PING, MOCK_DELAY, NULL, 30 * NS_PER_MS);
    ask(fixture, WIRE_PING, "", NS_PER_MS, &late);
    expect_answer(&late, -ETIMEDOUT, NULL);
    mock_agent_trouble(fixture->mock, WIRE_PING, MOCK_DELAY, NULL, 60 * NS_PER_MS);
    ask(fixture, WIRE_PING, "", 0, &after);
    expect_answer(&after, 0, NULL);
    assert_int_equal(late.count, 1);
    assert_int_equal(fixture->broken, 0);
}

static void others_pass_what_is_late(void **state)
{
    struct fixture *fixture = *state;
    struct answer late;

    mock_agent_trouble(fixture->mock, WIRE_ONLINECPUMEM, MOCK_DELAY, NULL, 2 * PATIENCE_NS);
    ask(fixture, WIRE_ONLINECPUMEM, "", 2 * PATIENCE_NS, &late);
    ping(fixture);
    assert_int_equal(late.count, 0);
}

static void many_requests_are_on_their_way_at_once(void **state)
{
    enum { COUNT = 20000 };
    struct fixture *fixture = *state;
    struct answer *answers = xcalloc(COUNT, sizeof *answers);

    for (size_t i = 0; i < COUNT; i++)
        ask(fixture, WIRE_PING, "", 0, &answers[i]);
    for (size_t i = 0; i < COUNT; i++)
        expect_answer(&answers[i], 0, NULL);
    free(answers);
}

static void a_node_is_told_who_it_is_once(void **state)
{
    struct fixture *fixture = fixture_new();
    struct answer answer = {.fixture = fixture};
    struct error error = {0};

    (void)state;
    connect_pair(fixture, &no_mock_options);
    configure(fixture);
    expect_message(fixture, "\"name\":\"startpod\"");
    assert_int_equal(control_configure(fixture->control, "{\"hostname\":\"again\"}", NS_PER_S,
                                       on_answer, &answer, &error),
                     0);
    expect_answer(&answer, -EREMOTEIO, "STARTPOD came already");
    tear_down((void *[]){fixture});
}

/* -- A hub ------------------------------------------------------------------------------------- */

static void say_base(struct fixture *fixture, uint64_t base)
{
    cleanup_free char *ready = xasprintf("{\"version\":2,\"kernel\":\"hub\",\"uptime_ms\":1,"
                                         "\"clock_ns\":1,\"base\":%d}",
                                         (int)base);

    connect_pair(fixture, &no_mock_options);
    run_until(fixture, fixture->ready);
    assert_int_equal(mock_agent_send_ctl(fixture->mock, WIRE_READY, ready, NULL), 0);
}

static void a_client_of_a_hub_has_numbers_of_its_own(void **state)
{
    const uint64_t base = UINT64_C(3) << CONTROL_BASE_SHIFT;
    struct fixture *fixture = fixture_new();
    struct heard heard;

    (void)state;
    say_base(fixture, 3);
    run_until(fixture, fixture->ready == 2);
    configure(fixture);
    hear(fixture, &heard);
    buffer_append_text(&mock_agent_plan(fixture->mock)->errors, "hello");
    execute(fixture, &(struct control_exec){0}, &heard);
    assert_int_equal(control_command_id(heard.command), base + 1);
    expect_end(&heard, 0);
    expect_text(&heard.output[CONTROL_STDERR], "hello");
    expect_message(fixture, "\"stdout\":12884901890,\"stderr\":12884901891");
    ping(fixture);
    expect_message(fixture, "{\"id\":15032385537}"); /* the second request: 2^31 + 1 above it */
    forget(&heard);
    tear_down((void *[]){fixture});
}

static void a_base_has_a_limit(void **state)
{
    struct fixture *fixture = fixture_new();

    (void)state;
    say_base(fixture, CONTROL_BASE_MAX + 1);
    expect_broken(fixture, -EBADMSG, "READY has the base 1048576, which is too large");
    tear_down((void *[]){fixture});
}

/* -- The end of a channel ---------------------------------------------------------------------- */

/* Everything that waits is answered with what broke the channel, and nothing can be asked after. */
static void expect_all_broken(struct fixture *fixture, struct answer *answer, struct heard *heard,
                              int code, const char *message)
{
    struct control_command *command = heard->command;
    struct error error = {0};

    expect_broken(fixture, code, message);
    expect_answer(answer, code, message);
    expect_failure(heard, code);
    assert_int_equal(control_request(fixture->control, WIRE_PING, "", 0, on_answer, answer, &error),
                     code);
    assert_non_null(strstr(error.message, message));
    assert_int_equal(control_feed(command, "x", 1), 0);
    control_signal(command, SIGTERM);
    control_resize(command, 24, 80);
    control_taken(command, CONTROL_STDOUT, 1 << 20);
    control_close(command);
    forget(heard);
}

/* A request that is not answered, and a command that runs. */
static void leave_outstanding(struct fixture *fixture, struct answer *answer, struct heard *heard)
{
    mock_agent_plan(fixture->mock)->stays = true;
    hear(fixture, heard);
    execute(fixture, &(struct control_exec){.input = true}, heard);
    run_until(fixture, heard->rooms > 0);
    mock_agent_trouble(fixture->mock, WIRE_ONLINECPUMEM, MOCK_SILENCE, NULL, 0);
    ask(fixture, WIRE_ONLINECPUMEM, "", 0, answer);
    ping(fixture);
}

static void a_connection_that_ends_is_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct heard heard;

    leave_outstanding(fixture, &answer, &heard);
    assert_int_equal(mock_agent_hang_up(fixture->mock, NULL), 0);
    expect_all_broken(fixture, &answer, &heard, -EPIPE, "has ended");
    assert_int_equal(mock_agent_hang_up(fixture->mock, NULL), -ENOTCONN);
}

static void a_connection_that_is_cut_in_a_frame_is_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer, cut;
    struct heard heard;

    leave_outstanding(fixture, &answer, &heard);
    mock_agent_trouble(fixture->mock, WIRE_PING, MOCK_CUT, NULL, 0);
    ask(fixture, WIRE_PING, "", 0, &cut);
    expect_all_broken(fixture, &answer, &heard, -EPIPE, "has ended");
    expect_answer(&cut, -EPIPE, NULL);
}

static void garbage_breaks_the_channel(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct heard heard;

    leave_outstanding(fixture, &answer, &heard);
    assert_int_equal(mock_agent_send_garbage(fixture->mock, NULL), 0);
    expect_all_broken(fixture, &answer, &heard, -EBADMSG, "duet.ctl: a frame says");
}

static void lengths_that_cannot_be_break_the_channel(void **state)
{
    static const struct {
        bool on_io;
        uint32_t length;
        const char *message;
    } lies[] = {{false, 0, "duet.ctl: a frame says it has 0 bytes"},
                {false, 7, "has 7 bytes; 8 to"},
                {false, WIRE_CTL_MAX + 1, "has 1048577 bytes"},
                {false, UINT32_MAX, "has 4294967295 bytes"},
                {true, 11, "duet.io: a frame says it has 11 bytes; 12 to"},
                {true, WIRE_IO_MAX + 1, "has 65537 bytes"}};

    (void)state;
    for (size_t i = 0; i < array_size(lies); i++) {
        struct fixture *fixture = NULL;
        struct answer answer;
        struct heard heard;

        set_up((void **)&fixture);
        leave_outstanding(fixture, &answer, &heard);
        assert_int_equal(mock_agent_lie(fixture->mock, lies[i].on_io, lies[i].length, NULL), 0);
        expect_all_broken(fixture, &answer, &heard, -EBADMSG, lies[i].message);
        tear_down((void **)&fixture);
    }
}

static void what_is_no_answer_breaks_the_channel(void **state)
{
    static const struct {
        uint32_t code;
        const char *payload, *message;
        int result;
    } lies[] = {
        {WIRE_ACK, "", "is not a JSON object", -EBADMSG},
        {WIRE_ACK, "[1]", "is not a JSON object", -EBADMSG},
        {WIRE_ACK, "{\"code\":12}", "has no \"id\"", -EBADMSG},
        {WIRE_ACK, "{\"code\":4,\"id\":77}", "it says that it ends, unasked", -EBADMSG},
        {WIRE_PING, "{\"id\":1}", "which is no answer", -EBADMSG},
        {4711, "{}", "a frame of code 4711", -EBADMSG},
        {WIRE_NEXT, "{\"stream\":100,\"bytes\":1}", "its NEXT names command 50", -EBADMSG},
        {WIRE_CMDREADY, "{\"id\":9}", "its CMDREADY names command 9", -EBADMSG},
        {WIRE_CMDFINISHED,
         "{\"id\":9,\"status\":0,\"signal\":0,\"timed_out\":false,\"duration_ms\":0,"
         "\"stdout_bytes\":0,\"stderr_bytes\":0}",
         "its CMDFINISHED names command 9", -EBADMSG},
        {WIRE_ERROR, "{\"code\":14,\"id\":0,\"stream\":6,\"reason\":\"no room\"}",
         "refused what came on stream 6: no room", -EBADMSG},
        {WIRE_FAILED, "{\"reason\":\"out of paper\"}", "init failed: out of paper", -EIO},
    };

    (void)state;
    for (size_t i = 0; i < array_size(lies); i++) {
        struct fixture *fixture = NULL;
        struct answer answer;
        struct heard heard;

        set_up((void **)&fixture);
        leave_outstanding(fixture, &answer, &heard);
        assert_int_equal(mock_agent_send_ctl(fixture->mock, lies[i].code, lies[i].payload, NULL),
                         0);
        expect_all_broken(fixture, &answer, &heard, lies[i].result, lies[i].message);
        tear_down((void **)&fixture);
    }
}

static void another_version_is_the_end(void **state)
{
    const struct mock_options options = {.version = WIRE_PROTOCOL + 1};
    struct fixture *fixture = fixture_new();

    (void)state;
    connect_pair(fixture, &options);
    expect_broken(fixture, -EPROTO, "speaks version 3 of the control channel, this duet speaks 2");
    assert_int_equal(fixture->ready, 0);
    tear_down((void *[]){fixture});
}

static void what_was_said_before_the_end_is_heard(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    mock_agent_trouble(fixture->mock, WIRE_PING, MOCK_REFUSE, "last words", 0);
    ask(fixture, WIRE_PING, "", 0, &answer);
    ask(fixture, WIRE_DESTROYPOD, "", 0, &(struct answer){.fixture = fixture});
    expect_answer(&answer, -EREMOTEIO, "last words");
    expect_broken(fixture, -EPIPE, "has ended");
}

static void answer_and_ask_again(void *context, const struct control_answer *found)
{
    struct answer *answer = context;
    struct error error = {0};

    answer->count++;
    answer->code = control_request(answer->fixture->control, WIRE_PING, "", NS_PER_S,
                                   answer_and_ask_again, answer, &error);
    assert_int_equal(found->code, -EPIPE);
}

static void nothing_can_be_asked_while_the_channel_breaks(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = {.fixture = fixture};
    struct error error = {0};

    mock_agent_trouble(fixture->mock, WIRE_PING, MOCK_CUT, NULL, 0);
    assert_int_equal(
        control_request(fixture->control, WIRE_PING, "", 0, answer_and_ask_again, &answer, &error),
        0);
    expect_broken(fixture, -EPIPE, "has ended");
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.code, -EPIPE);
}

static void a_channel_is_freed_with_all_that_waits(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer, timed;
    struct heard heard;

    leave_outstanding(fixture, &answer, &heard);
    mock_agent_trouble(fixture->mock, WIRE_PING, MOCK_SILENCE, NULL, 0);
    ask(fixture, WIRE_PING, "", NS_PER_S, &timed);
    control_free(fixture->control);
    fixture->control = NULL;
    assert_int_equal(answer.count, 0);
    assert_int_equal(timed.count, 0);
    assert_int_equal(heard.ends, 0);
    assert_int_equal(fixture->broken, 0);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(a_guest_that_is_up_says_so),
        cmocka_unit_test(one_connection_comes_after_the_other),
        cmocka_unit_test(the_sockets_of_a_mock_go_with_it),
        with_fixture(nobody_at_the_sockets_is_an_error),
        with_fixture(requests_are_answered_each),
        with_fixture(a_refusal_has_its_reason),
        with_fixture(what_is_not_answered_in_time_is_over),
        with_fixture(a_late_answer_is_nobodys),
        with_fixture(others_pass_what_is_late),
        with_fixture(many_requests_are_on_their_way_at_once),
        cmocka_unit_test(a_node_is_told_who_it_is_once),
        cmocka_unit_test(a_client_of_a_hub_has_numbers_of_its_own),
        cmocka_unit_test(a_base_has_a_limit),
        with_fixture(a_connection_that_ends_is_the_end),
        with_fixture(a_connection_that_is_cut_in_a_frame_is_the_end),
        with_fixture(garbage_breaks_the_channel),
        cmocka_unit_test(lengths_that_cannot_be_break_the_channel),
        cmocka_unit_test(what_is_no_answer_breaks_the_channel),
        cmocka_unit_test(another_version_is_the_end),
        with_fixture(what_was_said_before_the_end_is_heard),
        with_fixture(nothing_can_be_asked_while_the_channel_breaks),
        with_fixture(a_channel_is_freed_with_all_that_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
