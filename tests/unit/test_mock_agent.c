/* The mock agent against hosts that duet is not: one that does not read, one that sends too much,
 * one that restarts containers. */
#include "base/memory.h"
#include "base/wire.h"
#include "tests/mock/mock_agent.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_NS (60 * NS_PER_S)

struct peer {
    struct loop *loop;
    struct timer *now;
    struct mock_agent *mock;
    int ctl, io;
    struct buffer from_ctl, from_io;
    bool is_over; /* the mock has hung up */
};

static void stop_loop(void *context)
{
    loop_stop(context);
}

/* One pass over what is ready. */
static void run_once(struct peer *peer)
{
    timer_start(peer->now, 0);
    loop_run(peer->loop);
}

/* -- To the mock ------------------------------------------------------------------------------- */

static void say(struct peer *peer, uint32_t code, const char *payload)
{
    cleanup_buffer struct buffer frame = {0};

    assert_int_equal(wire_ctl_write(&frame, code, payload, strlen(payload), NULL), 0);
    assert_int_equal(send(peer->ctl, frame.data, frame.length, MSG_NOSIGNAL), frame.length);
}

static void print(struct peer *peer, uint64_t stream, size_t count)
{
    cleanup_buffer struct buffer frame = {0};
    static const char zeros[WIRE_IO_MAX];

    assert_int_equal(wire_io_write(&frame, stream, zeros, count, NULL), 0);
    assert_int_equal(send(peer->io, frame.data, frame.length, MSG_NOSIGNAL), frame.length);
}

/* -- From the mock ----------------------------------------------------------------------------- */

static void receive(struct peer *peer, int fd, struct buffer *in)
{
    ssize_t n;

    do {
        buffer_reserve(in, 1 << 16);
        n = recv(fd, in->data + in->length, 1 << 16, MSG_DONTWAIT);
        peer->is_over = peer->is_over || n == 0;
        in->length += n > 0 ? (size_t)n : 0;
    } while (n > 0);
}

/* The next frame on ctl as "CODE PAYLOAD", which the caller frees; NULL: it has hung up. */
static char *hear(struct peer *peer)
{
    uint64_t end_ns = clock_ns() + PATIENCE_NS;
    struct wire_ctl frame;
    char *text;
    int n;

    while ((n = wire_ctl_read(peer->from_ctl.data, peer->from_ctl.length, &frame, NULL)) == 0 &&
           !peer->is_over) {
        assert_true(clock_ns() < end_ns);
        run_once(peer);
        receive(peer, peer->ctl, &peer->from_ctl);
    }
    assert_true(n >= 0);
    if (n == 0)
        return NULL;
    text = xasprintf("%" PRIu32 " %.*s", frame.code, (int)frame.payload_length, frame.payload);
    buffer_consume(&peer->from_ctl, (size_t)n);
    return text;
}

/* It begins with `expected`. */
static void expect(struct peer *peer, const char *expected)
{
    cleanup_free char *found = hear(peer);

    if (!found || strncmp(found, expected, strlen(expected)) != 0)
        fail_msg("expected %s, found %s", expected, found ? found : "the end");
}

static void expect_end(struct peer *peer)
{
    cleanup_free char *found = hear(peer);

    assert_null(found);
}

/* -- Life -------------------------------------------------------------------------------------- */

#define POD                                                                                        \
    "{\"id\":1000,\"hostname\":\"n\",\"time_ns\":\"1\",\"entropy\":"                               \
    "\"0000000000000000000000000000000000000000000000000000000000000000\""

static int set_up(void **state)
{
    struct peer *peer = xcalloc(1, sizeof *peer);
    int ctl[2], io[2];

    assert_int_equal(loop_new(&peer->loop, NULL), 0);
    peer->now = loop_timer(peer->loop, stop_loop, peer->loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, io), 0);
    assert_int_equal(mock_agent_connected(&(struct mock_options){.loop = peer->loop}, ctl[1], io[1],
                                          &peer->mock, NULL),
                     0);
    peer->ctl = ctl[0];
    peer->io = io[0];
    expect(peer, "8 {\"version\":2,\"kernel\":\"mock\",\"uptime_ms\":");
    *state = peer;
    return 0;
}

static int set_up_configured(void **state)
{
    set_up(state);
    say(*state, WIRE_STARTPOD, POD "}");
    expect(*state, "9 {\"code\":1,\"id\":1000}");
    return 0;
}

static int tear_down(void **state)
{
    struct peer *peer = *state;

    mock_agent_free(peer->mock);
    timer_free(peer->now);
    loop_free(peer->loop);
    close(peer->ctl);
    close(peer->io);
    buffer_free(&peer->from_ctl);
    buffer_free(&peer->from_io);
    free(peer);
    return 0;
}

/* -- Tests ------------------------------------------------------------------------------------- */

