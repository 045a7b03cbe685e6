#include "runner/run.h"

#include "base/fs.h"
#include "base/memory.h"
#include "runner/capacity.h"
#include "runner/cases_kernels.h"
#include "runner/history.h"
#include "runner/report.h"
#include "runner/rundata.h"
#include "runner/schedule.h"
#include "runner/seed.h"
#include "runner/select.h"

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
    char *directory;          /* of this run: results, absolute */
    char *shown;              /* the same, as the user should read it */
    struct cases_item *items; /* the selected cases, in the suite's order */
    size_t count;
    size_t jobs; /* at once */
    uint64_t memory_bytes;
    size_t interrupted;
};

/* -- Selection --------------------------------------------------------------------------------- */

bool run_selects(const struct suite_case *suite_case, const char *only)
{
    if (!only)
        return !suite_case->is_explicit;
    if (select_name(suite_case->name, only))
        return true;
    for (size_t i = 0; i < suite_case->tags.count; i++)
        if (fnmatch(only, suite_case->tags.items[i], 0) == 0)
            return true;
    return false;
}

int run_check_selected(const struct suite *suite, const char *only, struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < suite->case_count && code == 0; i++)
        if (run_selects(&suite->cases[i], only))
            code = suite_check_runs(&suite->cases[i], error);
    return code;
}

static void add_item(struct suite_run *run, const struct suite_case *suite_case)
{
    struct case_result *result = run_result_add_case(&run->result);

    result->name = xstrdup(suite_case->name);
    result->slug = xstrdup(suite_case->slug);
    result->kernel.name = xstrdup(suite_case->kernel);
    result->directory = xstrdup(suite_case->slug);
    run->items[run->count++].suite_case = suite_case;
}

static bool is_named(const struct suite_case *suite_case, const struct suite_texts *names)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], suite_case->name) == 0)
            return true;
    return false;
}

static bool is_wanted(const struct suite_case *suite_case, const struct run_options *options)
{
    return options->names ? is_named(suite_case, options->names)
                          : run_selects(suite_case, options->only);
}

/* The suite's order is that of the results, whatever the order in which cases end. */
static void select_cases(struct suite_run *run)
{
    run->items = xcalloc(run->suite->case_count, sizeof *run->items);
    for (size_t i = 0; i < run->suite->case_count; i++)
        if (is_wanted(&run->suite->cases[i], run->options))
            add_item(run, &run->suite->cases[i]);
    for (size_t i = 0; i < run->count; i++)
        run->items[i].result = &run->result.cases[i];
}

static void free_items(struct suite_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        free(run->items[i].trouble);
    free(run->items);
}

/* -- The host ---------------------------------------------------------------------------------- */

static int start_host(struct suite_run *run, const struct kernel *kernel, struct error *error)
{
    int code;

    if (run->session->host || !kernel)
        return 0;
    code = session_start_host(run->session, kernel, error);
    if (code == 0 && run->session->accel == VM_ACCEL_TCG && run->session->accel_reason[0])
        terminal_say(run->session->options.terminal, "no KVM, guests run under TCG: %s",
                     run->session->accel_reason);
    return code;
}

/* -- How much at once -------------------------------------------------------------------------- */

static void plan_jobs(struct suite_run *run)
{
    struct capacity capacity;
    uint64_t largest = 0;

    capacity_read("", &capacity);
    for (size_t i = 0; i < run->count; i++) {
        uint64_t bytes = cases_memory(run->items[i].suite_case);

        largest = bytes > largest ? bytes : largest;
    }
    run->memory_bytes = capacity.memory_bytes;
    run->jobs = run->options->jobs;
    if (run->options->on_fail)
        run->jobs = 1;
    else if (run->jobs == 0)
        run->jobs = schedule_jobs(capacity.cores, capacity.memory_bytes, largest);
    if (run->jobs > run->count)
        run->jobs = run->count;
}

static void look_back(struct suite_run *run)
{
    cleanup_free const char **names = xcalloc(run->count, sizeof *names);
    cleanup_free double *durations = xcalloc(run->count, sizeof *durations);

    for (size_t i = 0; i < run->count; i++)
        names[i] = run->items[i].suite_case->name;
    history_durations(run->options->results, run->suite->name, names, run->count, durations);
    for (size_t i = 0; i < run->count; i++)
        run->items[i].duration_s = durations[i];
}

