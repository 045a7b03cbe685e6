/* The far end of a control channel in a test's hands: a guest's agent that says what the test wants
 * it to. Everything is on the loop's thread: what is expected has been sent when it is. */
#ifndef DUET_TESTS_FAKE_AGENT_H
#define DUET_TESTS_FAKE_AGENT_H

#include "base/memory.h"
#include "vm/control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define FAKE_PATIENCE_NS (60 * NS_PER_S)

struct fake_agent {
    struct loop *loop;
    struct control *control; /* the near end */
    int ctl, io;
    struct buffer ctl_in, io_in, last; /* of `last`, the payload of a ctl frame */
    struct timer *patience;
};

static inline void fake_on_patience(void *context)
{
    (void)context;
    fail_msg("nothing happened for a minute");
}

static inline void fake_open(struct fake_agent *agent)
{
    int ctl[2], io[2];
    struct error error = {0};

    *agent = (struct fake_agent){0};
    assert_int_equal(loop_new(&agent->loop, &error), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, io), 0);
    agent->ctl = ctl[1];
    agent->io = io[1];
    assert_int_equal(control_connect_fds(&(struct control_options){.loop = agent->loop}, ctl[0],
                                         io[0], &agent->control, &error),
                     0);
    agent->patience = loop_timer(agent->loop, fake_on_patience, NULL);
    timer_start(agent->patience, FAKE_PATIENCE_NS);
}

/* As a guest that dies does it. */
static inline void fake_hang_up(struct fake_agent *agent)
{
    if (agent->ctl >= 0) {
        close(agent->ctl);
        close(agent->io);
    }
    agent->ctl = agent->io = -1;
}

static inline void fake_close(struct fake_agent *agent)
{
    control_free(agent->control);
    fake_hang_up(agent);
    timer_free(agent->patience);
    loop_free(agent->loop);
    buffer_free(&agent->ctl_in);
    buffer_free(&agent->io_in);
    buffer_free(&agent->last);
}

/* -- What the agent says ----------------------------------------------------------------------- */

static inline void fake_say(struct fake_agent *agent, uint32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline void fake_say(struct fake_agent *agent, uint32_t code, const char *format, ...)
{
    cleanup_buffer struct buffer frame = {0};
    char payload[512];
    va_list args;

    va_start(args, format);
    vsnprintf(payload, sizeof payload, format, args);
    va_end(args);
    assert_int_equal(wire_ctl_write(&frame, code, payload, strlen(payload), NULL), 0);
    assert_int_equal(send(agent->ctl, frame.data, frame.length, MSG_NOSIGNAL), frame.length);
}

static inline void fake_print(struct fake_agent *agent, uint64_t stream, const void *bytes,
                              size_t count)
{
    cleanup_buffer struct buffer frame = {0};

    assert_int_equal(wire_io_write(&frame, stream, bytes, count, NULL), 0);
    assert_int_equal(send(agent->io, frame.data, frame.length, MSG_NOSIGNAL), frame.length);
}

static inline void fake_ack(struct fake_agent *agent, enum wire_code code, uint64_t id)
{
    fake_say(agent, WIRE_ACK, "{\"code\":%d,\"id\":%" PRIu64 "}", code, id);
}

static inline void fake_room(struct fake_agent *agent, uint64_t stream, uint64_t bytes)
{
    fake_say(agent, WIRE_NEXT, "{\"stream\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", stream, bytes);
}

/* The command 1 ends, having printed so many bytes on its streams 2 and 3, and closes them. */
static inline void fake_end(struct fake_agent *agent, int status, int signal_number, size_t out,
                            size_t err)
{
    char byte = (char)status;

    fake_print(agent, 2, NULL, 0);
    fake_print(agent, 2, &byte, 1);
    fake_print(agent, 3, NULL, 0);
    fake_say(agent, WIRE_CMDFINISHED,
             "{\"id\":1,\"status\":%d,\"signal\":%d,\"timed_out\":false,\"duration_ms\":1,"
             "\"stdout_bytes\":%zu,\"stderr_bytes\":%zu}",
             status, signal_number, out, err);
}

/* -- What it is told --------------------------------------------------------------------------- */

static inline void fake_read_some(int fd, struct buffer *in)
{
    ssize_t n;

    buffer_reserve(in, 1 << 16);
    n = recv(fd, in->data + in->length, 1 << 16, MSG_DONTWAIT);
    assert_true(n >= 0 || errno == EAGAIN);
    in->length += n > 0 ? (size_t)n : 0;
}

/* The code of the next request, whose payload is agent->last; -1 where there is none. */
static inline int fake_next_request(struct fake_agent *agent)
{
    struct wire_ctl frame;
    int n;

    fake_read_some(agent->ctl, &agent->ctl_in);
    n = wire_ctl_read(agent->ctl_in.data, agent->ctl_in.length, &frame, NULL);
    assert_true(n >= 0);
    if (n == 0)
        return -1;
    buffer_clear(&agent->last);
    buffer_append(&agent->last, frame.payload, frame.payload_length);
    buffer_consume(&agent->ctl_in, (size_t)n);
    return (int)frame.code;
}

/* The next request but NEXT is this one, and has this in it. */
static inline void fake_expect(struct fake_agent *agent, enum wire_code code, const char *part)
{
    int found;

    while ((found = fake_next_request(agent)) == WIRE_NEXT)
        ;
    assert_int_equal(found, code);
    if (!strstr(agent->last.data, part))
        fail_msg("%s is not in %s", part, agent->last.data);
}

/* Appends what has come on `stream`; true where it was closed. Other streams are not expected. */
static inline bool fake_receive(struct fake_agent *agent, uint64_t stream, struct buffer *out)
{
    struct wire_io frame;
    int n;

    fake_read_some(agent->io, &agent->io_in);
    while ((n = wire_io_read(agent->io_in.data, agent->io_in.length, &frame, NULL)) != 0) {
        bool closed = frame.length == 0;

        assert_true(n > 0);
        assert_int_equal(frame.stream, stream);
        buffer_append(out, frame.data, frame.length);
        buffer_consume(&agent->io_in, (size_t)n);
        if (closed)
            return true;
    }
    return false;
}

#endif
