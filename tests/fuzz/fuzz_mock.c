/* The mock agent against hostile hosts. The input is lines, of which the first letter says what is
 * done:
 *
 *   c CODE PAYLOAD   a frame on ctl
 *   i STREAM BYTES   a frame on io
 *   C BYTES, I BYTES as they are on ctl, or io
 *   m LINE           what docs/mock-agent.md has
 *
 * It starts with a node that is configured. Whatever comes, what the mock says is what the host end
 * understands, unless it was told to say something else. */
#include "base/memory.h"
#include "tests/mock/mock_agent.h"
#include "vm/control_message.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
    struct loop *loop;
    struct timer *now;
    struct mock_agent *mock;
    int ctl, io;
    struct buffer from_ctl, from_io;
    bool told_to_lie;
};

static void must(int code)
{
    if (code < 0)
        abort();
}

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

/* -- What the mock says ------------------------------------------------------------------------ */

static void receive(int fd, struct buffer *in)
{
    ssize_t n;

    do {
        buffer_reserve(in, 1 << 16);
        n = recv(fd, in->data + in->length, 1 << 16, MSG_DONTWAIT);
        in->length += n > 0 ? (size_t)n : 0;
    } while (n > 0);
}

static void check_ctl(struct peer *peer)
{
    struct control_message message;
    struct wire_ctl frame;
    size_t taken = 0;
    int n;

    while ((n = wire_ctl_read(peer->from_ctl.data + taken, peer->from_ctl.length - taken, &frame,
                              NULL)) > 0) {
        taken += (size_t)n;
        must(control_message_read(&frame, &message, NULL));
    }
    must(n);
    buffer_consume(&peer->from_ctl, taken);
}

static void check_io(struct peer *peer)
{
    struct wire_io frame;
    size_t taken = 0;
    int n;

    while ((n = wire_io_read(peer->from_io.data + taken, peer->from_io.length - taken, &frame,
                             NULL)) > 0)
        taken += (size_t)n;
    must(n);
    buffer_consume(&peer->from_io, taken);
}

static void listen_to(struct peer *peer)
{
    run_once(peer);
    receive(peer->ctl, &peer->from_ctl);
    receive(peer->io, &peer->from_io);
    if (!peer->told_to_lie) {
        check_ctl(peer);
        check_io(peer);
    }
}

/* -- What it is told --------------------------------------------------------------------------- */

static void send_bytes(int fd, const void *bytes, size_t count)
{
    send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_frame(const struct peer *peer, bool on_io, const char *rest)
{
    cleanup_buffer struct buffer frame = {0};
    char *payload;
    unsigned long long number = strtoull(rest, &payload, 10);
    int code;

    payload += *payload == ' ';
    code = on_io ? wire_io_write(&frame, number, payload, strlen(payload), NULL)
                 : wire_ctl_write(&frame, (uint32_t)number, payload, strlen(payload), NULL);
    if (code == 0)
        send_bytes(on_io ? peer->io : peer->ctl, frame.data, frame.length);
}

static void tell(struct peer *peer, const char *line)
{
    static const char *const lies[] = {"ctl", "io", "close", "status", "garbage", "lie"};
    const char *name = line + strspn(line, " \t\r");
    size_t length = strcspn(name, " \t\r");

    for (size_t i = 0; i < array_size(lies); i++)
        if (strlen(lies[i]) == length && strncmp(name, lies[i], length) == 0)
            peer->told_to_lie = true;
    peer->told_to_lie = peer->told_to_lie || strpbrk(line, "\"\\") || strstr(line, "hex:");
    free(mock_agent_line(peer->mock, line));
}

static void take_line(struct peer *peer, const char *line, size_t length)
{
    const char *rest = length > 2 ? line + 2 : "";
    size_t count = length > 2 ? length - 2 : 0;

    switch (line[0]) {
    case 'c':
    case 'i':
        send_frame(peer, line[0] == 'i', rest);
        break;
    case 'C':
        send_bytes(peer->ctl, rest, count);
        break;
    case 'I':
        send_bytes(peer->io, rest, count);
        break;
    case 'm':
        tell(peer, rest);
        break;
    default:
        break;
    }
}

/* -- Life -------------------------------------------------------------------------------------- */

/* One loop for all inputs, which is most of what an input costs. */
static struct loop *the_loop(void)
{
    static struct loop *loop;

    if (!loop)
        must(loop_new(&loop, NULL));
    return loop;
}

static void begin(struct peer *peer)
{
    const struct mock_options options = {.loop = the_loop()};
    int ctl[2], io[2];

    peer->loop = options.loop;
    peer->now = loop_timer(peer->loop, stop_loop, peer->loop);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl));
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, io));
    must(mock_agent_connected(&options, ctl[1], io[1], &peer->mock, NULL));
    peer->ctl = ctl[0];
    peer->io = io[0];
    send_frame(peer, false,
               "1 {\"id\":9007199254740992,\"hostname\":\"n\",\"time_ns\":\"1\",\"entropy\":"
               "\"0000000000000000000000000000000000000000000000000000000000000000\"}");
}

static void end(struct peer *peer)
{
    free(mock_agent_messages(peer->mock));
    mock_agent_free(peer->mock);
    timer_free(peer->now);
    close(peer->ctl);
    close(peer->io);
    buffer_free(&peer->from_ctl);
    buffer_free(&peer->from_io);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buffer struct buffer lines = {0};
    struct peer peer = {0};

    buffer_append(&lines, data, size);
    begin(&peer);
    for (size_t at = 0, length; at < size; at += length + 1) {
        char *line = lines.data + at;
        const char *newline = memchr(line, '\n', size - at);

        length = newline ? (size_t)(newline - line) : size - at;
        line[length] = '\0';
        take_line(&peer, line, length);
        listen_to(&peer);
    }
    listen_to(&peer);
    end(&peer);
    return 0;
}
