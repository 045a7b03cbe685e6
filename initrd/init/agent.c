#include "initrd/init/agent.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/console.h"
#include "initrd/init/container.h"
#include "initrd/init/container_request.h"
#include "initrd/init/files.h"
#include "initrd/init/netem_links.h"
#include "initrd/init/process.h"
#include "initrd/init/service.h"
#include "initrd/init/tick_device.h"

#include <errno.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 1 << 16,
    READS_MAX = 64,        /* at once, of io: the others want their turn */
    REPLIES_MAX = 1 << 20, /* bytes that wait for the host before its requests have to wait */
};

/* -- STARTPOD ---------------------------------------------------------------------------------- */

static void start_next_container(struct agent *agent)
{
    struct request *container = agent->pod->containers[agent->pod_containers];
    struct error error = {0};

    if (ending_check(agent, &error) < 0 || container_create_with_pod(agent, container, &error) < 0)
        agent_container_started(agent, error.message);
}

/* The ACK of a node that another init gets is the last thing sent. */
static void pod_is_done(struct agent *agent)
{
    agent->configured = true;
    if (agent->hands_over) {
        loop_stop(agent->loop);
        return;
    }
    reply_ack(channel_out(&agent->ctl), WIRE_STARTPOD, agent->pod->id);
    channel_flush(&agent->ctl);
    request_free(steal_pointer(&agent->pod));
}

void agent_configured(struct agent *agent, struct request *pod)
{
    agent->pod = request_share(pod);
    netem_links_keep(agent, pod);
    if (pod->container_count > 0)
        start_next_container(agent);
    else
        pod_is_done(agent);
}

void agent_container_started(struct agent *agent, const char *failure)
{
    if (failure) {
        reply_error(channel_out(&agent->ctl), WIRE_STARTPOD, agent->pod->id, failure);
        channel_flush(&agent->ctl);
        request_free(steal_pointer(&agent->pod));
    } else if (++agent->pod_containers < agent->pod->container_count) {
        start_next_container(agent);
    } else {
        pod_is_done(agent);
    }
}

/* -- From the host ----------------------------------------------------------------------------- */

static void refuse(struct agent *agent, uint32_t code, uint64_t id, const struct error *error)
{
    reply_error(channel_out(&agent->ctl), code, id, error->message);
}

static void take_request(struct agent *agent, const struct wire_ctl *frame)
{
    struct request *request = NULL;
    struct error error = {0};
    uint64_t id = 0;
    int code =
        request_parse(frame->code, frame->payload, frame->payload_length, &id, &request, &error);

    if (code == 0)
        code = service(agent, request, &error);
    if (code < 0)
        refuse(agent, frame->code, id, &error);
    request_free(request);
}

static void take_requests(struct agent *agent)
{
    const struct buffer *in = &agent->ctl_in.bytes;
    size_t taken = 0, n = 0;
    struct error error = {0};
    struct wire_ctl frame;
    int code;

    do {
        code = framing_ctl(&agent->ctl_in.framing, in->data + taken, in->length - taken, &frame, &n,
                           &error);
        taken += n;
        if (code > 0)
            take_request(agent, &frame);
        else if (code < 0)
            refuse(agent, frame.code, 0, &error);
        channel_flush(&agent->ctl);
    } while (code != 0);
    buffer_consume(&agent->ctl_in.bytes, taken);
}

/* False when the port has nothing more now. */
static bool read_some(int port, struct inbox *inbox)
{
    struct buffer *bytes = &inbox->bytes;
    ssize_t n;

    buffer_reserve(bytes, READ_SIZE);
    n = read(port, bytes->data + bytes->length, READ_SIZE);
    if (n > 0)
        bytes->length += (size_t)n;
    return n > 0;
}

/* The port reports an edge only: everything is read, unless the host leaves its answers lying, and
 * then the edge that comes when it takes them continues here. */
