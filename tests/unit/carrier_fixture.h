/* A link that is carried, and its two peers, who send and get frames with a number in them. */
#ifndef DUET_TESTS_CARRIER_FIXTURE_H
#define DUET_TESTS_CARRIER_FIXTURE_H

#include "vm/carrier.h"

#include "base/unix_socket.h"
#include "directory.h"
#include "net/bytes.h"
#include "net/verdict_text.h"
#include "virtual_time.h"
#include "vm/frame.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

enum { SHORTEST = 18 }; /* bytes of a frame: Ethernet's header and the number */

struct peer {
    char *path;
    int fd;
    struct buffer received;
};

struct fixture {
    struct loop *loop;
    char *directory;
    char *logs[2];
    struct impair_settings settings;
    struct carrier_options options;
    struct carrier *carrier;
    struct peer peers[2];
    char lies[256]; /* what `lied` said */
};

static void on_lied(void *context, unsigned end, const char *message)
{
    struct fixture *fixture = context;
    size_t length = strlen(fixture->lies);

    snprintf(fixture->lies + length, sizeof fixture->lies - length, "%u: %s;", end, message);
}

static inline int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->directory = directory_make();
    assert_int_equal(loop_new(&fixture->loop, NULL), 0);
    fixture->options =
        (struct carrier_options){.loop = fixture->loop,
                                 .seed = 7,
                                 .link = 3,
                                 .mtu = 1500,
                                 .settings = {&fixture->settings, &fixture->settings},
                                 .lied = on_lied,
                                 .context = fixture};
    for (unsigned i = 0; i < 2; i++) {
        fixture->peers[i].fd = -1;
        fixture->peers[i].path = xasprintf("%s/end%u", fixture->directory, i);
        fixture->logs[i] = xasprintf("%s/log%u", fixture->directory, i);
        fixture->options.sockets[i] = fixture->peers[i].path;
        fixture->options.logs[i] = fixture->logs[i];
    }
    *state = fixture;
    return 0;
}

static inline void hang_up(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    buffer_free(&peer->received);
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;

    carrier_free(fixture->carrier);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(access(fixture->peers[i].path, F_OK), -1);
        hang_up(&fixture->peers[i]);
        free(fixture->peers[i].path);
        free(fixture->logs[i]);
    }
    loop_free(fixture->loop);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

static inline void make(struct fixture *fixture)
{
    struct error error;

    if (carrier_new(&fixture->options, &fixture->carrier, &error) < 0)
        fail_msg("%s", error.message);
}

static inline void join(struct fixture *fixture, unsigned end)
{
    assert_int_equal(unix_connect(fixture->peers[end].path, 0, &fixture->peers[end].fd, NULL), 0);
    virtual_time_pass(fixture->loop, NS_PER_MS);
}

static inline void make_joined(struct fixture *fixture)
{
    make(fixture);
    join(fixture, 0);
    join(fixture, 1);
}

/* -- Frames ------------------------------------------------------------------------------------ */

static inline void put_length(struct buffer *stream, uint32_t length)
{
    uint8_t bytes[FRAME_HEADER];

    bytes_store32(bytes, length);
    buffer_append(stream, bytes, sizeof bytes);
}

/* One of an EtherType for experiments (IEEE 802), whose bytes depend on its number. */
static inline void put_frame(struct buffer *stream, uint32_t number, uint32_t length)
{
    uint8_t bytes[FRAME_MAX];

    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(number + i);
    bytes[0] = 2;
    bytes_store16(bytes + 12, 0x88b5);
    bytes_store32(bytes + 14, number);
    put_length(stream, length);
    buffer_append(stream, bytes, length);
}

static inline void send_all(struct fixture *fixture, unsigned end, const struct buffer *stream)
{
    assert_int_equal(
        send(fixture->peers[end].fd, stream->data, stream->length, MSG_NOSIGNAL | MSG_DONTWAIT),
        stream->length);
    virtual_time_pass(fixture->loop, 0);
}

static inline void send_frame(struct fixture *fixture, unsigned end, uint32_t number,
                              uint32_t length)
{
    cleanup_buffer struct buffer stream = {0};

    put_frame(&stream, number, length);
    send_all(fixture, end, &stream);
}

/* What has come to an end so far. */
static inline const struct buffer *receive(struct fixture *fixture, unsigned end)
{
    struct peer *peer = &fixture->peers[end];
    ssize_t n;

    do {
        virtual_time_pass(fixture->loop, 0);
        buffer_reserve(&peer->received, 1 << 16);
        n = recv(peer->fd, peer->received.data + peer->received.length, 1 << 16, MSG_DONTWAIT);
        peer->received.length += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    return &peer->received;
}

static inline void assert_received(struct fixture *fixture, unsigned end,
                                   const struct buffer *expected)
{
    const struct buffer *received = receive(fixture, end);

    assert_int_equal(received->length, expected->length);
    if (expected->length > 0)
        assert_memory_equal(received->data, expected->data, expected->length);
}

static inline bool has_ended(const struct fixture *fixture, unsigned end)
{
    char byte;
    ssize_t n = recv(fixture->peers[end].fd, &byte, 1, MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static inline void assert_counts(const struct fixture *fixture, unsigned end, uint64_t in,
                                 uint64_t out)
{
    struct carrier_counters counters = carrier_counters(fixture->carrier, end);

    assert_int_equal(counters.packets_in, in);
    assert_int_equal(counters.packets_out, out);
}

/* The verdicts on what came from an end, once the carrier is closed. The caller frees them. */
static inline void read_log(const struct fixture *fixture, unsigned end,
                            struct verdict_entries *entries)
{
    cleanup_buffer struct buffer bytes = {0};

    assert_int_equal(fs_read(fixture->logs[end], 1 << 24, &bytes, NULL), 0);
    assert_int_equal(verdict_entries_read(entries, bytes.data, bytes.length, NULL), 0);
    assert_false(entries->cut);
    assert_int_equal(entries->missing, 0);
}

#endif
