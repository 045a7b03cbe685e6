#include "runner/keep.h"

#include "base/memory.h"
#include "runner/hub.h"
#include "runner/pod.h"
#include "runner/shell.h"

#include <stdio.h>
#include <string.h>

enum { CONSOLE_LINES = 50 }; /* of a node that is gone */

struct keep {
    struct keep_options options;
    char *directory;
    char *target; /* what commands call the case */
    struct node *const *nodes;
    size_t count;
    struct hub *hub;
    struct shell *shell;     /* NULL: there is none */
    struct pausing *pausing; /* libvirt stops the machines; or NULL */
    struct timer *tell;      /* of its end */
    bool said_gone, over;
    int status;
};

static struct terminal *terminal_of(const struct keep *keep)
{
    return keep->options.session->options.terminal;
}

static struct node *shell_node(const struct keep *keep)
{
    return keep->nodes[keep->options.node];
}

/* -- The end ----------------------------------------------------------------------------------- */

static void on_tell(void *context)
{
    struct keep *keep = context;

    keep->options.over(keep->options.context, keep->status);
}

static void end(struct keep *keep, int status)
{
    if (keep->over)
        return;
    keep->over = true;
    keep->status = status;
    timer_start(keep->tell, 0);
}

static void on_down(void *context)
{
    struct keep *keep = context;

    if (keep->shell)
        shell_leave(keep->shell, NULL);
    end(keep, keep->said_gone);
}

/* -- What the user is told --------------------------------------------------------------------- */

/* Why it went is on its console as a rule. Standard output is the shell's. */
static void show_console(const struct keep *keep, const struct node *node)
{
    struct terminal beside = *terminal_of(keep);
    cleanup_buffer struct buffer console = {0};

    node_console_tail(node, CONSOLE_LINES, &console);
    if (console.length == 0)
        return;
    terminal_say(&beside, "the last lines of %s's console:", node_name(node));
    beside.out = beside.err;
    terminal_quote(&beside, "  | ", console.data, console.length);
    fflush(beside.out);
}

static void append_addresses(const struct keep *keep, size_t node, struct buffer *out)
{
    const struct suite_case *suite_case = keep->options.suite_case;

    for (size_t i = 0; i < suite_case->link_count; i++)
        for (int side = 0; side < 2; side++) {
            const struct suite_end *end = &suite_case->links[i].ends[side];

            for (size_t j = 0; end->node == node && j < end->address_count; j++)
                buffer_printf(out, "%s%s", out->length ? " " : "", end->addresses[j].text);
        }
}

static int widest_name(const struct keep *keep)
{
    size_t width = 0;

    for (size_t i = 0; i < keep->count; i++)
        if (strlen(node_name(keep->nodes[i])) > width)
            width = strlen(node_name(keep->nodes[i]));
    return (int)width;
}

/* The command for it. A node with another init, or with none any more, has its console. */
static const char *way_to(const struct keep *keep, struct node *node)
{
    if (keep->options.how == KEEP_PAUSED)
        return "debug-kernel";
    return node_control(node) ? "exec" : "console";
}

static void show_nodes(const struct keep *keep, FILE *out)
{
    int width = widest_name(keep);

    for (size_t i = 0; i < keep->count; i++) {
        struct node *node = keep->nodes[i];
        cleanup_buffer struct buffer addresses = {0};

        append_addresses(keep, i, &addresses);
        fprintf(out, "  %-*s  %-28s  duet %s %s %s\n", width, node_name(node),
                addresses.length ? addresses.data : "(no address)", way_to(keep, node),
                keep->target, node_name(node));
    }
    fflush(out);
}

static void say_up(const struct keep *keep)
{
    FILE *out = terminal_of(keep)->out;

    show_nodes(keep, out);
    fprintf(out, "%s/%s is up; %s`duet down %s` ends it\n", keep->options.suite->name,
            keep->options.suite_case->name, keep->options.background ? "" : "Ctrl-C here or ",
            keep->target);
    fflush(out);
}

static void say_held(const struct keep *keep, const char *how)
{
    struct terminal *terminal = terminal_of(keep);

    terminal_say(terminal, "%s/%s is held%s:", keep->options.suite->name,
                 keep->options.suite_case->name, how);
    show_nodes(keep, terminal->err);
    terminal_say(terminal, "`duet down %s` lets the run go on, Ctrl-C here ends it", keep->target);
}

