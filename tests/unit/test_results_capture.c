/* Captures behind a ring and a thread: all that fits is in the file, the rest is counted, nobody is
 * held up, and what goes wrong with the file is told at the end. */
#include "base/base.h"
#include "results/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct capture_interface cable = {.name = "entry-exit", .link = CAPTURE_RAW_IP};

/* What is in a pcapng file, and whether it is one. */
struct contents {
    uint64_t sections, interfaces, packets, statistics;
    uint64_t missing;           /* by the packets' own counts */
    uint64_t received, dropped; /* by the statistics */
};

static uint64_t load(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

/* The value of an option of 8 bytes, or 0. */
static uint64_t count_option(const uint8_t *block, size_t at, uint64_t code)
{
    for (size_t end = load(block + 4, 4) - 4; at + 4 <= end;
         at += 4 + (load(block + at + 2, 2) + 3) / 4 * 4)
        if (load(block + at, 2) == code)
            return load(block + at + 4, 8);
    return 0;
}

static struct contents walk(const uint8_t *bytes, size_t count)
{
    struct contents contents = {0};
    size_t at = 0;

    while (at < count) {
        const uint8_t *block = bytes + at;
        uint64_t length = load(block + 4, 4);

        assert_true(length >= 12 && length <= count - at);
        assert_int_equal(load(block + length - 4, 4), length);
        switch (load(block, 4)) {
        case 0x0a0d0d0a:
            contents.sections++;
            break;
        case 1:
            contents.interfaces++;
            break;
        case 5:
            contents.statistics++;
            contents.received += count_option(block, 20, 4);
            contents.dropped += count_option(block, 20, 5);
            break;
        case 6:
            /* The payload counts the packets of all interfaces. */
            contents.missing += count_option(block, 28 + (load(block + 20, 4) + 3) / 4 * 4, 4);
            contents.packets++;
            break;
        default:
            fail_msg("a block of type %u", (unsigned)load(block, 4));
        }
        at += length;
    }
    return contents;
}

static struct contents walk_file(const char *path)
{
    cleanup_buffer struct buffer bytes = {0};

    assert_int_equal(fs_read(path, 1 << 28, &bytes, NULL), 0);
    return walk((const uint8_t *)bytes.data, bytes.length);
}

static int a_path(void **state)
{
    static char path[] = "/tmp/duet-capture-XXXXXX";
    int fd;

    strcpy(path + strlen(path) - 6, "XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    *state = path;
    return 0;
}

static int no_path(void **state)
{
    return unlink(*state);
}

static void put(struct capture *capture, uint64_t count, uint32_t length)
{
    static uint8_t bytes[65536];

    for (uint64_t i = 0; i < count; i++) {
        struct capture_packet packet = {
            .time_ns = i, .bytes = bytes, .length = length, .comment = "delivered"};

        memcpy(bytes, &i, sizeof i);
        capture_packet(capture, &packet);
    }
}

static struct capture *started(int fd, const char *name, const struct capture_options *options)
{
    struct capture *capture;
    struct error error;

    if (capture_start(fd, name, options, &capture, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(capture_add_interface(capture, &cable, &error), 0);
    return capture;
}

static void all_that_fits_is_in_the_file(void **state)
{
    const char *path = *state;
    struct capture *capture;
    struct capture_counts counts;
    struct contents contents;
    struct error error = {0};

    assert_int_equal(capture_open(path, &(struct capture_options){0}, &capture, &error), 0);
    assert_int_equal(capture_add_interface(capture, &cable, &error), 0);
    assert_int_equal(capture_add_interface(capture, &cable, &error), 1);
    /* Less than the ring, so nothing is ever dropped, however slow the disk is. */
    put(capture, 1000, 1500);
    counts = capture_counts(capture, 0);
    assert_int_equal(counts.received, 1000);
    assert_int_equal(counts.dropped, 0);
    assert_int_equal(capture_counts(capture, 1).received, 0);
    assert_int_equal(capture_close(capture, 5, &error), 0);
    contents = walk_file(path);
    assert_int_equal(contents.sections, 1);
    assert_int_equal(contents.interfaces, 2);
    assert_int_equal(contents.packets, 1000);
    assert_int_equal(contents.statistics, 2);
    assert_int_equal(contents.received, 1000);
    assert_int_equal(contents.dropped, 0);
}

/* Many times round a small ring, with packets of every size. */
static void every_packet_is_in_the_file_or_counted(void **state)
{
    struct capture_options options = {.ring_bytes = WRITER_RING_MIN};
    int fd = open(*state, O_WRONLY | O_CLOEXEC);
    struct capture *capture = started(fd, *state, &options);
    struct capture_counts counts;
    struct contents contents;

    for (uint32_t length = 8; length < 20000; length = length * 11 / 10 + 1)
        put(capture, 50, length);
    counts = capture_counts(capture, 0);
    assert_int_equal(capture_close(capture, 5, NULL), 0);
    contents = walk_file(*state);
    assert_int_equal(contents.packets, counts.received - counts.dropped);
    assert_true(contents.missing <= counts.dropped);
    assert_int_equal(contents.received, counts.received);
    assert_int_equal(contents.dropped, counts.dropped);
}

/* Reads a pipe to its end. */
static void *read_all(void *context)
{
    static struct buffer bytes;
    int fd = *(int *)context;
    ssize_t count;

    buffer_clear(&bytes);
    do {
        buffer_reserve(&bytes, 65536);
        count = read(fd, bytes.data + bytes.length, 65536);
        bytes.length += count > 0 ? (size_t)count : 0;
    } while (count > 0);
    return &bytes;
}

/* A pipe that nobody reads stops the thread; the packets go on. */
static void a_file_that_is_stuck_holds_no_packet_up(void **state)
{
    struct capture_options options = {.ring_bytes = WRITER_RING_MIN};
    struct capture_counts counts;
    struct contents contents;
    struct capture *capture;
    struct buffer *bytes;
    pthread_t reader;
    void *result;
    int ends[2];
    (void)state;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    capture = started(ends[1], "a pipe", &options);
    for (uint32_t i = 0; i < 2000; i++)
        put(capture, 1, 1000 + i * 37 % 1000);
    counts = capture_counts(capture, 0);
    assert_int_equal(counts.received, 2000);
    assert_true(counts.dropped > 1500); /* ring and pipe hold 64 KiB each */
    assert_int_equal(pthread_create(&reader, NULL, read_all, &ends[0]), 0);
    assert_int_equal(capture_close(capture, 5, NULL), 0);
    assert_int_equal(pthread_join(reader, &result), 0);
    bytes = result;
    contents = walk((const uint8_t *)bytes->data, bytes->length);
    assert_int_equal(contents.packets, counts.received - counts.dropped);
    assert_int_equal(contents.dropped, counts.dropped);
    buffer_free(bytes);
    close(ends[0]);
}

/* What was lost is told of by the next that is not. */
static void the_next_packet_says_how_many_are_missing(void **state)
{
    struct capture_options options = {.ring_bytes = WRITER_RING_MIN};
    cleanup_free uint8_t *bytes = xmalloc(1 << 20);
    struct pollfd readable = {.events = POLLIN};
    struct contents contents;
    struct capture *capture;
    uint64_t dropped;
    size_t count = 0;
    int ends[2];
    (void)state;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    capture = started(ends[1], "a pipe", &options);
    put(capture, 500, 1500);
    readable.fd = ends[0];
    /* The thread goes on when there is room in the pipe, and then there is room in the ring. Each
     * packet tells of those before it only. */
    for (int told = 0; told < 2; told++) {
        do {
            dropped = capture_counts(capture, 0).dropped;
            assert_true(dropped > 100);
            if (poll(&readable, 1, 10) == 1)
                count += (size_t)read(ends[0], bytes + count, 4096);
            put(capture, 1, 1500);
        } while (capture_counts(capture, 0).dropped > dropped);
    }
    assert_int_equal(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    assert_int_equal(capture_close(capture, 5, NULL), 0);
    for (ssize_t got; (got = read(ends[0], bytes + count, (1 << 20) - count)) > 0;)
        count += (size_t)got;
    contents = walk(bytes, count);
    assert_int_equal(contents.missing, dropped);
    assert_int_equal(contents.dropped, dropped);
    close(ends[0]);
}

static void a_flush_writes_what_there_is(void **state)
{
    struct capture *capture;
    struct pollfd readable = {.events = POLLIN};
    uint8_t bytes[4096];
    size_t count = 0;
    int ends[2];
    (void)state;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    capture = started(ends[1], "a pipe", &(struct capture_options){0});
    put(capture, 3, 100);
    capture_flush(capture);
    readable.fd = ends[0];
    do {
        assert_int_equal(poll(&readable, 1, -1), 1);
        count += (size_t)read(ends[0], bytes + count, sizeof bytes - count);
    } while (count < 3 * 100);
    assert_int_equal(capture_close(capture, 5, NULL), 0);
    close(ends[0]);
}

static void a_full_disk_is_told_at_the_end(void **state)
{
    struct capture_options options = {.ring_bytes = WRITER_RING_MIN};
    struct error error = {0};
    struct capture *capture;
    (void)state;

    assert_int_equal(capture_open("/dev/full", &options, &capture, &error), 0);
    assert_int_equal(capture_add_interface(capture, &cable, &error), 0);
    put(capture, 5000, 1500);
    assert_int_equal(capture_counts(capture, 0).received, 5000);
    assert_int_equal(capture_close(capture, 5, &error), -ENOSPC);
    assert_non_null(strstr(error.message, "cannot write /dev/full: "));
}

static void a_file_that_cannot_be_made_is_told_at_once(void **state)
{
    struct error error = {0};
    struct capture *capture = NULL;
    (void)state;

    assert_int_equal(
        capture_open("/nonexistent/file", &(struct capture_options){0}, &capture, &error), -ENOENT);
    assert_null(capture);
    assert_non_null(strstr(error.message, "/nonexistent/file"));
    assert_int_equal(capture_close(NULL, 0, NULL), 0);
}

static void a_pcap_has_one_interface(void **state)
{
    struct capture_options options = {.format = CAPTURE_PCAP};
    cleanup_buffer struct buffer bytes = {0};
    struct error error = {0};
    struct capture *capture;

    assert_int_equal(capture_open(*state, &options, &capture, &error), 0);
    assert_int_equal(capture_add_interface(capture, &cable, &error), 0);
    assert_int_equal(capture_add_interface(capture, &cable, &error), -EMFILE);
    put(capture, 10, 100);
    assert_int_equal(capture_close(capture, 5, &error), 0);
    assert_int_equal(fs_read(*state, 1 << 20, &bytes, NULL), 0);
    assert_int_equal(bytes.length, 24 + 10 * 116);
}

static void a_snap_length_holds(void **state)
{
    struct capture_interface short_cable = cable;
    struct error error = {0};
    struct capture *capture;
    cleanup_buffer struct buffer bytes = {0};

    short_cable.snap_length = 64;
    assert_int_equal(capture_open(*state, &(struct capture_options){0}, &capture, &error), 0);
    assert_int_equal(capture_add_interface(capture, &short_cable, &error), 0);
    put(capture, 100, 60000);
    assert_int_equal(capture_counts(capture, 0).dropped, 0);
    assert_int_equal(capture_close(capture, 5, &error), 0);
    assert_int_equal(fs_read(*state, 1 << 20, &bytes, NULL), 0);
    assert_true(bytes.length < 100 * 200);
    assert_int_equal(walk((const uint8_t *)bytes.data, bytes.length).packets, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_fits_is_in_the_file, a_path, no_path),
        cmocka_unit_test_setup_teardown(every_packet_is_in_the_file_or_counted, a_path, no_path),
        cmocka_unit_test(a_file_that_is_stuck_holds_no_packet_up),
        cmocka_unit_test(the_next_packet_says_how_many_are_missing),
        cmocka_unit_test(a_flush_writes_what_there_is),
        cmocka_unit_test(a_full_disk_is_told_at_the_end),
        cmocka_unit_test(a_file_that_cannot_be_made_is_told_at_once),
        cmocka_unit_test_setup_teardown(a_pcap_has_one_interface, a_path, no_path),
        cmocka_unit_test_setup_teardown(a_snap_length_holds, a_path, no_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
