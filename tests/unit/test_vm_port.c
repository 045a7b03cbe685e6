/* A port: what is sent and received, before, during and after its one connection. */
#include "vm/port.h"

#include "base/buffer.h"
#include "directory.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PATIENCE_NS (60 * NS_PER_S)

struct fixture {
    struct loop *loop;
    struct timer *patience;
    char *directory, *path;
    struct port *port;
    int peer;
    struct buffer received;
    size_t wanted; /* the loop stops when so much has come */
    bool close_in_data;
    size_t drains;
    size_t keep; /* so many bytes are not taken without others */
};

static size_t on_data(void *context, const char *bytes, size_t count)
{
    struct fixture *fixture = context;

    if (count <= fixture->keep) {
        loop_stop(fixture->loop);
        return 0;
    }
    buffer_append(&fixture->received, bytes, count);
    if (fixture->close_in_data)
        port_close(fixture->port);
    if (fixture->received.length >= fixture->wanted)
        loop_stop(fixture->loop);
    return count;
}

static void on_drained(void *context)
{
    struct fixture *fixture = context;

    assert_int_equal(port_waiting(fixture->port), 0);
    fixture->drains++;
    loop_stop(fixture->loop);
}

static void on_patience(void *context)
{
    (void)context;
    fail_msg("nothing happened for a minute");
}

static const struct port_calls calls = {.data = on_data, .drained = on_drained};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};

    fixture->peer = -1;
    fixture->directory = directory_make();
    fixture->path = xasprintf("%s/port", fixture->directory);
    assert_int_equal(loop_new(&fixture->loop, &error), 0);
    fixture->patience = loop_timer(fixture->loop, on_patience, NULL);
    timer_start(fixture->patience, PATIENCE_NS);
    assert_int_equal(
        port_listen(fixture->loop, fixture->path, &calls, fixture, &fixture->port, &error), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    port_free(fixture->port);
    assert_int_equal(access(fixture->path, F_OK), -1);
    if (fixture->peer >= 0)
        close(fixture->peer);
    timer_free(fixture->patience);
    loop_free(fixture->loop);
    buffer_free(&fixture->received);
    directory_remove(fixture->directory);
    free(fixture->path);
    free(fixture);
    return 0;
}

/* A socket connected to `path`, or -1. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void connect_peer(struct fixture *fixture)
{
    fixture->peer = connect_to(fixture->path);
    assert_true(fixture->peer >= 0);
}

static void peer_says(const struct fixture *fixture, const char *text)
{
    assert_int_equal(send(fixture->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void run_until_received(struct fixture *fixture, size_t wanted)
{
    fixture->wanted = wanted;
    if (fixture->received.length < wanted)
        loop_run(fixture->loop);
}

static void stop_loop(void *context)
{
    loop_stop(context);
}

/* One pass over whatever is ready now. */
static void run_once(struct fixture *fixture)
{
    struct timer *now = loop_timer(fixture->loop, stop_loop, fixture->loop);

    timer_start(now, 0);
    loop_run(fixture->loop);
    timer_free(now);
}

static void bytes_arrive_both_ways(void **state)
{
    struct fixture *fixture = *state;
    char text[8] = "";

    connect_peer(fixture);
    peer_says(fixture, "hello");
    run_until_received(fixture, 5);
    assert_string_equal(fixture->received.data, "hello");
    assert_int_equal(port_send(fixture->port, "world", 5, NULL), 0);
    assert_int_equal(recv(fixture->peer, text, sizeof text, 0), 5);
    assert_string_equal(text, "world");
}

static void what_is_not_taken_comes_again_with_the_rest(void **state)
{
    struct fixture *fixture = *state;

    fixture->keep = 5;
    connect_peer(fixture);
    peer_says(fixture, "hel");
    loop_run(fixture->loop);
    peer_says(fixture, "lo");
    loop_run(fixture->loop);
    assert_int_equal(fixture->received.length, 0);
    peer_says(fixture, ", world");
    run_until_received(fixture, 12);
    assert_string_equal(fixture->received.data, "hello, world");
}

