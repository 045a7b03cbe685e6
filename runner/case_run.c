#include "base/aside.h"
#include "base/fs.h"
#include "base/memory.h"
#include "runner/case_links.h"
#include "runner/case_network.h"
#include "runner/case_run_internal.h"
#include "runner/link_control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* -- Progress ---------------------------------------------------------------------------------- */

static void tell_activity(const struct case_run *run)
{
    cleanup_buffer struct buffer text = {0};
    char activity[128];

    if (!run->options.activity)
        return;
    for (size_t i = 0; i < run->node_count; i++) {
        enum node_state state = node_state(run->nodes[i]);

        if (state == NODE_IDLE || state == NODE_DONE || state == NODE_GONE)
            continue;
        node_activity(run->nodes[i], activity, sizeof activity);
        buffer_printf(&text, "%s%s: %s", text.length ? ", " : "", node_name(run->nodes[i]),
                      activity);
    }
    run->options.activity(run->options.context, text.data ? text.data : "");
}

static bool all_in(const struct case_run *run, bool (*is)(const struct node *node))
{
    for (size_t i = 0; i < run->node_count; i++)
        if (!is(run->nodes[i]))
            return false;
    return true;
}

static bool is_gone(const struct node *node)
{
    return node_state(node) == NODE_GONE;
}

static bool is_done(const struct node *node)
{
    return node_passed(node);
}

/* A foreign init is up where it is to be judged, too, unless it has said so before. */
static bool is_standing(const struct node *node)
{
    return node_is_up(node) || node_state(node) == NODE_TOKEN;
}

static bool any_lost(const struct case_run *run)
{
    for (size_t i = 0; i < run->node_count; i++)
        if (node_is_lost(run->nodes[i]))
            return true;
    return false;
}

static bool may_go(const struct case_run *run, size_t index)
{
    const struct suite_node *spec = &run->options.suite_case->nodes[index];

    for (size_t i = 0; i < spec->after_count; i++)
        if (!node_is_up(run->nodes[spec->after[i]]))
            return false;
    return true;
}

/* A step of the first node must not meet a peer that still boots. */
static bool all_ready(const struct case_run *run)
{
    for (size_t i = 0; i < run->node_count; i++)
        if (!node_is_ready(run->nodes[i]) && !run->options.suite_case->nodes[i].init.directory)
            return false;
    return true;
}

static bool starts_late(const struct case_run *run, size_t index)
{
    return plan_starts_late(&run->options.suite_case->nodes[index]);
}

/* QEMU's end of a link connects once, so the end that serves must be there first: for links that
 * duet carries, duet is. */
static bool links_are_served(const struct case_run *run, size_t index)
{
    const struct plan_machine *machines = run->options.plan->machines;

    for (size_t i = 0; i < run->options.suite_case->link_count; i++)
        for (int side = 0; side < 2; side++) {
            const struct suite_link *link = &run->options.suite_case->links[i];
            size_t peer = link->ends[1 - side].node;

            if (!suite_link_meets_host(link) && link->ends[side].node == index &&
                machines[peer].rank < machines[index].rank &&
                node_state(run->nodes[peer]) < NODE_BOOTING)
                return false;
        }
    return true;
}

static void start_machines(struct case_run *run)
{
    for (size_t i = 0; i < run->node_count; i++)
        if (node_state(run->nodes[i]) == NODE_IDLE && links_are_served(run, i) &&
            (!starts_late(run, i) || may_go(run, i)))
            node_start(run->nodes[i]);
}

static void let_nodes_go(struct case_run *run)
{
    for (size_t i = 0; i < run->node_count; i++)
        if (node_state(run->nodes[i]) == NODE_WAITING && all_ready(run) && may_go(run, i))
            node_go(run->nodes[i]);
}

static void end_case(struct case_run *run)
{
    run->ending = true;
    timer_stop(run->timeout);
    for (size_t i = 0; i < run->node_count; i++)
        node_stop(run->nodes[i], run->at_once);
}

static void stop_watching(struct case_run *run)
{
    run->ended_ns = clock_ns();
    if (run->network)
        case_network_stop(run->network);
}

static void hold(struct case_run *run)
{
    run->held = true;
    stop_watching(run);
    timer_stop(run->timeout);
    for (size_t i = 0; i < run->node_count; i++)
        node_freeze(run->nodes[i]);
}

