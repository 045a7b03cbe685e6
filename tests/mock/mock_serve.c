/* What each request does. */
#include "tests/mock/mock_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const uint64_t power_off_grace_ns = NS_PER_S;

static void acknowledge(struct mock_agent *mock, const struct request *request)
{
    reply_ack(&mock->ctl.out, request->code, request->id);
}

/* -- Containers -------------------------------------------------------------------------------- */

static struct mock_container *find(const struct mock_agent *mock, const char *name)
{
    struct mock_container *container = mock->containers;

    while (container && strcmp(container->request->container, name) != 0)
        container = container->next;
    return container;
}

static int find_container(const struct mock_agent *mock, const char *name,
                          struct mock_container **out, struct error *error)
{
    *out = find(mock, name);
    return *out ? 0 : error_set(error, ENOENT, "there is no container %s", name);
}

int mock_container_running(const struct mock_agent *mock, const char *name,
                           struct mock_container **out, struct error *error)
{
    int code;

    *out = NULL;
    if (!name)
        return 0;
    code = find_container(mock, name, out, error);
    if (code == 0 && !(*out)->main)
        code = error_set(error, ESRCH, "the container %s does not run", name);
    return code;
}

/* Ending one job may free others: each time the list is looked at from its start. */
static struct mock_job *first_running_in(const struct mock_agent *mock,
                                         const struct mock_container *container)
{
    struct mock_job *job = mock->jobs;

    while (job && (!job->running || (container && job->container != container)))
        job = job->next;
    return job;
}

void mock_container_stopped(struct mock_agent *mock, struct mock_container *container)
{
    struct mock_job *job;

    container->main = NULL;
    while ((job = first_running_in(mock, container))) {
        if (mock_job_is_file(job))
            mock_file_fail(job, "the container has stopped");
        else
            mock_job_signal(job, SIGKILL);
    }
}

static void container_free(struct mock_container *container)
{
    request_free(container->request);
    free(container);
}

void mock_containers_free(struct mock_agent *mock)
{
    while (mock->containers) {
        struct mock_container *container = mock->containers;

        mock->containers = container->next;
        container_free(container);
    }
}

static int check_container(const struct mock_agent *mock, const struct request *request,
                           struct error *error)
{
    int code = mock_job_check(mock, request->id, &request->exec, error);

    if (code == 0 && find(mock, request->container))
        code = error_set(error, EEXIST, "there is a container %s already", request->container);
    return code;
}

static void start_container(struct mock_agent *mock, struct request *request)
{
    struct mock_container *container = xcalloc(1, sizeof *container);

    container->request = request_share(request);
    container->next = mock->containers;
    mock->containers = container;
    mock_command_run(mock, request->id, &request->exec, &request->exec, container);
}

static int serve_new_container(struct mock_agent *mock, struct request *request,
                               struct error *error)
{
    int code = check_container(mock, request, error);

    if (code < 0)
        return code;
    acknowledge(mock, request);
    start_container(mock, request);
    return 0;
}

/* The streams are the new request's, all else is what NEWCONTAINER had. */
static int serve_restart(struct mock_agent *mock, struct request *request, struct error *error)
{
    struct mock_container *container;
    int code = find_container(mock, request->container, &container, error);

    if (code == 0)
        code = request_check_streams(&request->exec, container->request->exec.terminal, error);
    if (code == 0)
        code = mock_job_check(mock, request->id, &request->exec, error);
    if (code < 0)
        return code;
    if (container->main)
        mock_job_terminate(container->main);
    acknowledge(mock, request);
    mock_command_run(mock, request->id, &container->request->exec, &request->exec, container);
    return 0;
}

static int serve_removal(struct mock_agent *mock, struct request *request, struct error *error)
{
    struct mock_container **at = &mock->containers;
    struct mock_container *container;
    int code = find_container(mock, request->container, &container, error);

    if (code == 0 && container->main)
        code = error_set(error, EBUSY, "the container %s runs", request->container);
    if (code < 0)
        return code;
    while (*at != container)
        at = &(*at)->next;
    *at = container->next;
    container_free(container);
    acknowledge(mock, request);
    return 0;
}

/* -- Commands ---------------------------------------------------------------------------------- */

static int serve_exec(struct mock_agent *mock, struct request *request, struct error *error)
{
    struct mock_container *container;
    int code = mock_container_running(mock, request->container, &container, error);

    if (code == 0)
        code = mock_job_check(mock, request->id, &request->exec, error);
    if (code < 0)
        return code;
    acknowledge(mock, request);
    mock_command_run(mock, request->id, &request->exec, &request->exec, container);
    return 0;
}