static void on_ctl(void *context)
{
    struct agent *agent = context;

    while (channel_backlog(&agent->ctl) < REPLIES_MAX && read_some(agent->ctl.fd, &agent->ctl_in))
        take_requests(agent);
    ending_progress(agent);
}

static void take_input(struct agent *agent)
{
    const struct buffer *in = &agent->io_in.bytes;
    size_t taken = 0, n = 0;
    struct error error = {0};
    struct wire_io frame;
    int code;

    do {
        code = framing_io(&agent->io_in.framing, in->data + taken, in->length - taken, &frame, &n,
                          &error);
        taken += n;
        if (code > 0)
            inlets_take(agent, &frame);
        else if (code < 0)
            inlets_refuse(agent, frame.stream, error.message);
    } while (code != 0);
    buffer_consume(&agent->io_in.bytes, taken);
}

static void read_io(void *context)
{
    struct agent *agent = context;
    int reads = 0;

    while (reads < READS_MAX && read_some(agent->io.fd, &agent->io_in)) {
        take_input(agent);
        reads++;
    }
    if (reads == READS_MAX)
        loop_post(agent->loop, read_io, agent);
}

/* What wakes io is room for what waits, or input, or both. */
static void on_io(void *context)
{
    struct agent *agent = context;

    streams_resume(agent);
    read_io(agent);
    ending_progress(agent);
}

/* A look at the child before it is reaped: while it is a zombie, its process group cannot be
 * another's. */
static void on_child(void *context, int number)
{
    struct agent *agent = context;
    siginfo_t info = {0};

    (void)number;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
        processes_dying(agent, info.si_pid);
        if (waitpid(info.si_pid, NULL, 0) == info.si_pid && !processes_reaped(agent, &info))
            containers_reaped(agent, &info);
        info.si_pid = 0;
    }
    streams_resume(agent);
    channel_flush(&agent->ctl);
    ending_progress(agent);
}

/* -- Life -------------------------------------------------------------------------------------- */

static void send_ready(struct agent *agent)
{
    cleanup_buffer struct buffer timers = {0};
    struct tick_device tick;
    struct timespec uptime;
    struct utsname system;
    bool is_known;

    is_known =
        files_read("/proc/timer_list", &timers, NULL) == 0 && tick_device_read(timers.data, &tick);
    clock_gettime(CLOCK_BOOTTIME, &uptime);
    uname(&system);
    reply_ready(channel_out(&agent->ctl), system.release,
                (uint64_t)uptime.tv_sec * 1000 + (uint64_t)uptime.tv_nsec / NS_PER_MS, clock_ns(),
                is_known ? &tick : NULL);
    channel_flush(&agent->ctl);
}

int agent_start(struct agent *agent, int ctl, int io, bool hands_over, struct error *error)
{
    int code;

    *agent = (struct agent){.stalled_end = &agent->stalled, .hands_over = hands_over};
    code = loop_new(&agent->loop, error);
    if (code < 0)
        return code;
    ending_init(agent);
    code = loop_signal(agent->loop, SIGCHLD, on_child, agent, error);
    if (code == 0)
        code = channel_open(&agent->ctl, agent->loop, ctl, on_ctl, agent, error);
    if (code == 0)
        code = channel_open(&agent->io, agent->loop, io, on_io, agent, error);
    if (code == 0)
        send_ready(agent);
    return code;
}

bool agent_serve(struct agent *agent)
{
    uint64_t power_off_id;

    loop_run(agent->loop);
    power_off_id = agent->ending.power_off_id;
    channel_finish(&agent->io);
    console_drain(); /* the host ends the machine at the acknowledgement, and a token may be last */
    if (power_off_id)
        reply_ack(channel_out(&agent->ctl), WIRE_DESTROYPOD, power_off_id);
    else
        reply_ack(channel_out(&agent->ctl), WIRE_STARTPOD, agent->pod->id);
    channel_finish(&agent->ctl);
    return !power_off_id;
}
