#include "base/memory.h"
#include "net/impair_field.h"
#include "runner/case_links_internal.h"
#include "runner/guest_links.h"
#include "runner/link_measure.h"
#include "vm/carrier.h"

void case_links_count(const struct case_links *links, size_t link, unsigned end,
                      struct way_result *way)
{
    struct carrier_counters counters = carrier_counters(links->items[link].carrier, end);

    way->packets_in = counters.packets_in;
    way->bytes_in = counters.bytes_in;
    way->packets_out = counters.packets_out;
    way->bytes_out = counters.bytes_out;
    for (unsigned i = 0; i < IMPAIR_CAUSES; i++)
        way_result_add_cause(way, impair_cause_name(i), counters.causes[i]);
    way_result_add_cause(way, "too_long", counters.too_long);
    way_result_add_cause(way, "unread", counters.unread);
}

static void fill_way(const struct case_links *links, size_t index, unsigned end,
                     struct way_result *way)
{
    case_links_count(links, index, end, way);
    way->verdicts = xstrdup(links->items[index].logs[end]);
}

void case_links_count_guest(const struct control_way *counted, struct way_result *way)
{
    way->packets_in = counted->packets_in;
    way->bytes_in = counted->bytes_in;
    way->packets_out = counted->packets_out;
    way->bytes_out = counted->bytes_out;
    for (unsigned i = 0; i < IMPAIR_CAUSES; i++)
        way_result_add_cause(way, impair_cause_name(i), counted->causes[i]);
    way_result_add_cause(way, "too_long", counted->too_long);
    way_result_add_cause(way, "unread", counted->unread);
    way_result_add_cause(way, "dropped", counted->dropped);
}

static void fill_measured(const struct case_link *link, struct link_result *result)
{
    for (unsigned end = 0; end < 2 && link->measured; end++)
        link_measure_result(link->measures[end], &link->links->options.suite_case->network,
                            &result->ways[end].measured);
    if (link->unreadable)
        result->ways[0].measured.fault = xstrdup(link->unreadable);
}

static void fill_guest_way(const struct case_link *link, unsigned end,
                           const struct control_way *counted, struct way_result *way)
{
    if (link->logs[end])
        way->verdicts = xstrdup(link->logs[end]);
    if (counted)
        case_links_count_guest(counted, way);
}

/* What the node that carries the link has said of it. */
static void fill_guest_link(const struct case_links *links, size_t index,
                            struct link_result *result)
{
    const struct case_link *link = &links->items[index];
    const struct suite_link *spec = link->spec;
    const struct guest_links *node = links->nodes[spec->ends[spec->carrier_end].node];
    bool is_last = false;
    const struct control_way *ways = guest_links_ways(node, index, &is_last);

    for (unsigned end = 0; end < 2; end++)
        fill_guest_way(link, end, ways ? &ways[end] : NULL, &result->ways[end]);
    result->incomplete = !is_last || guest_links_is_cut(node, index);
}

/* Each node's netem has what that node sends. */
static void fill_netem_link(const struct case_links *links, size_t index,
                            struct link_result *result)
{
    const struct case_link *link = &links->items[index];

    for (unsigned end = 0; end < 2; end++) {
        const struct guest_links *node = links->nodes[link->spec->ends[end].node];
        bool is_last = false;
        const struct control_way *ways = guest_links_ways(node, index, &is_last);

        fill_guest_way(link, end, ways ? &ways[end] : NULL, &result->ways[end]);
        result->incomplete = result->incomplete || !is_last;
    }
}

static void add_setting(void *context, const char *name, const char *text)
{
    way_result_add_setting(context, name, text);
}

void case_links_result(const struct case_links *links, struct case_result *result)
{
    for (size_t i = 0; i < links->count; i++) {
        const struct case_link *link = &links->items[i];
        struct link_result *added = case_result_add_link(result);

        added->name = xstrdup(link->spec->name);
        added->mtu = link->spec->mtu;
        if (link->capture_path)
            added->capture = xstrdup(link->capture_path);
        added->carrier = suite_carrier_name(link->spec->carrier);
        added->carried = link->spec->carrier != SUITE_CARRIER_DIRECT;
        for (unsigned end = 0; end < 2; end++) {
            added->nodes[end] = xstrdup(case_link_node(link, end));
            impair_field_each(&link->spec->impair[end], add_setting, &added->ways[end]);
            if (link->spec->carrier == SUITE_CARRIER_HOST)
                fill_way(links, i, end, &added->ways[end]);
        }
        if (link->spec->carrier == SUITE_CARRIER_GUEST)
            fill_guest_link(links, i, added);
        if (link->spec->carrier == SUITE_CARRIER_NETEM)
            fill_netem_link(links, i, added);
        fill_measured(link, added);
        if (link->spec->ends[0].address_count > 0)
            added->subnet = xstrdup(link->spec->ends[0].addresses[0].text);
    }
}