static int find_running(const struct mock_agent *mock, uint64_t id, struct mock_job **out,
                        struct error *error)
{
    *out = mock_job_find(mock, id);
    if (*out && (*out)->running)
        return 0;
    return error_set(error, ESRCH,
                     ids_have(&mock->ids, id) ? "command %" PRIu64 " has finished"
                                              : "there is no command %" PRIu64,
                     id);
}

static int serve_kill(struct mock_agent *mock, struct request *request, struct error *error)
{
    struct mock_container *container;
    struct mock_job *job = NULL;
    int code = request->container
                   ? mock_container_running(mock, request->container, &container, error)
                   : find_running(mock, request->target, &job, error);

    if (code < 0)
        return code;
    acknowledge(mock, request);
    mock_job_signal(job ? job : container->main, request->signal);
    return 0;
}

static int serve_size(struct mock_agent *mock, struct request *request, struct error *error)
{
    struct mock_job *job;
    int code = find_running(mock, request->target, &job, error);

    if (code == 0 && !job->terminal)
        code = error_set(error, ENOTTY, "command %" PRIu64 " has no terminal", request->target);
    if (code == 0)
        acknowledge(mock, request);
    return code;
}

static int serve_room(struct mock_agent *mock, struct request *request, struct error *error)
{
    (void)error;
    mock_take_room(mock, request);
    return 0;
}

static int serve_file(struct mock_agent *mock, struct request *request, struct error *error)
{
    return request->code == WIRE_WRITEFILE ? mock_file_write(mock, request, error)
                                           : mock_file_read(mock, request, error);
}

/* -- The node ---------------------------------------------------------------------------------- */

static int serve_version(struct mock_agent *mock, struct request *request, struct error *error)
{
    const struct reply_field field = {"version", WIRE_PROTOCOL};

    if (request->version != WIRE_PROTOCOL)
        return error_set(error, EPROTO, "this agent speaks version %d, not %" PRIu64, WIRE_PROTOCOL,
                         request->version);
    reply_ack_with(&mock->ctl.out, WIRE_VERSION, request->id, &field, 1);
    return 0;
}

/* There is no guest: the mock's own. */
static uint64_t used_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

static int serve_ping(struct mock_agent *mock, struct request *request, struct error *error)
{
    const struct reply_field fields[] = {{"clock_ns", clock_ns()}, {"busy_ns", used_ns()}};

    (void)error;
    reply_ack_with(&mock->ctl.out, WIRE_PING, request->id, fields, array_size(fields));
    return 0;
}

static int serve_pod(struct mock_agent *mock, struct request *request, struct error *error)
{
    int code = 0;

    if (mock->assumed)
        return error_set(error, EALREADY, "STARTPOD came already");
    mock->assumed = true;
    for (size_t i = 0; code == 0 && i < request->container_count; i++) {
        code = check_container(mock, request->containers[i], error);
        if (code == 0)
            start_container(mock, request->containers[i]);
    }
    if (code < 0)
        return code;
    mock_links_add(mock, &request->pod);
    mock->configured = true;
    acknowledge(mock, request);
    return 0;
}

static int serve_hotplug(struct mock_agent *mock, struct request *request, struct error *error)
{
    static const struct reply_field fields[] = {{"cpus", 1}, {"memory_blocks", 1}};

    (void)error;
    reply_ack_with(&mock->ctl.out, WIRE_ONLINECPUMEM, request->id, fields, array_size(fields));
    return 0;
}

static int serve_network(struct mock_agent *mock, struct request *request, struct error *error)
{
    (void)error;
    acknowledge(mock, request);
    return 0;
}

/* -- The end ----------------------------------------------------------------------------------- */

void mock_job_gone(struct mock_agent *mock)
{
    if (mock->jobs || mock->closing)
        return;
    if (mock->finish_id)
        reply_ack(&mock->ctl.out, WIRE_FINISHPOD, mock->finish_id);
    mock->finish_id = 0;
    if (!mock->destroy_id)
        return;
    reply_ack(&mock->ctl.out, WIRE_DESTROYPOD, mock->destroy_id);
    mock->closing = true;
}

