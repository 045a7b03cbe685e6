#include "runner/job.h"

#include "base/fs.h"
#include "base/memory.h"
#include "runner/image.h"
#include "runner/node.h"
#include "runner/rundata.h"

#include <errno.h>
#include <string.h>

struct job {
    struct job_options options;
    size_t stage; /* the one that comes next */
    struct plan plan;
    bool has_images;
    struct node_template **templates; /* one for each machine; NULL for one that is booted */
    bool waits_for_templates;
    struct node_template *blamed; /* for its end; or NULL */
    struct case_run *case_run;    /* NULL until its machines may start */
    bool begun, started, cancelled;
    bool over; /* there is a result */
    uint64_t started_ns, over_ns;
    struct timer *tell; /* of its end */
    bool failed;        /* with `verdict` and `error`, before there was a case_run */
    enum verdict verdict;
    struct error error;
};

static void stage_done(struct job *job, int code, const struct error *error);

/* -- The plan ---------------------------------------------------------------------------------- */

static void make_plan(struct job *job)
{
    struct session *session = job->options.session;
    const struct kernel *kernel = job->options.kernel;
    struct plan_options options = {.suite_case = job->options.suite_case,
                                   .case_index = ++session->case_count,
                                   .runtime_dir = session->rundir.path,
                                   .emulator = session->emulator,
                                   .kernel = kernel->image,
                                   .no_acpi = kernel->no_acpi,
                                   .accel = session->accel,
                                   .forked = job->options.templates != NULL,
                                   .tsc_khz = session->tsc_khz,
                                   .seed = job->options.seed};
    struct error error;
    int code = plan_make(&options, &job->plan, &error);

    stage_done(job, code, &error);
}

/* -- Images ------------------------------------------------------------------------------------ */

static int keep_initrd(const struct job *job, size_t index, struct error *error)
{
    cleanup_free char *directory =
        xasprintf("%s/%s/%s", job->options.run_directory, job->options.case_directory,
                  job->options.suite_case->nodes[index].name);
    int code = fs_mkdirs(directory, 0755, error);

    return code < 0
               ? code
               : rundata_keep(job->plan.machines[index].spec.initrd, directory, "initrd", error);
}

/* On a thread. */
static int write_images(void *context, struct error *error)
{
    struct job *job = context;
    const struct image_options options = {.kernel = job->options.kernel,
                                          .suite_case = job->options.suite_case,
                                          .cache_dir = job->options.session->cache_dir,
                                          .runtime_dir = job->options.session->rundir.path};
    int code = 0;

    for (size_t i = 0; i < job->plan.machine_count && code == 0; i++) {
        char *path = NULL;

        code = image_make(&options, &job->options.suite_case->nodes[i], &path, error);
        job->plan.machines[i].spec.initrd = path;
        if (code == 0 && job->options.keep)
            code = keep_initrd(job, i, error);
    }
    return code;
}

static void on_images(void *context, int code, const struct error *error)
{
    struct job *job = context;

    job->has_images = true;
    if (job->options.imaged)
        job->options.imaged(job->options.context);
    stage_done(job, code, error);
}

static void make_images(struct job *job)
{
    job->options.activity(job->options.context, "preparing its images");
    session_work(job->options.session, write_images, on_images, job);
}

void job_images(const struct job *job, void (*use)(void *context, const char *path), void *context)
{
    for (size_t i = 0; i < job->plan.machine_count && job->has_images; i++)
        if (job->plan.machines[i].spec.initrd)
            use(context, job->plan.machines[i].spec.initrd);
}

/* -- Templates --------------------------------------------------------------------------------- */

static void stop_waiting(struct job *job)
{
    job->waits_for_templates = false;
    stage_done(job, 0, NULL);
}

static struct node_template *template_in(const struct job *job, enum template_state state)
{
    for (size_t i = 0; i < job->plan.machine_count; i++)
        if (job->templates[i] && template_state(job->templates[i]) == state)
            return job->templates[i];
    return NULL;
}

static void fail_as_template(struct job *job, struct node_template *template)
{
    job->failed = true;
    job->blamed = template;
    job->verdict = template_verdict(template);
    error_set(&job->error, EIO,
              "the template of its nodes does not boot: %s (all of its console is in "
              "%s/console.log.gz)",
              template_reason(template), template_directory(template));
}

static void look_at_templates(void *context)
{
    struct job *job = context;
    struct node_template *failed;

    if (!job->waits_for_templates)
        return;
    failed = template_in(job, TEMPLATE_FAILED);
    for (size_t i = 0; i < job->plan.machine_count && !failed; i++) {
        const struct node_template *template = job->templates[i];

        if (template && template_state(template) == TEMPLATE_BOOTING)
            return;
        if (template && template_state(template) == TEMPLATE_READY)
            job->plan.machines[i].spec.fork_of = template_snapshot(template);
    }
    if (failed)
        fail_as_template(job, failed);
    stop_waiting(job);
}

static void take_templates(struct job *job)
{
    const struct suite_case *suite_case = job->options.suite_case;

    if (!job->options.templates) {
        stage_done(job, 0, NULL);
        return;
    }
    job->templates = xcalloc(job->plan.machine_count, sizeof(struct node_template *));
    for (size_t i = 0; i < job->plan.machine_count; i++) {
        const struct template_request request = {.machine = &job->plan.machines[i].spec,
                                                 .kernel_digest = job->options.kernel->digest,
                                                 .suite_case = suite_case,
                                                 .run_directory = job->options.run_directory};

        if (!suite_case->nodes[i].init.raw)
            job->templates[i] =
                template_take(job->options.templates, &request, look_at_templates, job);
    }
    job->waits_for_templates = true;
    job->options.activity(job->options.context, "waiting for its template");
    look_at_templates(job);
}

