#include "runner/cases.h"

#include "base/memory.h"
#include "runner/case_run.h"
#include "runner/image.h"
#include "runner/job.h"
#include "runner/keep.h"
#include "runner/live.h"
#include "runner/report.h"
#include "runner/schedule.h"

#include <string.h>

#define QEMU_BYTES (64ull << 20) /* what a QEMU takes beside its guest's memory */

struct cases;

struct slot {
    struct cases *cases;
    const struct cases_item *item;
    struct job *job;   /* NULL: not begun, or over */
    struct keep *keep; /* NULL: its machines are not held */
    uint64_t started_ns;
    char *activity;
};

struct cases {
    const struct cases_options *options;
    struct templates *templates; /* NULL: nodes are booted */
    struct slot *slots;
    struct schedule schedule; /* its cases are the slots' */
    struct timer *clock;      /* has the live view's seconds go on */
    struct timer *advance;    /* fires at once: many changes of one moment are looked at together */
    bool has_held, holds;     /* the machines of a case: ever, now */
    size_t done, interrupted;
    int name_width;
};

uint64_t cases_memory(const struct suite_case *suite_case)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < suite_case->node_count; i++)
        bytes += suite_case->nodes[i].memory_bytes + QEMU_BYTES;
    return bytes;
}

static struct schedule_case *scheduled(const struct slot *slot)
{
    return &slot->cases->schedule.cases[slot - slot->cases->slots];
}

/* -- What the user sees ------------------------------------------------------------------------ */

static void redraw(struct cases *cases)
{
    struct terminal *terminal = cases->options->session->options.terminal;
    cleanup_free struct live_case *running = xcalloc(cases->options->jobs, sizeof *running);
    struct live_counts counts = {.total = cases->options->count, .done = cases->done};
    size_t count = 0;

    if (!terminal->live || cases->holds)
        return;
    for (size_t i = 0; i < cases->options->count; i++) {
        const struct slot *slot = &cases->slots[cases->schedule.order[i]];

        if (!slot->job)
            continue;
        if (scheduled(slot)->state == SCHEDULE_RUNNING)
            running[count++] =
                (struct live_case){.name = slot->item->suite_case->name,
                                   .age_s = (clock_ns() - slot->started_ns) / NS_PER_S,
                                   .activity = slot->activity ? slot->activity : ""};
        else
            counts.prepared += job_is_prepared(slot->job);
    }
    live_show(terminal, running, count, &counts);
}

static void on_clock(void *context)
{
    struct cases *cases = context;

    timer_start(cases->advance, 0);
    timer_start(cases->clock, NS_PER_S);
}

static void on_activity(void *context, const char *text)
{
    struct slot *slot = context;

    if (slot->activity && strcmp(slot->activity, text) == 0)
        return;
    timer_start(slot->cases->advance, 0);
    if (*text && !slot->cases->holds) /* a shell may have the terminal */
        terminal_detail(slot->cases->options->session->options.terminal, "%s: %s",
                        slot->item->suite_case->name, text);
    free(slot->activity);
    slot->activity = xstrdup(text);
}

static void show_result(const struct slot *slot)
{
    const struct cases_options *options = slot->cases->options;
    struct terminal *terminal = options->session->options.terminal;
    const struct case_result *result = slot->item->result;
    cleanup_buffer struct buffer console = {0};
    const char *node = NULL;

    if (options->quiet)
        return;
    report_case(terminal, result, slot->cases->name_width);
    if (!verdict_is_bad(result->verdict))
        return;
    if (slot->job)
        node = job_console_tail(slot->job, REPORT_CONSOLE_LINES, &console);
    report_failure(terminal, result, options->shown, node, console.data ? console.data : "",
                   console.length);
}

/* -- A case that has failed and is held -------------------------------------------------------- */

static void on_over(void *context, int status)
{
    struct slot *slot = context;
    bool is_paused = slot->cases->options->on_fail == ON_FAIL_PAUSE;

    (void)status; /* the verdict stands */
    slot->cases->holds = false;
    case_run_release(job_case_run(slot->job), is_paused);
}

static void say_why(const struct slot *slot, const struct node *node)
{
    struct terminal *terminal = slot->cases->options->session->options.terminal;
    const char *reason = node_reason(node);

    terminal_clear(terminal);
    terminal_say(terminal, "%s: %s: %s: %s", slot->item->suite_case->name,
                 verdict_name(node_verdict(node)), node_name(node), reason ? reason : "");
    terminal_say(terminal, "what it left so far: %s/%s", slot->cases->options->shown,
                 slot->item->result->directory);
}

