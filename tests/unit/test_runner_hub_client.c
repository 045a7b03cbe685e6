/* Users of a node's control channel through the hub: duet's own host end, and clients that do all
 * but what they should. */
#include "hub_fixture.h"

#include "runner/hub_request.h"
#include "vm/control.h"

#include <inttypes.h>
#include <signal.h>

/* -- duet's host end as a client --------------------------------------------------------------- */

struct user {
    struct control *control;
    struct control_command *command;
    bool ready, started, complete;
    struct buffer out, err;
    struct control_end end;
    int broken;
    bool lazy; /* takes nothing of what comes */
};

static void on_ready(void *context, const struct control_ready *ready)
{
    (void)ready;
    ((struct user *)context)->ready = true;
}

static void on_broken(void *context, int code, const char *message)
{
    (void)message;
    ((struct user *)context)->broken = code;
}

static void on_started(void *context)
{
    ((struct user *)context)->started = true;
}

static void on_output(void *context, enum control_output output, const char *bytes, size_t count)
{
    struct user *user = context;

    buffer_append(output == CONTROL_STDOUT ? &user->out : &user->err, bytes, count);
    if (!user->lazy)
        control_taken(user->command, output, count);
}

static void on_complete(void *context, const struct control_end *end)
{
    struct user *user = context;

    user->complete = true;
    user->end = *end;
}

static const struct control_command_calls command_calls = {
    .started = on_started, .output = on_output, .complete = on_complete};

/* Asks for a node's channel; the guest answers the hub's ping. */
static int open_ctl(struct fixture *fixture, size_t node, uint64_t *number)
{
    cleanup_free char *line = xasprintf("{\"open\":\"ctl\",\"node\":\"%s\"}", node ? "b" : "a");
    int fd = user_asks(fixture, line);
    cJSON *answer;

    guest_answers_ping(fixture->vms[node]);
    answer = user_hears(fd);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(answer, "ok")));
    *number = (uint64_t)cJSON_GetObjectItem(answer, "client")->valueint;
    cJSON_Delete(answer);
    return fd;
}

static int open_io(struct fixture *fixture, uint64_t number)
{
    cleanup_free char *line = xasprintf("{\"open\":\"io\",\"client\":%d}", (int)number);
    int fd = user_asks(fixture, line);

    user_hears_ok(fd);
    return fd;
}

static void user_connect(struct fixture *fixture, struct user *user, size_t node)
{
    const struct control_options options = {
        .loop = fixture->loop,
        .calls = {.ready = on_ready, .broken = on_broken},
        .context = user,
    };
    uint64_t number;
    int ctl = open_ctl(fixture, node, &number);
    int io = open_io(fixture, number);

    assert_int_equal(control_connect_fds(&options, ctl, io, &user->control, NULL), 0);
    fixture_settle(fixture);
    assert_true(user->ready);
}

static void user_free(struct user *user)
{
    control_free(user->control);
    buffer_free(&user->out);
    buffer_free(&user->err);
}

static void user_executes(struct fixture *fixture, struct user *user, bool input)
{
    static const char *const argv[] = {"cat", NULL};
    const struct control_exec exec = {.name = "cat", .argv = argv, .input = input};

    assert_int_equal(control_exec(user->control, &exec, &command_calls, user, &user->command, NULL),
                     0);
    fixture_settle(fixture);
}

/* -- The guest --------------------------------------------------------------------------------- */

static void guest_gives_room(struct vm *vm, uint64_t stream, unsigned bytes)
{
    guest_says(vm, WIRE_NEXT, "{\"stream\":%" PRIu64 ",\"bytes\":%u}", stream, bytes);
}

/* The oldest frame on io that was not looked at yet; until the next call. */
static bool next_frame(struct vm *vm, struct wire_io *frame)
{
    int taken;

    buffer_consume(&vm->io, vm->io_seen);
    taken = wire_io_read(vm->io.data, vm->io.length, frame, NULL);
    vm->io_seen = taken > 0 ? (size_t)taken : 0;
    return taken > 0;
}

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
    fixture_wait(fixture, 15 * NS_PER_S);
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

