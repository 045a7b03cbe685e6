/* A container's life:
 *
 *   STARTING -> the sandbox stands, its command runs: RUNNING
 *   STARTING, RUNNING -> the command or the sandbox ends: STOPPING, everything in it is killed
 *   STOPPING -> everything is gone: STOPPED; or STARTING again; or, of one that never ran, REMOVING
 *   STOPPED -> REMOVECONTAINER: REMOVING -> its files are gone: it is */
#include "initrd/init/container.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/ending.h"
#include "initrd/init/errand.h"
#include "initrd/init/fail.h"
#include "initrd/init/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static const uint64_t patience_ns = NS_PER_S; /* from SIGTERM to SIGKILL */

static const char *name_of(const struct container *container)
{
    return container->request->container;
}

static struct container *find(const struct agent *agent, const char *name)
{
    struct container *container = agent->containers;

    while (container && strcmp(name_of(container), name) != 0)
        container = container->next;
    return container;
}

int container_find(const struct agent *agent, const char *name, struct container **out,
                   struct error *error)
{
    struct container *container = find(agent, name);

    if (!container)
        return error_set(error, ENOENT, "there is no container %s", name);
    *out = container;
    return 0;
}

int container_find_running(const struct agent *agent, const char *name, struct container **out,
                           struct error *error)
{
    int code;

    *out = NULL;
    if (!name)
        return 0;
    code = container_find(agent, name, out, error);
    if (code == 0 && (*out)->state != CONTAINER_RUNNING)
        return error_set(error, ESRCH, "the container %s does not run", name);
    return code;
}

bool containers_await(const struct agent *agent, uint64_t id)
{
    const struct container *container = agent->containers;

    while (container && !(container->asked && container->asked->id == id))
        container = container->next;
    return container != NULL;
}

pid_t container_sandbox(const struct container *container)
{
    return container->sandbox;
}

bool container_holds(const struct container *container, const struct process *process)
{
    return process == container->main && container->state != CONTAINER_STOPPED;
}

static void container_free(struct container *container)
{
    struct container **at = &container->agent->containers;

    while (*at != container)
        at = &(*at)->next;
    *at = container->next;
    timer_free(container->patience);
    request_free(container->request);
    request_free(container->asked);
    request_free(container->removal);
    free(container->directory);
    free(container->failure);
    free(container);
}

/* Says how the start went that was asked for. */
static void answer(struct container *container, const char *failure)
{
    struct request *asked = steal_pointer(&container->asked);
    struct buffer *ctl = channel_out(&container->agent->ctl);

    if (!asked)
        return;
    if (container->with_pod && asked == container->request)
        agent_container_started(container->agent, failure);
    else if (failure)
        reply_error(ctl, asked->code, asked->id, failure);
    else
        reply_ack(ctl, asked->code, asked->id);
    channel_flush(&container->agent->ctl);
    request_free(asked);
}

/* -- Stopping ---------------------------------------------------------------------------------- */

static void progress(struct container *container);

/* What has joined the mounts alone does not die with the sandbox. */
static void end_errands(const struct container *container)
{
    struct process *process = container->agent->processes;

    for (; process; process = process->next)
        if (process->container == container && !process->is_command)
            process_abort(process, "the container has stopped");
}

static void stop(struct container *container)
{
    if (container->state != CONTAINER_STARTING && container->state != CONTAINER_RUNNING)
        return;
    container->state = CONTAINER_STOPPING;
    if (container->sandbox)
        kill(container->sandbox, SIGKILL);
    end_errands(container);
}

static void fail_start(struct container *container, const char *reason)
{
    if (!container->failure)
        container->failure = xstrdup(reason);
    stop(container);
    progress(container);
}

static void on_patience(void *context)
{
    stop(context);
}

void container_ask_to_stop(struct container *container)
{
    kill(-container->main->pid, SIGTERM);
    timer_start(container->patience, patience_ns);
}

/* Nobody knows it from here on; what waited for it goes on. */
static void release_members(struct container *container)
{
    struct process *next;

    for (struct process *process = container->agent->processes; process; process = next) {
        next = process->next;
        if (process->container != container)
            continue;
        process->container = NULL;
        if (process->readiness)
            process_abandon_readiness(process);
        else
            process_progress(process);
    }
}

/* -- Removing ---------------------------------------------------------------------------------- */

static int remove_files(const struct errand *errand, struct report *report)
{
    return sandbox_remove(errand->path, &report->error);
}

static struct container *find_removed(const struct process *remover)
{
    struct container *container = remover->agent->containers;

    while (container && container->remover != remover)
        container = container->next;
    return container;
}

static void answer_removal(struct container *container, const struct error *failure)
{
    struct request *removal = steal_pointer(&container->removal);
    struct buffer *ctl = channel_out(&container->agent->ctl);

    if (removal && failure->code)
        reply_error(ctl, removal->code, removal->id, failure->message);
    else if (removal)
        reply_ack(ctl, removal->code, removal->id);
    request_free(removal);
}

/* One that never ran goes whatever becomes of its files. */
static void on_removed(struct process *process)
{
    struct container *container = find_removed(process);
    const struct error *failure = &process->report.error;

    container->remover = NULL;
    answer_removal(container, failure);
    if (container->ran && failure->code) {
        container->state = CONTAINER_STOPPED;
        return;
    }
    answer(container, container->failure);
    container_free(container);
}