static void hold(struct slot *slot)
{
    const struct cases_options *options = slot->cases->options;
    struct case_run *run = job_case_run(slot->job);
    cleanup_free char *directory =
        xasprintf("%s/%s", options->run_directory, slot->item->result->directory);
    struct keep_options keep = {.session = options->session,
                                .suite = options->suite,
                                .suite_case = slot->item->suite_case,
                                .run = run,
                                .kernel = slot->item->kernel->image,
                                .directory = directory,
                                .how =
                                    options->on_fail == ON_FAIL_PAUSE ? KEEP_PAUSED : KEEP_FAILED,
                                .node = case_run_decides(run),
                                .over = on_over,
                                .context = slot};
    struct error error;
    size_t count;

    slot->cases->has_held = slot->cases->holds = true;
    say_why(slot, case_run_nodes(run, &count)[keep.node]);
    if (keep_start(&keep, &slot->keep, &error) == 0)
        return;
    terminal_say(options->session->options.terminal, "its machines cannot be held: %s",
                 error.message);
    on_over(slot, 0);
}

static void on_held(void *context)
{
    struct slot *slot = context;

    if (slot->keep)
        keep_look(slot->keep);
    else if (slot->cases->has_held)
        case_run_release(job_case_run(slot->job), false);
    else
        hold(slot);
}

/* -- A case from its begin to its end ---------------------------------------------------------- */

/* What the user ended before it began says nothing, and must not look as if it did. */
static void end_case(struct slot *slot)
{
    struct cases *cases = slot->cases;
    bool began = scheduled(slot)->state == SCHEDULE_RUNNING;

    if (cases->options->session->cancel_seen && slot->item->result->verdict == VERDICT_ERROR)
        cases->interrupted++;
    if (began)
        show_result(slot);
    if (began && cases->options->ends)
        cases->options->ends(cases->options->context, slot->item);
    scheduled(slot)->state = SCHEDULE_OVER;
    job_free(slot->job);
    slot->job = NULL;
    cases->done++;
    timer_start(cases->advance, 0);
}

static void end_without_job(struct slot *slot, enum verdict verdict, const char *reason)
{
    slot->item->result->verdict = verdict;
    slot->item->result->reason = xstrdup(reason);
    end_case(slot);
}

static void on_ended(void *context)
{
    struct slot *slot = context;

    keep_free(steal_pointer(&slot->keep));
    slot->cases->holds = false;
    job_result(slot->job, slot->item->result);
    end_case(slot);
}

struct image_list {
    const char **paths;
    size_t count;
};

static void add_image(void *context, const char *path)
{
    struct image_list *list = context;

    list->paths = xreallocarray(list->paths, list->count + 1, sizeof *list->paths);
    list->paths[list->count++] = path;
}

static void on_imaged(void *context)
{
    const struct cases *cases = ((struct slot *)context)->cases;
    struct image_list list = {0};

    for (size_t i = 0; i < cases->options->count; i++)
        if (cases->slots[i].job)
            job_images(cases->slots[i].job, add_image, &list);
    if (cases->templates)
        templates_images(cases->templates, add_image, &list);
    image_keep_only(cases->options->session->rundir.path, list.paths, list.count);
    free(list.paths);
}

static void make_job(struct slot *slot)
{
    const struct cases_options *options = slot->cases->options;

    if (slot->job)
        return;
    slot->job =
        job_new(&(struct job_options){.session = options->session,
                                      .suite_case = slot->item->suite_case,
                                      .kernel = slot->item->kernel,
                                      .templates = slot->cases->templates,
                                      .run_directory = options->run_directory,
                                      .case_directory = slot->item->result->directory,
                                      .seed = options->seed,
                                      .keep = options->keep,
                                      .hold = options->on_fail ? CASE_HOLD_FAILED : CASE_HOLD_NEVER,
                                      .held = on_held,
                                      .activity = on_activity,
                                      .imaged = on_imaged,
                                      .ended = on_ended,
                                      .context = slot});
}