/* A node that could not be forked says nothing of the case. */
static bool has_failed(const struct case_run *run)
{
    return verdict_is_bad(node_verdict(run->nodes[case_run_decides(run)])) &&
           !case_run_refusal(run, NULL);
}

static void conclude(struct case_run *run)
{
    if (run->options.hold == CASE_HOLD_FAILED && has_failed(run))
        hold(run);
    else
        end_case(run);
}

/* Up to its end, or to where it is held. */
static void go_on(struct case_run *run)
{
    bool is_up = run->options.hold == CASE_HOLD_UP && all_in(run, is_standing);

    start_machines(run);
    if (run->started)
        let_nodes_go(run);
    if (any_lost(run) || (!is_up && all_in(run, is_done)))
        conclude(run);
    else if (is_up)
        hold(run);
}

/* Of what is only brought up nobody gets a result. */
static int settle_links(void *context, struct error *error)
{
    struct case_run *run = context;
    int code = case_links_close(run->links, error);

    if (code == 0 && run->options.hold != CASE_HOLD_UP)
        code = case_links_measure(run->links, error);
    return code;
}

/* As for advance. */
static void on_settled(void *context, int code, const struct error *error)
{
    struct case_run *run = context;

    if (code < 0 && code != -ECANCELED)
        run->trouble = *error;
    aside_free(steal_pointer(&run->settling));
    run->options.ended(run->options.context);
}

/* No clock of the case looks any more, so it does not matter to it how long its files take; but to
 * other cases, whose links and clocks are on the same loop. */
static void finish(struct case_run *run)
{
    run->done = true;
    if (!run->held)
        stop_watching(run);
    case_links_end(run->links);
    if (case_links_have_files(run->links) &&
        aside_start(run->options.loop, settle_links, on_settled, run, &run->settling,
                    &run->trouble) == 0)
        return;
    run->options.ended(run->options.context);
}

/* `ended` may free the run: nothing may come after this in a callback. */
static void advance(void *context)
{
    struct case_run *run = context;

    if (!run->ending && !run->held)
        go_on(run);
    if (!run->ending && run->held)
        run->options.held(run->options.context);
    else
        tell_activity(run);
    if (run->ending && !run->done && (run->started || run->at_once) && all_in(run, is_gone))
        finish(run);
}

static void on_changed(void *context)
{
    struct case_run *run = context;

    if (!run->done)
        timer_start(run->advance, 0);
}

/* A node that waits for others is not what takes so long. */
static void on_timeout(void *context)
{
    struct case_run *run = context;
    uint64_t timeout_ns = run->options.suite_case->timeout_ns;

    for (size_t i = 0; i < run->node_count; i++)
        if (node_state(run->nodes[i]) != NODE_WAITING)
            node_time_out(run->nodes[i], timeout_ns);
    for (size_t i = 0; i < run->node_count && !any_lost(run); i++)
        node_time_out(run->nodes[i], timeout_ns);
    conclude(run);
    advance(run);
}

/* -- Evidence ---------------------------------------------------------------------------------- */

static char *node_directory(const struct case_run *run, size_t index, bool absolute)
{
    const char *name = run->options.suite_case->nodes[index].name;

    if (absolute)
        return xasprintf("%s/%s/%s", run->options.run_directory, run->options.case_directory, name);
    return xasprintf("%s/%s", run->options.case_directory, name);
}

static int write_xml(const struct case_run *run, size_t index, struct error *error)
{
    cleanup_free char *directory = node_directory(run, index, true);
    cleanup_free char *path = xasprintf("%s/domain.xml", directory);
    cleanup_free char *xml = vm_domain_xml(&run->options.plan->machines[index].spec);

    return fs_write(path, xml, strlen(xml), 0644, error);
}

/* -- Links ------------------------------------------------------------------------------------- */

static void on_lied(void *context, size_t node, const char *message)
{
    const struct case_run *run = context;

    node_link_lied(run->nodes[node], message);
}

static int make_links(struct case_run *run, struct error *error)
{
    const struct case_links_options options = {.loop = run->options.loop,
                                               .suite_case = run->options.suite_case,
                                               .plan = run->options.plan,
                                               .seed = run->options.seed,
                                               .run_directory = run->options.run_directory,
                                               .case_directory = run->options.case_directory,
                                               .lied = on_lied,
                                               .context = run};
    cleanup_free char *directory =
        xasprintf("%s/%s", run->options.run_directory, run->options.case_directory);
    int code = fs_mkdirs(directory, 0755, error);

    if (code == 0)
        code = case_links_new(&options, &run->links, error);
    if (code == 0)
        run->link_control =
            link_control_new(&(struct link_control_options){.loop = run->options.loop,
                                                            .suite_case = run->options.suite_case,
                                                            .links = run->links,
                                                            .nodes = run->nodes});
    return code;
}

