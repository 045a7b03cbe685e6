/* Users of a node's control channel through the hub: duet's own host end, and clients that do all
 * but what they should. */
#include "hub_fixture.h"

#include "vm/control.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_runs_a_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
