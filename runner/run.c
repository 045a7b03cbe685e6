#include "runner/run.h"

#include "base/fs.h"
#include "base/memory.h"
#include "runner/image.h"
#include "runner/report.h"
#include "runner/rundata.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct suite_run {
    struct session *session;
    const struct suite *suite;
    const struct run_options *options;
    struct run_result result;
    char *directory; /* of this run: results, absolute */
    char *shown;     /* the same, as the user should read it */
    int name_width;
    size_t total, number; /* of the selected cases */
    size_t interrupted;
    const char *case_name;
    uint64_t case_started_ns;
    struct timer *clock; /* has the live line's seconds go on */
    char activity[256];
};

/* -- Selection --------------------------------------------------------------------------------- */

static bool part_matches(const char *name, const char *only)
{
    cleanup_free char *parts = xstrdup(name);
    char *state = NULL;

    for (char *part = strtok_r(parts, ",", &state); part; part = strtok_r(NULL, ",", &state))
        if (fnmatch(only, part, 0) == 0)
            return true;
    return false;
}

bool run_selects(const struct suite_case *suite_case, const char *only)
{
    if (!only || fnmatch(only, suite_case->name, 0) == 0 || part_matches(suite_case->name, only))
        return true;
    for (size_t i = 0; i < suite_case->tags.count; i++)
        if (fnmatch(only, suite_case->tags.items[i], 0) == 0)
            return true;
    return false;
}

/* -- The live line ----------------------------------------------------------------------------- */

static void show_live(struct suite_run *run)
{
    terminal_status(run->session->options.terminal, "  %zu/%zu %s  %.0f s  %s", run->number,
                    run->total, run->case_name,
                    (double)(clock_ns() - run->case_started_ns) / NS_PER_S, run->activity);
}

static void on_activity(void *context, const char *text)
{
    struct suite_run *run = context;

    if (strcmp(run->activity, text) != 0)
        terminal_detail(run->session->options.terminal, "%s: %s", run->case_name, text);
    snprintf(run->activity, sizeof run->activity, "%s", text);
    show_live(run);
}

static void on_clock(void *context)
{
    struct suite_run *run = context;

    show_live(run);
    timer_start(run->clock, NS_PER_S);
}

/* -- One case ---------------------------------------------------------------------------------- */

struct image_work {
    struct image_options options;
    const struct suite_case *suite_case;
    struct plan *plan;
};

static int make_images(void *context, struct error *error)
{
    struct image_work *work = context;
    int code = 0;

    for (size_t i = 0; i < work->suite_case->node_count && code == 0; i++) {
        char *path = NULL;

        code = image_make(&work->options, &work->suite_case->nodes[i], &path, error);
        work->plan->machines[i].spec.initrd = path;
    }
    return code;
}

static void drop_other_images(const struct session *session, const struct plan *plan)
{
    cleanup_free const char **used = xcalloc(plan->machine_count, sizeof *used);

    for (size_t i = 0; i < plan->machine_count; i++)
        used[i] = plan->machines[i].spec.initrd;
    image_keep_only(session->rundir.path, used, plan->machine_count);
}

static int refuse_impairments(const struct suite_case *suite_case, struct error *error)
{
    static const struct suite_impair none = {0};

    for (size_t i = 0; i < suite_case->link_count; i++)
        if (memcmp(&suite_case->links[i].impair, &none, sizeof none) != 0)
            return error_set(error, ENOTSUP,
                             "link %s asks for an impairment, which this version of duet cannot "
                             "make: leave `impair:` out, or use tc-netem in a node",
                             suite_case->links[i].name);
    return 0;
}

static int make_plan(struct suite_run *run, const struct suite_case *suite_case,
                     const struct kernel *kernel, struct plan *plan, struct error *error)
{
    struct session *session = run->session;
    struct image_work work = {.options = {.kernel = kernel,
                                          .cache_dir = session->cache_dir,
                                          .runtime_dir = session->rundir.path},
                              .suite_case = suite_case,
                              .plan = plan};
    struct plan_options options = {.suite_case = suite_case,
                                   .case_index = ++session->case_count,
                                   .runtime_dir = session->rundir.path,
                                   .emulator = session->emulator,
                                   .kernel = kernel->image,
                                   .no_acpi = kernel->no_acpi,
                                   .accel = session->accel,
                                   .tsc_khz = session->tsc_khz};
    int code = refuse_impairments(suite_case, error);

    if (code == 0)
        code = plan_make(&options, plan, error);
    if (code == 0)
        code = session_block(session, make_images, &work, error);
    if (code == 0)
        drop_other_images(session, plan);
    return code;
}

static void free_plan(struct plan *plan)
{
    for (size_t i = 0; i < plan->machine_count; i++)
        free((void *)plan->machines[i].spec.initrd);
    plan_free(plan);
}

