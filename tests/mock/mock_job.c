/* Commands: from the ACK to the last byte of their output. */
#include "tests/mock/mock_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* -- Jobs in general --------------------------------------------------------------------------- */

struct mock_job *mock_job_new(struct mock_agent *mock, uint64_t id, uint32_t code)
{
    struct mock_job *job = xcalloc(1, sizeof *job);

    job->mock = mock;
    job->id = id;
    job->code = code;
    job->running = true;
    job->start_ns = clock_ns();
    job->next = mock->jobs;
    mock->jobs = job;
    ids_add(&mock->ids, id);
    return job;
}

struct mock_job *mock_job_find(const struct mock_agent *mock, uint64_t id)
{
    struct mock_job *job = mock->jobs;

    while (job && job->id != id)
        job = job->next;
    return job;
}

void mock_job_free(struct mock_job *job)
{
    struct mock_job **at = &job->mock->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (job->in)
        job->in->job = NULL;
    if (job->out)
        mock_stream_free(job->mock, job->out);
    if (job->err)
        mock_stream_free(job->mock, job->err);
    timer_free(job->deadline);
    mock_command_clear(&job->plan);
    buffer_free(&job->content);
    free(job->ready_text);
    free(job->path);
    free(job);
}

/* -- Commands ---------------------------------------------------------------------------------- */

static int check_stream(const struct mock_agent *mock, uint64_t number, bool to_host,
                        struct error *error)
{
    const struct mock_stream *stream = number ? mock_stream_find(mock, number, to_host) : NULL;

    return stream ? error_set(error, EEXIST, "stream %" PRIu64 " is in use", number) : 0;
}

int mock_job_check(const struct mock_agent *mock, uint64_t id, const struct exec_request *streams,
                   struct error *error)
{
    int code = 0;

    if (ids_have(&mock->ids, id))
        code = error_set(error, EEXIST, "there was a command %" PRIu64 " before", id);
    if (code == 0)
        code = check_stream(mock, streams->stdin_stream, false, error);
    if (code == 0)
        code = check_stream(mock, streams->stdout_stream, true, error);
    return code < 0 ? code : check_stream(mock, streams->stderr_stream, true, error);
}

static void say_ready(struct mock_job *job)
{
    job->ready = READY_NONE;
    reply_command_ready(&job->mock->ctl.out, job->id, (clock_ns() - job->start_ns) / NS_PER_MS);
}

/* The text is looked for in one piece of output. */
static void look_for_readiness(struct mock_job *job, const void *bytes, size_t count)
{
    if (job->ready == READY_OUTPUT && !job->plan.unready && count > 0 &&
        memmem(bytes, count, job->ready_text, strlen(job->ready_text)))
        say_ready(job);
}

void mock_job_print(struct mock_job *job, bool errors, const void *bytes, size_t count)
{
    mock_stream_append(errors && job->err ? job->err : job->out, bytes, count);
    look_for_readiness(job, bytes, count);
}

static void finish(struct mock_job *job)
{
    struct finish finish = {.status = job->status,
                            .signal = job->signal,
                            .timed_out = job->timed_out,
                            .duration_ms = (clock_ns() - job->start_ns) / NS_PER_MS,
                            .stdout_bytes = job->out->moved + job->plan.bytes_more,
                            .stderr_bytes = job->err ? job->err->moved : 0};

    reply_finished(&job->mock->ctl.out, job->id, &finish);
}

static void send_ends(const struct mock_job *job)
{
    unsigned char status = (unsigned char)(job->plan.lies ? job->plan.stream_status : job->status);
    struct buffer *io = &job->mock->io.out;

    if (job->err)
        wire_io_write(io, job->err->number, NULL, 0, NULL);
    wire_io_write(io, job->out->number, NULL, 0, NULL);
    wire_io_write(io, job->out->number, &status, 1, NULL);
}

/* Goes on where it can. */
static void progress(struct mock_job *job)
{
    struct mock_agent *mock = job->mock;

    if (job->running || mock_stream_pending(job->out) > 0 ||
        (job->err && mock_stream_pending(job->err) > 0))
        return;
    finish(job);
    send_ends(job);
    mock_job_free(job);
    mock_job_gone(mock);
}

void mock_job_end(struct mock_job *job, int status, int signal)
{
    struct mock_container *container = steal_pointer(&job->container);

    job->running = false;
    job->status = signal ? 128 + signal : status;
    job->signal = signal;
    timer_stop(job->deadline);
    if (container && container->main == job)
        mock_container_stopped(job->mock, container);
    progress(job);
}