/* -- The shell --------------------------------------------------------------------------------- */

static bool any_serves(const struct keep *keep)
{
    for (size_t i = 0; i < keep->count; i++)
        if (node_control(keep->nodes[i]))
            return true;
    return false;
}

/* What is to be looked at may be what took the node away: then there are the others. */
static void do_without_shell(struct keep *keep)
{
    if (keep->options.how == KEEP_FAILED && any_serves(keep))
        say_held(keep, "");
    else
        end(keep, KEEP_LOST);
}

static void say_how_it_ended(const struct keep *keep, const struct attach_end *found)
{
    const char *node = node_name(shell_node(keep));

    if (found->reason == ATTACH_REFUSED)
        terminal_say(terminal_of(keep), "there is no shell in %s: %s", node, found->message);
    if (found->reason == ATTACH_BROKEN) {
        terminal_say(terminal_of(keep), "%s: %s", node, found->message);
        show_console(keep, shell_node(keep));
    }
    if (found->reason == ATTACH_UNHEARD && *found->message)
        terminal_say(terminal_of(keep), "%s", found->message);
}

static void on_shell_ended(void *context, const struct attach_end *found)
{
    struct keep *keep = context;
    enum attach_reason reason = found->reason;
    int status = found->status;

    say_how_it_ended(keep, found);
    shell_free(steal_pointer(&keep->shell)); /* and what was found with it */
    switch (reason) {
    case ATTACH_ENDED:
        end(keep, status);
        break;
    case ATTACH_LEFT:
        end(keep, 0);
        break;
    case ATTACH_REFUSED:
    case ATTACH_BROKEN:
        do_without_shell(keep);
        break;
    case ATTACH_UNHEARD:
        end(keep, KEEP_LOST);
        break;
    }
}

static int start_shell(struct keep *keep, struct error *error)
{
    const struct suite_case *suite_case = keep->options.suite_case;
    struct suite_pairs env = node_environment(shell_node(keep));
    int code;

    if (shell_has_terminal())
        terminal_say(terminal_of(keep), "a shell in %s of %s/%s: exit or ~. leaves it%s",
                     node_name(shell_node(keep)), keep->options.suite->name, suite_case->name,
                     keep->options.how == KEEP_FAILED ? ", and the run goes on" : "");
    code = shell_start(&(struct shell_options){.loop = keep->options.session->loop,
                                               .control = node_control(shell_node(keep)),
                                               .node = node_name(shell_node(keep)),
                                               .env = env,
                                               .ended = on_shell_ended,
                                               .context = keep},
                       &keep->shell, error);
    free(env.items);
    return code;
}

static int start_shell_if_any(struct keep *keep, struct error *error)
{
    const char *name = node_name(shell_node(keep));

    if (node_control(shell_node(keep)))
        return start_shell(keep, error);
    terminal_say(terminal_of(keep), "there is no shell in %s: %s", name,
                 node_state(shell_node(keep)) == NODE_GONE ? "its machine is gone"
                                                           : "duet's init does not serve there");
    do_without_shell(keep);
    return 0;
}

/* -- Stopped as they are ----------------------------------------------------------------------- */

/* libvirt answers when nobody may be there any more. */
struct pausing {
    struct keep *keep; /* NULL: it is freed */
    size_t asked, answered;
};

static void on_paused(void *context, const struct error *error)
{
    struct pausing *pausing = context;

    pausing->answered++;
    if (error && pausing->keep)
        terminal_say(terminal_of(pausing->keep), "a machine could not be stopped: %s",
                     error->message);
    if (pausing->answered < pausing->asked)
        return;
    if (pausing->keep) {
        pausing->keep->pausing = NULL;
        say_held(pausing->keep, " with its machines stopped as they are");
    }
    free(pausing);
}

static bool has_machine(const struct node *node)
{
    return node_state(node) > NODE_STARTING && node_state(node) < NODE_GONE;
}