static void show_result(struct suite_run *run, const struct case_run *case_run,
                        const struct case_result *result)
{
    struct terminal *terminal = run->session->options.terminal;
    cleanup_buffer struct buffer console = {0};
    const char *node = NULL;

    if (run->options->json)
        return;
    report_case(terminal, result, run->name_width);
    if (!verdict_is_bad(result->verdict))
        return;
    if (case_run)
        node = case_run_console_tail(case_run, REPORT_CONSOLE_LINES, &console);
    report_failure(terminal, result, run->shown, node, console.data ? console.data : "",
                   console.length);
}

static int keep_initrds(const struct suite_run *run, const struct suite_case *suite_case,
                        const struct plan *plan, const struct case_result *result,
                        struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < plan->machine_count && code == 0; i++) {
        cleanup_free char *name =
            xasprintf("%s/%s/initrd", result->directory, suite_case->nodes[i].name);

        code = rundata_keep(plan->machines[i].spec.initrd, run->directory, name, error);
    }
    return code;
}

static void on_ended(void *context)
{
    struct suite_run *run = context;

    loop_stop(run->session->loop);
}

static int execute(struct suite_run *run, const struct suite_case *suite_case,
                   const struct plan *plan, struct case_result *result, struct error *error)
{
    struct session *session = run->session;
    struct case_run_options options = {.loop = session->loop,
                                       .host = session->host,
                                       .suite_case = suite_case,
                                       .plan = plan,
                                       .seed = run->options->seed,
                                       .run_directory = run->directory,
                                       .case_directory = result->directory,
                                       .activity = on_activity,
                                       .ended = on_ended,
                                       .context = run};
    struct case_run *case_run = NULL;
    int code = case_run_new(&options, &case_run, error);

    if (code < 0)
        return code;
    if (run->options->keep)
        code = keep_initrds(run, suite_case, plan, result, error);
    if (code < 0) {
        case_run_free(case_run);
        return code;
    }
    session->running = case_run;
    case_run_start(case_run);
    loop_run(session->loop);
    session->running = NULL;
    case_run_result(case_run, result);
    timer_stop(run->clock);
    show_result(run, case_run, result);
    case_run_free(case_run);
    return 0;
}

static int run_case(struct suite_run *run, const struct suite_case *suite_case,
                    struct case_result *result, struct error *error)
{
    const struct kernel *kernel = NULL;
    struct plan plan = {0};
    int code;

    run->case_name = suite_case->name;
    run->case_started_ns = clock_ns();
    on_activity(run, "preparing its images");
    on_clock(run);
    code = session_kernel(run->session, suite_case->kernel, &kernel, error);
    if (code == 0)
        rundata_describe_kernel(kernel, &result->kernel);
    if (code == 0)
        code = make_plan(run, suite_case, kernel, &plan, error);
    if (code == 0)
        code = execute(run, suite_case, &plan, result, error);
    timer_stop(run->clock);
    free_plan(&plan);
    return code;
}

static struct case_result *add_result(struct suite_run *run, const struct suite_case *suite_case)
{
    struct case_result *result = run_result_add_case(&run->result);

    result->name = xstrdup(suite_case->name);
    result->slug = xstrdup(suite_case->slug);
    result->kernel.name = xstrdup(suite_case->kernel);
    result->directory = xstrdup(suite_case->slug);
    run->number++;
    return result;
}

/* A case that duet cannot run is an `error` of that case, and the others go on. */
static void take_case(struct suite_run *run, const struct suite_case *suite_case)
{
    struct case_result *result = add_result(run, suite_case);
    struct error error;

    if (suite_case->skip) {
        result->verdict = VERDICT_SKIPPED;
        result->reason = xstrdup(suite_case->skip);
        show_result(run, NULL, result);
    } else if (run_case(run, suite_case, result, &error) < 0) {
        result->verdict = VERDICT_ERROR;
        result->reason = xstrdup(error.message);
        show_result(run, NULL, result);
    }
    if (run->session->cancel_seen && result->verdict == VERDICT_ERROR)
        run->interrupted++;
}

/* What the user ended before it began says nothing, and must not look as if it did. */
static void leave_case(struct suite_run *run, const struct suite_case *suite_case)
{
    struct case_result *result = add_result(run, suite_case);

    result->verdict = VERDICT_ERROR;
    result->reason = xstrdup("interrupted");
    run->interrupted++;
}

/* -- The run ----------------------------------------------------------------------------------- */

