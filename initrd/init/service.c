#include "initrd/init/service.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/busy.h"
#include "initrd/init/container.h"
#include "initrd/init/container_request.h"
#include "initrd/init/errand.h"
#include "initrd/init/fail.h"
#include "initrd/init/files.h"
#include "initrd/init/hotplug.h"
#include "initrd/init/identity.h"
#include "initrd/init/links.h"
#include "initrd/init/names.h"
#include "initrd/init/netem_links.h"
#include "initrd/init/network.h"
#include "initrd/init/process.h"
#include "initrd/init/terminal.h"
#include "initrd/init/transfer.h"

#include <errno.h>
#include <inttypes.h>

static void acknowledge(struct agent *agent, const struct request *request)
{
    reply_ack(channel_out(&agent->ctl), request->code, request->id);
}

/* -- The node ---------------------------------------------------------------------------------- */

static int serve_version(struct agent *agent, struct request *request, struct error *error)
{
    const struct reply_field field = {"version", WIRE_PROTOCOL};

    if (request->version != WIRE_PROTOCOL)
        return error_set(error, EPROTO, "this agent speaks version %d, not %" PRIu64, WIRE_PROTOCOL,
                         request->version);
    reply_ack_with(channel_out(&agent->ctl), WIRE_VERSION, request->id, &field, 1);
    return 0;
}

static int serve_ping(struct agent *agent, struct request *request, struct error *error)
{
    cleanup_buffer struct buffer stat = {0};
    struct reply_field fields[] = {{"clock_ns", 0}, {"busy_ns", 0}};
    bool is_read = files_read("/proc/stat", &stat, error) == 0;

    fields[0].value = clock_ns();
    if (is_read)
        fields[1].value = busy_ns(stat.data, fields[0].value);
    reply_ack_with(channel_out(&agent->ctl), WIRE_PING, request->id, fields, array_size(fields));
    return 0;
}

static int set_up_pod(const struct errand *errand, struct report *report)
{
    const struct pod *pod = &errand->request->pod;
    int code = network_set_up(pod, &report->error);

    return code < 0 ? code : names_set_up(pod, &report->error);
}

static void on_pod_set_up(struct process *process)
{
    if (process->report.error.code)
        errand_answer(process);
    else
        agent_configured(process->agent, process->request);
}

/* NICs may take their time. */
static int set_up_in_errand(struct agent *agent, struct request *request, struct error *error)
{
    const struct errand errand = {.code = request->code,
                                  .id = request->id,
                                  .request = request,
                                  .run = set_up_pod,
                                  .done = on_pod_set_up};
    struct process *process;

    return errand_start(agent, &errand, &process, error);
}

static void on_links_started(struct agent *agent, struct request *request,
                             const struct error *failure)
{
    struct error error = {0};

    if (!failure && set_up_in_errand(agent, request, &error) < 0)
        failure = &error;
    if (failure)
        reply_error(channel_out(&agent->ctl), request->code, request->id, failure->message);
    channel_flush(&agent->ctl);
}

/* What went wrong half way cannot be undone, so there is one try. */
static int serve_pod(struct agent *agent, struct request *request, struct error *error)
{
    int code;

    if (agent->assumed)
        return error_set(error, EALREADY, "STARTPOD came already");
    if (agent->hands_over && request->container_count > 0)
        return error_set(error, EPERM, "the node runs an init of its own, and so no containers");
    if (agent->hands_over && links_are_any(&request->pod))
        return error_set(error, EPERM,
                         "the node runs an init of its own, and so cannot carry a link: use "
                         "`carrier: host` on the link");
    agent->assumed = true;
    fail_node(request->pod.hostname);
    code = identity_assume(&request->pod, error);
    if (code < 0)
        return code;
    return links_are_any(&request->pod) ? links_start(agent, request, on_links_started, error)
                                        : set_up_in_errand(agent, request, error);
}

static int serve_hotplug(struct agent *agent, struct request *request, struct error *error)
{
    struct hotplug hotplug = {0};
    int code = hotplug_online(&hotplug, error);
    const struct reply_field fields[] = {{"cpus", hotplug.cpus},
                                         {"memory_blocks", hotplug.memory_blocks}};

    if (code == 0)
        reply_ack_with(channel_out(&agent->ctl), WIRE_ONLINECPUMEM, request->id, fields,
                       array_size(fields));
    return code;
}

static int serve_finish(struct agent *agent, struct request *request, struct error *error)
{
    return ending_finish(agent, request->id, error);
}

static int serve_destroy(struct agent *agent, struct request *request, struct error *error)
{
    return ending_power_off(agent, request->id, error);
}

static int check_network(const struct agent *agent, const struct request *request,
                         struct error *error)
{
    if (links_are_routed(agent->links))
        return error_set(error, ENOTSUP,
                         "the links and routes of a router are set up with STARTPOD only");
    if (request->code == WIRE_SETUPINTERFACE && links_are_any(&request->pod))
        return error_set(error, ENOTSUP,
                         "a link that the node carries is set up with STARTPOD only");
    return 0;
}

static int set_up_interface(const struct errand *errand, struct report *report)
{
    return network_add_links(&errand->request->pod, &report->error);
}

static int set_up_routes(const struct errand *errand, struct report *report)
{
    return network_add_routes(&errand->request->pod, &report->error);
}

