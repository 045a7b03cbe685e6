#include "runner/bring_up.h"

#include "base/fs.h"
#include "base/memory.h"
#include "runner/commands.h"
#include "runner/job.h"
#include "runner/report.h"

#include <string.h>

struct bring_up {
    const struct bring_up_options *options;
    const struct kernel *kernel;
    struct templates *templates;                /* NULL: nodes are booted */
    struct job *job;                            /* NULL: it is over */
    struct keep *keep;                          /* NULL until the case is up */
    const char *run_directory, *case_directory; /* as in struct job_options */
    char *directory;                            /* both */
    char *activity;
    int status;
    int code; /* of what kept it from being kept */
    struct error error;
};

static struct terminal *terminal_of(const struct bring_up *up)
{
    return up->options->session->options.terminal;
}

/* -- Progress ---------------------------------------------------------------------------------- */

static void on_activity(void *context, const char *text)
{
    struct bring_up *up = context;

    if (up->keep || !*text || (up->activity && strcmp(up->activity, text) == 0))
        return;
    terminal_detail(terminal_of(up), "%s", text);
    terminal_status(terminal_of(up), "%s", text);
    free(up->activity);
    up->activity = xstrdup(text);
}

/* -- Kept -------------------------------------------------------------------------------------- */

static void on_over(void *context, int status)
{
    struct bring_up *up = context;

    up->status = status;
    case_run_release(job_case_run(up->job), false);
}

static void keep(struct bring_up *up)
{
    const struct bring_up_options *options = up->options;

    terminal_clear(terminal_of(up));
    up->code = keep_start(&(struct keep_options){.session = options->session,
                                                 .suite = options->suite,
                                                 .suite_case = options->suite_case,
                                                 .run = job_case_run(up->job),
                                                 .kernel = up->kernel->image,
                                                 .directory = up->directory,
                                                 .how = options->how,
                                                 .node = options->node,
                                                 .background = options->background,
                                                 .over = on_over,
                                                 .context = up},
                          &up->keep, &up->error);
    if (up->code < 0)
        case_run_release(job_case_run(up->job), false);
    else if (options->up)
        options->up(options->context);
}

static void on_held(void *context)
{
    struct bring_up *up = context;

    if (up->keep)
        keep_look(up->keep);
    else
        keep(up);
}

/* -- The end ----------------------------------------------------------------------------------- */

/* Standard output is that of the shell that there would have been. */
static void report(const struct bring_up *up)
{
    struct terminal beside = *terminal_of(up);
    struct case_result result = {.name = xstrdup(up->options->suite_case->name)};
    cleanup_buffer struct buffer console = {0};
    const char *node;

    beside.out = beside.err;
    beside.color = beside.color && beside.live;
    job_result(up->job, &result);
    node = job_console_tail(up->job, REPORT_CONSOLE_LINES, &console);
    report_case(&beside, &result, 0);
    report_failure(&beside, &result, up->run_directory, node, console.data ? console.data : "",
                   console.length);
    case_result_free(&result);
}

static void on_ended(void *context)
{
    struct bring_up *up = context;

    terminal_clear(terminal_of(up));
    if (!up->keep && up->code == 0 && !up->options->session->cancel_seen) {
        up->status = EXIT_FAILED;
        report(up);
    }
    keep_free(steal_pointer(&up->keep));
    job_free(steal_pointer(&up->job));
    loop_stop(up->options->session->loop);
}

static void on_cancel(void *context)
{
    struct bring_up *up = context;

    keep_end_shell(up->keep);
    if (up->job)
        job_cancel(up->job);
}

/* -- All of it --------------------------------------------------------------------------------- */

static int prepare(struct bring_up *up, struct error *error)
{
    const struct bring_up_options *options = up->options;
    struct session *session = options->session;
    int code = session_kernel(session, options->suite_case->kernel, &up->kernel, error);

    if (code == 0)
        code = session_start_host(session, up->kernel, error);
    if (code == 0)
        code = fs_mkdirs(up->directory, 0700, error);
    if (code == 0 && !options->cold)
        up->templates =
            templates_new(&(struct templates_options){.session = session, .reuse = true});
    return code;
}

static void run(struct bring_up *up)
{
    const struct bring_up_options *options = up->options;
    struct session *session = options->session;

    up->job = job_new(&(struct job_options){.session = session,
                                            .suite_case = options->suite_case,
                                            .kernel = up->kernel,
                                            .templates = up->templates,
                                            .run_directory = up->run_directory,
                                            .case_directory = up->case_directory,
                                            .seed = options->seed,
                                            .activity = on_activity,
                                            .hold = CASE_HOLD_UP,
                                            .held = on_held,
                                            .ended = on_ended,
                                            .context = up});
    session_on_cancel(session, on_cancel, up);
    job_start(up->job);
    if (session->cancel_seen)
        on_cancel(up);
    while (up->job)
        loop_run(session->loop);
    templates_end(up->templates);
    session_on_cancel(session, NULL, NULL);
}

int bring_up(const struct bring_up_options *options, int *status, struct error *error)
{
    struct bring_up up = {.options = options,
                          .run_directory =
                              options->kept_in ? options->kept_in : options->session->rundir.path,
                          .case_directory = options->kept_in ? options->suite_case->slug : "case"};
    int code;

    up.directory = xasprintf("%s/%s", up.run_directory, up.case_directory);
    code = prepare(&up, error);
    if (code == 0) {
        run(&up);
        code = up.code;
        if (code < 0)
            *error = up.error;
        else
            *status = up.status;
    }
    free(up.directory);
    free(up.activity);
    return code;
}