/* A client of the test's own, of node a. */
struct raw {
    int ctl, io;
    uint64_t number, base;
    struct buffer in; /* on ctl */
};

static void raw_open_ctl(struct fixture *fixture, struct raw *raw)
{
    struct wire_ctl frame;

    *raw = (struct raw){.io = -1};
    raw->ctl = open_ctl(fixture, 0, &raw->number);
    raw->base = raw->number << CONTROL_BASE_SHIFT;
    fixture_settle(fixture);
    assert_false(user_receives(raw->ctl, &raw->in));
    assert_int_equal(wire_ctl_read(raw->in.data, raw->in.length, &frame, NULL), raw->in.length);
    assert_int_equal(frame.code, WIRE_READY);
    buffer_clear(&raw->in);
}

static void raw_open(struct fixture *fixture, struct raw *raw)
{
    raw_open_ctl(fixture, raw);
    raw->io = open_io(fixture, raw->number);
}

static void raw_close(struct fixture *fixture, struct raw *raw)
{
    close(raw->ctl);
    if (raw->io >= 0)
        close(raw->io);
    buffer_free(&raw->in);
    fixture_settle(fixture);
}

__attribute__((format(printf, 4, 5))) static void
raw_asks(struct fixture *fixture, const struct raw *raw, uint32_t code, const char *format, ...)
{
    cleanup_buffer struct buffer frame = {0};
    va_list args;
    char *text;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    assert_true(length >= 0);
    assert_int_equal(wire_ctl_write(&frame, code, text, (size_t)length, NULL), 0);
    free(text);
    user_sends(raw->ctl, frame.data, frame.length);
    fixture_settle(fixture);
}

static void raw_writes(struct fixture *fixture, const struct raw *raw, uint64_t stream,
                       const char *text)
{
    cleanup_buffer struct buffer frame = {0};

    assert_int_equal(wire_io_write(&frame, stream, text, strlen(text), NULL), 0);
    user_sends(raw->io, frame.data, frame.length);
    fixture_settle(fixture);
}

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

static void raw_executes(struct fixture *fixture, const struct raw *raw, uint64_t number)
{
    raw_asks(fixture, raw, WIRE_EXECCMD,
             "{\"id\":%" PRIu64 ",\"stdin\":%" PRIu64 ",\"stdout\":%" PRIu64 ",\"stderr\":%" PRIu64
             "}",
             raw->base + number, raw->base + 2 * number, raw->base + 2 * number,
             raw->base + 2 * number + 1);
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

    fixture_wait(fixture, 4 * NS_PER_S);
    assert_false(user_receives(fd, &in));
    assert_int_equal(in.length, 0);
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"io\",\"client\":1}"),
                    "the hub: there is no client 1");
    fixture_wait(fixture, 2 * NS_PER_S);
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
                    "a has no init of duet's that answers (any more)");
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

/* -- Clients that do harm ---------------------------------------------------------------------- */

static bool is_hung_up(int fd)
{
    cleanup_buffer struct buffer in = {0};

    return user_receives(fd, &in);
}

static void what_is_no_frame_ends_its_client_alone(void **state)
{
    struct fixture *fixture = *state;
    struct user user = {0};

    user_connect(fixture, &user, 0);
    for (int i = 0; i < 2; i++) {
        struct raw raw;

        raw_open(fixture, &raw);
        user_sends(i ? raw.io : raw.ctl, "GET / HTTP/1.1\r\n\r\n", 18);
        fixture_settle(fixture);
        assert_true(is_hung_up(raw.ctl));
        assert_true(is_hung_up(raw.io));
        raw_close(fixture, &raw);
    }
    user_executes(fixture, &user, false);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_EXECCMD);
    assert_int_equal(user.broken, 0);
    user_free(&user);
}

/* A guest that fills its streams as fast as they are given room, for a client that reads nothing of
 * it. */
