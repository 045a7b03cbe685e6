#include "base/memory.h"
#include "net/verdict_text.h"
#include "results/capture.h"
#include "runner/case_links_internal.h"
#include "runner/guest_links.h"
#include "vm/carrier.h"

#include <errno.h>
#include <time.h>

const char *case_link_node(const struct case_link *link, unsigned end)
{
    return link->links->options.suite_case->nodes[link->spec->ends[end].node].name;
}

static void on_lied(void *context, unsigned end, const char *message)
{
    const struct case_link *link = context;
    const struct case_links_options *options = &link->links->options;
    cleanup_free char *text = xasprintf("%s: %s", link->spec->name, message);

    options->lied(options->context, link->spec->ends[end].node, text);
}

/* Absolute; the link keeps it as results have it. */
static char *log_path(struct case_link *link, unsigned end)
{
    const struct case_links_options *options = &link->links->options;

    link->logs[end] =
        xasprintf("%s/%s-from-%s-to-%s.verdicts", options->case_directory, link->spec->name,
                  case_link_node(link, end), case_link_node(link, 1 - end));
    return xasprintf("%s/%s", options->run_directory, link->logs[end]);
}

/* -- Captures ---------------------------------------------------------------------------------- */

enum { CAPTURE_FLUSH_MS = 500 };

static void on_flush(void *context)
{
    struct case_links *links = context;

    for (size_t i = 0; i < links->count; i++)
        if (links->items[i].capture)
            capture_flush(links->items[i].capture);
    links->flushing = false;
}

/* A packet has the time at which it left the link, one way or the other: so those of a file are in
 * order, and the comment says how much earlier it came. */
static void on_note(void *context, unsigned end, const struct impair_verdict *verdict,
                    const struct packet *packet)
{
    struct case_link *link = context;
    struct case_links *links = link->links;

    link->comment.length = 0;
    verdict_comment(&link->comment, verdict);
    capture_packet(link->capture,
                   &(struct capture_packet){.interface = end,
                                            .time_ns = links->epoch_ns + verdict->out_ns,
                                            .bytes = packet->bytes,
                                            .length = packet->length,
                                            .comment = link->comment.data});
    if (links->flushing || links->ended)
        return;
    timer_start(links->flush, CAPTURE_FLUSH_MS * NS_PER_MS);
    links->flushing = true;
}

static int start_capture(struct case_link *link, struct error *error)
{
    const struct case_links *links = link->links;
    const struct case_links_options *options = &links->options;
    cleanup_free char *path = NULL;
    int code;

    link->capture_path = xasprintf("%s/%s.pcapng", options->case_directory, link->spec->name);
    path = xasprintf("%s/%s", options->run_directory, link->capture_path);
    code = capture_open(path, &(struct capture_options){.start_ns = links->epoch_ns + clock_ns()},
                        &link->capture, error);
    for (unsigned end = 0; end < 2 && code >= 0; end++) {
        cleanup_free char *name =
            xasprintf("%s-to-%s", case_link_node(link, end), case_link_node(link, 1 - end));
        cleanup_free char *description = xasprintf("link %s", link->spec->name);

        code = capture_add_interface(link->capture,
                                     &(struct capture_interface){.name = name,
                                                                 .description = description,
                                                                 .link = CAPTURE_ETHERNET},
                                     error);
    }
    return code < 0 ? code : 0;
}

static int end_capture(struct case_link *link, struct error *error)
{
    return capture_close(steal_pointer(&link->capture), link->links->epoch_ns + clock_ns(), error);
}

/* -- Life -------------------------------------------------------------------------------------- */

static int receive(struct case_links *links, struct error *error)
{
    const struct suite_case *suite_case = links->options.suite_case;
    cleanup_free char *(*paths)[2] = xcalloc(links->count, sizeof *paths);
    int code = 0;

    for (size_t i = 0; i < links->count; i++)
        for (unsigned end = 0; end < 2 && suite_case->links[i].carrier == SUITE_CARRIER_GUEST;
             end++)
            paths[i][end] = log_path(&links->items[i], end);
    for (size_t i = 0; i < suite_case->node_count && code == 0; i++)
        code = guest_links_new(&(struct guest_links_options){.loop = links->options.loop,
                                                             .suite_case = suite_case,
                                                             .node = i,
                                                             .logs = paths,
                                                             .most = VERDICT_LOG_BYTES_MAX},
                               &links->nodes[i], error);
    for (size_t i = 0; i < links->count; i++) {
        free(paths[i][0]);
        free(paths[i][1]);
    }
    return code;
}

