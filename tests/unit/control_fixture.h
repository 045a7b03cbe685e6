/* The host end and a mock agent, joined by two socket pairs, on one loop. */
#ifndef DUET_TESTS_CONTROL_FIXTURE_H
#define DUET_TESTS_CONTROL_FIXTURE_H

#include "base/memory.h"
#include "tests/mock/mock_agent.h"
#include "vm/control.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_NS (60 * NS_PER_S)

struct fixture {
    struct loop *loop;
    struct timer *patience;
    struct mock_agent *mock;
    struct control *control;
    unsigned ready, broken; /* calls */
    int broken_code;
    char *broken_message;
    char *kernel;
};

static inline void on_patience(void *context)
{
    (void)context;
    fail_msg("nothing happened for a minute");
}

/* Goes on until the condition holds; every call of the host end's stops the loop to look. */
#define run_until(fixture, condition)                                                              \
    do {                                                                                           \
        while (!(condition))                                                                       \
            loop_run((fixture)->loop);                                                             \
    } while (0)

/* -- The channel's calls ----------------------------------------------------------------------- */

static inline void on_ready(void *context, const struct control_ready *ready)
{
    struct fixture *fixture = context;

    fixture->ready++;
    free(fixture->kernel);
    fixture->kernel = xstrdup(ready->kernel);
    loop_stop(fixture->loop);
}

static inline void on_broken(void *context, int code, const char *message)
{
    struct fixture *fixture = context;

    fixture->broken++;
    fixture->broken_code = code;
    free(fixture->broken_message);
    fixture->broken_message = xstrdup(message);
    loop_stop(fixture->loop);
}

static inline struct control_options host_options(struct fixture *fixture)
{
    return (struct control_options){.loop = fixture->loop,
                                    .calls = {.ready = on_ready, .broken = on_broken},
                                    .context = fixture};
}

/* -- Answers ----------------------------------------------------------------------------------- */

struct answer {
    struct fixture *fixture;
    unsigned count;
    int code;
    char *reason;
    struct control_answer all; /* but for the reason */
};

static inline void on_answer(void *context, const struct control_answer *found)
{
    struct answer *answer = context;

    answer->count++;
    answer->code = found->code;
    answer->all = *found;
    free(answer->reason);
    answer->reason = found->reason ? xstrdup(found->reason) : NULL;
    loop_stop(answer->fixture->loop);
}

static inline void ask(struct fixture *fixture, enum wire_code code, const char *fields,
                       uint64_t deadline_ns, struct answer *answer)
{
    struct error error = {0};

    *answer = (struct answer){.fixture = fixture};
    assert_int_equal(
        control_request(fixture->control, code, fields, deadline_ns, on_answer, answer, &error), 0);
}

static inline void await(struct answer *answer)
{
    run_until(answer->fixture, answer->count > 0);
}

/* The code of the answer, which has come once; `reason` is a part of it, or NULL. */
static inline void expect_answer(struct answer *answer, int code, const char *reason)
{
    await(answer);
    assert_int_equal(answer->count, 1);
    assert_int_equal(answer->code, code);
    if (reason && !strstr(answer->reason, reason))
        fail_msg("\"%s\" does not say \"%s\"", answer->reason, reason);
    free(answer->reason);
    answer->reason = NULL;
}

static inline void request(struct fixture *fixture, enum wire_code code, const char *fields)
{
    struct answer answer;

    ask(fixture, code, fields, 0, &answer);
    expect_answer(&answer, 0, NULL);
}

/* All that was said on ctl before this has been taken on both sides. */
static inline void ping(struct fixture *fixture)
{
    request(fixture, WIRE_PING, "");
}

/* -- Commands ---------------------------------------------------------------------------------- */

struct heard {
    struct fixture *fixture;
    struct control_command *command;
    unsigned started, ready, ends, completes, rooms;
    struct buffer output[2];
    size_t received[2]; /* bytes, counted where they are not kept */
    unsigned closed[2];
    struct control_end end; /* but for the reason */
    char *reason;
    bool holds;   /* takes nothing of what comes */
    bool counts;  /* keeps nothing of it */
    size_t feeds; /* bytes that are still to be fed, 'x' all of them */
};

static inline void on_started(void *context)
{
    struct heard *heard = context;

    heard->started++;
    loop_stop(heard->fixture->loop);
}

static inline void on_command_ready(void *context)
{
    struct heard *heard = context;

    heard->ready++;
    loop_stop(heard->fixture->loop);
}

static inline void on_output(void *context, enum control_output output, const char *bytes,
                             size_t count)
{
    struct heard *heard = context;

    heard->closed[output] += count == 0;
    heard->received[output] += count;
    if (!heard->counts)
        buffer_append(&heard->output[output], bytes, count);
    if (!heard->holds)
        control_taken(heard->command, output, count);
    loop_stop(heard->fixture->loop);
}

static inline void feed(struct heard *heard)
{
    static char bytes[1 << 16];
    size_t n = 1;

    memset(bytes, 'x', sizeof bytes);
    while (heard->feeds > 0 && n > 0) {
        n = control_feed(heard->command, bytes,
                         heard->feeds < sizeof bytes ? heard->feeds : sizeof bytes);
        heard->feeds -= n;
    }
    if (heard->feeds == 0)
        control_close(heard->command);
}

