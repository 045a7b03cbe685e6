/* The user's streams on the loop: whatever they are, nothing blocks and nothing is lost. */
#include "runner/flow.h"

#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <termios.h>

#define PATIENCE_NS (60 * NS_PER_S)

enum { MUCH = 1 << 20 };

struct fixture {
    struct loop *loop;
    struct timer *patience;
    struct sink *sink;
    struct source *source;
    int ends[2];          /* what is read, what is written */
    struct watch *reader; /* of ends[0] */
    size_t taken, read;
    struct buffer bytes;
    int failure;   /* 1: none */
    int ended;     /* likewise */
    size_t wanted; /* the loop stops when so much is taken or has come */
    bool stops;    /* the source, at every chunk */
};

static void on_patience(void *context)
{
    (void)context;
    fail_msg("nothing happened for a minute");
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};

    signal(SIGPIPE, SIG_IGN);
    fixture->failure = fixture->ended = 1;
    fixture->ends[0] = fixture->ends[1] = -1;
    assert_int_equal(loop_new(&fixture->loop, &error), 0);
    fixture->patience = loop_timer(fixture->loop, on_patience, NULL);
    timer_start(fixture->patience, PATIENCE_NS);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    sink_free(fixture->sink);
    source_free(fixture->source);
    watch_free(fixture->reader);
    for (int i = 0; i < 2; i++)
        if (fixture->ends[i] >= 0)
            close(fixture->ends[i]);
    buffer_free(&fixture->bytes);
    timer_free(fixture->patience);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

/* -- Out --------------------------------------------------------------------------------------- */

static void on_taken(void *context, size_t count)
{
    struct fixture *fixture = context;

    fixture->taken += count;
    if (fixture->taken >= fixture->wanted)
        loop_stop(fixture->loop);
}

static void on_failed(void *context, int code)
{
    struct fixture *fixture = context;

    fixture->failure = code;
    loop_stop(fixture->loop);
}

static void open_sink(struct fixture *fixture, int fd)
{
    static const struct sink_calls calls = {.taken = on_taken, .failed = on_failed};
    struct error error = {0};

    assert_int_equal(sink_new(fixture->loop, fd, &calls, fixture, &fixture->sink, &error), 0);
}

static void on_readable(void *context, uint32_t events)
{
    struct fixture *fixture = context;
    char bytes[4096];
    ssize_t n = read(fixture->ends[0], bytes, sizeof bytes);

    (void)events;
    assert_true(n > 0);
    fixture->read += (size_t)n;
}

static void read_on(struct fixture *fixture)
{
    struct error error = {0};

    assert_int_equal(loop_watch(fixture->loop, fixture->ends[0], EPOLLIN, on_readable, fixture,
                                &fixture->reader, &error),
                     0);
}

static bool is_blocking(int fd)
{
    return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* More than fits is kept, and written when there is room; the descriptor stays a blocking one. */
static void write_much(struct fixture *fixture)
{
    cleanup_free char *much = xcalloc(1, MUCH);

    open_sink(fixture, fixture->ends[1]);
    sink_write(fixture->sink, much, MUCH);
    assert_true(fixture->taken < MUCH);
    assert_false(sink_is_empty(fixture->sink));
    assert_true(is_blocking(fixture->ends[1]));
    read_on(fixture);
    fixture->wanted = MUCH;
    loop_run(fixture->loop);
    assert_int_equal(fixture->taken, MUCH);
    assert_true(sink_is_empty(fixture->sink));
    assert_true(is_blocking(fixture->ends[1]));
}

static void a_full_pipe_blocks_nothing(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(pipe(fixture->ends), 0);
    write_much(fixture);
}

static void a_full_socket_blocks_nothing(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture->ends), 0);
    write_much(fixture);
}

static void on_pause_over(void *context)
{
    loop_stop(context);
}

/* As after Ctrl-S. */
static void a_stopped_terminal_takes_nothing_until_it_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct timer *pause = loop_timer(fixture->loop, on_pause_over, fixture->loop);

    assert_int_equal(openpty(&fixture->ends[0], &fixture->ends[1], NULL, NULL, NULL), 0);
    assert_int_equal(tcflow(fixture->ends[1], TCOOFF), 0);
    open_sink(fixture, fixture->ends[1]);
    sink_write(fixture->sink, "hello", 5);
    fixture->wanted = 5;
    timer_start(pause, 20 * NS_PER_MS);
    loop_run(fixture->loop);
    assert_int_equal(fixture->taken, 0);
    assert_int_equal(tcflow(fixture->ends[1], TCOON), 0);
    loop_run(fixture->loop);
    assert_int_equal(fixture->taken, 5);
    timer_free(pause);
}

static void what_cannot_be_opened_once_more_is_written_with_care(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fd int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    open_sink(fixture, null);
    sink_write(fixture->sink, "nobody", 6);
    assert_int_equal(fixture->taken, 6);
}

/* A pipe without a reader cannot be opened once more either. */
static void a_reader_that_goes_away_is_told_once(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(pipe(fixture->ends), 0);
    close(fixture->ends[0]);
    fixture->ends[0] = -1;
    open_sink(fixture, fixture->ends[1]);
    fixture->wanted = MUCH;
    sink_write(fixture->sink, "one", 3);
    sink_write(fixture->sink, "two", 3);
    assert_int_equal(fixture->failure, 1); /* from the loop */
    assert_int_equal(fixture->taken, 6);
    loop_run(fixture->loop);
    assert_int_equal(fixture->failure, -EPIPE);
    assert_true(sink_is_empty(fixture->sink));
}

