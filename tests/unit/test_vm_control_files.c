/* Files both ways, containers, and what a guest can say of all these that is not so, against the
 * mock agent. */
#include "control_fixture.h"

enum { MIB = 1 << 20 };

static void fill(struct buffer *bytes, size_t count)
{
    uint32_t random = 1;

    buffer_reserve(bytes, count);
    for (size_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        bytes->data[bytes->length++] = (char)(random >> 24);
    }
}

struct bytes {
    const char *data;
    size_t length;
};

static struct bytes view(const struct buffer *buffer)
{
    return (struct bytes){buffer->data, buffer->length};
}

/* -- Files ------------------------------------------------------------------------------------- */

struct source {
    struct heard heard; /* the first member: its calls are this one's, too */
    const struct bytes *bytes;
    size_t fed;
};

static void feed_file(void *context)
{
    struct source *source = context;
    const struct bytes *bytes = source->bytes;

    source->fed +=
        control_feed(source->heard.command, bytes->data + source->fed, bytes->length - source->fed);
    if (source->fed == bytes->length)
        control_close(source->heard.command);
    loop_stop(source->heard.fixture->loop);
}

static void write_file(struct fixture *fixture, const char *path, unsigned mode,
                       const char *container, const struct bytes *bytes, struct source *source)
{
    static const struct control_command_calls calls = {
        .output = on_output, .room = feed_file, .ended = on_ended, .complete = on_complete};
    struct error error = {0};

    *source = (struct source){.heard.fixture = fixture, .bytes = bytes};
    assert_int_equal(control_write_file(fixture->control, path, mode, container, &calls, source,
                                        &source->heard.command, &error),
                     0);
}

static void read_file(struct fixture *fixture, const char *path, const char *container,
                      struct heard *heard)
{
    struct error error = {0};

    hear(fixture, heard);
    assert_int_equal(control_read_file(fixture->control, path, container, &command_calls, heard,
                                       &heard->command, &error),
                     0);
}

static void expect_file(struct fixture *fixture, const char *path, const char *container,
                        unsigned mode, const struct bytes *bytes)
{
    struct heard heard;

    read_file(fixture, path, container, &heard);
    expect_end(&heard, 0);
    assert_int_equal(heard.end.size, bytes->length);
    assert_int_equal(heard.end.mode, mode);
    assert_int_equal(heard.output[CONTROL_STDOUT].length, bytes->length);
    if (bytes->length > 0)
        assert_memory_equal(heard.output[CONTROL_STDOUT].data, bytes->data, bytes->length);
    assert_int_equal(heard.started, 0);
    forget(&heard);
}

static void files_go_there_and_come_back(void **state)
{
    static const size_t sizes[] = {0, 1, WIRE_WINDOW, 5 * MIB + 1};
    static const unsigned modes[] = {0644, 04755, 0, 07777};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(sizes); i++) {
        cleanup_buffer struct buffer content = {0};
        struct bytes bytes;
        struct source source;

        fill(&content, sizes[i]);
        bytes = view(&content);
        write_file(fixture, "/tmp/file", modes[i], NULL, &bytes, &source);
        expect_end(&source.heard, 0);
        assert_int_equal(source.fed, sizes[i]);
        forget(&source.heard);
        expect_file(fixture, "/tmp/file", NULL, modes[i], &bytes);
    }
}

static void a_file_that_is_not_there_has_a_reason(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard;

    read_file(fixture, "/nowhere", NULL, &heard);
    expect_failure(&heard, -EREMOTEIO);
    assert_string_equal(heard.reason, "cannot read /nowhere: No such file or directory");
    forget(&heard);
}

static void a_file_that_is_not_whole_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer content = {0};
    const struct bytes old = {"old", 3};
    struct bytes new;
    struct source source;

    write_file(fixture, "/file", 0600, NULL, &old, &source);
    expect_end(&source.heard, 0);
    forget(&source.heard);
    fill(&content, 4 * MIB);
    new = view(&content);
    write_file(fixture, "/file", 0644, NULL, &new, &source);
    run_until(fixture, source.fed > 0);
    control_signal(source.heard.command, SIGTERM);
    expect_failure(&source.heard, -EREMOTEIO);
    assert_string_equal(source.heard.reason, "it was ended by signal 15");
    forget(&source.heard);
    expect_file(fixture, "/file", NULL, 0600, &old);
}