/* How many pings the mock takes while nobody reads its answers. */
static size_t ping_until_it_waits(struct peer *peer)
{
    static const char payload[] = "{\"id\":7}";
    cleanup_buffer struct buffer frame = {0};
    size_t sent = 0, refused = 0;

    wire_ctl_write(&frame, WIRE_PING, payload, sizeof payload - 1, NULL);
    while (refused < 3) {
        ssize_t n = send(peer->ctl, frame.data, frame.length, MSG_NOSIGNAL | MSG_DONTWAIT);

        sent += n == (ssize_t)frame.length;
        refused = n < 0 ? refused + 1 : 0;
        assert_true(n < 0 || n == (ssize_t)frame.length);
        if (n < 0)
            run_once(peer);
    }
    return sent;
}

static void a_host_that_does_not_read_has_to_wait(void **state)
{
    struct peer *peer = *state;
    size_t sent = ping_until_it_waits(peer);

    assert_true(sent > 1000);
    for (size_t i = 0; i < sent; i++)
        expect(peer, "9 {\"code\":12,\"id\":7,");
    say(peer, WIRE_PING, "{\"id\":8}");
    expect(peer, "9 {\"code\":12,\"id\":8,");
}

static void what_cannot_be_a_frame_is_skipped(void **state)
{
    static const char short_ctl[] = "\0\0\0\x0c\0\0\0\x07", long_ctl[] = "\0\0\0\x0c\0\x10\0\x01";
    struct peer *peer = *state;
    cleanup_buffer struct buffer rest = {0};

    send(peer->ctl, short_ctl, 8, MSG_NOSIGNAL);
    expect(peer, "10 {\"code\":12,\"id\":0,\"reason\":\"duet.ctl: a frame says it has 7 bytes");
    send(peer->ctl, long_ctl, 8, MSG_NOSIGNAL);
    expect(peer, "10 {\"code\":12,\"id\":0,\"reason\":\"duet.ctl: a frame says it has 1048577");
    buffer_reserve(&rest, 1 << 16);
    for (size_t left = (1 << 20) + 1 - 8; left > 0;) {
        ssize_t n = send(peer->ctl, rest.data, left < 1 << 16 ? left : 1 << 16,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        left -= n > 0 ? (size_t)n : 0;
        run_once(peer);
    }
    say(peer, WIRE_PING, "{\"id\":8}");
    expect(peer, "9 {\"code\":12,\"id\":8,");
}

static void room_is_given_back_in_large_steps(void **state)
{
    struct peer *peer = *state;

    say(peer, WIRE_WRITEFILE, "{\"id\":1,\"path\":\"/f\",\"mode\":420,\"stream\":2}");
    expect(peer, "14 {\"stream\":2,\"bytes\":262144}");
    for (size_t sent = 0; sent < WIRE_WINDOW; sent += 1 << 15) {
        print(peer, 2, 1 << 15);
        run_once(peer);
        if (sent + (1 << 15) == WIRE_WINDOW / 2)
            expect(peer, "14 {\"stream\":2,\"bytes\":131072}");
    }
    expect(peer, "14 {\"stream\":2,\"bytes\":131072}");
    for (size_t sent = 0; sent <= WIRE_WINDOW; sent += 1 << 15)
        print(peer, 2, sent < WIRE_WINDOW ? 1 << 14 : 1);
    say(peer, WIRE_PING, "{\"id\":8}");
    expect(peer, "14 {\"stream\":2,\"bytes\":131072}");
    expect(peer, "9 {\"code\":12,\"id\":8,");
    print(peer, 2, 0);
    expect(peer, "9 {\"code\":15,\"id\":1}");
    print(peer, 2, 1);
    expect(peer, "10 {\"code\":14,\"id\":0,\"stream\":2,\"reason\":\"there is no such stream");
}

static void a_stream_that_overflows_is_over(void **state)
{
    struct peer *peer = *state;

    mock_agent_plan(peer->mock)->stays = true;
    say(peer, WIRE_EXECCMD,
        "{\"id\":1,\"name\":\"n\",\"argv\":[\"n\"],\"stdin\":2,\"stdout\":2,\"stderr\":3}");
    expect(peer, "9 {\"code\":6,\"id\":1}");
    expect(peer, "14 {\"stream\":2,\"bytes\":262144}");
    for (int i = 0; i < 9; i++) {
        print(peer, 2, 1 << 15);
        run_once(peer);
    }
    expect(peer, "10 {\"code\":14,\"id\":0,\"stream\":2,\"reason\":\"more bytes came");
    print(peer, 2, 1); /* dropped, as the end is */
    print(peer, 2, 0);
    say(peer, WIRE_KILLCONTAINER, "{\"id\":2,\"target\":1,\"signal\":9}");
    expect(peer, "9 {\"code\":18,\"id\":2}");
    expect(peer, "7 {\"id\":1,\"status\":137,\"signal\":9,");
}

#define CONTAINER(id, streams)                                                                     \
    "{\"id\":" #id ",\"name\":\"n\",\"argv\":[\"n\"],\"stdout\":" #streams                         \
    "0,\"stderr\":" #streams "1,\"container\":\"web\",\"root\":\"/\"}"

static void a_container_is_started_anew(void **state)
{
    struct peer *peer = *state;

    mock_agent_plan(peer->mock)->stays = true;
    mock_agent_plan(peer->mock)->stays = true;
    say(peer, WIRE_NEWCONTAINER, CONTAINER(1, 1));
    expect(peer, "9 {\"code\":17,\"id\":1}");
    say(peer, WIRE_RESTARTCONTAINER, "{\"id\":2,\"container\":\"web\",\"stdout\":4,\"stderr\":5}");
    expect(peer, "7 {\"id\":1,\"status\":143,");
    expect(peer, "9 {\"code\":5,\"id\":2}");
    say(peer, WIRE_RESTARTCONTAINER, "{\"id\":3,\"container\":\"web\",\"stdout\":6}");
    expect(peer, "10 {\"code\":5,\"id\":3,\"reason\":");
    say(peer, WIRE_NEWCONTAINER, CONTAINER(4, 7));
    expect(peer, "10 {\"code\":17,\"id\":4,\"reason\":\"there is a container web already\"}");
    say(peer, WIRE_FINISHPOD, "{\"id\":5}");
    expect(peer, "7 {\"id\":2,\"status\":143,");
    expect(peer, "9 {\"code\":13,\"id\":5}");
}

static void a_node_starts_with_its_containers(void **state)
{
    struct peer *peer = *state;

    mock_agent_plan(peer->mock)->stays = true;
    say(peer, WIRE_EXECCMD, CONTAINER(1, 1));
    expect(peer, "10 {\"code\":6,\"id\":1,");
    say(peer, WIRE_STARTPOD, POD ",\"containers\":[" CONTAINER(1, 1) "]}");
    expect(peer, "9 {\"code\":1,\"id\":1000}");
    say(peer, WIRE_KILLCONTAINER, "{\"id\":2,\"container\":\"web\",\"signal\":15}");
    expect(peer, "9 {\"code\":18,\"id\":2}");
    expect(peer, "7 {\"id\":1,\"status\":143,");
}

static void a_node_that_powers_off_waits_for_its_output_a_while(void **state)
{
    struct peer *peer = *state;

    mock_agent_plan(peer->mock)->zeros = 1 << 20;
    say(peer, WIRE_EXECCMD, "{\"id\":1,\"name\":\"n\",\"argv\":[\"n\"],\"stdout\":2,\"stderr\":3}");
    expect(peer, "9 {\"code\":6,\"id\":1}");
    say(peer, WIRE_FINISHPOD, "{\"id\":2}");
    say(peer, WIRE_DESTROYPOD, "{\"id\":3}");
    expect(peer, "10 {\"code\":13,\"id\":2,\"reason\":\"the node is powering off\"}");
    say(peer, WIRE_DESTROYPOD, "{\"id\":4}");
    expect(peer, "10 {\"code\":4,\"id\":4,");
    receive(peer, peer->io, &peer->from_io); /* but gives no room */
    expect(peer, "9 {\"code\":4,\"id\":3}");
    receive(peer, peer->io, &peer->from_io);
    expect_end(peer);
}

static void messages_are_bounded(void **state)
{
    enum { FRAMES = 40 };
    struct peer *peer = *state;
    cleanup_buffer struct buffer payload = {0};
    cleanup_free char *messages = NULL;

    buffer_append_text(&payload, "{\"id\":1,\"no\":\"");
    buffer_reserve(&payload, 500000);
    memset(payload.data + payload.length, 'x', 500000);
    payload.length += 500000;
    buffer_append_text(&payload, "\"}");
    for (int i = 0; i < FRAMES; i++) {
        cleanup_buffer struct buffer frame = {0};

        assert_int_equal(wire_ctl_write(&frame, WIRE_PING, payload.data, payload.length, NULL), 0);
        for (size_t at = 0; at < frame.length;) {
            ssize_t n =
                send(peer->ctl, frame.data + at, frame.length - at, MSG_NOSIGNAL | MSG_DONTWAIT);

            at += n > 0 ? (size_t)n : 0;
            run_once(peer);
        }
        expect(peer, "10 {\"code\":12,\"id\":1,");
    }
    messages = mock_agent_messages(peer->mock);
    assert_non_null(strstr(messages, ",{\"left_out\":7}]"));
    free(messages);
    messages = mock_agent_messages(peer->mock);
    assert_string_equal(messages, "[]");
}

#define with_peer(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define with_node(test) cmocka_unit_test_setup_teardown(test, set_up_configured, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_peer(a_host_that_does_not_read_has_to_wait),
        with_peer(what_cannot_be_a_frame_is_skipped),
        with_node(room_is_given_back_in_large_steps),
        with_node(a_stream_that_overflows_is_over),
        with_node(a_container_is_started_anew),
        with_peer(a_node_starts_with_its_containers),
        with_node(a_node_that_powers_off_waits_for_its_output_a_while),
        with_peer(messages_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