static int check_ending(const struct mock_agent *mock, struct error *error)
{
    if (mock->destroy_id)
        return error_set(error, ESHUTDOWN, "the node is powering off");
    if (mock->finish_id)
        return error_set(error, ESHUTDOWN, "the processes of the node are being ended");
    return 0;
}

static void end_all(struct mock_agent *mock)
{
    struct mock_job *job;

    while ((job = first_running_in(mock, NULL)))
        mock_job_terminate(job);
    mock_job_gone(mock);
}

static int serve_finish(struct mock_agent *mock, struct request *request, struct error *error)
{
    int code = check_ending(mock, error);

    if (code < 0)
        return code;
    mock->finish_id = request->id;
    end_all(mock);
    return 0;
}

/* What they printed and nobody took is lost. */
static void on_grace_over(void *context)
{
    struct mock_agent *mock = context;

    while (mock->jobs)
        mock_job_free(mock->jobs);
    mock_job_gone(mock);
    mock_flush(mock);
}

static int serve_destroy(struct mock_agent *mock, struct request *request, struct error *error)
{
    if (mock->destroy_id)
        return error_set(error, EALREADY, "the node is powering off already");
    if (mock->finish_id)
        reply_error(&mock->ctl.out, WIRE_FINISHPOD, mock->finish_id, "the node is powering off");
    mock->finish_id = 0;
    mock->destroy_id = request->id;
    mock->destroy_timer = loop_timer(mock->options.loop, on_grace_over, mock);
    timer_start(mock->destroy_timer, power_off_grace_ns);
    end_all(mock);
    return 0;
}

/* -- All of them ------------------------------------------------------------------------------- */

enum when {
    ALWAYS,
    CONFIGURED, /* the node is what STARTPOD said */
    STARTING,   /* the same, and commands may begin */
};

static const struct {
    uint32_t code;
    int (*serve)(struct mock_agent *mock, struct request *request, struct error *error);
    enum when when;
} services[] = {
    {WIRE_VERSION, serve_version, ALWAYS},
    {WIRE_STARTPOD, serve_pod, ALWAYS},
    {WIRE_DESTROYPOD, serve_destroy, ALWAYS},
    {WIRE_PING, serve_ping, ALWAYS},
    {WIRE_ONLINECPUMEM, serve_hotplug, ALWAYS},
    {WIRE_RESTARTCONTAINER, serve_restart, STARTING},
    {WIRE_EXECCMD, serve_exec, STARTING},
    {WIRE_WINSIZE, serve_size, CONFIGURED},
    {WIRE_FINISHPOD, serve_finish, CONFIGURED},
    {WIRE_NEXT, serve_room, CONFIGURED},
    {WIRE_WRITEFILE, serve_file, STARTING},
    {WIRE_READFILE, serve_file, STARTING},
    {WIRE_NEWCONTAINER, serve_new_container, STARTING},
    {WIRE_KILLCONTAINER, serve_kill, CONFIGURED},
    {WIRE_SETUPINTERFACE, serve_network, STARTING},
    {WIRE_SETUPROUTE, serve_network, STARTING},
    {WIRE_REMOVECONTAINER, serve_removal, STARTING},
    {WIRE_SETLINK, mock_serve_link, CONFIGURED},
    {WIRE_LINKSTATE, mock_serve_link, CONFIGURED},
    {WIRE_CLOSELINK, mock_serve_link, CONFIGURED},
};

static int check_when(const struct mock_agent *mock, enum when when, struct error *error)
{
    if (when != ALWAYS && !mock->configured)
        return error_set(error, EPERM, "the node has not been configured");
    return when == STARTING ? check_ending(mock, error) : 0;
}

static int serve(struct mock_agent *mock, struct request *request, struct error *error)
{
    for (size_t i = 0; i < array_size(services); i++) {
        int code;

        if (services[i].code != request->code)
            continue;
        code = check_when(mock, services[i].when, error);
        return code < 0 ? code : services[i].serve(mock, request, error);
    }
    return error_set(error, ENOTSUP, "code %" PRIu32 " is not served", request->code);
}

void mock_serve(struct mock_agent *mock, const struct wire_ctl *frame)
{
    struct request *request = NULL;
    struct error error;
    uint64_t id = 0;
    int code =
        request_parse(frame->code, frame->payload, frame->payload_length, &id, &request, &error);

    if (code == 0)
        code = serve(mock, request, &error);
    if (code < 0) {
        mock_plans_forget(mock, id);
        reply_error(&mock->ctl.out, frame->code, id, error.message);
    }
    request_free(request);
}