/* Whoever forgets a file has not said that this was all of it. */
static void a_file_that_is_freed_half_way_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer content = {0};
    const struct bytes old = {"old", 3};
    struct bytes new;
    struct source source;

    write_file(fixture, "/file", 0600, NULL, &old, &source);
    expect_end(&source.heard, 0);
    forget(&source.heard);
    fill(&content, 4 * MIB);
    new = view(&content);
    write_file(fixture, "/file", 0644, NULL, &new, &source);
    forget(&source.heard); /* before the guest has heard of it */
    write_file(fixture, "/file", 0644, NULL, &new, &source);
    run_until(fixture, source.fed > 0);
    forget(&source.heard);
    expect_file(fixture, "/file", NULL, 0600, &old);
}

static void a_write_that_is_refused_takes_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct bytes bytes = {"bytes", 5};
    struct source source;

    mock_agent_trouble(fixture->mock, WIRE_WRITEFILE, MOCK_REFUSE, "Read-only file system", 0);
    write_file(fixture, "/file", 0644, NULL, &bytes, &source);
    expect_failure(&source.heard, -EREMOTEIO);
    assert_int_equal(source.fed, 0);
    assert_int_equal(control_feed(source.heard.command, "x", 1), 0);
    forget(&source.heard);
}

/* -- Containers -------------------------------------------------------------------------------- */

static void run_container(struct fixture *fixture, bool overlay, struct heard *heard)
{
    const struct control_container container = {.name = "web",
                                                .root = "/srv/web",
                                                .overlay = overlay,
                                                .exec = {.name = "its own", .argv = some_argv}};
    struct error error = {0};

    mock_agent_plan(fixture->mock)->stays = true;
    hear(fixture, heard);
    assert_int_equal(control_run_container(fixture->control, &container, &command_calls, heard,
                                           &heard->command, &error),
                     0);
    run_until(fixture, heard->started);
}

static void a_container_runs_until_it_is_removed(void **state)
{
    struct fixture *fixture = *state;
    struct heard main_one, inside;
    struct answer answer;

    run_container(fixture, false, &main_one);
    mock_agent_plan(fixture->mock)->stays = true;
    hear(fixture, &inside);
    execute(fixture, &(struct control_exec){.container = "web"}, &inside);
    run_until(fixture, inside.started);
    ask(fixture, WIRE_REMOVECONTAINER, "\"container\":\"web\"", 0, &answer);
    expect_answer(&answer, -EREMOTEIO, "the container web runs");
    request(fixture, WIRE_KILLCONTAINER, "\"container\":\"web\",\"signal\":15");
    expect_end(&main_one, 128 + SIGTERM);
    expect_end(&inside, 128 + SIGKILL);
    forget(&inside);
    hear(fixture, &inside);
    execute(fixture, &(struct control_exec){.container = "web"}, &inside);
    expect_failure(&inside, -EREMOTEIO);
    assert_string_equal(inside.reason, "the container web does not run");
    request(fixture, WIRE_REMOVECONTAINER, "\"container\":\"web\"");
    forget(&inside);
    forget(&main_one);
}

static void a_containers_files_are_its_own(void **state)
{
    struct fixture *fixture = *state;
    const struct bytes lower = {"lower", 5}, upper = {"upper", 5};
    struct heard main_one;
    struct source source;

    write_file(fixture, "/srv/web/page", 0644, NULL, &lower, &source);
    expect_end(&source.heard, 0);
    forget(&source.heard);
    run_container(fixture, true, &main_one);
    expect_file(fixture, "/page", "web", 0644, &lower);
    write_file(fixture, "/page", 0600, "web", &upper, &source);
    expect_end(&source.heard, 0);
    forget(&source.heard);
    expect_file(fixture, "/page", "web", 0600, &upper);
    expect_file(fixture, "/srv/web/page", NULL, 0644, &lower);
    forget(&main_one);
}

/* -- Lies -------------------------------------------------------------------------------------- */