static void receive_some(struct fixture *fixture, struct buffer *got)
{
    ssize_t n;

    buffer_reserve(got, 1 << 16);
    n = recv(fixture->peer, got->data + got->length, 1 << 16, MSG_DONTWAIT);
    if (n > 0)
        got->length += (size_t)n;
    else
        run_once(fixture);
}

/* The first one partly at once, from where it lies, and what has to wait behind it. */
static void a_frame_is_sent_header_first_however_much_waits(void **state)
{
    enum { FRAMES = 3, PAYLOAD = 1 << 20, FRAME = 2 + PAYLOAD };
    static char payload[PAYLOAD];
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer got = {0};

    memset(payload, 'x', sizeof payload);
    connect_peer(fixture);
    run_once(fixture);
    for (int i = 0; i < FRAMES; i++)
        assert_int_equal(port_send_frame(fixture->port, "ab", 2, payload, PAYLOAD, NULL), 0);
    assert_in_range(port_waiting(fixture->port), 1, FRAMES * FRAME - 1);
    while (got.length < FRAMES * FRAME)
        receive_some(fixture, &got);
    assert_int_equal(port_waiting(fixture->port), 0);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_memory_equal(got.data + i * FRAME, "ab", 2);
        assert_memory_equal(got.data + i * FRAME + 2, payload, PAYLOAD);
    }
}

static void bytes_sent_before_the_connection_wait_for_it(void **state)
{
    struct fixture *fixture = *state;
    char text[8] = "";

    assert_int_equal(port_send(fixture->port, "ear", 3, NULL), 0);
    assert_int_equal(port_send(fixture->port, "ly", 2, NULL), 0);
    connect_peer(fixture);
    peer_says(fixture, "x");
    run_until_received(fixture, 1);
    assert_int_equal(recv(fixture->peer, text, sizeof text, 0), 5);
    assert_string_equal(text, "early");
}

static void only_the_user_may_connect(void **state)
{
    struct fixture *fixture = *state;
    struct stat info;

    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void there_is_one_connection(void **state)
{
    struct fixture *fixture = *state;
    char text[8];
    int second;

    connect_peer(fixture);
    peer_says(fixture, "first");
    second = connect_to(fixture->path); /* before the first is accepted, and after */
    run_until_received(fixture, 5);
    assert_int_equal(connect_to(fixture->path), -1);
    assert_int_equal(errno, ECONNREFUSED);
    if (second >= 0) {
        assert_int_equal(recv(second, text, sizeof text, 0), -1);
        assert_int_equal(errno, ECONNRESET);
        close(second);
    }
    assert_string_equal(fixture->received.data, "first");
}

static void a_closed_port_takes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};

    port_close(fixture->port);
    assert_int_equal(port_send(fixture->port, "x", 1, &error), -EPIPE);
    assert_string_equal(error.message, "the guest's port is closed");
}

static void a_peer_that_leaves_closes_the_port(void **state)
{
    struct fixture *fixture = *state;

    connect_peer(fixture);
    peer_says(fixture, "bye");
    close(fixture->peer);
    fixture->peer = -1;
    run_until_received(fixture, 3);
    while (port_send(fixture->port, "x", 1, NULL) != -EPIPE)
        run_once(fixture);
    assert_string_equal(fixture->received.data, "bye");
}

static void a_peer_that_does_not_read_fills_the_queue_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    size_t sent = 0;
    char chunk[1 << 16] = {0};
    int code;

    connect_peer(fixture);
    peer_says(fixture, "x");
    run_until_received(fixture, 1);
    while ((code = port_send(fixture->port, chunk, sizeof chunk, &error)) == 0 && sent < 64 << 20)
        sent += sizeof chunk;
    assert_int_equal(code, -ENOBUFS);
    assert_non_null(strstr(error.message, "the guest does not read its port"));
    assert_in_range(sent, 4 << 20, 16 << 20); /* the queue and what the socket holds */
    for (size_t got = 0; got < sent;) {
        ssize_t n = recv(fixture->peer, chunk, sizeof chunk, MSG_DONTWAIT);

        if (n < 0)
            run_once(fixture);
        else
            got += (size_t)n;
    }
    assert_int_equal(port_send(fixture->port, "again", 5, &error), 0);
}