static void count_cases(struct suite_run *run)
{
    for (size_t i = 0; i < run->suite->case_count; i++) {
        const struct suite_case *suite_case = &run->suite->cases[i];
        int width = (int)strlen(suite_case->name);

        if (!run_selects(suite_case, run->options->only))
            continue;
        run->total++;
        run->name_width = width > run->name_width ? width : run->name_width;
    }
}

static void show_heading(const struct suite_run *run, const struct kernel *kernel)
{
    if (run->options->json)
        return;
    fprintf(run->session->options.terminal->out,
            "%s: %zu case%s, kernel %s, %s, seed %" PRIu64 "\n", run->suite->name, run->total,
            run->total == 1 ? "" : "s", kernel->release ? kernel->release : kernel->name,
            vm_accel_name(run->session->accel), run->options->seed);
    fflush(run->session->options.terminal->out);
}

/* The suite's first kernel decides the accelerator, for the whole invocation. */
static int start_host(struct suite_run *run, const struct kernel **kernel, struct error *error)
{
    const char *spec = NULL;
    int code;

    for (size_t i = 0; i < run->suite->case_count && !spec; i++)
        if (run_selects(&run->suite->cases[i], run->options->only))
            spec = run->suite->cases[i].kernel;
    code = session_kernel(run->session, spec, kernel, error);
    if (code < 0 || run->session->host)
        return code;
    code = session_start_host(run->session, *kernel, error);
    if (code == 0 && run->session->accel == VM_ACCEL_TCG && run->session->accel_reason[0])
        terminal_say(run->session->options.terminal, "no KVM, guests run under TCG: %s",
                     run->session->accel_reason);
    return code;
}

static int write_results(struct suite_run *run, struct error *error)
{
    cleanup_free char *json = xasprintf("%s/results.json", run->directory);
    int code = results_write_json(&run->result, json, error);

    if (code == 0 && run->options->junit)
        code = results_write_junit(&run->result, run->options->junit, error);
    if (code == 0 && run->options->tap)
        code = results_write_tap(&run->result, run->options->tap, error);
    if (code == 0)
        code = rundata_point_latest(run->options->results, run->directory, error);
    return code;
}

static int print_json(const struct suite_run *run, struct error *error)
{
    cleanup_free char *json = xasprintf("%s/results.json", run->directory);
    cleanup_buffer struct buffer text = {0};
    int code = fs_read(json, SIZE_MAX / 2, &text, error);

    if (code == 0)
        fwrite(text.data, 1, text.length, run->session->options.terminal->out);
    return code;
}

/* libvirt makes its log when it has something to say. */
static void keep_libvirt_log(const struct suite_run *run)
{
    cleanup_free char *log = xasprintf("%s/libvirt.log", run->session->rundir.path);
    struct error error;

    if (fs_exists(log) && rundata_keep(log, run->directory, "libvirt.log", &error) < 0)
        terminal_say(run->session->options.terminal, "%s", error.message);
}

static int run_cases(struct suite_run *run, struct error *error)
{
    const struct kernel *kernel = NULL;
    uint64_t started_ns = clock_ns();
    int code = start_host(run, &kernel, error);

    if (code < 0 && !run->session->cancel_seen)
        return code;
    rundata_describe_host(run->session, kernel, &run->result.host);
    if (code == 0)
        show_heading(run, kernel);
    for (size_t i = 0; i < run->suite->case_count; i++) {
        const struct suite_case *suite_case = &run->suite->cases[i];

        if (!run_selects(suite_case, run->options->only))
            continue;
        if (run->session->cancel_seen)
            leave_case(run, suite_case);
        else
            take_case(run, suite_case);
    }
    run->result.duration_s = (double)(clock_ns() - started_ns) / NS_PER_S;
    if (run->options->keep)
        keep_libvirt_log(run);
    code = write_results(run, error);
    if (code < 0)
        return error_context(error, "the results of this run are not whole");
    if (run->options->json)
        return print_json(run, error);
    report_summary(run->session->options.terminal, &run->result, run->interrupted, run->shown);
    return 0;
}

int run_suite(struct session *session, const struct suite *suite, const struct run_options *options,
              int *exit_status, struct error *error)
{
    struct suite_run run = {.session = session, .suite = suite, .options = options};
    int code;

    count_cases(&run);
    run.result.suite = xstrdup(suite->name);
    run.result.seed = options->seed;
    run.clock = loop_timer(session->loop, on_clock, &run);
    code = rundata_make_directory(options->results, suite->name, &run.result.started,
                                  &run.directory, &run.shown, error);
    if (code == 0)
        code = run_cases(&run, error);
    if (code == 0)
        *exit_status = run_result_exit_status(&run.result);
    else if (run.directory)
        rmdir(run.directory); /* where nothing came of the run; evidence stays */
    timer_free(run.clock);
    run_result_free(&run.result);
    free(run.directory);
    free(run.shown);
    return code;
}