static inline void on_room(void *context)
{
    struct heard *heard = context;

    heard->rooms++;
    if (heard->feeds > 0)
        feed(heard);
    loop_stop(heard->fixture->loop);
}

static inline void keep_end(struct heard *heard, const struct control_end *end)
{
    heard->end = *end;
    free(heard->reason);
    heard->reason = end->reason ? xstrdup(end->reason) : NULL;
    loop_stop(heard->fixture->loop);
}

static inline void on_ended(void *context, const struct control_end *end)
{
    struct heard *heard = context;

    heard->ends++;
    keep_end(heard, end);
}

static inline void on_complete(void *context, const struct control_end *end)
{
    struct heard *heard = context;

    assert_int_equal(heard->ends, 1);
    heard->completes++;
    keep_end(heard, end);
}

static const struct control_command_calls command_calls = {.started = on_started,
                                                           .ready = on_command_ready,
                                                           .output = on_output,
                                                           .room = on_room,
                                                           .ended = on_ended,
                                                           .complete = on_complete};

static inline void hear(struct fixture *fixture, struct heard *heard)
{
    *heard = (struct heard){.fixture = fixture};
}

static const char *const some_argv[] = {"program", NULL};

/* Starts `exec`, whose name and argv need not be there, with what `heard` says. */
static inline void execute(struct fixture *fixture, const struct control_exec *exec,
                           struct heard *heard)
{
    struct control_exec filled = *exec;
    struct error error = {0};

    heard->fixture = fixture;
    filled.name = "it";
    filled.argv = some_argv;
    assert_int_equal(
        control_exec(fixture->control, &filled, &command_calls, heard, &heard->command, &error), 0);
}

/* Frees the command as well. */
static inline void forget(struct heard *heard)
{
    control_command_free(heard->command);
    heard->command = NULL;
    for (int i = 0; i < 2; i++)
        buffer_free(&heard->output[i]);
    free(heard->reason);
    heard->reason = NULL;
}

/* It ran and is complete, with this exit status. */
static inline void expect_end(struct heard *heard, int status)
{
    run_until(heard->fixture, heard->completes > 0);
    assert_int_equal(heard->completes, 1);
    assert_int_equal(heard->end.code, 0);
    assert_int_equal(heard->end.status, status);
}

/* It is at its end with an error, and complete. */
static inline void expect_failure(struct heard *heard, int code)
{
    run_until(heard->fixture, heard->completes > 0);
    assert_int_equal(heard->completes, 1);
    assert_int_equal(heard->end.code, code);
    assert_non_null(heard->reason);
}

static inline void expect_text(const struct buffer *found, const char *expected)
{
    assert_int_equal(found->length, strlen(expected));
    assert_string_equal(found->data ? found->data : "", expected);
}

/* -- Life -------------------------------------------------------------------------------------- */

static const struct mock_options no_mock_options;

static inline void connect_pair(struct fixture *fixture, const struct mock_options *options)
{
    const struct control_options host = host_options(fixture);
    struct mock_options mock = *options;
    struct error error = {0};
    int ctl[2], io[2];

    mock.loop = fixture->loop;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, io), 0);
    assert_int_equal(mock_agent_connected(&mock, ctl[1], io[1], &fixture->mock, &error), 0);
    assert_int_equal(control_connect_fds(&host, ctl[0], io[0], &fixture->control, &error), 0);
}

static inline void configure(struct fixture *fixture)
{
    struct answer answer = {.fixture = fixture};
    struct error error = {0};

    assert_int_equal(control_configure(fixture->control, "{\"hostname\":\"node\"}", 0, on_answer,
                                       &answer, &error),
                     0);
    expect_answer(&answer, 0, NULL);
}

static inline struct fixture *fixture_new(void)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};

    assert_int_equal(loop_new(&fixture->loop, &error), 0);
    fixture->patience = loop_timer(fixture->loop, on_patience, NULL);
    timer_start(fixture->patience, PATIENCE_NS);
    return fixture;
}

/* Connected to a mock that is configured. */
static inline int set_up(void **state)
{
    struct fixture *fixture = fixture_new();

    connect_pair(fixture, &no_mock_options);
    run_until(fixture, fixture->ready);
    configure(fixture);
    free(mock_agent_messages(fixture->mock));
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;

    control_free(fixture->control);
    mock_agent_free(fixture->mock);
    timer_free(fixture->patience);
    loop_free(fixture->loop);
    free(fixture->broken_message);
    free(fixture->kernel);
    free(fixture);
    return 0;
}

/* The channel broke, once. */
static inline void expect_broken(struct fixture *fixture, int code, const char *message)
{
    run_until(fixture, fixture->broken > 0);
    assert_int_equal(fixture->broken, 1);
    assert_int_equal(fixture->broken_code, code);
    assert_true(control_is_broken(fixture->control));
    if (!strstr(fixture->broken_message, message))
        fail_msg("\"%s\" does not say \"%s\"", fixture->broken_message, message);
}

/* What the mock was told since the last time has this in it, once. */
static inline void expect_message(struct fixture *fixture, const char *part)
{
    cleanup_free char *messages = mock_agent_messages(fixture->mock);
    const char *found = strstr(messages, part);

    if (!found || strstr(found + 1, part))
        fail_msg("not once \"%s\": %s", part, messages);
}

#endif
