/* One direction of a link that a node carries, between sockets in the place of its devices. */
#include "base/loop.h"
#include "initrd/init/datapath_way.h"
#include "tests/unit/frame_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MTU = 1500, EACH = 1000, PAYLOAD = 3500, PIECES = 4, FRAME_MAX = 8192 };

/* The way's end of a device is the first, the node's kernel or the wire has the other. */
struct link {
    int tap[2], nic[2];
    struct way *way;  /* from the TAP */
    struct way *back; /* from the NIC */
    struct impair_plan_run run;
};

static void make_socket(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                     0);
}

static void open_planned(struct link *link, const struct impair_plan *plan,
                         struct datapath_log *log)
{
    static const struct impair_settings none = {0};

    make_socket(link->tap);
    make_socket(link->nic);
    link->way = way_new(&(struct way_options){.seed = 1,
                                              .mtu = MTU,
                                              .from = WAY_TAP,
                                              .from_fd = link->tap[0],
                                              .to_fd = link->nic[0],
                                              .log = log,
                                              .run = &link->run});
    link->back = way_new(&(struct way_options){.seed = 1,
                                               .direction = 1,
                                               .mtu = MTU,
                                               .from = WAY_NIC,
                                               .from_fd = link->nic[0],
                                               .to_fd = link->tap[0],
                                               .run = &link->run});
    way_pair(link->way, link->back);
    impair_plan_start(&link->run, plan, way_impair(link->way), way_impair(link->back));
    way_change(link->way, &none);
    way_change(link->back, &none);
}

static void open_link(struct link *link, struct datapath_log *log)
{
    open_planned(link, NULL, log);
}

static void close_link(struct link *link)
{
    way_free(link->way);
    way_free(link->back);
    for (unsigned end = 0; end < 2; end++) {
        close(link->tap[end]);
        close(link->nic[end]);
    }
}

/* TCP of so many bytes; with `segment_bytes`, what stands for many. */
static void send_tcp(int fd, size_t payload, uint16_t segment_bytes)
{
    uint8_t frame[OFFLOAD_BYTES + FRAME_MAX], data[PAYLOAD] = {0};
    size_t length =
        fixture_tcp_frame(frame, sizeof frame, data, payload, segment_bytes,
                          segment_bytes ? PACKET_CHECKSUM_PARTIAL : PACKET_CHECKSUM_WHOLE);

    assert_int_equal(write(fd, frame, length), length);
}

static void fill(int fd)
{
    while (write(fd, "", 1) == 1)
        continue;
    assert_int_equal(errno, EAGAIN);
}

/* How many frames there are. */
static unsigned empty(int fd)
{
    uint8_t frame[FRAME_MAX];
    unsigned count = 0;
    ssize_t n;

    while ((n = read(fd, frame, sizeof frame)) > 0)
        count += n > 1;
    return count;
}

static struct datapath_log *open_log(int pipe[2])
{
    const struct verdict_log_header header = {.seed = 1};

