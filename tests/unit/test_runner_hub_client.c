/* Users of a node's control channel through the hub: what they can do, and what is refused. */
#include "hub_client_fixture.h"

/* -- What works -------------------------------------------------------------------------------- */

static void a_client_runs_a_command(void **state)
{
    struct fixture *fixture = *state;
    const struct fake_request *request;
    struct user user = {0};
    uint64_t id, stream;

    user_connect(fixture, &user, 0);
    user_executes(fixture, &user, true);
    request = next_request(fixture->vm);
    assert_int_equal(request->code, WIRE_EXECCMD);
    id = request_id(request);
    stream = (uint64_t)request_number(request, "stdout");
    assert_int_equal(id >> CONTROL_BASE_SHIFT, 1);
    guest_acks(fixture->vm, WIRE_EXECCMD, id);
    guest_writes(fixture->vm, stream, "hello");
    fixture_settle(fixture);
    assert_true(user.started);
    assert_string_equal(user.out.data, "hello");
    guest_writes(fixture->vm, stream, "");
    guest_writes(fixture->vm, stream + 1, "");
    guest_writes_status(fixture->vm, stream, 3);
    guest_finished(fixture->vm, id, 3, 0, 5);
    fixture_settle(fixture);
    assert_true(user.complete);
    assert_int_equal(user.end.status, 3);
    assert_int_equal(user.broken, 0);
    assert_int_equal(node_state(fixture->nodes[0]), NODE_HELD);
    user_free(&user);
}

static void a_client_may_take_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct user user = {0};

    user_connect(fixture, &user, 0);
    virtual_time_pass(fixture->loop, 15 * NS_PER_S);
    assert_int_equal(user.broken, 0);
    user_executes(fixture, &user, false);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_EXECCMD);
    user_free(&user);
}

static void two_clients_do_not_meet(void **state)
{
    struct fixture *fixture = *state;
    struct user users[2] = {0};
    uint64_t ids[2], streams[2];

    for (size_t i = 0; i < 2; i++) {
        const struct fake_request *request;

        user_connect(fixture, &users[i], 0);
        user_executes(fixture, &users[i], true);
        request = next_request(fixture->vm);
        ids[i] = request_id(request);
        streams[i] = (uint64_t)request_number(request, "stdout");
        guest_acks(fixture->vm, WIRE_EXECCMD, ids[i]);
    }
    assert_int_not_equal(ids[0], ids[1]);
    guest_writes(fixture->vm, streams[1], "second");
    guest_writes(fixture->vm, streams[0], "first");
    guest_writes(fixture->vm, 2, "of the case's own process");
    fixture_settle(fixture);
    assert_string_equal(users[0].out.data, "first");
    assert_string_equal(users[1].out.data, "second");
    user_free(&users[0]);
    fixture_settle(fixture);
    guest_writes(fixture->vm, streams[0], "more");
    guest_writes(fixture->vm, streams[1], " more");
    fixture_settle(fixture);
    assert_string_equal(users[1].out.data, "second more");
    assert_int_equal(users[1].broken, 0);
    assert_int_equal(node_state(fixture->nodes[0]), NODE_HELD);
    user_free(&users[1]);
}

static void input_goes_to_the_guest(void **state)
{
    struct fixture *fixture = *state;
    const struct fake_request *request;
    struct user user = {0};
    struct wire_io frame;
    uint64_t stream;

    user_connect(fixture, &user, 1);
    user_executes(fixture, &user, true);
    request = next_request(fixture->vms[1]);
    stream = (uint64_t)request_number(request, "stdin");
    guest_acks(fixture->vms[1], WIRE_EXECCMD, request_id(request));
    guest_gives_room(fixture->vms[1], stream, 100);
    fixture_settle(fixture);
    assert_int_equal(control_feed(user.command, "typed", 5), 5);
    control_close(user.command);
    fixture_settle(fixture);
    assert_true(next_frame(fixture->vms[1], &frame));
    assert_int_equal(frame.stream, stream);
    assert_int_equal(frame.length, 5);
    assert_memory_equal(frame.data, "typed", 5);
    assert_true(next_frame(fixture->vms[1], &frame));
    assert_int_equal(frame.length, 0);
    assert_int_equal(fixture->vm->io.length, 0);
    user_free(&user);
}

/* -- Refusals ---------------------------------------------------------------------------------- */

/* The hub has answered with this ERROR, and the guest has heard nothing. */
static void raw_is_refused(struct fixture *fixture, struct raw *raw, uint32_t code, uint64_t id,
                           const char *reason)
{
    struct control_message message;
    struct wire_ctl frame;
    int taken;

    assert_false(user_receives(raw->ctl, &raw->in));
    taken = wire_ctl_read(raw->in.data, raw->in.length, &frame, NULL);
    assert_true(taken > 0);
    assert_int_equal(control_message_read(&frame, &message, NULL), 0);
    buffer_consume(&raw->in, (size_t)taken);
    assert_int_equal(message.code, WIRE_ERROR);
    assert_int_equal(message.request, code);
    assert_int_equal(code == WIRE_NEXT ? message.stream : message.id, id);
    assert_string_equal(message.reason, reason);
    assert_int_equal(raw->in.length, 0);
    assert_null(next_request(fixture->vm));
}