static void finish(struct fixture *fixture, uint64_t id, uint64_t stdout_bytes)
{
    cleanup_free char *json =
        xasprintf("{\"id\":%d,\"status\":0,\"signal\":0,\"timed_out\":false,\"duration_ms\":0,"
                  "\"stdout_bytes\":%d,\"stderr_bytes\":0}",
                  (int)id, (int)stdout_bytes);

    assert_int_equal(mock_agent_send_ctl(fixture->mock, WIRE_CMDFINISHED, json, NULL), 0);
}

static void send_io(struct fixture *fixture, uint64_t stream, const char *text)
{
    assert_int_equal(mock_agent_send_io(fixture->mock, stream, text, strlen(text), NULL), 0);
}

static void send_ctl(struct fixture *fixture, uint32_t code, const char *payload)
{
    assert_int_equal(mock_agent_send_ctl(fixture->mock, code, payload, NULL), 0);
}

static void end_twice(struct fixture *fixture)
{
    finish(fixture, 1, 0);
    finish(fixture, 1, 0);
}

static void close_and_go_on(struct fixture *fixture)
{
    send_io(fixture, 3, "");
    send_io(fixture, 3, "more");
}

static void send_two_statuses(struct fixture *fixture)
{
    send_io(fixture, 2, "");
    send_io(fixture, 2, "x");
    send_io(fixture, 2, "x");
}

static void send_a_long_status(struct fixture *fixture)
{
    send_io(fixture, 2, "");
    send_io(fixture, 2, "ok");
}

static void send_without_room(struct fixture *fixture)
{
    char bytes[1 << 14];

    memset(bytes, 'x', sizeof bytes);
    for (size_t sent = 0; sent <= WIRE_WINDOW; sent += sizeof bytes)
        assert_int_equal(mock_agent_send_io(fixture->mock, 2, bytes, sizeof bytes, NULL), 0);
}

static void send_on_no_stream(struct fixture *fixture)
{
    send_io(fixture, 40, "hello");
}

static void announce_what_does_not_come(struct fixture *fixture)
{
    send_io(fixture, 2, "");
    finish(fixture, 1, 1);
}

static void close_before_what_was_announced(struct fixture *fixture)
{
    finish(fixture, 1, 1);
    send_io(fixture, 2, "");
}

static void end_with_two_statuses(struct fixture *fixture)
{
    finish(fixture, 1, 0);
    send_io(fixture, 2, "");
    send_io(fixture, 2, "\x07");
}

static void give_room_for_what_is_not_fed(struct fixture *fixture)
{
    send_ctl(fixture, WIRE_NEXT, "{\"stream\":2,\"bytes\":1}");
}

