/* One file on its way to a guest or from there, with the guest's agent in the test's hands. */
#include "runner/transfer.h"

#include "directory.h"
#include "fake_agent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

struct fixture {
    struct fake_agent agent;
    struct transfer *transfer;
    char *directory;
    int pipe[2];
    bool ended;
    int code;
    unsigned mode;
    uint64_t moved;
    char message[256];
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    signal(SIGPIPE, SIG_IGN);
    fixture->directory = directory_make();
    assert_int_equal(pipe2(fixture->pipe, O_CLOEXEC), 0);
    fake_open(&fixture->agent);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    transfer_free(fixture->transfer);
    fake_close(&fixture->agent);
    cleanup_close_fd(&fixture->pipe[0]);
    cleanup_close_fd(&fixture->pipe[1]);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

static void on_moved(void *context, uint64_t bytes)
{
    struct fixture *fixture = context;

    fixture->moved += bytes;
}

static void on_ended(void *context, const struct transfer_end *end)
{
    struct fixture *fixture = context;

    assert_false(fixture->ended);
    fixture->ended = true;
    fixture->code = end->code;
    fixture->mode = end->mode;
    snprintf(fixture->message, sizeof fixture->message, "%s", end->message ? end->message : "");
    loop_stop(fixture->agent.loop);
}

static const struct transfer_calls calls = {.moved = on_moved, .ended = on_ended};

static void start_sending(struct fixture *fixture, int fd)
{
    struct error error = {0};

    assert_int_equal(transfer_send(fixture->agent.loop, fixture->agent.control, fd, "/there", 0750,
                                   &calls, fixture, &fixture->transfer, &error),
                     0);
    fake_expect(&fixture->agent, WIRE_WRITEFILE, "\"path\":\"/there\",\"mode\":488");
}

static void start_receiving(struct fixture *fixture, int fd)
{
    struct error error = {0};

    assert_int_equal(transfer_receive(fixture->agent.loop, fixture->agent.control, "/there", fd,
                                      &calls, fixture, &fixture->transfer, &error),
                     0);
    fake_expect(&fixture->agent, WIRE_READFILE, "\"path\":\"/there\"");
}

static void on_readable(void *context, uint32_t events)
{
    (void)events;
    loop_stop(context);
}

static void run_until(struct fixture *fixture, int fd)
{
    struct watch *watch;

    assert_int_equal(loop_watch(fixture->agent.loop, fd, EPOLLIN, on_readable, fixture->agent.loop,
                                &watch, NULL),
                     0);
    loop_run(fixture->agent.loop);
    watch_free(watch);
}

static void expect_end(struct fixture *fixture, int code, const char *message)
{
    if (!fixture->ended)
        loop_run(fixture->agent.loop);
    assert_true(fixture->ended);
    assert_int_equal(fixture->code, code);
    assert_string_equal(fixture->message, message);
}

/* The agent's answer to a signal. */
static void refuse(struct fixture *fixture, enum wire_code code, const char *reason)
{
    fake_say(&fixture->agent, WIRE_ERROR, "{\"code\":%d,\"id\":1,\"reason\":\"%s\"}", code, reason);
}

/* -- There ------------------------------------------------------------------------------------- */

static void a_file_is_fed_and_closed(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer fed = {0};
    bool closed = false;

    assert_int_equal(write(fixture->pipe[1], "content", 7), 7);
    cleanup_close_fd(&fixture->pipe[1]);
    fixture->pipe[1] = -1;
    start_sending(fixture, fixture->pipe[0]);
    fake_room(&fixture->agent, 2, 4);
    run_until(fixture, fixture->agent.io);
    assert_false(fake_receive(&fixture->agent, 2, &fed));
    assert_string_equal(fed.data, "cont");
    fake_room(&fixture->agent, 2, 100);
    while (!closed) {
        run_until(fixture, fixture->agent.io);
        closed = fake_receive(&fixture->agent, 2, &fed);
    }
    buffer_append(&fed, "", 1);
    assert_string_equal(fed.data, "content");
    fake_ack(&fixture->agent, WIRE_WRITEFILE, 1);
    expect_end(fixture, 0, "");
    assert_int_equal(fixture->moved, 7);
}

static void what_the_guest_refuses_is_told(void **state)
{
    struct fixture *fixture = *state;

    start_sending(fixture, fixture->pipe[0]);
    refuse(fixture, WIRE_WRITEFILE, "no space");
    expect_end(fixture, -EREMOTEIO, "no space");
}

/* Nothing that was not read to its end is closed: the guest would take it for the whole file. */
static void what_cannot_be_read_is_taken_back(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer fed = {0};
    cleanup_fd int fd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    start_sending(fixture, fd); /* EISDIR */
    fake_room(&fixture->agent, 2, 100);
    run_until(fixture, fixture->agent.ctl);
    fake_expect(&fixture->agent, WIRE_KILLCONTAINER, "\"target\":1,\"signal\":15");
    assert_false(fake_receive(&fixture->agent, 2, &fed));
    refuse(fixture, WIRE_WRITEFILE, "it was ended by signal 15");
    expect_end(fixture, -EIO, "cannot read it: Is a directory");
}

static void a_cancelled_one_is_taken_back(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer fed = {0};

    assert_int_equal(write(fixture->pipe[1], "half", 4), 4);
    start_sending(fixture, fixture->pipe[0]);
    fake_room(&fixture->agent, 2, 100);
    run_until(fixture, fixture->agent.io);
    transfer_cancel(fixture->transfer, "interrupted");
    fake_expect(&fixture->agent, WIRE_KILLCONTAINER, "\"target\":1,\"signal\":15");
    assert_false(fake_receive(&fixture->agent, 2, &fed));
    refuse(fixture, WIRE_WRITEFILE, "it was ended by signal 15");
    expect_end(fixture, -EIO, "interrupted");
    assert_false(fake_receive(&fixture->agent, 2, &fed) && fed.length > 4);
}

/* -- Here -------------------------------------------------------------------------------------- */

static void finish_reading(struct fixture *fixture, size_t size)
{
    fake_print(&fixture->agent, 2, NULL, 0);
    fake_say(&fixture->agent, WIRE_ACK, "{\"code\":%d,\"id\":1,\"size\":%zu,\"mode\":420}",
             WIRE_READFILE, size);
}

static void a_file_comes_with_its_mode(void **state)
{
    struct fixture *fixture = *state;
    char bytes[16];

    start_receiving(fixture, fixture->pipe[1]);
    fake_print(&fixture->agent, 2, "con\0tent", 8);
    finish_reading(fixture, 8);
    expect_end(fixture, 0, "");
    assert_int_equal(fixture->mode, 0644);
    assert_int_equal(fixture->moved, 8);
    assert_int_equal(read(fixture->pipe[0], bytes, sizeof bytes), 8);
    assert_memory_equal(bytes, "con\0tent", 8);
}

static void what_is_no_file_is_told(void **state)
{
    struct fixture *fixture = *state;

    start_receiving(fixture, fixture->pipe[1]);
    fake_print(&fixture->agent, 2, NULL, 0);
    refuse(fixture, WIRE_READFILE, "it is no regular file");
    expect_end(fixture, -EREMOTEIO, "it is no regular file");
}

static void a_full_disk_ends_it(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fd int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    start_receiving(fixture, full);
    fake_print(&fixture->agent, 2, "x", 1);
    run_until(fixture, fixture->agent.ctl);
    fake_expect(&fixture->agent, WIRE_KILLCONTAINER, "\"target\":1,\"signal\":15");
    refuse(fixture, WIRE_READFILE, "it was ended by signal 15");
    expect_end(fixture, -EIO, "cannot write it: No space left on device");
}

/* The end of a full disk and that of the file come together. */
static void a_full_disk_is_no_success(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fd int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    start_receiving(fixture, full);
    fake_print(&fixture->agent, 2, "x", 1);
    finish_reading(fixture, 1);
    expect_end(fixture, -EIO, "cannot write it: No space left on device");
}

static void a_guest_that_goes_away_is_told(void **state)
{
    struct fixture *fixture = *state;

    start_receiving(fixture, fixture->pipe[1]);
    fake_print(&fixture->agent, 2, "half", 4);
    fake_hang_up(&fixture->agent);
    loop_run(fixture->agent.loop);
    assert_true(fixture->ended);
    assert_int_equal(fixture->code, -EPIPE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_fed_and_closed),
        TEST(what_the_guest_refuses_is_told),
        TEST(what_cannot_be_read_is_taken_back),
        TEST(a_cancelled_one_is_taken_back),
        TEST(a_file_comes_with_its_mode),
        TEST(what_is_no_file_is_told),
        TEST(a_full_disk_ends_it),
        TEST(a_full_disk_is_no_success),
        TEST(a_guest_that_goes_away_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