static int open_carrier(struct case_link *link, size_t index, struct carrier_options *options,
                        struct error *error)
{
    const struct case_links_options *of_case = &link->links->options;
    int code = 0;

    options->loop = of_case->loop;
    options->mtu = link->spec->mtu;
    options->lied = on_lied;
    options->context = link;
    for (unsigned i = 0; i < 2; i++)
        options->sockets[i] = of_case->plan->links[index].sockets[i];
    if (link->spec->captured) {
        code = start_capture(link, error);
        options->note = on_note;
    }
    if (code == 0)
        code = carrier_new(options, &link->carrier, error);
    return code < 0 ? error_context(error, "link %s", link->spec->name) : 0;
}

static void start_measuring(struct case_link *link)
{
    for (unsigned i = 0; i < 2; i++) {
        link->measures[i] = xmalloc(sizeof(struct impair_measure));
        impair_measure_init(link->measures[i], link->links->options.suite_case->network.late_ns);
    }
}

static int carry(struct case_link *link, size_t index, struct error *error)
{
    const struct case_links_options *of_case = &link->links->options;
    cleanup_free char *there = log_path(link, 0);
    cleanup_free char *back = log_path(link, 1);
    struct carrier_options options = {.seed = of_case->seed,
                                      .link = index,
                                      .logs = {there, back},
                                      .settings = {&link->spec->impair[0], &link->spec->impair[1]},
                                      .plan = &link->spec->changes};

    start_measuring(link);
    for (unsigned i = 0; i < 2; i++)
        options.measures[i] = link->measures[i];
    return open_carrier(link, index, &options, error);
}

/* What others impair comes through as it is. */
static int only_capture(struct case_link *link, size_t index, struct error *error)
{
    static const struct impair_settings none;
    struct carrier_options options = {.link = index, .settings = {&none, &none}};

    return open_carrier(link, index, &options, error);
}

/* What clock_ns() has to be added to for the time since 1970. A clock that is set while a case runs
 * moves nothing in its captures. */
static uint64_t epoch_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec - clock_ns();
}

int case_links_new(const struct case_links_options *options, struct case_links **out,
                   struct error *error)
{
    const struct suite_case *suite_case = options->suite_case;
    struct case_links *links = xcalloc(1, sizeof *links);
    int code = 0;

    links->options = *options;
    links->epoch_ns = epoch_ns();
    links->flush = loop_timer(options->loop, on_flush, links);
    links->count = suite_case->link_count;
    links->items = xcalloc(links->count, sizeof *links->items);
    links->nodes = xcalloc(suite_case->node_count, sizeof *links->nodes);
    for (size_t i = 0; i < links->count && code == 0; i++) {
        links->items[i].links = links;
        links->items[i].spec = &suite_case->links[i];
        if (suite_case->links[i].carrier == SUITE_CARRIER_HOST)
            code = carry(&links->items[i], i, error);
        else if (suite_link_meets_host(links->items[i].spec))
            code = only_capture(&links->items[i], i, error);
    }
    if (code == 0)
        code = receive(links, error);
    if (code < 0) {
        case_links_free(links);
        return code;
    }
    *out = links;
    return 0;
}

static void end_link(struct case_link *link)
{
    carrier_end(link->carrier);
    for (unsigned end = 0; end < 2 && link->measures[end]; end++)
        impair_measure_end(link->measures[end]);
    link->measured = link->measures[0] != NULL;
}

/* What is on its way then is still told to the captures. */
void case_links_end(struct case_links *links)
{
    links->ended = true;
    for (size_t i = 0; i < links->count; i++)
        if (links->items[i].carrier)
            end_link(&links->items[i]);
    for (size_t i = 0; i < links->options.suite_case->node_count; i++)
        guest_links_end(links->nodes[i]);
    timer_stop(links->flush);
}

