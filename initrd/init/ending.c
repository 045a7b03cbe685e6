#include "initrd/init/ending.h"

#include "base/wire.h"
#include "initrd/init/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static const uint64_t grace_ns = NS_PER_S; /* from SIGTERM to SIGKILL, and what follows that */

static bool have_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void on_timer(void *context)
{
    struct agent *agent = context;
    struct ending *ending = &agent->ending;

    if (ending->power_off_id && ending->killed) {
        loop_stop(agent->loop);
        return;
    }
    ending->killed = true;
    kill(-1, SIGKILL);
    timer_start(ending->timer, grace_ns);
}

void ending_init(struct agent *agent)
{
    agent->ending.timer = loop_timer(agent->loop, on_timer, agent);
}

static int end_everything(struct agent *agent, struct error *error)
{
    processes_abandon_readiness(agent);
    /* ESRCH: there is nobody. */
    if (kill(-1, SIGTERM) < 0 && errno != ESRCH)
        return error_errno(error, "cannot end the processes");
    kill(-1, SIGCONT);
    agent->ending.killed = false;
    timer_start(agent->ending.timer, grace_ns);
    return 0;
}

int ending_check(const struct agent *agent, struct error *error)
{
    if (agent->ending.power_off_id)
        return error_set(error, ESHUTDOWN, "the node is powering off");
    if (agent->ending.finish_id)
        return error_set(error, ESHUTDOWN, "the processes of the node are being ended");
    return 0;
}

int ending_finish(struct agent *agent, uint64_t id, struct error *error)
{
    int code = ending_check(agent, error);

    if (code < 0)
        return code;
    agent->ending.finish_id = id;
    return end_everything(agent, error);
}

int ending_power_off(struct agent *agent, uint64_t id, struct error *error)
{
    struct ending *ending = &agent->ending;

    if (ending->power_off_id)
        return error_set(error, EALREADY, "the node is powering off already");
    if (ending->finish_id)
        reply_error(channel_out(&agent->ctl), WIRE_FINISHPOD, ending->finish_id,
                    "the node is powering off");
    ending->finish_id = 0;
    ending->power_off_id = id;
    return end_everything(agent, error);
}

void ending_progress(struct agent *agent)
{
    struct ending *ending = &agent->ending;

    if (!ending->power_off_id && !ending->finish_id)
        return;
    if (!processes_finished(agent) || have_children())
        return;
    /* What they left in their pipes is to be on its way before the machine ends. */
    if (ending->power_off_id && !agent->processes)
        loop_stop(agent->loop);
    if (!ending->finish_id)
        return;
    reply_ack(channel_out(&agent->ctl), WIRE_FINISHPOD, ending->finish_id);
    channel_flush(&agent->ctl);
    ending->finish_id = 0;
    timer_stop(ending->timer);
}
