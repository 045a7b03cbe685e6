/* What whoever has the mock tells it: what commands do, what requests meet, and what to send. */
#include "tests/mock/mock_internal.h"

#include "base/memory.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* -- Commands ---------------------------------------------------------------------------------- */

struct mock_command *mock_agent_plan(struct mock_agent *mock)
{
    struct mock_plan **at = &mock->plans;

    while (*at)
        at = &(*at)->next;
    *at = xcalloc(1, sizeof **at);
    return &(*at)->command;
}

static void plan_take(struct mock_plan **at, struct mock_command *command)
{
    struct mock_plan *plan = *at;

    *at = plan->next;
    *command = plan->command;
    free(plan);
}

struct mock_command mock_plan_take(struct mock_agent *mock, uint64_t id)
{
    struct mock_plan **at = &mock->plans;
    struct mock_command command = {0};

    while (*at && (*at)->command.id && (*at)->command.id != id)
        at = &(*at)->next;
    if (*at)
        plan_take(at, &command);
    return command;
}

void mock_command_clear(struct mock_command *command)
{
    buffer_free(&command->output);
    buffer_free(&command->errors);
}

static void plan_drop(struct mock_plan **at)
{
    struct mock_command command;

    plan_take(at, &command);
    mock_command_clear(&command);
}

void mock_plans_forget(struct mock_agent *mock, uint64_t id)
{
    struct mock_plan **at = &mock->plans;

    while (*at) {
        if (id && (*at)->command.id == id)
            plan_drop(at);
        else
            at = &(*at)->next;
    }
}

void mock_plans_free(struct mock_agent *mock)
{
    while (mock->plans)
        plan_drop(&mock->plans);
}

static int find_running(const struct mock_agent *mock, uint64_t id, struct mock_job **job,
                        struct error *error)
{
    *job = mock_job_find(mock, id);
    if (!*job || !(*job)->running || mock_job_is_file(*job))
        return error_set(error, ESRCH, "no command %" PRIu64 " runs", id);
    return 0;
}

int mock_agent_print(struct mock_agent *mock, uint64_t id, bool errors, const void *bytes,
                     size_t count, struct error *error)
{
    struct mock_job *job;
    int code = find_running(mock, id, &job, error);

    if (code < 0)
        return code;
    mock_job_print(job, errors, bytes, count);
    mock_flush(mock);
    return 0;
}

int mock_agent_end(struct mock_agent *mock, uint64_t id, int status, int signal,
                   struct error *error)
{
    struct mock_job *job;
    int code = find_running(mock, id, &job, error);

    if (code < 0)
        return code;
    mock_job_end(job, status, signal);
    mock_flush(mock);
    return 0;
}

int mock_agent_fail(struct mock_agent *mock, uint64_t id, const char *reason, struct error *error)
{
    struct mock_job *job = mock_job_find(mock, id);

    if (!job || !mock_job_is_file(job))
        return error_set(error, ESRCH, "no file %" PRIu64 " is on its way", id);
    mock_file_fail(job, reason);
    mock_flush(mock);
    return 0;
}

/* -- Trouble ----------------------------------------------------------------------------------- */

void mock_agent_trouble(struct mock_agent *mock, uint32_t code, enum mock_trouble trouble,
                        const char *reason, uint64_t delay_ns)
{
    struct mock_problem **at = &mock->problems;

    while (*at)
        at = &(*at)->next;
    *at = xcalloc(1, sizeof **at);
    **at = (struct mock_problem){.mock = mock,
                                 .code = code,
                                 .trouble = trouble,
                                 .reason = xstrdup(reason ? reason : "the mock was told to refuse"),
                                 .delay_ns = delay_ns};
}

void mock_agent_version(struct mock_agent *mock, unsigned version)
{
    mock->options.version = version;
}

/* -- Sending ----------------------------------------------------------------------------------- */

static int check_connected(const struct mock_port *port, struct error *error)
{
    if (port->fd < 0)
        return error_set(error, ENOTCONN, "nobody is connected to %s",
                         port->is_io ? WIRE_IO_PORT : WIRE_CTL_PORT);
    return 0;
}

static int send_bytes(struct mock_port *port, const void *bytes, size_t count, struct error *error)
{
    int code = check_connected(port, error);

    if (code < 0)
        return code;
    buffer_append(&port->out, bytes, count);
    mock_flush(port->mock);
    return 0;
}

int mock_agent_send_ctl(struct mock_agent *mock, uint32_t code, const char *payload,
                        struct error *error)
{
    cleanup_buffer struct buffer frame = {0};
    int result = wire_ctl_write(&frame, code, payload, strlen(payload), error);

    return result < 0 ? result : send_bytes(&mock->ctl, frame.data, frame.length, error);
}

int mock_agent_send_io(struct mock_agent *mock, uint64_t stream, const void *bytes, size_t count,
                       struct error *error)
{
    cleanup_buffer struct buffer frame = {0};
    int result = wire_io_write(&frame, stream, bytes, count, error);

    return result < 0 ? result : send_bytes(&mock->io, frame.data, frame.length, error);
}

int mock_agent_send_garbage(struct mock_agent *mock, struct error *error)
{
    static const char garbage[] = "this is no frame\n";

    return send_bytes(&mock->ctl, garbage, sizeof garbage - 1, error);
}

int mock_agent_lie(struct mock_agent *mock, bool on_io, uint32_t length, struct error *error)
{
    const struct {
        uint32_t code, length;
    } ctl = {htobe32(WIRE_ACK), htobe32(length)};
    const struct {
        uint64_t stream;
        uint32_t length;
    } __attribute__((packed)) io = {htobe64(2), htobe32(length)};

    return on_io ? send_bytes(&mock->io, &io, sizeof io, error)
                 : send_bytes(&mock->ctl, &ctl, sizeof ctl, error);
}

int mock_agent_hang_up(struct mock_agent *mock, struct error *error)
{
    int code = check_connected(&mock->ctl, error);

    if (code < 0)
        return code;
    mock->closing = true;
    mock_flush(mock);
    return 0;
}