/* Whether a guest carried it and told of it to its end: of one that died there is another verdict.
 */
static bool has_log(const struct case_links *links, size_t index)
{
    const struct suite_link *spec = links->items[index].spec;
    bool is_last = false;

    return spec->carrier == SUITE_CARRIER_GUEST &&
           guest_links_ways(links->nodes[spec->ends[spec->carrier_end].node], index, &is_last) &&
           is_last;
}

static int measure_guest_link(struct case_links *links, size_t index, struct error *error)
{
    struct case_link *link = &links->items[index];
    const struct suite_link *spec = link->spec;
    cleanup_free char *there = NULL, *back = NULL;
    struct error found;
    int code;

    there = xasprintf("%s/%s", links->options.run_directory, link->logs[0]);
    back = xasprintf("%s/%s", links->options.run_directory, link->logs[1]);
    start_measuring(link);
    code = log_measure((const char *const[]){there, back}, spec, link->changes, link->measures,
                       &links->cancelled, &found);
    link->measured = code == 0;
    if (code == -EBADMSG) {
        link->unreadable = xasprintf("its log of verdicts cannot be read: %s", found.message);
        return 0;
    }
    if (code < 0 && error)
        return error_set(error, -code, "link %s: %s", spec->name, found.message);
    return code;
}

static int close_link(struct case_link *link, struct error *error)
{
    int code = link->carrier ? carrier_close(link->carrier, error) : 0;
    int captured = end_capture(link, code == 0 ? error : NULL);

    code = code == 0 ? captured : code;
    return code < 0 && error ? error_context(error, "link %s", link->spec->name) : code;
}

int case_links_close(struct case_links *links, struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < links->count; i++) {
        int closed = close_link(&links->items[i], code == 0 ? error : NULL);

        code = code == 0 ? closed : code;
    }
    for (size_t i = 0; i < links->options.suite_case->node_count; i++) {
        int found = guest_links_finish(links->nodes[i], code == 0 ? error : NULL);

        code = code == 0 ? found : code;
    }
    return code;
}

bool case_links_have_files(const struct case_links *links)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->items[i].carrier || links->items[i].spec->carrier == SUITE_CARRIER_GUEST)
            return true;
    return false;
}

int case_links_measure(struct case_links *links, struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < links->count && code == 0; i++)
        if (has_log(links, i))
            code = measure_guest_link(links, i, error);
    return code;
}

void case_links_cancel(struct case_links *links)
{
    atomic_store(&links->cancelled, true);
}

void case_links_changed(struct case_links *links, size_t link, unsigned end, uint64_t number,
                        const struct impair_settings *settings)
{
    if (links->items[link].spec->carrier == SUITE_CARRIER_GUEST)
        log_changes_add(&links->items[link].changes[end], number, settings);
}

bool case_links_need_host(const struct case_links *links)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->items[i].carrier)
            return true;
    return false;
}

struct guest_links *case_links_of_node(const struct case_links *links, size_t node)
{
    return links->nodes[node];
}

struct carrier *case_links_carrier(const struct case_links *links, size_t link)
{
    return links->ended ? NULL : links->items[link].carrier;
}

void case_links_free(struct case_links *links)
{
    if (!links)
        return;
    for (size_t i = 0; i < links->count; i++) {
        carrier_free(links->items[i].carrier);
        for (unsigned end = 0; end < 2; end++) {
            free(links->items[i].logs[end]);
            free(links->items[i].measures[end]);
            log_changes_free(&links->items[i].changes[end]);
        }
        end_capture(&links->items[i], NULL);
        free(links->items[i].capture_path);
        free(links->items[i].unreadable);
        buffer_free(&links->items[i].comment);
    }
    timer_free(links->flush);
    for (size_t i = 0; i < links->options.suite_case->node_count; i++)
        guest_links_free(links->nodes[i]);
    free(links->nodes);
    free(links->items);
    free(links);
}