static void finish_delivers_all_that_a_dead_peer_said(void **state)
{
    struct fixture *fixture = *state;
    char chunk[5000];
    size_t said = 0;
    ssize_t n;

    memset(chunk, 'd', sizeof chunk);
    connect_peer(fixture);
    while ((n = send(fixture->peer, chunk, sizeof chunk, MSG_DONTWAIT)) > 0)
        said += (size_t)n;
    assert_true(said > 65536); /* more than one read */
    close(fixture->peer);
    fixture->peer = -1;
    fixture->wanted = SIZE_MAX;
    port_finish(fixture->port); /* not even accepted until now */
    assert_int_equal(fixture->received.length, said);
    assert_int_equal(port_send(fixture->port, "x", 1, NULL), -EPIPE);
}

static void finish_without_a_peer_is_fine(void **state)
{
    struct fixture *fixture = *state;

    port_finish(fixture->port);
    port_finish(fixture->port);
    assert_int_equal(fixture->received.length, 0);
    assert_int_equal(connect_to(fixture->path), -1);
}

static void closing_in_the_middle_of_data_ends_it(void **state)
{
    struct fixture *fixture = *state;
    size_t first;

    fixture->close_in_data = true;
    connect_peer(fixture);
    for (int i = 0; i < 20; i++) /* more than one read */
        peer_says(fixture, "12345678901234567890123456789012345678901234567890");
    run_until_received(fixture, 1);
    first = fixture->received.length;
    run_once(fixture);
    port_finish(fixture->port);
    assert_int_equal(fixture->received.length, first);
}

/* -- A peer that floods ------------------------------------------------------------------------ */

static void *flood(void *context)
{
    const int *fd = context;
    char chunk[1 << 16];

    memset(chunk, 'f', sizeof chunk);
    while (send(*fd, chunk, sizeof chunk, MSG_NOSIGNAL) > 0)
        ;
    return NULL;
}

struct flooded {
    struct fixture *fixture;
    size_t bytes; /* of the flood */
    int quiet_peer;
};

static size_t on_flood(void *context, const char *bytes, size_t count)
{
    struct flooded *flooded = context;

    (void)bytes;
    if (flooded->bytes == 0)
        assert_int_equal(send(flooded->quiet_peer, "q", 1, MSG_NOSIGNAL), 1);
    flooded->bytes += count;
    return count;
}

/* What one event reads is bounded, and the others have their turn then. */
static void a_flood_leaves_the_loop_to_the_others(void **state)
{
    static const struct port_calls flood_calls = {.data = on_flood};
    struct fixture *fixture = *state;
    struct flooded flooded = {.fixture = fixture};
    cleanup_free char *path = xasprintf("%s/flooded", fixture->directory);
    struct port *port;
    pthread_t thread;
    int peer;

    assert_int_equal(port_listen(fixture->loop, path, &flood_calls, &flooded, &port, NULL), 0);
    connect_peer(fixture);
    peer_says(fixture, "x");
    run_until_received(fixture, 1);
    flooded.quiet_peer = fixture->peer;
    peer = connect_to(path);
    assert_true(peer >= 0);
    assert_int_equal(pthread_create(&thread, NULL, flood, &peer), 0);
    run_until_received(fixture, 2);
    assert_in_range(flooded.bytes, 1, 2 << 20);
    port_close(port);
    pthread_join(thread, NULL);
    close(peer);
    port_free(port);
}

/* A QEMU that libvirt lost sight of may still run: it must not keep duet reading. */
static void finish_ends_while_the_peer_floods(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;

    connect_peer(fixture);
    assert_int_equal(pthread_create(&thread, NULL, flood, &fixture->peer), 0);
    run_until_received(fixture, 1 << 20);
    fixture->wanted = SIZE_MAX;
    port_finish(fixture->port);
    pthread_join(thread, NULL);
    assert_int_equal(port_send(fixture->port, "x", 1, NULL), -EPIPE);
}

/* -- Paths ------------------------------------------------------------------------------------- */