static void a_client_that_does_not_read_its_io_is_let_go(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer piece = {0};
    struct user user = {0};
    struct raw raw;
    size_t sent = 0;

    user_connect(fixture, &user, 0);
    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    buffer_reserve(&piece, 60000);
    memset(piece.data, 'x', 60000);
    piece.data[60000] = '\0';
    while (fixture->hub->clients->number == raw.number && !fixture->hub->clients->left) {
        guest_writes(fixture->vm, raw.base + 2, piece.data);
        sent += 60000;
        assert_true(sent < 2 * HUB_IO_QUEUE);
    }
    assert_true(sent > HUB_IO_QUEUE / 2);
    fixture_settle(fixture);
    assert_true(is_hung_up(raw.ctl));
    assert_int_equal(user.broken, 0);
    assert_int_equal(node_state(fixture->nodes[0]), NODE_HELD);
    raw_close(fixture, &raw);
    user_free(&user);
}

static void a_client_that_does_not_read_its_ctl_is_let_go(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer frame = {0};
    struct raw raw;
    ssize_t n = 1;

    raw_open(fixture, &raw);
    for (int i = 0; i < 1000; i++)
        wire_ctl_write(&frame, 99, "{}", 2, NULL);
    for (int i = 0; n > 0; i++) {
        n = send(raw.ctl, frame.data, frame.length, MSG_NOSIGNAL);
        fixture_settle(fixture);
        assert_true(i < 100); /* some 60 KB of answers each */
    }
    assert_int_equal(errno, EPIPE);
    assert_null(next_request(fixture->vm));
    raw_close(fixture, &raw);
    assert_null(fixture->hub->clients);
}

static void a_guest_that_does_not_read_holds_clients_and_not_the_topology(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer frame = {0};
    cleanup_buffer struct buffer text = {0};
    size_t before = fixture->vm->io_bytes;
    struct raw raw;
    ssize_t n, sent = 0;

    raw_open(fixture, &raw);
    buffer_reserve(&text, 1000);
    memset(text.data, 'x', 1000);
    assert_int_equal(wire_io_write(&frame, raw.base + 2, text.data, 1000, NULL), 0);
    fixture->vm->waiting = HUB_GUEST_QUEUE + 1;
    raw_executes(fixture, &raw, 1);
    assert_null(next_request(fixture->vm));
    for (int i = 0; i < 10000; i++) {
        n = send(raw.io, frame.data, frame.length, MSG_NOSIGNAL);
        if (n < 0)
            break;
        sent += n;
        fixture_settle(fixture);
    }
    assert_int_equal(errno, EAGAIN); /* the socket is full: the client has to wait */
    assert_int_equal(fixture->vm->io_bytes, before);
    assert_true(fixture->hub->clients->io->in.length < 1 << 20);
    fixture->vm->waiting = 0;
    fixture->vm->drained(fixture->vm->drained_context);
    fixture_settle(fixture);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_EXECCMD);
    assert_int_equal(fixture->vm->io_bytes - before, sent / (ssize_t)frame.length * 1000);
    raw_close(fixture, &raw);
}

/* -- Who goes ---------------------------------------------------------------------------------- */

static void next_is_signal(struct vm *vm, uint64_t id)
{
    const struct fake_request *request = next_request(vm);

    assert_non_null(request);
    assert_int_equal(request->code, WIRE_KILLCONTAINER);
    assert_int_equal(request_number(request, "target"), id);
    assert_int_equal(request_number(request, "signal"), SIGHUP);
    guest_acks(vm, WIRE_KILLCONTAINER, request_id(request));
}

static void next_is_room(struct vm *vm, uint64_t stream)
{
    const struct fake_request *request = next_request(vm);

    assert_non_null(request);
    assert_int_equal(request->code, WIRE_NEXT);
    assert_int_equal(request_number(request, "stream"), stream);
    assert_true(request_number(request, "bytes") > WIRE_WINDOW);
}

static void next_is_close(struct vm *vm, uint64_t stream)
{
    struct wire_io frame;

    assert_true(next_frame(vm, &frame));
    assert_int_equal(frame.stream, stream);
    assert_int_equal(frame.length, 0);
}

static void nothing_is_left(const struct fixture *fixture)
{
    struct wire_io frame;

    assert_null(next_request(fixture->vm));
    assert_false(next_frame(fixture->vm, &frame));
}