/* What does not end a process by default ends none here. */
static bool is_harmless(int number)
{
    static const int harmless[] = {SIGCHLD, SIGCONT, SIGURG,  SIGWINCH,
                                   SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

    for (size_t i = 0; i < array_size(harmless); i++)
        if (number == harmless[i])
            return true;
    return false;
}

static void end_file(struct mock_job *job, int number)
{
    char reason[64];

    snprintf(reason, sizeof reason, "it was ended by signal %d", number);
    mock_file_fail(job, reason);
}

void mock_job_signal(struct mock_job *job, int number)
{
    if (is_harmless(number))
        return;
    if (mock_job_is_file(job))
        end_file(job, number);
    else if (number == SIGKILL || !job->plan.stubborn)
        mock_job_end(job, 0, number);
}

void mock_job_terminate(struct mock_job *job)
{
    mock_job_signal(job, job->plan.stubborn ? SIGKILL : SIGTERM);
}

static void on_deadline(void *context)
{
    struct mock_job *job = context;
    struct mock_agent *mock = job->mock;

    job->timed_out = true;
    mock_job_terminate(job);
    mock_flush(mock);
}

static bool reads_input(const struct mock_command *plan)
{
    return plan->echo || plan->drains;
}

/* A process that listens somewhere, and goes on, or was a daemon's parent. */
static bool becomes_ready(const struct mock_job *job)
{
    const struct mock_command *plan = &job->plan;

    return job->ready != READY_NONE && job->ready != READY_OUTPUT && !plan->unready &&
           (plan->stays || (reads_input(plan) && job->in) ||
            (plan->status == 0 && plan->signal == 0));
}

static void begin(struct mock_job *job)
{
    const struct mock_command *plan = &job->plan;

    if (job->in)
        mock_stream_grant(job->mock, job->in, WIRE_WINDOW);
    job->out->floods = plan->floods;
    if (becomes_ready(job))
        say_ready(job);
    mock_job_print(job, false, plan->output.data, plan->output.length);
    mock_job_print(job, true, plan->errors.data, plan->errors.length);
    job->out->zeros = plan->zeros;
    if (!plan->stays && !(reads_input(plan) && job->in))
        mock_job_end(job, plan->status, plan->signal);
}

static struct mock_stream *open_stream(struct mock_job *job, uint64_t number, bool to_host)
{
    return number ? mock_stream_new(job->mock, number, to_host, job) : NULL;
}

void mock_command_run(struct mock_agent *mock, uint64_t id, const struct exec_request *exec,
                      const struct exec_request *streams, struct mock_container *container)
{
    struct mock_job *job = mock_job_new(mock, id, WIRE_EXECCMD);

    job->plan = mock_plan_take(mock, id);
    job->container = container;
    if (container && !container->main)
        container->main = job;
    job->ready = exec->ready;
    job->ready_text = exec->ready_text ? xstrdup(exec->ready_text) : NULL;
    job->terminal = exec->terminal;
    job->out = open_stream(job, streams->stdout_stream, true);
    job->err = open_stream(job, streams->stderr_stream, true);
    job->in = open_stream(job, streams->stdin_stream, false);
    job->deadline = loop_timer(mock->options.loop, on_deadline, job);
    if (exec->timeout_ms)
        timer_start(job->deadline, exec->timeout_ms * NS_PER_MS);
    begin(job);
}

/* -- Its streams ------------------------------------------------------------------------------- */

static void take_end(struct mock_job *job)
{
    job->in = NULL;
    if (job->running && reads_input(&job->plan) && !job->plan.stays)
        mock_job_end(job, job->plan.status, job->plan.signal);
}

void mock_job_input(struct mock_job *job, const char *bytes, size_t count)
{
    if (mock_job_is_file(job)) {
        mock_file_input(job, bytes, count);
    } else if (count == 0) {
        take_end(job);
    } else if (job->running && job->plan.echo) {
        job->owed += count;
        mock_job_print(job, false, bytes, count);
    } else if (job->running && job->plan.drains) {
        mock_stream_taken(job->mock, job->in, count);
    }
}

/* The stream stays until the host closes it, and what comes until then is dropped. */
void mock_job_refuse_input(struct mock_job *job, const char *reason)
{
    job->in->job = NULL;
    job->in = NULL;
    if (mock_job_is_file(job))
        mock_file_fail(job, reason);
    else
        take_end(job);
}

void mock_job_sent(struct mock_job *job, size_t count)
{
    size_t taken = job->owed < count ? (size_t)job->owed : count;

    job->owed -= taken;
    if (job->in && taken > 0)
        mock_stream_taken(job->mock, job->in, taken);
    if (mock_job_is_file(job))
        mock_file_progress(job);
    else
        progress(job);
}