static void a_path_that_is_too_long_says_what_to_do(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct port *port = NULL;
    char path[109];

    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    path[108] = '\0';
    assert_int_equal(port_listen(fixture->loop, path, &calls, fixture, &port, &error),
                     -ENAMETOOLONG);
    assert_null(port);
    assert_non_null(strstr(error.message, "has 108 bytes, unix sockets take 107: set "
                                          "XDG_RUNTIME_DIR to a shorter directory"));
}

static void a_path_that_is_there_stays_there(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *path = xasprintf("%s/taken", fixture->directory);
    struct error error = {0};
    struct port *port = NULL;
    char *text;

    directory_write(fixture->directory, "taken", "mine", 0600);
    assert_int_equal(port_listen(fixture->loop, path, &calls, fixture, &port, &error), -EADDRINUSE);
    assert_null(port);
    assert_non_null(strstr(error.message, path));
    text = directory_read(fixture->directory, "taken");
    assert_string_equal(text, "mine");
    free(text);
}

/* Reads `count` bytes, each of which must be 'x'. */
static void read_xs(int fd, size_t count)
{
    char chunk[4096];

    while (count > 0) {
        ssize_t n = recv(fd, chunk, count < sizeof chunk ? count : sizeof chunk, MSG_DONTWAIT);

        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(chunk[i], 'x');
        count -= (size_t)n;
    }
}

static void what_had_to_wait_is_told_when_it_is_gone(void **state)
{
    enum { TOTAL = 1 << 20 };
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer much = {0};

    buffer_reserve(&much, TOTAL);
    memset(much.data, 'x', TOTAL);
    connect_peer(fixture);
    run_once(fixture);
    assert_int_equal(port_send(fixture->port, much.data, TOTAL, NULL), 0);
    assert_true(port_waiting(fixture->port) > 0);
    for (size_t had = 0; had < TOTAL;) {
        size_t sent = TOTAL - port_waiting(fixture->port);

        assert_int_equal(fixture->drains, sent == TOTAL);
        read_xs(fixture->peer, sent - had);
        had = sent;
        run_once(fixture);
    }
    assert_int_equal(fixture->drains, 1);
    /* What does not have to wait is not worth telling. */
    assert_int_equal(port_send(fixture->port, "x", 1, NULL), 0);
    run_once(fixture);
    assert_int_equal(fixture->drains, 1);
}

static void it_is_told_too_where_more_is_sent_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    size_t sent = 0;
    char piece[4096];

    memset(piece, 'x', sizeof piece);
    connect_peer(fixture);
    run_once(fixture);
    while (port_waiting(fixture->port) == 0) {
        assert_int_equal(port_send(fixture->port, piece, sizeof piece, NULL), 0);
        sent += sizeof piece;
    }
    read_xs(fixture->peer, sent - port_waiting(fixture->port));
    assert_int_equal(port_send(fixture->port, "x", 1, NULL), 0);
    run_once(fixture);
    assert_int_equal(fixture->drains, 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(bytes_arrive_both_ways),
        TEST(what_is_not_taken_comes_again_with_the_rest),
        TEST(a_frame_is_sent_header_first_however_much_waits),
        TEST(bytes_sent_before_the_connection_wait_for_it),
        TEST(only_the_user_may_connect),
        TEST(there_is_one_connection),
        TEST(a_closed_port_takes_nothing),
        TEST(a_peer_that_leaves_closes_the_port),
        TEST(a_peer_that_does_not_read_fills_the_queue_and_no_more),
        TEST(what_had_to_wait_is_told_when_it_is_gone),
        TEST(it_is_told_too_where_more_is_sent_meanwhile),
        TEST(finish_delivers_all_that_a_dead_peer_said),
        TEST(finish_without_a_peer_is_fine),
        TEST(closing_in_the_middle_of_data_ends_it),
        TEST(a_flood_leaves_the_loop_to_the_others),
        TEST(finish_ends_while_the_peer_floods),
        TEST(a_path_that_is_too_long_says_what_to_do),
        TEST(a_path_that_is_there_stays_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