static void a_reader_that_goes_away_while_bytes_are_kept(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *much = xcalloc(1, MUCH);

    assert_int_equal(pipe(fixture->ends), 0);
    open_sink(fixture, fixture->ends[1]);
    fixture->wanted = MUCH + 1;
    sink_write(fixture->sink, much, MUCH);
    close(fixture->ends[0]);
    fixture->ends[0] = -1;
    loop_run(fixture->loop);
    assert_int_equal(fixture->failure, -EPIPE);
    assert_int_equal(fixture->taken, MUCH);
    assert_true(sink_is_empty(fixture->sink));
}

/* -- In ---------------------------------------------------------------------------------------- */

static void on_bytes(void *context, const char *bytes, size_t count)
{
    struct fixture *fixture = context;

    buffer_append(&fixture->bytes, bytes, count);
    if (fixture->stops)
        source_stop(fixture->source);
    if (fixture->stops || fixture->bytes.length >= fixture->wanted)
        loop_stop(fixture->loop);
}

static void on_ended(void *context, int code)
{
    struct fixture *fixture = context;

    fixture->ended = code;
    loop_stop(fixture->loop);
}

static void open_source(struct fixture *fixture, int fd)
{
    static const struct source_calls calls = {.bytes = on_bytes, .ended = on_ended};
    struct error error = {0};

    fixture->wanted = MUCH + 1;
    assert_int_equal(source_new(fixture->loop, fd, &calls, fixture, &fixture->source, &error), 0);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(pipe(fixture->ends), 0);
    assert_int_equal(write(fixture->ends[1], "hello", 5), 5);
    close(fixture->ends[1]);
    fixture->ends[1] = -1;
    open_source(fixture, fixture->ends[0]);
    source_go(fixture->source);
    loop_run(fixture->loop);
    assert_int_equal(fixture->ended, 0);
    assert_string_equal(fixture->bytes.data, "hello");
    assert_true(is_blocking(fixture->ends[0]));
    source_go(fixture->source); /* nothing comes of it any more */
}

static void a_file_is_read_in_chunks_and_from_where_it_is(void **state)
{
    struct fixture *fixture = *state;
    char *directory = directory_make();
    cleanup_free char *path = xasprintf("%s/file", directory);
    cleanup_free char *much = xcalloc(1, MUCH);
    struct error error = {0};
    cleanup_fd int fd = -1;

    memset(much, 'x', MUCH);
    assert_int_equal(fs_write(path, much, MUCH, 0600, &error), 0);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(lseek(fd, 100, SEEK_SET), 100);
    open_source(fixture, fd);
    fixture->stops = true;
    source_go(fixture->source);
    loop_run(fixture->loop);
    assert_int_equal(fixture->bytes.length, FLOW_CHUNK);
    fixture->stops = false;
    source_go(fixture->source);
    loop_run(fixture->loop);
    assert_int_equal(fixture->ended, 0);
    assert_int_equal(fixture->bytes.length, MUCH - 100);
    directory_remove(directory);
}

static void nothing_is_at_its_end_at_once(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    open_source(fixture, null);
    source_go(fixture->source);
    loop_run(fixture->loop);
    assert_int_equal(fixture->ended, 0);
}

static void what_cannot_be_read_says_so(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fd int directory = open("/", O_RDONLY | O_CLOEXEC);

    open_source(fixture, directory);
    source_go(fixture->source);
    loop_run(fixture->loop);
    assert_int_equal(fixture->ended, -EISDIR);
}

static void a_terminal_that_hangs_up_is_at_its_end(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(openpty(&fixture->ends[0], &fixture->ends[1], NULL, NULL, NULL), 0);
    open_source(fixture, fixture->ends[1]);
    source_go(fixture->source);
    close(fixture->ends[0]);
    fixture->ends[0] = -1;
    loop_run(fixture->loop);
    assert_int_equal(fixture->ended, 0);
}

static void what_is_stopped_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct timer *pause = loop_timer(fixture->loop, on_pause_over, fixture->loop);

    assert_int_equal(pipe(fixture->ends), 0);
    open_source(fixture, fixture->ends[0]);
    source_go(fixture->source);
    source_stop(fixture->source);
    assert_int_equal(write(fixture->ends[1], "hello", 5), 5);
    timer_start(pause, 20 * NS_PER_MS);
    loop_run(fixture->loop);
    assert_int_equal(fixture->bytes.length, 0);
    fixture->wanted = 5;
    source_go(fixture->source);
    loop_run(fixture->loop);
    assert_int_equal(fixture->bytes.length, 5);
    timer_free(pause);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        test(a_full_pipe_blocks_nothing),
        test(a_full_socket_blocks_nothing),
        test(a_stopped_terminal_takes_nothing_until_it_goes_on),
        test(what_cannot_be_opened_once_more_is_written_with_care),
        test(a_reader_that_goes_away_is_told_once),
        test(a_reader_that_goes_away_while_bytes_are_kept),
        test(a_pipe_is_read_to_its_end),
        test(a_file_is_read_in_chunks_and_from_where_it_is),
        test(nothing_is_at_its_end_at_once),
        test(what_cannot_be_read_says_so),
        test(a_terminal_that_hangs_up_is_at_its_end),
        test(what_is_stopped_is_not_read),
    };
#undef test

    return cmocka_run_group_tests(tests, NULL, NULL);
}
