/* Clients of the hub that do not do what they should, and guests that go, or lie: nobody else is
 * harmed. */
#include "hub_client_fixture.h"

/* -- Clients that do harm ---------------------------------------------------------------------- */

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
    assert_null(next_request(fixture->vm));
    assert_int_equal(fixture->vm->io.length, 0);
    user_free(&user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_frame_ends_its_client_alone),
        TEST(a_client_that_does_not_read_its_io_is_let_go),
        TEST(a_client_that_does_not_read_its_ctl_is_let_go),
        TEST(a_guest_that_does_not_read_holds_clients_and_not_the_topology),
        TEST(a_node_that_dies_takes_its_clients_along),
        TEST(what_a_guest_said_before_it_died_is_heard),
        TEST(a_guest_that_breaks_its_channel_loses_its_clients),
        TEST(what_a_guest_makes_up_for_others_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