    assert_int_equal(pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
    return datapath_log_new(pipe[1], &header);
}

static void what_is_too_long_counts_as_its_bytes(void **state)
{
    uint8_t frame[OFFLOAD_BYTES + MTU + 100] = {0};
    struct link_way_state counted;
    struct link link;

    (void)state;
    open_link(&link, NULL);
    assert_int_equal(write(link.tap[1], frame, sizeof frame), sizeof frame);
    assert_int_equal(write(link.tap[1], frame, 3), 3);
    way_read(link.way); /* a large one ends the round */
    way_read(link.way);
    counted = way_state(link.way);
    assert_int_equal(counted.packets_in, 2);
    assert_int_equal(counted.bytes_in, MTU + 100);
    assert_int_equal(counted.too_long, 2);
    assert_int_equal(empty(link.nic[1]), 0);
    close_link(&link);
}

/* -- The end of a way -------------------------------------------------------------------------- */

static void what_was_read_is_lost_with_the_link(void **state)
{
    int pipe[2];
    struct datapath_log *log = open_log(pipe);
    struct link_way_state counted;
    struct link link;

    (void)state;
    open_link(&link, log);
    fill(link.nic[0]);
    send_tcp(link.tap[1], 10, 0);
    send_tcp(link.tap[1], PAYLOAD, EACH);
    way_read(link.way);
    assert_true(way_waits(link.way));
    assert_int_equal(way_state(link.way).packets_in, 1);
    way_flush(link.way);
    assert_false(way_waits(link.way));
    assert_int_equal(way_state(link.way).packets_in, 1 + PIECES);
    datapath_log_free(log); /* nothing may come into it any more */
    empty(link.nic[1]);
    way_go_on(link.way);
    assert_int_equal(empty(link.nic[1]), 0);
    counted = way_state(link.way);
    assert_int_equal(counted.packets_in, 1 + PIECES);
    assert_int_equal(counted.packets_out, 0);
    assert_int_equal(counted.unread, 1 + PIECES);
    close_link(&link);
    close(pipe[0]);
}

static void what_is_large_goes_on_whole(void **state)
{
    struct link_way_state counted;
    struct link link;

    (void)state;
    open_link(&link, NULL);
    send_tcp(link.tap[1], 10, 0);
    send_tcp(link.tap[1], PAYLOAD, EACH);
    way_read(link.way);
    assert_int_equal(empty(link.nic[1]), 2);
    counted = way_state(link.way);
    assert_int_equal(counted.packets_out, 1 + PIECES);
    assert_int_equal(counted.unread, 0);
    close_link(&link);
}

/* -- Steps ------------------------------------------------------------------------------------- */

static void what_was_read_before_a_step_meets_what_was_in_force(void **state)
{
    static const struct impair_settings down = {.down = true};
    static const struct impair_step step = {.after_ns = 1, .settings = {&down}};
    static const struct impair_plan plan = {&step, 1};
    struct link_way_state counted;
    struct link link;

    (void)state;
    open_planned(&link, &plan, NULL);
    fill(link.nic[0]);
    send_tcp(link.tap[1], 10, 0);
    send_tcp(link.tap[1], PAYLOAD, EACH);
    way_read(link.way);
    assert_int_equal(way_state(link.way).packets_in, 1);
    assert_true(impair_plan_next_ns(&link.run) < clock_ns());
    empty(link.nic[1]);
    way_go_on(link.way);
    assert_int_equal(empty(link.nic[1]), 1 + PIECES);
    assert_int_equal(link.run.done, 0);
    send_tcp(link.tap[1], 10, 0);
    way_read(link.way);
    assert_int_equal(empty(link.nic[1]), 0);
    assert_int_equal(link.run.done, 1);
    counted = way_state(link.way);
    assert_int_equal(counted.packets_out, 1 + PIECES);
    assert_int_equal(counted.causes[IMPAIR_DOWN], 1);
    close_link(&link);
}

/* A large frame is read, and waits behind a small one that the NIC has no room for. */
static void read_two(struct link *link)
{
    fill(link->nic[0]);
    send_tcp(link->tap[1], 10, 0);
    send_tcp(link->tap[1], PAYLOAD, EACH);
    way_read(link->way);
    assert_int_equal(way_state(link->way).packets_in, 1);
}

/* The step has happened; the two came before it, the next one did not. */
static void expect_only_the_next_is_lost(struct link *link)
{
    struct link_way_state counted;

    assert_int_equal(link->run.done, 1);
    assert_int_equal(way_state(link->way).packets_in, 1 + PIECES);
    empty(link->nic[1]);
    way_go_on(link->way);
    assert_int_equal(empty(link->nic[1]), 1 + PIECES);
    send_tcp(link->tap[1], 10, 0);
    way_read(link->way);
    assert_int_equal(empty(link->nic[1]), 0);
    counted = way_state(link->way);
    assert_int_equal(counted.packets_out, 1 + PIECES);
    assert_int_equal(counted.causes[IMPAIR_DOWN], 1);
}

static void so_does_what_was_read_before_the_other_direction_s_packet(void **state)
{
    static const struct impair_settings down = {.down = true};
    static const struct impair_step steps[] = {
        {.by_packet = true, .direction = 1, .settings = {&down}},
        {.after_ns = 1, .settings = {&down}},
    };

    (void)state;
    for (size_t i = 0; i < array_size(steps); i++) {
        const struct impair_plan plan = {&steps[i], 1};
        struct link link;

        open_planned(&link, &plan, NULL);
        read_two(&link);
        send_tcp(link.nic[1], 10, 0);
        way_read(link.back);
        expect_only_the_next_is_lost(&link);
        close_link(&link);
    }
}

/* No packet brings the step about; there may never be one. */
static void so_does_what_was_read_before_the_alarm(void **state)
{
    static const struct impair_settings down = {.down = true};
    static const struct impair_step step = {.after_ns = 1, .settings = {&down}};
    static const struct impair_plan plan = {&step, 1};
    struct link link;

    (void)state;
    open_planned(&link, &plan, NULL);
    read_two(&link);
    way_take_rest(link.way);
    assert_int_equal(link.run.done, 0);
    impair_plan_tick(&link.run, clock_ns());
    expect_only_the_next_is_lost(&link);
    close_link(&link);
}

/* -- Logs -------------------------------------------------------------------------------------- */

/* Goes on until the log's end; frees it. */
static void read_log(struct datapath_log *log, int fd, struct buffer *bytes)
{
    bool some_left;

    do {
        uint8_t some[4096];
        ssize_t n;

        some_left = datapath_log_end(log);
        while ((n = read(fd, some, sizeof some)) > 0)
            buffer_append(bytes, some, (size_t)n);
        assert_int_equal(errno, EAGAIN);
    } while (some_left);
    datapath_log_free(log);
    assert_int_equal(read(fd, &some_left, 1), 0);
}

static void a_full_pipe_costs_the_log_no_count(void **state)
{
    enum { VERDICTS = 100000 };
    uint8_t bytes[64] = {0};
    struct packet packet = fixture_packet(PACKET_LINK_ETHERNET, bytes, sizeof bytes);
    cleanup_buffer struct buffer read = {0};
    struct verdict_log_entry entry;
    struct verdict_reader reader;
    struct error error = {0};
    struct datapath_log *log;
    uint64_t count = 0;
    int pipe[2];

    (void)state;
    log = open_log(pipe);
    packet_parse(&packet);
    for (uint64_t i = 0; i < VERDICTS; i++)
        datapath_log_add(log, &(struct impair_verdict){.number = i, .length = 64}, &packet);
    assert_true(datapath_log_end(log));
    read_log(log, pipe[0], &read);
    assert_int_equal(verdict_log_open(&reader, read.data, read.length, &error), 0);
    while (verdict_log_next(&reader, &entry, &error) == 1)
        count++;
    assert_false(reader.cut);
    assert_in_range(reader.missing, 1, VERDICTS - 1);
    assert_int_equal(count + reader.missing, VERDICTS);
    close(pipe[0]);
}

static void a_log_that_is_empty_ends_at_once(void **state)
{
    cleanup_buffer struct buffer read = {0};
    struct datapath_log *log;
    int pipe[2];

    (void)state;
    log = open_log(pipe);
    assert_false(datapath_log_end(log));
    assert_false(datapath_log_waits(log));
    read_log(log, pipe[0], &read);
    assert_int_equal(read.length, VERDICT_LOG_HEADER);
    close(pipe[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_too_long_counts_as_its_bytes),
        cmocka_unit_test(what_was_read_is_lost_with_the_link),
        cmocka_unit_test(what_is_large_goes_on_whole),
        cmocka_unit_test(what_was_read_before_a_step_meets_what_was_in_force),
        cmocka_unit_test(so_does_what_was_read_before_the_other_direction_s_packet),
        cmocka_unit_test(so_does_what_was_read_before_the_alarm),
        cmocka_unit_test(a_full_pipe_costs_the_log_no_count),
        cmocka_unit_test(a_log_that_is_empty_ends_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