static void release_templates(struct job *job)
{
    for (size_t i = 0; i < job->plan.machine_count && job->templates; i++)
        if (job->templates[i])
            template_release(job->templates[i], job);
    free(job->templates);
    job->templates = NULL;
}

/* -- Machines ---------------------------------------------------------------------------------- */

static void on_activity(void *context, const char *text)
{
    const struct job *job = context;

    job->options.activity(job->options.context, text);
}

static void finish(struct job *job)
{
    job->over = true;
    job->over_ns = clock_ns();
    if (job->started || job->cancelled)
        timer_start(job->tell, 0);
}

static void on_tell(void *context)
{
    struct job *job = context;

    job->options.ended(job->options.context);
}

static void drop_machines(struct job *job)
{
    case_run_free(steal_pointer(&job->case_run));
    release_templates(job);
    for (size_t i = 0; i < job->plan.machine_count; i++)
        free((void *)job->plan.machines[i].spec.initrd);
    plan_free(&job->plan);
    job->has_images = false;
}

/* A node that could not be forked says nothing of the test: the case begins anew, and boots those
 * of that shape. Each time it does there is a shape less to fork. */
static void begin_anew(struct job *job, size_t node, const char *reason)
{
    template_refuse(job->templates[node], reason);
    drop_machines(job);
    job->stage = 0;
    stage_done(job, 0, NULL);
}

static void on_ended(void *context)
{
    struct job *job = context;
    size_t node;
    const char *refusal = case_run_refusal(job->case_run, &node);

    if (refusal && !job->cancelled)
        begin_anew(job, node, refusal);
    else
        finish(job);
}

static void on_held(void *context)
{
    struct job *job = context;

    job->options.held(job->options.context);
}

static void run_machines(struct job *job)
{
    struct case_run_options options = {.loop = job->options.session->loop,
                                       .host = job->options.session->host,
                                       .suite_case = job->options.suite_case,
                                       .plan = &job->plan,
                                       .seed = job->options.seed,
                                       .run_directory = job->options.run_directory,
                                       .case_directory = job->options.case_directory,
                                       .activity = on_activity,
                                       .hold = job->options.hold,
                                       .held = on_held,
                                       .ended = on_ended,
                                       .context = job};
    struct error error;
    int code = case_run_new(&options, &job->case_run, &error);

    if (code < 0)
        stage_done(job, code, &error);
    else if (job->started)
        case_run_start(job->case_run);
    else
        case_run_prepare(job->case_run);
}

/* -- From stage to stage ----------------------------------------------------------------------- */

/* Each calls stage_done once, at once or later from the loop; the last one ends with the case. */
static void (*const stages[])(struct job *job) = {make_plan, make_images, take_templates,
                                                  run_machines};

static void stage_done(struct job *job, int code, const struct error *error)
{
    if (code == 0 && job->cancelled)
        code = error_set(&job->error, ECANCELED, "interrupted");
    else if (code < 0)
        job->error = *error;
    if (code < 0) {
        job->failed = true;
        job->verdict = VERDICT_ERROR;
    }
    if (job->failed)
        finish(job);
    else
        stages[job->stage++](job);
}

struct job *job_new(const struct job_options *options)
{
    struct job *job = xcalloc(1, sizeof *job);

    job->options = *options;
    job->tell = loop_timer(options->session->loop, on_tell, job);
    return job;
}

void job_prepare(struct job *job)
{
    if (job->begun)
        return;
    job->begun = true;
    stage_done(job, 0, NULL);
}

void job_start(struct job *job)
{
    job->started = true;
    job->started_ns = clock_ns();
    if (job->over)
        finish(job);
    else if (job->case_run)
        case_run_start(job->case_run);
    else
        job_prepare(job);
}

void job_cancel(struct job *job)
{
    job->cancelled = true;
    if (job->over)
        finish(job);
    else if (job->case_run)
        case_run_cancel(job->case_run);
    else if (job->waits_for_templates)
        stop_waiting(job);
}

struct case_run *job_case_run(struct job *job)
{
    return job->case_run;
}

bool job_is_prepared(const struct job *job)
{
    return job->over || (job->case_run && case_run_is_prepared(job->case_run));
}

void job_free(struct job *job)
{
    if (!job)
        return;
    drop_machines(job);
    timer_free(job->tell);
    free(job);
}

/* -- The result -------------------------------------------------------------------------------- */

void job_result(struct job *job, struct case_result *result)
{
    if (job->failed) {
        result->verdict = job->verdict;
        result->reason = xstrdup(job->error.message);
        if (job->started && job->over_ns > job->started_ns)
            result->duration_s = (double)(job->over_ns - job->started_ns) / NS_PER_S;
    } else {
        case_run_result(job->case_run, result);
    }
}

const char *job_console_tail(const struct job *job, size_t lines, struct buffer *out)
{
    const struct buffer *console;

    if (job->case_run)
        return case_run_console_tail(job->case_run, lines, out);
    if (!job->blamed || !template_is_news(job->blamed))
        return NULL;
    console = template_console(job->blamed);
    buffer_append(out, console->data, console->length);
    return "the template";
}