static void a_client_keeps_to_its_own_numbers(void **state)
{
    static const char *const keys[] = {"stdin", "stdout", "stderr", "target"};
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    for (size_t i = 0; i < array_size(keys); i++) {
        cleanup_free char *reason =
            xasprintf("\"%s\" is 1; the numbers of this client are above 1 << 32", keys[i]);

        raw_asks(fixture, &raw, WIRE_EXECCMD, "{\"id\":%" PRIu64 ",\"%s\":1}", raw.base + 1,
                 keys[i]);
        raw_is_refused(fixture, &raw, WIRE_EXECCMD, raw.base + 1, reason);
    }
    raw_asks(fixture, &raw, WIRE_PING, "{\"id\":%" PRIu64 "}", raw.base);
    raw_is_refused(fixture, &raw, WIRE_PING, 0,
                   "\"id\" is 4294967296; the numbers of this client are above 1 << 32");
    raw_asks(fixture, &raw, WIRE_PING, "{\"id\":%" PRIu64 "}", 2 * raw.base + 1);
    raw_is_refused(fixture, &raw, WIRE_PING, 0,
                   "\"id\" is 8589934593; the numbers of this client are above 1 << 32");
    raw_asks(fixture, &raw, WIRE_NEXT, "{\"stream\":2,\"bytes\":1}");
    raw_is_refused(fixture, &raw, WIRE_NEXT, 0,
                   "\"stream\" is 2; the numbers of this client are above 1 << 32");
    raw_writes(fixture, &raw, 2, "into the case's own process");
    raw_is_refused(fixture, &raw, WIRE_NEXT, 2, "the hub: this stream is not the client's");
    assert_int_equal(fixture->vm->io.length, 0);
    raw_close(fixture, &raw);
}

static void the_topology_s_own_requests_are_refused(void **state)
{
    static const uint32_t codes[] = {WIRE_STARTPOD, WIRE_FINISHPOD, WIRE_DESTROYPOD};
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    for (size_t i = 0; i < array_size(codes); i++) {
        raw_asks(fixture, &raw, codes[i], "{\"id\":%" PRIu64 "}", raw.base + 1);
        raw_is_refused(fixture, &raw, codes[i], raw.base + 1,
                       "the node belongs to the duet that keeps it up: `duet down` ends it");
    }
    raw_asks(fixture, &raw, 99, "{\"id\":%" PRIu64 "}", raw.base + 1);
    raw_is_refused(fixture, &raw, 99, raw.base + 1, "there is no request with code 99");
    raw_asks(fixture, &raw, WIRE_PING, "[]");
    raw_is_refused(fixture, &raw, WIRE_PING, 0, "the payload is no JSON object");
    raw_close(fixture, &raw);
}

static void streams_need_an_io_connection(void **state)
{
    struct fixture *fixture = *state;
    const struct fake_request *request;
    struct raw raw;

    raw_open_ctl(fixture, &raw);
    raw_asks(fixture, &raw, WIRE_READFILE,
             "{\"id\":%" PRIu64 ",\"path\":\"/x\",\"stream\":%" PRIu64 "}", raw.base + 1,
             raw.base + 2);
    raw_is_refused(fixture, &raw, WIRE_READFILE, raw.base + 1,
                   "the hub: streams need the client's io connection");
    raw_asks(fixture, &raw, WIRE_ONLINECPUMEM, "{\"id\":%" PRIu64 "}", raw.base + 1);
    request = next_request(fixture->vm);
    assert_int_equal(request->code, WIRE_ONLINECPUMEM);
    raw_close(fixture, &raw);
}

static void numbers_that_are_in_use_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_EXECCMD);
    raw_executes(fixture, &raw, 1);
    raw_is_refused(fixture, &raw, WIRE_EXECCMD, raw.base + 1,
                   "the hub: its id or one of its streams is that of another command");
    raw_asks(fixture, &raw, WIRE_READFILE, "{\"id\":%" PRIu64 ",\"stream\":%" PRIu64 "}",
             raw.base + 9, raw.base + 3);
    raw_is_refused(fixture, &raw, WIRE_READFILE, raw.base + 9,
                   "the hub: its id or one of its streams is that of another command");
    raw_close(fixture, &raw);
}