static void start(struct slot *slot)
{
    const struct suite_case *suite_case = slot->item->suite_case;

    if (slot->cases->options->begins)
        slot->cases->options->begins(slot->cases->options->context, slot->item);
    scheduled(slot)->state = SCHEDULE_RUNNING;
    slot->started_ns = clock_ns();
    if (suite_case->skip) {
        end_without_job(slot, VERDICT_SKIPPED, suite_case->skip);
    } else if (!slot->item->kernel) {
        end_without_job(slot, VERDICT_ERROR, slot->item->trouble);
    } else {
        make_job(slot);
        job_start(slot->job);
    }
}

static void prepare(struct slot *slot)
{
    scheduled(slot)->state = SCHEDULE_AHEAD;
    make_job(slot);
    job_prepare(slot->job);
}

static void note_progress(struct cases *cases)
{
    for (size_t i = 0; i < cases->options->count; i++)
        if (cases->slots[i].job)
            scheduled(&cases->slots[i])->is_coming_up = !job_is_prepared(cases->slots[i].job);
}

static void begin_cases(struct cases *cases)
{
    enum schedule_action action;
    size_t index = 0;

    while ((action = schedule_next(&cases->schedule, &index)) != SCHEDULE_NOTHING) {
        if (action == SCHEDULE_START)
            start(&cases->slots[index]);
        else
            prepare(&cases->slots[index]);
        note_progress(cases);
    }
}

static void advance(void *context)
{
    struct cases *cases = context;

    note_progress(cases);
    if (!cases->options->session->cancel_seen)
        begin_cases(cases);
    redraw(cases);
    if (cases->done == cases->options->count)
        loop_stop(cases->options->session->loop);
}

static void on_cancel(void *context)
{
    struct cases *cases = context;

    for (size_t i = 0; i < cases->options->count; i++) {
        struct slot *slot = &cases->slots[i];

        keep_end_shell(slot->keep);
        if (slot->job)
            job_cancel(slot->job);
        else if (scheduled(slot)->state == SCHEDULE_WAITING)
            end_without_job(slot, VERDICT_ERROR, "interrupted");
    }
}

/* -- All of them ------------------------------------------------------------------------------- */

static void make_slots(struct cases *cases)
{
    const struct cases_options *options = cases->options;

    cases->slots = xcalloc(options->count, sizeof *cases->slots);
    cases->schedule.cases = xcalloc(options->count, sizeof *cases->schedule.cases);
    for (size_t i = 0; i < options->count; i++) {
        const struct cases_item *item = &options->items[i];
        bool runs = item->kernel && !item->suite_case->skip;
        int width = (int)strlen(item->suite_case->name);

        cases->slots[i] = (struct slot){.cases = cases, .item = item};
        cases->schedule.cases[i] =
            (struct schedule_case){.memory_bytes = runs ? cases_memory(item->suite_case) : 0,
                                   .can_wait = runs && case_run_can_wait(item->suite_case)};
        cases->name_width = width > cases->name_width ? width : cases->name_width;
    }
}

static size_t *make_order(const struct cases_options *options)
{
    cleanup_free double *durations = xcalloc(options->count, sizeof *durations);
    size_t *order = xcalloc(options->count, sizeof *order);

    for (size_t i = 0; i < options->count; i++)
        durations[i] = options->items[i].duration_s;
    schedule_order(durations, options->count, order);
    return order;
}

size_t cases_run(const struct cases_options *options)
{
    cleanup_free size_t *order = make_order(options);
    struct cases cases = {.options = options,
                          .schedule = {.order = order,
                                       .count = options->count,
                                       .jobs = options->jobs,
                                       .ahead = options->ahead,
                                       .memory_bytes = options->memory_bytes}};
    struct session *session = options->session;

    if (!options->cold)
        cases.templates = templates_new(
            &(struct templates_options){.session = session, .reuse = options->reuse_templates});
    make_slots(&cases);
    cases.clock = loop_timer(session->loop, on_clock, &cases);
    cases.advance = loop_timer(session->loop, advance, &cases);
    session_on_cancel(session, on_cancel, &cases);
    if (session->cancel_seen)
        on_cancel(&cases);
    timer_start(cases.advance, 0);
    timer_start(cases.clock, NS_PER_S);
    loop_run(session->loop);
    templates_end(cases.templates); /* what boots now boots for cases that were cancelled */
    session_on_cancel(session, NULL, NULL);
    timer_free(cases.clock);
    timer_free(cases.advance);
    terminal_clear(session->options.terminal);
    for (size_t i = 0; i < options->count; i++)
        free(cases.slots[i].activity);
    free(cases.slots);
    free(cases.schedule.cases);
    return cases.interrupted;
}
