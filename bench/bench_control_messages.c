/* How many messages of the control channel the host end takes: the host end and the mock agent in
 * one process, over two socket pairs, with many requests on their way. Each request and each answer
 * is a message, and this process makes, sends, receives and reads all of them on both ends. */
#include "base/base.h"
#include "bench/bench.h"
#include "tests/mock/mock_agent.h"
#include "vm/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IN_FLIGHT = 256,
    REQUESTS = 200000, /* in one sample */
    SAMPLES = 7,
};

struct ends {
    struct loop *loop;
    struct mock_agent *mock;
    struct control *control;
    size_t left, answered; /* requests to be made, and of those that were */
    int code;              /* of the first that failed */
    struct error *error;
};

static void ask(struct ends *ends);

static void fail(struct ends *ends, int code)
{
    ends->code = code;
    loop_stop(ends->loop);
}

static void on_answer(void *context, const struct control_answer *answer)
{
    struct ends *ends = context;

    ends->answered++;
    if (answer->code < 0)
        fail(ends, error_set(ends->error, -answer->code, "a ping failed: %s", answer->reason));
    else if (ends->left > 0)
        ask(ends);
    else if (ends->answered == REQUESTS)
        loop_stop(ends->loop);
}

static void ask(struct ends *ends)
{
    int code;

    ends->left--;
    code = control_request(ends->control, WIRE_PING, "", 0, on_answer, ends, ends->error);
    if (code < 0)
        fail(ends, code);
}

static int sample(void *context, double *value, struct error *error)
{
    struct ends *ends = context;
    uint64_t start = clock_ns();

    ends->left = REQUESTS;
    ends->answered = 0;
    ends->error = error;
    for (int i = 0; i < IN_FLIGHT; i++)
        ask(ends);
    loop_run(ends->loop);
    *value = 2.0 * REQUESTS / ((double)(clock_ns() - start) / (double)NS_PER_S);
    return ends->code;
}

/* As bare as it can be: bytes of the same number and size over a socket pair, in pieces as large as
 * those that many requests make. */
static int sample_socket(void *context, double *value, struct error *error)
{
    enum { REQUEST = 35, ANSWER = 61 };
    static char bytes[IN_FLIGHT * ANSWER];
    const int *pair = context;
    uint64_t start = clock_ns();

    for (int done = 0; done < REQUESTS; done += IN_FLIGHT)
        if (send(pair[0], bytes, IN_FLIGHT * REQUEST, 0) < 0 ||
            recv(pair[1], bytes, IN_FLIGHT * REQUEST, MSG_WAITALL) < 0 ||
            send(pair[1], bytes, IN_FLIGHT * ANSWER, 0) < 0 ||
            recv(pair[0], bytes, IN_FLIGHT * ANSWER, MSG_WAITALL) < 0)
            return error_errno(error, "cannot use a socket pair");
    *value = 2.0 * REQUESTS / ((double)(clock_ns() - start) / (double)NS_PER_S);
    return 0;
}

static int make_pair(int pair[2], struct error *error)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_errno(error, "cannot make a socket pair");
    return 0;
}

static int connect_ends(struct ends *ends, struct error *error)
{
    const struct mock_options mock = {.loop = ends->loop, .forgetful = true};
    const struct control_options host = {.loop = ends->loop, .context = ends};
    int ctl[2], io[2];
    int code = make_pair(ctl, error);

    if (code == 0)
        code = make_pair(io, error);
    if (code == 0)
        code = mock_agent_connected(&mock, ctl[1], io[1], &ends->mock, error);
    return code < 0 ? code : control_connect_fds(&host, ctl[0], io[0], &ends->control, error);
}

static int measure_messages(struct error *error)
{
    struct bench_measure measure = {.name = "control.messages_s",
                                    .unit = "1/s",
                                    .n = SAMPLES,
                                    .baseline = "their bytes over a socket pair",
                                    .better = "higher"};
    struct ends ends = {0};
    int pair[2] = {-1, -1};
    const struct bench_side side = {sample, &ends}, baseline = {sample_socket, pair};
    int code = loop_new(&ends.loop, error);

    if (code == 0)
        code = make_pair(pair, error);
    if (code == 0)
        code = connect_ends(&ends, error);
    if (code == 0)
        code = bench_compare(&measure, &side, &baseline, error);
    control_free(ends.control);
    mock_agent_free(ends.mock);
    cleanup_close_fd(&pair[0]);
    cleanup_close_fd(&pair[1]);
    loop_free(ends.loop);
    return code;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"control.messages_s", measure_messages}};

    return bench_main(argc, argv, entries, array_size(entries));
}