static void on_stalled(void *context, const char *name, uint64_t since_ns, uint64_t length_ns)
{
    const struct case_run *run = context;

    if (run->network && !run->held)
        case_network_stalled(run->network, name, since_ns, length_ns);
}

/* -- Life -------------------------------------------------------------------------------------- */

static int add_node(struct case_run *run, size_t index, struct error *error)
{
    cleanup_free char *directory = node_directory(run, index, true);
    cleanup_free char *relative = node_directory(run, index, false);
    struct node_options options = {
        .loop = run->options.loop,
        .host = run->options.host,
        .suite_case = run->options.suite_case,
        .spec = &run->options.suite_case->nodes[index],
        .machine = &run->options.plan->machines[index].spec,
        .pod = run->options.plan->machines[index].pod,
        .links = case_links_of_node(run->links, index),
        .control = run->link_control,
        .seed = run->options.seed,
        .hold = run->options.hold == CASE_HOLD_UP,
        .directory = directory,
        .relative = relative,
        .changed = on_changed,
        .stalled = on_stalled,
        .nodes = run->nodes,
        .context = run,
    };
    int code = fs_mkdirs(directory, 0755, error);

    if (code == 0)
        code = write_xml(run, index, error);
    if (code == 0)
        code = node_new(&options, &run->nodes[index], error);
    if (code == 0)
        run->node_count++;
    return code;
}

int case_run_new(const struct case_run_options *options, struct case_run **out, struct error *error)
{
    struct case_run *run = xcalloc(1, sizeof *run);
    int code;

    run->options = *options;
    run->nodes = xcalloc(options->suite_case->node_count, sizeof(struct node *));
    run->timeout = loop_timer(options->loop, on_timeout, run);
    run->advance = loop_timer(options->loop, advance, run);
    code = make_links(run, error);
    for (size_t i = 0; i < options->suite_case->node_count && code == 0; i++)
        code = add_node(run, i, error);
    if (code < 0) {
        case_run_free(run);
        return code;
    }
    *out = run;
    return 0;
}

bool case_run_can_wait(const struct suite_case *suite_case)
{
    for (size_t i = 0; i < suite_case->node_count; i++)
        if (suite_case->nodes[i].init.directory && suite_case->nodes[i].init.raw)
            return false;
    return true;
}

void case_run_prepare(struct case_run *run)
{
    timer_start(run->advance, 0);
}

bool case_run_is_prepared(const struct case_run *run)
{
    for (size_t i = 0; i < run->node_count && !run->ending; i++)
        if (node_state(run->nodes[i]) < NODE_WAITING && !starts_late(run, i))
            return false;
    return true;
}

void case_run_start(struct case_run *run)
{
    run->started = true;
    run->started_ns = clock_ns();
    run->network = case_network_new(run->options.loop, run->options.suite_case);
    if (!run->ending)
        timer_start(run->timeout, run->options.suite_case->timeout_ns);
    timer_start(run->advance, 0);
}

void case_run_cancel(struct case_run *run)
{
    if (run->done && !run->settling)
        return;
    if (!run->held) { /* what is held has its verdict, which stands on what was measured */
        run->cancelled = true;
        case_links_cancel(run->links);
    }
    if (!run->done)
        case_run_release(run, true);
}

void case_run_release(struct case_run *run, bool now)
{
    run->at_once = run->at_once || now;
    end_case(run);
    timer_start(run->advance, 0);
}

struct node *const *case_run_nodes(const struct case_run *run, size_t *count)
{
    *count = run->node_count;
    return run->nodes;
}

struct link_control *case_run_links(struct case_run *run)
{
    return run->link_control;
}

void case_run_free(struct case_run *run)
{
    if (!run)
        return;
    aside_free(run->settling);
    for (size_t i = 0; i < run->node_count; i++)
        node_free(run->nodes[i]);
    free(run->nodes);
    link_control_free(run->link_control);
    case_links_free(run->links);
    case_network_free(run->network);
    timer_free(run->timeout);
    timer_free(run->advance);
    free(run);
}