static void a_command_of_a_client_that_goes_gets_sighup(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = fixture->vm;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    next_request(vm);
    guest_acks(vm, WIRE_EXECCMD, raw.base + 1);
    guest_gives_room(vm, raw.base + 2, 1000);
    raw_close(fixture, &raw);
    next_is_signal(vm, raw.base + 1);
    next_is_room(vm, raw.base + 2);
    next_is_room(vm, raw.base + 3);
    next_is_close(vm, raw.base + 2);
    guest_writes(vm, raw.base + 2, "for nobody");
    guest_writes(vm, raw.base + 2, "");
    guest_writes_status(vm, raw.base + 2, (char)129);
    assert_non_null(fixture->hub->clients);
    guest_finished(vm, raw.base + 1, 129, SIGHUP, 10);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void a_command_that_the_guest_has_not_begun_gets_it_when_it_has(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = fixture->vm;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    next_request(vm);
    raw_close(fixture, &raw);
    nothing_is_left(fixture);
    guest_acks(vm, WIRE_EXECCMD, raw.base + 1);
    next_is_signal(vm, raw.base + 1);
    next_is_room(vm, raw.base + 2);
    next_is_room(vm, raw.base + 3);
    nothing_is_left(fixture);
    guest_gives_room(vm, raw.base + 2, 1000);
    next_is_close(vm, raw.base + 2);
    guest_finished(vm, raw.base + 1, 129, SIGHUP, 0);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

/* Ids are free for all but commands and files, so another answer may have that of a command. */
static void the_answer_to_another_request_is_none_to_a_command(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    raw_asks(fixture, &raw, WIRE_PING, "{\"id\":%" PRIu64 "}", raw.base + 1);
    while (next_request(fixture->vm))
        ;
    raw_close(fixture, &raw);
    guest_acks(fixture->vm, WIRE_PING, raw.base + 1);
    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":18,\"id\":%" PRIu64 ",\"reason\":\"no\"}",
               raw.base + 1);
    nothing_is_left(fixture);
    guest_acks(fixture->vm, WIRE_EXECCMD, raw.base + 1);
    next_is_signal(fixture->vm, raw.base + 1);
}

static void a_command_that_was_refused_or_has_ended_gets_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = fixture->vm;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    raw_executes(fixture, &raw, 2);
    raw_executes(fixture, &raw, 3);
    while (next_request(vm))
        ;
    guest_says(vm, WIRE_ERROR, "{\"code\":6,\"id\":%" PRIu64 ",\"reason\":\"no\"}", raw.base + 1);
    guest_acks(vm, WIRE_EXECCMD, raw.base + 2);
    guest_gives_room(vm, raw.base + 4, 1000);
    guest_finished(vm, raw.base + 2, 0, 0, 0);
    guest_writes(vm, raw.base + 4, "");
    raw_close(fixture, &raw);
    /* A child of the second has its standard error still, and the guest waits for its input. */
    next_is_close(vm, raw.base + 4);
    next_is_room(vm, raw.base + 5);
    guest_says(vm, WIRE_ERROR, "{\"code\":6,\"id\":%" PRIu64 ",\"reason\":\"no\"}", raw.base + 3);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void raw_writes_file(struct fixture *fixture, const struct raw *raw)
{
    raw_asks(fixture, raw, WIRE_WRITEFILE,
             "{\"id\":%" PRIu64 ",\"path\":\"/x\",\"mode\":420,\"stream\":%" PRIu64 "}",
             raw->base + 1, raw->base + 2);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_WRITEFILE);
}

static void file_is_refused(struct fixture *fixture, const struct raw *raw)
{
    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":15,\"id\":%" PRIu64 ",\"reason\":\"ended\"}",
               raw->base + 1);
    fixture_settle(fixture);
}

/* The end of its bytes before the guest has given it up would make a file of half of them. */
static void a_file_that_was_not_sent_whole_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_writes_file(fixture, &raw);
    guest_gives_room(fixture->vm, raw.base + 2, 1000);
    raw_close(fixture, &raw);
    next_is_signal(fixture->vm, raw.base + 1);
    nothing_is_left(fixture);
    file_is_refused(fixture, &raw);
    next_is_close(fixture->vm, raw.base + 2);
    assert_null(fixture->hub->clients);
}