int container_begin_removal(struct container *container, struct error *error)
{
    const struct errand errand = {
        .run = remove_files, .path = container->directory, .done = on_removed};
    int code = errand_start(container->agent, &errand, &container->remover, error);

    if (code == 0)
        container->state = CONTAINER_REMOVING;
    return code;
}

/* -- Starting ---------------------------------------------------------------------------------- */

static void on_launched(struct process *process, const struct error *failure)
{
    struct container *container = process->agent->containers;

    while (container && container->main != process)
        container = container->next;
    if (!container)
        return; /* it has stopped meanwhile, and said so */
    if (failure) {
        container->main = NULL;
        fail_start(container, failure->message);
        return;
    }
    if (container->state == CONTAINER_STARTING)
        container->state = CONTAINER_RUNNING;
    container->ran = true;
    answer(container, NULL);
}

/* The streams are those of the request that asked; what runs is always NEWCONTAINER's. */
static void start_main(struct container *container)
{
    const struct exec_request *exec = &container->asked->exec;
    const struct process_launch launch = {
        .code = container->asked->code,
        .id = container->asked->id,
        .request = container->request,
        .streams = {exec->stdin_stream, exec->stdout_stream, exec->stderr_stream},
        .container = container,
        .launched = on_launched};
    struct error error = {0};

    if (ending_check(container->agent, &error) < 0 ||
        process_launch(container->agent, &launch, &container->main, &error) < 0)
        fail_start(container, error.message);
}

static void close_reports(struct container *container)
{
    if (container->reports < 0)
        return;
    watch_free(container->reports_watch);
    close(container->reports);
    container->reports = -1;
}

/* A sandbox that says nothing has ended, which is seen when it is reaped. */
static void on_reports(void *context, uint32_t events)
{
    struct container *container = context;
    struct report report;
    int code = report_receive(container->reports, &report);

    (void)events;
    if (code == -EAGAIN)
        return;
    close_reports(container);
    if (code == 1 && report.error.code)
        fail_start(container, report.error.message);
    else if (code == 1 && container->state == CONTAINER_STARTING)
        start_main(container);
}

int container_start(struct container *container, struct request *asked, struct error *error)
{
    const struct request *request = container->request;
    const struct sandbox sandbox = {.name = name_of(container),
                                    .root = request->root,
                                    .hostname = request->hostname,
                                    .directory = container->directory,
                                    .overlay = request->overlay,
                                    .network = request->network};
    int code = sandbox_start(&sandbox, &container->sandbox, &container->reports, error);

    if (code < 0)
        return code;
    container->state = CONTAINER_STARTING;
    container->asked = request_share(asked);
    code = loop_watch(container->agent->loop, container->reports, EPOLLIN, on_reports, container,
                      &container->reports_watch, error);
    must(code, error);
    return 0;
}

int container_new(struct agent *agent, struct request *request, bool with_pod, struct error *error)
{
    struct container *container = xcalloc(1, sizeof *container);
    int code;

    *container = (struct container){.next = agent->containers,
                                    .agent = agent,
                                    .request = request_share(request),
                                    .with_pod = with_pod,
                                    .reports = -1};
    container->directory = xasprintf("/run/duet/containers/%" PRIu64, request->id);
    container->patience = loop_timer(agent->loop, on_patience, container);
    agent->containers = container;
    code = container_start(container, request, error);
    if (code < 0)
        container_free(container);
    return code;
}

/* -- What becomes of it ------------------------------------------------------------------------ */

static void start_again(struct container *container)
{
    struct request *asked = steal_pointer(&container->asked);
    struct error error = {0};
    int code = ending_check(container->agent, &error);

    if (code == 0)
        code = container_start(container, asked, &error);
    if (code < 0) {
        reply_error(channel_out(&container->agent->ctl), asked->code, asked->id, error.message);
        channel_flush(&container->agent->ctl);
    }
    request_free(asked);
}

static void stopped(struct container *container)
{
    struct error error;

    container->state = CONTAINER_STOPPED;
    timer_stop(container->patience);
    close_reports(container);
    release_members(container);
    container->main = NULL;
    if (!container->ran && container_begin_removal(container, &error) == 0)
        return;
    if (container->failure) {
        answer(container, container->failure);
        free(steal_pointer(&container->failure));
    } else if (container->asked) {
        start_again(container);
    }
}

static void progress(struct container *container)
{
    if (container->state == CONTAINER_STOPPING && !container->sandbox && container->members == 0)
        stopped(container);
}

void container_gains(struct container *container)
{
    container->members++;
}

void container_loses(struct container *container)
{
    container->members--;
    progress(container);
}

void container_reaped(struct container *container, bool was_main)
{
    container->members--;
    if (was_main)
        stop(container);
    progress(container);
}

static const char *last_words(const struct container *container, struct report *report)
{
    if (container->reports >= 0 && report_receive(container->reports, report) == 1 &&
        report->error.code)
        return report->error.message;
    return "the container's first process was killed";
}

bool containers_reaped(struct agent *agent, const siginfo_t *info)
{
    struct container *container = agent->containers;
    struct report report;

    while (container && container->sandbox != info->si_pid)
        container = container->next;
    if (!container)
        return false;
    container->sandbox = 0;
    if (container->state == CONTAINER_STARTING)
        fail_start(container, last_words(container, &report));
    stop(container);
    progress(container);
    return true;
}
