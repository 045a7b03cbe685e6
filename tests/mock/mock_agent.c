#include "tests/mock/mock_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const struct {
    uint32_t code;
    const char *name;
} codes[] = {
    {WIRE_VERSION, "version"},
    {WIRE_STARTPOD, "startpod"},
    {WIRE_DESTROYPOD, "destroypod"},
    {WIRE_RESTARTCONTAINER, "restartcontainer"},
    {WIRE_EXECCMD, "execcmd"},
    {WIRE_CMDFINISHED, "cmdfinished"},
    {WIRE_READY, "ready"},
    {WIRE_ACK, "ack"},
    {WIRE_ERROR, "error"},
    {WIRE_WINSIZE, "winsize"},
    {WIRE_PING, "ping"},
    {WIRE_FINISHPOD, "finishpod"},
    {WIRE_NEXT, "next"},
    {WIRE_WRITEFILE, "writefile"},
    {WIRE_READFILE, "readfile"},
    {WIRE_NEWCONTAINER, "newcontainer"},
    {WIRE_KILLCONTAINER, "killcontainer"},
    {WIRE_ONLINECPUMEM, "onlinecpumem"},
    {WIRE_SETUPINTERFACE, "setupinterface"},
    {WIRE_SETUPROUTE, "setuproute"},
    {WIRE_REMOVECONTAINER, "removecontainer"},
    {WIRE_SETLINK, "setlink"},
    {WIRE_LINKSTATE, "linkstate"},
    {WIRE_CLOSELINK, "closelink"},
    {WIRE_CMDREADY, "cmdready"},
    {WIRE_FAILED, "failed"},
};

const char *mock_code_name(uint32_t code)
{
    for (size_t i = 0; i < array_size(codes); i++)
        if (codes[i].code == code)
            return codes[i].name;
    return NULL;
}

int mock_code_find(const char *name)
{
    for (size_t i = 0; i < array_size(codes); i++)
        if (strcmp(codes[i].name, name) == 0)
            return (int)codes[i].code;
    return -1;
}

/* -- The connection ---------------------------------------------------------------------------- */

static bool is_done(const struct mock_port *port)
{
    return port->fd < 0 || mock_port_backlog(port) == 0;
}

/* A socket that takes everything at once will not say that it has room for more. */
static void flush_io(struct mock_agent *mock)
{
    bool sent;

    do {
        if (!mock->closing)
            mock_streams_pump(mock);
        sent = mock_port_backlog(&mock->io) > 0;
        mock_port_flush(&mock->io);
    } while (sent && mock_port_backlog(&mock->io) == 0);
}

/* Whether frames that had to wait can be taken now. */
static bool flush_once(struct mock_agent *mock)
{
    bool stalled;

    flush_io(mock);
    stalled = mock_is_stalled(mock);
    mock_port_flush(&mock->ctl);
    return stalled && !mock_is_stalled(mock);
}

void mock_flush(struct mock_agent *mock)
{
    while (flush_once(mock)) {
        mock_port_take(&mock->ctl);
        mock_port_take(&mock->io);
    }
    if (mock->closing && is_done(&mock->ctl) && is_done(&mock->io))
        mock_disconnect(mock);
}

void mock_connected(struct mock_agent *mock)
{
    unsigned version = mock->options.version ? mock->options.version : WIRE_PROTOCOL;
    uint64_t now_ns = clock_ns();
    char json[256];

    snprintf(json, sizeof json,
             "{\"version\":%u,\"kernel\":\"mock\",\"uptime_ms\":%" PRIu64 ",\"clock_ns\":%" PRIu64
             ",\"tick_device\":\"mock\",\"tick_hz\":%" PRIu64 "}",
             version, (uint64_t)(now_ns / NS_PER_MS), now_ns, (uint64_t)NS_PER_S);
    wire_ctl_write(&mock->ctl.out, WIRE_READY, json, strlen(json), NULL);
}

static void problems_free(struct mock_problem **problems)
{
    while (*problems) {
        struct mock_problem *problem = *problems;

        *problems = problem->next;
        timer_free(problem->timer);
        buffer_free(&problem->frame);
        free(problem->reason);
        free(problem);
    }
}

/* Whoever connects next finds a machine that has just booted. */
void mock_disconnect(struct mock_agent *mock)
{
    mock_port_drop(&mock->ctl);
    mock_port_drop(&mock->io);
    while (mock->jobs)
        mock_job_free(mock->jobs);
    while (mock->streams)
        mock_stream_free(mock, mock->streams);
    mock_containers_free(mock);
    mock_links_free(mock);
    mock_files_free(mock);
    problems_free(&mock->late);
    timer_free(mock->destroy_timer);
    mock->destroy_timer = NULL;
    mock->ids.count = 0;
    mock->finish_id = mock->destroy_id = 0;
    mock->assumed = mock->configured = mock->closing = false;
}