static void so_is_one_that_the_guest_had_given_no_room(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_writes_file(fixture, &raw);
    raw_close(fixture, &raw);
    nothing_is_left(fixture);
    guest_gives_room(fixture->vm, raw.base + 2, 1000);
    next_is_signal(fixture->vm, raw.base + 1);
    file_is_refused(fixture, &raw);
    next_is_close(fixture->vm, raw.base + 2);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void a_file_that_was_sent_whole_is_written(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_writes_file(fixture, &raw);
    guest_gives_room(fixture->vm, raw.base + 2, 1000);
    raw_writes(fixture, &raw, raw.base + 2, "");
    next_is_close(fixture->vm, raw.base + 2);
    raw_close(fixture, &raw);
    nothing_is_left(fixture);
    guest_acks(fixture->vm, WIRE_WRITEFILE, raw.base + 1);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void a_file_that_is_read_is_read_no_further(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_asks(fixture, &raw, WIRE_READFILE,
             "{\"id\":%" PRIu64 ",\"path\":\"/x\",\"stream\":%" PRIu64 "}", raw.base + 1,
             raw.base + 2);
    next_request(fixture->vm);
    raw_close(fixture, &raw);
    next_is_signal(fixture->vm, raw.base + 1);
    next_is_room(fixture->vm, raw.base + 2);
    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":16,\"id\":%" PRIu64 ",\"reason\":\"ended\"}",
               raw.base + 1);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void a_client_goes_with_either_of_its_connections(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 2; i++) {
        struct raw raw;

        raw_open(fixture, &raw);
        raw_executes(fixture, &raw, 1);
        next_request(fixture->vm);
        guest_acks(fixture->vm, WIRE_EXECCMD, raw.base + 1);
        close(i ? raw.io : raw.ctl);
        fixture_settle(fixture);
        next_is_signal(fixture->vm, raw.base + 1);
        while (next_request(fixture->vm))
            ;
        assert_true(is_hung_up(i ? raw.ctl : raw.io));
        close(i ? raw.ctl : raw.io);
        guest_finished(fixture->vm, raw.base + 1, 129, SIGHUP, 0);
        fixture_settle(fixture);
        assert_null(fixture->hub->clients);
        buffer_free(&raw.in);
    }
}

static void a_client_may_go_in_the_middle_of_a_frame(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    user_sends(raw.ctl, "\0\0\0\6\0\0", 6);
    user_sends(raw.io, "\0\0\0\1\0\0\0\2\0\0\0\40abc", 15);
    fixture_settle(fixture);
    raw_close(fixture, &raw);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void what_is_kept_of_clients_that_went_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    size_t count = 0;

    for (size_t i = 0; i < HUB_CLIENTS_LEFT_MAX + 10; i++) {
        struct hub_client *client = xcalloc(1, sizeof *client);
        const struct hub_request request = {.id = 1, .runs = true};

        *client = (struct hub_client){.next = fixture->hub->clients,
                                      .node = &fixture->hub->nodes[0],
                                      .number = i + 1,
                                      .left = true};
        hub_use_begin(client, WIRE_EXECCMD, &request, NULL);
        fixture->hub->clients = client;
    }
    hub_clients_tidy(fixture->hub);
    for (struct hub_client *client = fixture->hub->clients; client; client = client->next)
        count++;
    assert_int_equal(count, HUB_CLIENTS_LEFT_MAX);
    assert_int_equal(fixture->hub->clients->number, HUB_CLIENTS_LEFT_MAX + 10);
}

/* -- Guests that go, or lie -------------------------------------------------------------------- */

static void a_node_that_dies_takes_its_clients_along(void **state)
{
    struct fixture *fixture = *state;
    struct user users[2] = {0};

    user_connect(fixture, &users[0], 0);
    user_connect(fixture, &users[1], 1);
    user_executes(fixture, &users[0], true);
    fixture_machine_ends(fixture, 0);
    assert_int_equal(users[0].broken, -EPIPE);
    assert_true(users[0].complete);
    assert_int_equal(users[1].broken, 0);
    user_executes(fixture, &users[1], true);
    assert_non_null(next_request(fixture->vms[1]));
    user_free(&users[0]);
    user_free(&users[1]);
}

/* By a client that is slow to read, too. */
static void what_a_guest_said_before_it_died_is_heard(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer io = {0};
    cleanup_buffer struct buffer ctl = {0};
    char piece[50001];
    size_t before;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    for (int i = 0; i < 100; i++)
        guest_writes(fixture->vm, raw.base + 2, piece);
    guest_finished(fixture->vm, raw.base + 1, 0, 0, 5000000);
    fixture_machine_ends(fixture, 0);
    assert_true(user_receives(raw.ctl, &ctl));
    assert_true(ctl.length > 0);
    do {
        before = io.length;
        user_receives(raw.io, &io);
        fixture_settle(fixture);
    } while (io.length > before);
    assert_int_equal(io.length, 100 * (WIRE_IO_HEADER + 50000));
    assert_true(user_receives(raw.io, &io));
    raw_close(fixture, &raw);
}

static void a_guest_that_breaks_its_channel_loses_its_clients(void **state)
{
    struct fixture *fixture = *state;
    struct user user = {0};
    int waits;

    user_connect(fixture, &user, 0);
    waits = user_asks(fixture, "{\"open\":\"ctl\",\"node\":\"a\"}");
    guest_says(fixture->vm, WIRE_ACK, "no answer");
    hub_look(fixture->hub);
    fixture_settle(fixture);
    assert_int_equal(user.broken, -EPIPE);
    user_is_refused(fixture, waits, "a is gone");
    user_free(&user);
}

static void what_a_guest_makes_up_for_others_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct user user = {0};
    struct raw other;

    user_connect(fixture, &user, 1);
    raw_open(fixture, &other);
    guest_writes(fixture->vm, (UINT64_C(1) << CONTROL_BASE_SHIFT) + 2, "to the client of b");
    guest_finished(fixture->vm, (UINT64_C(1) << CONTROL_BASE_SHIFT) + 1, 0, 0, 0);
    guest_finished(fixture->vm, (UINT64_C(77) << CONTROL_BASE_SHIFT) + 1, 0, 0, 0);
    guest_writes(fixture->vm, UINT64_MAX, "to nobody");
    guest_gives_room(fixture->vm, other.base + 2, 1 << 20);
    fixture_settle(fixture);
    assert_int_equal(user.broken, 0);
    assert_false(is_hung_up(other.ctl));
    assert_int_equal(node_state(fixture->nodes[0]), NODE_HELD);
    raw_close(fixture, &other);
    nothing_is_left(fixture);
    user_free(&user);
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
        TEST(what_is_no_frame_ends_its_client_alone),
        TEST(a_client_that_does_not_read_its_io_is_let_go),
        TEST(a_client_that_does_not_read_its_ctl_is_let_go),
        TEST(a_guest_that_does_not_read_holds_clients_and_not_the_topology),
        TEST(a_command_of_a_client_that_goes_gets_sighup),
        TEST(a_command_that_the_guest_has_not_begun_gets_it_when_it_has),
        TEST(the_answer_to_another_request_is_none_to_a_command),
        TEST(a_command_that_was_refused_or_has_ended_gets_nothing),
        TEST(a_file_that_was_not_sent_whole_is_given_up),
        TEST(so_is_one_that_the_guest_had_given_no_room),
        TEST(a_file_that_was_sent_whole_is_written),
        TEST(a_file_that_is_read_is_read_no_further),
        TEST(a_client_goes_with_either_of_its_connections),
        TEST(a_client_may_go_in_the_middle_of_a_frame),
        TEST(what_is_kept_of_clients_that_went_is_bounded),
        TEST(a_node_that_dies_takes_its_clients_along),
        TEST(what_a_guest_said_before_it_died_is_heard),
        TEST(a_guest_that_breaks_its_channel_loses_its_clients),
        TEST(what_a_guest_makes_up_for_others_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