/* A command runs that prints nothing and is not fed, and whose output nobody takes. */
static void what_a_guest_says_of_a_command_is_checked(void **state)
{
    static const struct {
        void (*lie)(struct fixture *fixture);
        const char *message;
    } lies[] = {
        {end_twice, "command 1 ended twice"},
        {close_and_go_on, "command 1 sends on a stream that it has closed"},
        {send_two_statuses, "command 1 sends on a stream that it has closed"},
        {send_a_long_status, "command 1 sends on a stream that it has closed"},
        {send_without_room, "command 1 sends more than there is room for"},
        {send_on_no_stream, "its output names command 20, which was not started"},
        {announce_what_does_not_come, "has closed a stream on which it announced more bytes"},
        {close_before_what_was_announced, "has closed a stream on which it announced more bytes"},
        {end_with_two_statuses, "ended with another status on io than on ctl"},
        {give_room_for_what_is_not_fed, "its NEXT names command 1"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(lies); i++) {
        struct fixture *fixture = NULL;
        struct heard heard;

        set_up((void **)&fixture);
        mock_agent_plan(fixture->mock)->stays = true;
        hear(fixture, &heard);
        heard.holds = true;
        execute(fixture, &(struct control_exec){0}, &heard);
        run_until(fixture, heard.started);
        lies[i].lie(fixture);
        expect_broken(fixture, -EBADMSG, lies[i].message);
        run_until(fixture, heard.completes); /* some were so before */
        forget(&heard);
        tear_down((void **)&fixture);
    }
}

static void a_command_that_lies_by_itself_is_found_out(void **state)
{
    static const struct {
        struct mock_command command;
        const char *message;
    } lies[] = {
        {{.lies = true, .stream_status = 1}, "ended with another status on io than on ctl"},
        {{.bytes_more = 1}, "has closed a stream on which it announced more bytes"},
        {{.zeros = 4 * MIB, .floods = true}, "sends more than there is room for"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(lies); i++) {
        struct fixture *fixture = NULL;
        struct heard heard;

        set_up((void **)&fixture);
        *mock_agent_plan(fixture->mock) = lies[i].command;
        hear(fixture, &heard);
        heard.holds = heard.counts = true;
        execute(fixture, &(struct control_exec){0}, &heard);
        expect_broken(fixture, -EBADMSG, lies[i].message);
        forget(&heard);
        tear_down((void **)&fixture);
    }
}

static void a_file_has_the_size_that_the_guest_says(void **state)
{
    static const struct {
        const char *sent;
        const char *message;
    } lies[] = {
        {"four bytes", "sent more of a file than it says that there is"},
        {"abc", "has closed a stream on which it announced more bytes"},
    };

    (void)state;
    for (size_t i = 0; i < 2 * array_size(lies); i++) {
        const char *ack = "{\"code\":16,\"id\":1,\"size\":4,\"mode\":420}";
        struct fixture *fixture = NULL;
        struct heard heard;

        set_up((void **)&fixture);
        mock_agent_trouble(fixture->mock, WIRE_READFILE, MOCK_SILENCE, NULL, 0);
        read_file(fixture, "/file", NULL, &heard);
        if (i % 2)
            send_ctl(fixture, WIRE_ACK, ack);
        send_io(fixture, 2, lies[i / 2].sent);
        send_io(fixture, 2, "");
        if (!(i % 2))
            send_ctl(fixture, WIRE_ACK, ack);
        expect_broken(fixture, -EBADMSG, lies[i / 2].message);
        expect_failure(&heard, -EBADMSG);
        forget(&heard);
        tear_down((void **)&fixture);
    }
}

static void a_transfer_is_not_ready_and_does_not_finish(void **state)
{
    static const char *const payloads[] = {
        [WIRE_CMDREADY % 2] = "{\"id\":1,\"after_ms\":1}",
        [WIRE_CMDFINISHED % 2] =
            "{\"id\":1,\"status\":0,\"signal\":0,\"timed_out\":false,\"duration_ms\":0,"
            "\"stdout_bytes\":0,\"stderr_bytes\":0}"};
    static const uint32_t codes[] = {WIRE_CMDREADY, WIRE_CMDFINISHED};

    (void)state;
    for (size_t i = 0; i < array_size(codes); i++) {
        const struct bytes bytes = {"bytes", 5};
        struct fixture *fixture = NULL;
        struct source source;

        set_up((void **)&fixture);
        mock_agent_trouble(fixture->mock, WIRE_WRITEFILE, MOCK_SILENCE, NULL, 0);
        write_file(fixture, "/file", 0644, NULL, &bytes, &source);
        send_ctl(fixture, codes[i], payloads[codes[i] % 2]);
        expect_broken(fixture, -EBADMSG, "names command 1");
        expect_failure(&source.heard, -EBADMSG);
        forget(&source.heard);
        tear_down((void **)&fixture);
    }
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(files_go_there_and_come_back),
        with_fixture(a_file_that_is_not_there_has_a_reason),
        with_fixture(a_file_that_is_not_whole_is_not_there),
        with_fixture(a_file_that_is_freed_half_way_is_not_there),
        with_fixture(a_write_that_is_refused_takes_nothing),
        with_fixture(a_container_runs_until_it_is_removed),
        with_fixture(a_containers_files_are_its_own),
        cmocka_unit_test(what_a_guest_says_of_a_command_is_checked),
        cmocka_unit_test(a_command_that_lies_by_itself_is_found_out),
        cmocka_unit_test(a_file_has_the_size_that_the_guest_says),
        cmocka_unit_test(a_transfer_is_not_ready_and_does_not_finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
