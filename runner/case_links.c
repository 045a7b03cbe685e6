#include "runner/case_links.h"

#include "base/memory.h"
#include "runner/link_measure.h"
#include "vm/carrier.h"

#include <string.h>

struct case_link {
    struct case_links *links;
    const struct suite_link *spec;
    struct carrier *carrier; /* NULL: its machines are joined directly */
    char *logs[2];           /* as struct way_result's */
    struct impair_measure *measures[2];
};

struct case_links {
    struct case_links_options options;
    struct case_link *items; /* as the case's */
    size_t count;
};

static const char *node_name(const struct case_link *link, unsigned end)
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

    link->logs[end] = xasprintf("%s/%s-from-%s-to-%s.verdicts", options->case_directory,
                                link->spec->name, node_name(link, end), node_name(link, 1 - end));
    return xasprintf("%s/%s", options->run_directory, link->logs[end]);
}

static int carry(struct case_link *link, size_t index, struct error *error)
{
    const struct case_links_options *of_case = &link->links->options;
    cleanup_free char *there = log_path(link, 0);
    cleanup_free char *back = log_path(link, 1);
    struct carrier_options options = {.loop = of_case->loop,
                                      .seed = of_case->seed,
                                      .link = index,
                                      .logs = {there, back},
                                      .mtu = link->spec->mtu,
                                      .settings = {&link->spec->impair[0], &link->spec->impair[1]},
                                      .lied = on_lied,
                                      .context = link};
    int code;

    for (unsigned i = 0; i < 2; i++) {
        options.sockets[i] = of_case->plan->links[index].sockets[i];
        link->measures[i] = options.measures[i] = xmalloc(sizeof(struct impair_measure));
        impair_measure_init(link->measures[i], of_case->suite_case->network.late_ns);
    }
    code = carrier_new(&options, &link->carrier, error);
    return code < 0 ? error_context(error, "link %s", link->spec->name) : 0;
}

int case_links_new(const struct case_links_options *options, struct case_links **out,
                   struct error *error)
{
    const struct suite_case *suite_case = options->suite_case;
    struct case_links *links = xcalloc(1, sizeof *links);
    int code = 0;

    links->options = *options;
    links->count = suite_case->link_count;
    links->items = xcalloc(links->count, sizeof *links->items);
    for (size_t i = 0; i < links->count && code == 0; i++) {
        links->items[i].links = links;
        links->items[i].spec = &suite_case->links[i];
        if (suite_case->links[i].carrier == SUITE_CARRIER_HOST)
            code = carry(&links->items[i], i, error);
    }
    if (code < 0) {
        case_links_free(links);
        return code;
    }
    *out = links;
    return 0;
}

static int close_link(struct case_link *link, struct error *error)
{
    int code = carrier_close(link->carrier, error);

    for (unsigned end = 0; end < 2; end++)
        impair_measure_end(link->measures[end]);
    return code < 0 && error ? error_context(error, "link %s", link->spec->name) : code;
}

int case_links_close(struct case_links *links, struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < links->count; i++) {
        struct case_link *link = &links->items[i];
        int closed = link->carrier ? close_link(link, code == 0 ? error : NULL) : 0;

        code = code == 0 ? closed : code;
    }
    return code;
}

bool case_links_need_host(const struct case_links *links)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->items[i].carrier)
            return true;
    return false;
}

/* -- The result -------------------------------------------------------------------------------- */

static void fill_way(const struct case_link *link, unsigned end, struct way_result *way)
{
    struct carrier_counters counters = carrier_counters(link->carrier, end);

    way->packets_in = counters.packets_in;
    way->bytes_in = counters.bytes_in;
    way->packets_out = counters.packets_out;
    way->bytes_out = counters.bytes_out;
    way->verdicts = xstrdup(link->logs[end]);
    for (unsigned i = 0; i < IMPAIR_CAUSES; i++)
        way_result_add_cause(way, impair_cause_name(i), counters.causes[i]);
    way_result_add_cause(way, "too_long", counters.too_long);
    way_result_add_cause(way, "unread", counters.unread);
    link_measure_result(link->measures[end], &link->links->options.suite_case->network,
                        &way->measured);
}

void case_links_result(const struct case_links *links, struct case_result *result)
{
    for (size_t i = 0; i < links->count; i++) {
        const struct case_link *link = &links->items[i];
        struct link_result *added = case_result_add_link(result);

        added->name = xstrdup(link->spec->name);
        added->mtu = link->spec->mtu;
        added->carried = link->carrier != NULL;
        for (unsigned end = 0; end < 2; end++) {
            added->nodes[end] = xstrdup(node_name(link, end));
            if (link->carrier)
                fill_way(link, end, &added->ways[end]);
        }
        if (link->spec->ends[0].address_count > 0)
            added->subnet = xstrdup(link->spec->ends[0].addresses[0].text);
    }
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
        }
    }
    free(links->items);
    free(links);
}
