/* Clients of a hub: duet's own host end, and one of the test's own that does what it is told. */
#ifndef DUET_TESTS_HUB_CLIENT_FIXTURE_H
#define DUET_TESTS_HUB_CLIENT_FIXTURE_H

#include "hub_fixture.h"

#include "vm/control.h"

#include <inttypes.h>

/* -- duet's host end as a client --------------------------------------------------------------- */

struct user {
    struct control *control;
    struct control_command *command;
    bool ready, started, complete;
    struct buffer out, err;
    struct control_end end;
    int broken;
};

static inline void on_ready(void *context, const struct control_ready *ready)
{
    (void)ready;
    ((struct user *)context)->ready = true;
}

static inline void on_broken(void *context, int code, const char *message)
{
    (void)message;
    ((struct user *)context)->broken = code;
}

static inline void on_started(void *context)
{
    ((struct user *)context)->started = true;
}

static inline void on_output(void *context, enum control_output output, const char *bytes,
                             size_t count)
{
    struct user *user = context;

    buffer_append(output == CONTROL_STDOUT ? &user->out : &user->err, bytes, count);
    control_taken(user->command, output, count);
}

static inline void on_complete(void *context, const struct control_end *end)
{
    struct user *user = context;

    user->complete = true;
    user->end = *end;
}

static const struct control_command_calls command_calls = {
    .started = on_started, .output = on_output, .complete = on_complete};

/* Asks for a node's channel; the guest answers the hub's ping. */
static inline int open_ctl(struct fixture *fixture, size_t node, uint64_t *number)
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

static inline int open_io(struct fixture *fixture, uint64_t number)
{
    cleanup_free char *line = xasprintf("{\"open\":\"io\",\"client\":%d}", (int)number);
    int fd = user_asks(fixture, line);

    user_hears_ok(fd);
    return fd;
}

static inline void user_connect(struct fixture *fixture, struct user *user, size_t node)
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

static inline void user_free(struct user *user)
{
    control_free(user->control);
    buffer_free(&user->out);
    buffer_free(&user->err);
}

static inline void user_executes(struct fixture *fixture, struct user *user, bool input)
{
    static const char *const argv[] = {"cat", NULL};
    const struct control_exec exec = {.name = "cat", .argv = argv, .input = input};

    assert_int_equal(control_exec(user->control, &exec, &command_calls, user, &user->command, NULL),
                     0);
    fixture_settle(fixture);
}

/* -- The guest --------------------------------------------------------------------------------- */

static inline void guest_gives_room(struct vm *vm, uint64_t stream, unsigned bytes)
{
    guest_says(vm, WIRE_NEXT, "{\"stream\":%" PRIu64 ",\"bytes\":%u}", stream, bytes);
}

/* The oldest frame on io that was not looked at yet; until the next call. */
static inline bool next_frame(struct vm *vm, struct wire_io *frame)
{
    int taken;

    buffer_consume(&vm->io, vm->io_seen);
    taken = wire_io_read(vm->io.data, vm->io.length, frame, NULL);
    vm->io_seen = taken > 0 ? (size_t)taken : 0;
    return taken > 0;
}

/* -- A client of the test's own ---------------------------------------------------------------- */

/* Of node a. */
struct raw {
    int ctl, io;
    uint64_t number, base;
    struct buffer in; /* on ctl */
};

static inline void raw_open_ctl(struct fixture *fixture, struct raw *raw)
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

static inline void raw_open(struct fixture *fixture, struct raw *raw)
{
    raw_open_ctl(fixture, raw);
    raw->io = open_io(fixture, raw->number);
}

static inline void raw_close(struct fixture *fixture, struct raw *raw)
{
    close(raw->ctl);
    if (raw->io >= 0)
        close(raw->io);
    buffer_free(&raw->in);
    fixture_settle(fixture);
}

__attribute__((format(printf, 4, 5))) static inline void
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

static inline void raw_writes(struct fixture *fixture, const struct raw *raw, uint64_t stream,
                              const char *text)
{
    cleanup_buffer struct buffer frame = {0};

    assert_int_equal(wire_io_write(&frame, stream, text, strlen(text), NULL), 0);
    user_sends(raw->io, frame.data, frame.length);
    fixture_settle(fixture);
}

static inline void raw_executes(struct fixture *fixture, const struct raw *raw, uint64_t number)
{
    raw_asks(fixture, raw, WIRE_EXECCMD,
             "{\"id\":%" PRIu64 ",\"stdin\":%" PRIu64 ",\"stdout\":%" PRIu64 ",\"stderr\":%" PRIu64
             "}",
             raw->base + number, raw->base + 2 * number, raw->base + 2 * number,
             raw->base + 2 * number + 1);
}

static inline bool is_hung_up(int fd)
{
    cleanup_buffer struct buffer in = {0};

    return user_receives(fd, &in);
}

#endif