/* -- The run ----------------------------------------------------------------------------------- */

static void append_kernels(const struct suite_run *run, struct buffer *out)
{
    size_t count = 0;

    for (size_t i = 0; i < run->count; i++) {
        const struct kernel *kernel = run->items[i].kernel;

        if (kernel && !cases_kernel_earlier(run->items, i))
            buffer_printf(out, "%s%s", count++ ? " and " : "",
                          kernel->release ? kernel->release : kernel->name);
    }
}

static bool is_quiet(const struct suite_run *run)
{
    return run->options->json || run->options->quiet;
}

static void show_heading(const struct suite_run *run)
{
    FILE *out = run->session->options.terminal->out;
    cleanup_buffer struct buffer kernels = {0};

    append_kernels(run, &kernels);
    if (is_quiet(run) || !kernels.data)
        return;
    fprintf(out, "%s: %zu case%s, %zu at a time, kernel %s, %s, seed %" PRIu64 "\n",
            run->suite->name, run->count, run->count == 1 ? "" : "s", run->jobs, kernels.data,
            vm_accel_name(run->session->accel), run->result.seed);
    fflush(out);
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

static void run_cases(struct suite_run *run)
{
    plan_jobs(run);
    look_back(run);
    show_heading(run);
    run->interrupted = cases_run(&(struct cases_options){
        .session = run->session,
        .suite = run->suite,
        .on_fail = run->options->on_fail,
        .items = run->items,
        .count = run->count,
        .jobs = run->jobs,
        .cold = run->options->cold,
        .reuse_templates = run->options->reuse_templates,
        .ahead = run->options->cold ? 0 : run->jobs,
        .memory_bytes = run->memory_bytes,
        .run_directory = run->directory,
        .shown = run->shown,
        .seed = run->result.seed,
        .keep = run->options->keep,
        .quiet = is_quiet(run),
    });
}

static int run_all(struct suite_run *run, struct error *error)
{
    const struct kernel *kernel = NULL;
    uint64_t started_ns = clock_ns();
    int code = cases_get_kernels(run->session, run->items, run->count, &kernel, error);

    if (code == 0)
        code = start_host(run, kernel, error);
    if (code < 0 && !run->session->cancel_seen)
        return code;
    rundata_describe_host(run->session, kernel, &run->result.host);
    run_cases(run);
    run->result.duration_s = (double)(clock_ns() - started_ns) / NS_PER_S;
    if (run->options->keep)
        keep_libvirt_log(run);
    if (run->options->told)
        run->options->told(run->options->context, &run->result);
    code = write_results(run, error);
    if (code < 0)
        return error_context(error, "the results of this run are not whole");
    if (run->options->json)
        return print_json(run, error);
    if (run->options->quiet)
        return 0;
    report_summary(run->session->options.terminal, &run->result, run->interrupted, run->shown);
    return 0;
}

static void describe_file(const struct suite *suite, struct suite_file_result *file)
{
    if (fs_realpath(suite->path, &file->path, NULL) < 0)
        file->path = NULL;
    file->digest = xstrdup(suite->digest);
    file->kernels = suite->kernels ? xstrdup(suite->kernels) : NULL;
}

int run_suite(struct session *session, const struct suite *suite, const struct run_options *options,
              int *exit_status, struct error *error)
{
    struct suite_run run = {.session = session, .suite = suite, .options = options};
    int code;

    select_cases(&run);
    run.result.suite = xstrdup(suite->name);
    describe_file(suite, &run.result.file);
    run.result.seed = seed_for(suite, options->seed_given, options->seed);
    code = rundata_make_directory(options->results, suite->name, &run.result.started,
                                  &run.directory, &run.shown, error);
    if (code == 0)
        code = run_all(&run, error);
    if (code == 0)
        *exit_status = run_result_exit_status(&run.result);
    else if (run.directory)
        rmdir(run.directory); /* where nothing came of the run; evidence stays */
    free_items(&run);
    run_result_free(&run.result);
    if (code == 0 && options->directory)
        *options->directory = steal_pointer(&run.directory);
    free(run.directory);
    free(run.shown);
    return code;
}