static struct mock_agent *mock_new(const struct mock_options *options)
{
    struct mock_agent *mock = xcalloc(1, sizeof *mock);

    mock->options = *options;
    mock->ctl = (struct mock_port){.mock = mock, .listener = -1, .fd = -1};
    mock->io = (struct mock_port){.mock = mock, .is_io = true, .listener = -1, .fd = -1};
    return mock;
}

void mock_agent_free(struct mock_agent *mock)
{
    if (!mock)
        return;
    mock_disconnect(mock);
    mock_port_free(&mock->ctl);
    mock_port_free(&mock->io);
    problems_free(&mock->problems);
    mock_plans_free(mock);
    buffer_free(&mock->record.bytes);
    ids_free(&mock->ids);
    free(mock);
}

int mock_agent_listen(const struct mock_options *options, const char *ctl_path, const char *io_path,
                      struct mock_agent **out, struct error *error)
{
    struct mock_agent *mock = mock_new(options);
    int code = mock_port_listen(&mock->ctl, ctl_path, error);

    if (code == 0)
        code = mock_port_listen(&mock->io, io_path, error);
    if (code == 0)
        *out = mock;
    else
        mock_agent_free(mock);
    return code;
}

int mock_agent_connected(const struct mock_options *options, int ctl, int io,
                         struct mock_agent **out, struct error *error)
{
    struct mock_agent *mock = mock_new(options);
    int code = mock_port_connect(&mock->ctl, ctl, error);

    if (code < 0)
        close(io);
    else
        code = mock_port_connect(&mock->io, io, error);
    if (code < 0) {
        mock_agent_free(mock);
        return code;
    }
    mock_connected(mock);
    mock_flush(mock);
    *out = mock;
    return 0;
}

char *mock_agent_messages(struct mock_agent *mock)
{
    return mock_record_take(&mock->record);
}

/* -- Requests and what they meet --------------------------------------------------------------- */

static void on_delay(void *context)
{
    struct mock_problem *late = context;
    struct mock_agent *mock = late->mock;
    struct mock_problem **at = &mock->late;

    while (*at != late)
        at = &(*at)->next;
    *at = late->next;
    late->next = NULL;
    mock_serve(mock, &(struct wire_ctl){.code = late->code,
                                        .payload = late->frame.data,
                                        .payload_length = late->frame.length});
    problems_free(&late);
    mock_flush(mock);
}

static void delay(struct mock_agent *mock, struct mock_problem *problem,
                  const struct wire_ctl *frame)
{
    buffer_append(&problem->frame, frame->payload, frame->payload_length);
    problem->timer = loop_timer(mock->options.loop, on_delay, problem);
    timer_start(problem->timer, problem->delay_ns);
    problem->next = mock->late;
    mock->late = problem;
}

/* Half of the answer; output that waits goes nowhere. */
static void cut(struct mock_agent *mock, uint32_t code, uint64_t id)
{
    size_t before = mock->ctl.out.length;

    reply_ack(&mock->ctl.out, code, id);
    mock->ctl.out.length = before + (mock->ctl.out.length - before) / 2;
    mock->io.out.length = mock->io.sent;
    mock->closing = true;
}

static void meet(struct mock_agent *mock, struct mock_problem *problem,
                 const struct wire_ctl *frame)
{
    struct request *request = NULL;
    uint64_t id = 0;

    request_parse(frame->code, frame->payload, frame->payload_length, &id, &request, NULL);
    request_free(request);
    switch (problem->trouble) {
    case MOCK_REFUSE:
        mock_plans_forget(mock, id);
        reply_error(&mock->ctl.out, frame->code, id, problem->reason);
        break;
    case MOCK_CUT:
        cut(mock, frame->code, id);
        break;
    case MOCK_DELAY:
        delay(mock, problem, frame);
        return;
    case MOCK_SILENCE:
        break;
    }
    problems_free(&problem);
}

void mock_take_ctl(struct mock_agent *mock, const struct wire_ctl *frame)
{
    struct mock_problem **at = &mock->problems;
    struct mock_problem *problem;

    if (!mock->options.forgetful)
        mock_record_add(&mock->record, false, frame->code, frame->payload_length, frame->payload);
    while (*at && (*at)->code != frame->code)
        at = &(*at)->next;
    problem = *at;
    if (!problem) {
        mock_serve(mock, frame);
        return;
    }
    *at = problem->next;
    problem->next = NULL;
    meet(mock, problem, frame);
}