static void pause_machines(struct keep *keep)
{
    struct pausing *pausing = xcalloc(1, sizeof *pausing);

    pausing->keep = keep;
    for (size_t i = 0; i < keep->count; i++)
        pausing->asked += has_machine(keep->nodes[i]);
    if (pausing->asked == 0) {
        free(pausing);
        terminal_say(terminal_of(keep), "none of its machines runs any more");
        end(keep, KEEP_LOST);
        return;
    }
    keep->pausing = pausing;
    for (size_t i = 0; i < keep->count; i++)
        if (has_machine(keep->nodes[i]))
            vm_pause(node_vm(keep->nodes[i]), on_paused, pausing);
}

/* -- Life -------------------------------------------------------------------------------------- */

static bool all_gone(const struct keep *keep)
{
    for (size_t i = 0; i < keep->count; i++)
        if (node_state(keep->nodes[i]) != NODE_GONE)
            return false;
    return true;
}

void keep_look(struct keep *keep)
{
    hub_look(keep->hub);
    if (keep->shell && node_state(shell_node(keep)) == NODE_GONE)
        shell_leave(keep->shell, "its machine is gone");
    if (keep->shell || keep->over || keep->said_gone || !all_gone(keep))
        return;
    keep->said_gone = true;
    terminal_say(
        terminal_of(keep), "no machine of %s/%s is left%s", keep->options.suite->name,
        keep->options.suite_case->name,
        keep->options.how == KEEP_UP ? "; `duet logs` has what they said, until `duet down`" : "");
    if (keep->options.how != KEEP_UP)
        end(keep, 1);
}

void keep_end_shell(struct keep *keep)
{
    if (keep)
        shell_free(steal_pointer(&keep->shell));
}

/* A shell on the terminal says by itself that its machine is gone. */
static void on_fate(void *context, const struct node *node, const char *what)
{
    const struct keep *keep = context;

    if (!keep->shell)
        terminal_say(terminal_of(keep), "%s: %s", node_name(node), what);
}

static int open_hub(struct keep *keep, struct error *error)
{
    static const enum hub_state states[] = {[KEEP_UP] = HUB_UP,
                                            [KEEP_SHELL] = HUB_UP,
                                            [KEEP_FAILED] = HUB_HELD,
                                            [KEEP_PAUSED] = HUB_PAUSED};
    const struct keep_options *options = &keep->options;

    return hub_new(&(struct hub_options){.loop = options->session->loop,
                                         .runtime_dir = options->session->rundir.path,
                                         .suite = options->suite,
                                         .suite_case = options->suite_case,
                                         .nodes = keep->nodes,
                                         .links = case_run_links(options->run),
                                         .state = states[options->how],
                                         .kernel = options->kernel,
                                         .directory = options->directory,
                                         .down = on_down,
                                         .fate = on_fate,
                                         .context = keep},
                   &keep->hub, error);
}

static int begin(struct keep *keep, struct error *error)
{
    switch (keep->options.how) {
    case KEEP_UP:
        say_up(keep);
        return 0;
    case KEEP_PAUSED:
        pause_machines(keep);
        return 0;
    case KEEP_SHELL:
    case KEEP_FAILED:
        return start_shell_if_any(keep, error);
    }
    return 0;
}

/* For a shell to take as it is: there may be brackets in it, from an address. */
static char *make_target(const struct keep_options *options)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._/,=:+@%^-";
    cleanup_free char *name = xasprintf("%s/%s", options->suite->name, options->suite_case->name);
    bool is_plain = name[strspn(name, plain)] == '\0';

    return is_plain || strchr(name, '\'') ? steal_pointer(&name) : xasprintf("'%s'", name);
}

int keep_start(const struct keep_options *options, struct keep **out, struct error *error)
{
    struct keep *keep = xcalloc(1, sizeof *keep);
    int code;

    keep->options = *options;
    keep->options.directory = keep->directory = xstrdup(options->directory);
    keep->target = make_target(options);
    keep->nodes = case_run_nodes(options->run, &keep->count);
    keep->tell = loop_timer(options->session->loop, on_tell, keep);
    code = open_hub(keep, error);
    if (code == 0)
        code = begin(keep, error);
    if (code < 0) {
        keep_free(keep);
        return code;
    }
    *out = keep;
    return 0;
}

void keep_free(struct keep *keep)
{
    if (!keep)
        return;
    shell_free(keep->shell);
    hub_free(keep->hub);
    if (keep->pausing)
        keep->pausing->keep = NULL;
    timer_free(keep->tell);
    free(keep->directory);
    free(keep->target);
    free(keep);
}
