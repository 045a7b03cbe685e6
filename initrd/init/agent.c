#include "initrd/init/agent.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/console.h"
#include "initrd/init/fail.h"
#include "initrd/init/identity.h"
#include "initrd/init/process.h"
#include "initrd/init/reply.h"
#include "initrd/init/request.h"
#include "initrd/init/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 16384,
    REPLIES_MAX = 1 << 20, /* bytes that wait for the host before its requests have to wait */
};

static const uint64_t power_off_grace_ns = NS_PER_S;

static bool have_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Every process is gone, and what they left in their pipes is on its way. */
void agent_process_gone(struct agent *agent)
{
    if (agent->power_off_id && !agent->processes && !have_children())
        loop_stop(agent->loop);
}

static void on_power_off_timer(void *context)
{
    struct agent *agent = context;

    if (agent->killed) {
        loop_stop(agent->loop);
        return;
    }
    agent->killed = true;
    kill(-1, SIGKILL);
    timer_start(agent->power_off_timer, power_off_grace_ns);
}

static int power_off_begin(struct agent *agent, const struct request *request, struct error *error)
{
    if (agent->power_off_id)
        return error_set(error, EALREADY, "the node is powering off already");
    agent->power_off_id = request->id;
    processes_abandon_readiness(agent);
    /* ESRCH: there is nobody. */
    if (kill(-1, SIGTERM) < 0 && errno != ESRCH)
        return error_errno(error, "cannot end the processes");
    kill(-1, SIGCONT);
    timer_start(agent->power_off_timer, power_off_grace_ns);
    return 0;
}

/* What went wrong half way cannot be undone, so there is one try. */
static int configure(struct agent *agent, struct request *request, struct error *error)
{
    int code;

    if (agent->assumed)
        return error_set(error, EALREADY, "STARTPOD came already");
    agent->assumed = true;
    agent->startpod_id = request->id;
    fail_node(request->pod.hostname);
    code = identity_assume(&request->pod, error);
    if (code < 0)
        return code;
    agent->configured = true;
    if (agent->hands_over)
        loop_stop(agent->loop); /* the ACK is the last thing sent */
    else
        reply_ack(channel_out(&agent->ctl), WIRE_STARTPOD, request->id);
    return 0;
}

static int execute(struct agent *agent, struct request **request, struct error *error)
{
    uint64_t id = (*request)->id;
    int code;

    if (agent->power_off_id)
        return error_set(error, ESHUTDOWN, "the node is powering off");
    if (!agent->configured || agent->hands_over)
        return error_set(error, EPERM,
                         agent->hands_over ? "the node runs an init of its own"
                                           : "the node has not been configured");
    code = process_start(agent, request, error);
    if (code == 0)
        reply_ack(channel_out(&agent->ctl), WIRE_EXECCMD, id);
    return code;
}

static int serve(struct agent *agent, struct request **request, struct error *error)
{
    struct buffer *out = channel_out(&agent->ctl);
    uint64_t id = (*request)->id;
    int code = 0;

    switch ((*request)->code) {
    case WIRE_STARTPOD:
        return configure(agent, *request, error);
    case WIRE_EXECCMD:
        return execute(agent, request, error);
    case WIRE_KILLCONTAINER:
        code = process_signal(agent, (*request)->target, (*request)->signal, error);
        if (code == 0)
            reply_ack(out, WIRE_KILLCONTAINER, id);
        return code;
    case WIRE_PING:
        reply_ack_with(out, WIRE_PING, id, &(const struct reply_field){"clock_ns", clock_ns()}, 1);
        return 0;
    case WIRE_DESTROYPOD: /* the ACK is the last thing sent */
        return power_off_begin(agent, *request, error);
    default:
        return error_set(error, ENOTSUP, "code %" PRIu32 " does nothing yet", (*request)->code);
    }
}

static void take_frame(struct agent *agent, const struct wire_ctl *frame)
{
    struct request *request = NULL;
    struct error error = {0};
    uint64_t id = 0;
    int code =
        request_parse(frame->code, frame->payload, frame->payload_length, &id, &request, &error);

    if (code == 0)
        code = serve(agent, &request, &error);
    if (code < 0)
        reply_error(channel_out(&agent->ctl), frame->code, id, error.message);
    channel_flush(&agent->ctl);
    request_free(request);
}

static void take_frames(struct agent *agent)
{
    size_t taken = 0;
    struct error error = {0};
    struct wire_ctl frame;
    int n;

    while ((n = wire_ctl_read(agent->in.data + taken, agent->in.length - taken, &frame, &error)) >
           0) {
        taken += (size_t)n;
        take_frame(agent, &frame);
    }
    must(n, &error);
    buffer_consume(&agent->in, taken);
}

/* The port reports an edge only: everything is read, unless the host leaves its answers lying, and
 * then the edge that comes when it takes them continues here. */
static void on_ctl(void *context)
{
    struct agent *agent = context;
    ssize_t n = 1;

    while (n > 0 && channel_backlog(&agent->ctl) < REPLIES_MAX) {
        buffer_reserve(&agent->in, READ_SIZE);
        n = read(agent->ctl.fd, agent->in.data + agent->in.length, READ_SIZE);
        if (n > 0) {
            agent->in.length += (size_t)n;
            take_frames(agent);
        }
    }
    agent_process_gone(agent);
}

/* The host sends nothing on io: what wakes it is room. */
static void on_io(void *context)
{
    struct agent *agent = context;

    streams_resume(agent);
    agent_process_gone(agent);
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
        if (waitpid(info.si_pid, NULL, 0) == info.si_pid)
            processes_reaped(agent, &info);
        info.si_pid = 0;
    }
    channel_flush(&agent->ctl);
    agent_process_gone(agent);
}

static void send_ready(struct agent *agent)
{
    struct timespec uptime;
    struct utsname system;

    clock_gettime(CLOCK_BOOTTIME, &uptime);
    uname(&system);
    reply_ready(channel_out(&agent->ctl), system.release,
                (uint64_t)uptime.tv_sec * 1000 + (uint64_t)uptime.tv_nsec / NS_PER_MS, clock_ns());
    channel_flush(&agent->ctl);
}

int agent_start(struct agent *agent, int ctl, int io, bool hands_over, struct error *error)
{
    int code;

    *agent = (struct agent){.stalled_end = &agent->stalled, .hands_over = hands_over};
    code = loop_new(&agent->loop, error);
    if (code < 0)
        return code;
    agent->power_off_timer = loop_timer(agent->loop, on_power_off_timer, agent);
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
    bool ends;

    loop_run(agent->loop);
    ends = agent->power_off_id > 0;
    channel_finish(&agent->io);
    console_drain(); /* the host ends the machine at the acknowledgement, and a token may be last */
    if (ends)
        reply_ack(channel_out(&agent->ctl), WIRE_DESTROYPOD, agent->power_off_id);
    else
        reply_ack(channel_out(&agent->ctl), WIRE_STARTPOD, agent->startpod_id);
    channel_finish(&agent->ctl);
    return !ends;
}