static void there_is_a_most_of_commands(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    for (uint64_t i = 1; i <= HUB_USES_MAX; i++) {
        raw_executes(fixture, &raw, i);
        assert_int_equal(next_request(fixture->vm)->code, WIRE_EXECCMD);
    }
    raw_executes(fixture, &raw, 1000);
    raw_is_refused(fixture, &raw, WIRE_EXECCMD, raw.base + 1000,
                   "the hub: a client has 256 commands and files at once at most");
    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":6,\"id\":%" PRIu64 ",\"reason\":\"no\"}",
               raw.base + 7);
    raw_executes(fixture, &raw, 1000);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_EXECCMD);
    raw_close(fixture, &raw);
}

static void what_the_guest_cannot_be_told_is_refused_and_may_be_tried_again(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    fixture->vm->send_code = -ENOBUFS;
    raw_executes(fixture, &raw, 1);
    raw_is_refused(fixture, &raw, WIRE_EXECCMD, raw.base + 1, "the guest cannot be told");
    fixture->vm->send_code = 0;
    raw_executes(fixture, &raw, 1);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_EXECCMD);
    raw_close(fixture, &raw);
}

/* -- Who gets no client ------------------------------------------------------------------------ */

static void a_guest_that_does_not_answer_gets_no_client(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"ctl\",\"node\":\"a\"}");
    cleanup_buffer struct buffer in = {0};

    virtual_time_pass(fixture->loop, 4 * NS_PER_S);
    assert_false(user_receives(fd, &in));
    assert_int_equal(in.length, 0);
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"io\",\"client\":1}"),
                    "the hub: there is no client 1");
    virtual_time_pass(fixture->loop, 2 * NS_PER_S);
    user_is_refused(fixture, fd, "a does not answer: `duet console` shows what it prints");
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"io\",\"client\":1}"),
                    "the hub: there is no client 1");
    guest_acks(fixture->vm, WIRE_PING, UINT64_C(1) << CONTROL_BASE_SHIFT); /* too late */
    fixture_settle(fixture);
    assert_null(fixture->hub->clients);
}

static void a_client_may_leave_before_the_guest_answers(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"ctl\",\"node\":\"a\"}");

    close(fd);
    fixture_settle(fixture);
    assert_null(fixture->hub->clients);
    guest_answers_ping(fixture->vm);
    fixture_settle(fixture);
}

static void a_paused_topology_takes_no_client(void **state)
{
    struct fixture *fixture = *state;

    hub_free(steal_pointer(&fixture->hub));
    fixture_open_hub(fixture, HUB_PAUSED);
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"ctl\",\"node\":\"a\"}"),
                    "a is paused: it answers nothing");
}

static void a_node_that_is_gone_takes_no_client(void **state)
{
    struct fixture *fixture = *state;

    fixture_machine_ends(fixture, 0);
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"ctl\",\"node\":\"a\"}"),
                    "the machine of a is gone: `duet logs` has what it said");
}

static void a_client_has_one_io_connection(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"io\",\"client\":1}"),
                    "the hub: client 1 has an io connection");
    raw_executes(fixture, &raw, 1);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_EXECCMD);
    raw_close(fixture, &raw);
}

static void what_is_sent_too_early_waits(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer frame = {0};
    cleanup_free char *ping = control_message_plain((UINT64_C(1) << CONTROL_BASE_SHIFT) + 5, "");
    size_t before = fixture->vm->request_count;
    int fd = user_connects(fixture);

    buffer_append_text(&frame, "{\"open\":\"ctl\",\"node\":\"a\"}\n");
    assert_int_equal(wire_ctl_write(&frame, WIRE_PING, ping, strlen(ping), NULL), 0);
    user_sends(fd, frame.data, frame.length);
    fixture_settle(fixture);
    assert_int_equal(fixture->vm->request_count, before + 1);
    guest_answers_ping(fixture->vm);
    fixture_settle(fixture);
    assert_int_equal(fixture->vm->request_count, before + 2);
    assert_int_equal(request_id(&fixture->vm->requests[before + 1]),
                     (UINT64_C(1) << CONTROL_BASE_SHIFT) + 5);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_runs_a_command),
        TEST(a_client_may_take_its_time),
        TEST(two_clients_do_not_meet),
        TEST(input_goes_to_the_guest),
        TEST(a_client_keeps_to_its_own_numbers),
        TEST(the_topology_s_own_requests_are_refused),
        TEST(streams_need_an_io_connection),
        TEST(numbers_that_are_in_use_are_refused),
        TEST(there_is_a_most_of_commands),
        TEST(what_the_guest_cannot_be_told_is_refused_and_may_be_tried_again),
        TEST(a_guest_that_does_not_answer_gets_no_client),
        TEST(a_client_may_leave_before_the_guest_answers),
        TEST(a_paused_topology_takes_no_client),
        TEST(a_node_that_is_gone_takes_no_client),
        TEST(a_client_has_one_io_connection),
        TEST(what_is_sent_too_early_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