static int serve_network(struct agent *agent, struct request *request, struct error *error)
{
    const struct errand errand = {.code = request->code,
                                  .id = request->id,
                                  .request = request,
                                  .run = request->code == WIRE_SETUPINTERFACE ? set_up_interface
                                                                              : set_up_routes,
                                  .done = errand_answer};
    struct process *process;
    int code = check_network(agent, request, error);

    return code < 0 ? code : errand_start(agent, &errand, &process, error);
}

static int serve_link(struct agent *agent, struct request *request, struct error *error)
{
    return netem_links_have(agent, request->interface) ? netem_links_serve(agent, request, error)
                                                       : links_serve(agent, request, error);
}

/* -- Commands and files ------------------------------------------------------------------------ */

static void on_launched(struct process *process, const struct error *failure)
{
    struct buffer *ctl = channel_out(&process->agent->ctl);

    if (failure)
        reply_error(ctl, process->code, process->id, failure->message);
    else
        reply_ack(ctl, process->code, process->id);
}

static int serve_exec(struct agent *agent, struct request *request, struct error *error)
{
    const struct exec_request *exec = &request->exec;
    struct process_launch launch = {
        .code = request->code,
        .id = request->id,
        .request = request,
        .streams = {exec->stdin_stream, exec->stdout_stream, exec->stderr_stream},
        .launched = on_launched};
    struct process *process;
    int code = container_find_running(agent, request->container, &launch.container, error);

    if (code == 0)
        code = process_check(agent, launch.id, &launch.streams, error);
    return code < 0 ? code : process_launch(agent, &launch, &process, error);
}

static int serve_size(struct agent *agent, struct request *request, struct error *error)
{
    struct process *process;
    int code = process_find(agent, request->target, &process, error);

    if (code < 0)
        return code;
    if (!process->out.terminal)
        return error_set(error, ENOTTY, "command %" PRIu64 " has no terminal", request->target);
    code = process->out.fd < 0
               ? 0
               : terminal_resize(process->out.fd, request->rows, request->columns, error);
    if (code == 0)
        acknowledge(agent, request);
    return code;
}

static int serve_kill(struct agent *agent, struct request *request, struct error *error)
{
    struct process *process = NULL;
    int code = request->container ? container_signal(agent, request, error)
                                  : process_find(agent, request->target, &process, error);

    if (code == 0 && process)
        code = process_signal(process, request->signal, error);
    if (code == 0)
        acknowledge(agent, request);
    return code;
}

static int serve_next(struct agent *agent, struct request *request, struct error *error)
{
    (void)error;
    if (!links_grant(agent->links, request->stream, request->bytes))
        processes_grant(agent, request->stream, request->bytes);
    return 0;
}

static int serve_file(struct agent *agent, struct request *request, struct error *error)
{
    struct container *container;
    int code = container_find_running(agent, request->container, &container, error);

    return code < 0 ? code : transfer_start(agent, request, container, error);
}

static int serve_removal(struct agent *agent, struct request *request, struct error *error)
{
    return container_remove(agent, request, error);
}

/* -- All of them ------------------------------------------------------------------------------- */

enum when {
    ALWAYS,
    CONFIGURED, /* the node is what STARTPOD said, and this init has it */
    STARTING,   /* the same, and processes may begin */
};

static const struct {
    uint32_t code;
    int (*serve)(struct agent *agent, struct request *request, struct error *error);
    enum when when;
} services[] = {
    {WIRE_VERSION, serve_version, ALWAYS},
    {WIRE_STARTPOD, serve_pod, ALWAYS},
    {WIRE_DESTROYPOD, serve_destroy, ALWAYS},
    {WIRE_PING, serve_ping, ALWAYS},
    {WIRE_ONLINECPUMEM, serve_hotplug, ALWAYS},
    {WIRE_RESTARTCONTAINER, container_restart, STARTING},
    {WIRE_EXECCMD, serve_exec, STARTING},
    {WIRE_WINSIZE, serve_size, CONFIGURED},
    {WIRE_FINISHPOD, serve_finish, CONFIGURED},
    {WIRE_NEXT, serve_next, CONFIGURED},
    {WIRE_WRITEFILE, serve_file, STARTING},
    {WIRE_READFILE, serve_file, STARTING},
    {WIRE_NEWCONTAINER, container_create, STARTING},
    {WIRE_KILLCONTAINER, serve_kill, CONFIGURED},
    {WIRE_SETUPINTERFACE, serve_network, STARTING},
    {WIRE_SETUPROUTE, serve_network, STARTING},
    {WIRE_REMOVECONTAINER, serve_removal, STARTING},
    {WIRE_SETLINK, serve_link, CONFIGURED},
    {WIRE_LINKSTATE, serve_link, CONFIGURED},
    {WIRE_CLOSELINK, serve_link, CONFIGURED},
};

static int check(const struct agent *agent, enum when when, struct error *error)
{
    if (when == ALWAYS)
        return 0;
    if (agent->hands_over)
        return error_set(error, EPERM, "the node runs an init of its own");
    if (!agent->configured)
        return error_set(error, EPERM, "the node has not been configured");
    return when == STARTING ? ending_check(agent, error) : 0;
}

int service(struct agent *agent, struct request *request, struct error *error)
{
    for (size_t i = 0; i < array_size(services); i++) {
        int code;

        if (services[i].code != request->code)
            continue;
        code = check(agent, services[i].when, error);
        return code < 0 ? code : services[i].serve(agent, request, error);
    }
    return error_set(error, ENOTSUP, "code %" PRIu32 " is not served", request->code);
}
