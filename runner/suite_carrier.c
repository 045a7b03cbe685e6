/* Who carries a link's packets from one end to the other. */
#include "runner/suite_reader.h"

#include "base/memory.h"

#include <string.h>

static const char *const names[] = {"direct", "guest", "host", "netem"}; /* enum suite_carrier */

const char *suite_carrier_name(enum suite_carrier carrier)
{
    return names[carrier];
}

bool suite_link_meets_host(const struct suite_link *link)
{
    return link->carrier == SUITE_CARRIER_HOST ||
           (link->carrier == SUITE_CARRIER_NETEM && link->captured);
}

int read_carrier(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                 void *field)
{
    struct link_build *build = field;
    const char *text;
    int status = reader_text(reader, value, key->name, &text);

    if (status)
        return status;
    for (size_t i = 0; i < array_size(names); i++) {
        if (!strcmp(text, names[i])) {
            build->out.carrier = (enum suite_carrier)i;
            build->carrier = value;
            return 0;
        }
    }
    return reader_expected(reader, key, value, "direct, guest, host or netem");
}

/* The step's change of the link, or NULL. */
static const struct suite_step_impair *change_by_step(const struct suite_case *built, size_t link)
{
    for (size_t i = 0; i < built->node_count; i++)
        for (size_t j = 0; j < built->nodes[i].step_count; j++)
            for (size_t k = 0; k < built->nodes[i].steps[j].impair_count; k++)
                if (built->nodes[i].steps[j].impairs[k].link == link)
                    return &built->nodes[i].steps[j].impairs[k];
    return NULL;
}

/* duet's init makes way for another that a node has. */
static bool has_own_init(const struct suite_case *built, const struct suite_link *link,
                         unsigned end)
{
    return built->nodes[link->ends[end].node].init.directory != NULL;
}

static bool is_router(const struct suite_case *built, const struct suite_link *link, unsigned end)
{
    return built->nodes[link->ends[end].node].is_router;
}

/* Of SUITE_CARRIER_GUEST: a router, in whose hands the packets are anyway, or who has duet's init.
 */
static unsigned choose_end(const struct suite_case *built, const struct suite_link *link)
{
    for (unsigned end = 0; end < 2; end++)
        if (is_router(built, link, end))
            return end;
    return has_own_init(built, link, 0);
}

static int check_direct(struct reader *reader, const struct suite_case *built, size_t index,
                        const struct yaml_node *at)
{
    const struct suite_link *link = &built->links[index];
    const struct suite_step_impair *change = change_by_step(built, index);
    unsigned line = change ? change->at.line : link->impair_at.line;

    if (!change && !link->changes.count && impair_is_none(&link->impair[0]) &&
        impair_is_none(&link->impair[1]))
        return 0;
    return reader_fail(reader, at,
                       "carrier: found direct, which lets every packet through as it came, with an "
                       "impairment in line %u: expected guest, host or netem",
                       line);
}

static int choose(struct reader *reader, const struct suite_case *built, size_t index)
{
    const struct link_notes *notes = &reader->link_notes[index];
    struct suite_link *link = &built->links[index];
    bool foreign[2] = {has_own_init(built, link, 0), has_own_init(built, link, 1)};
    bool routed = is_router(built, link, 0) || is_router(built, link, 1);

    link->carrier_end = choose_end(built, link);
    if (!notes->carrier && (notes->impair || change_by_step(built, index) || routed))
        link->carrier = foreign[0] && foreign[1] ? SUITE_CARRIER_HOST : SUITE_CARRIER_GUEST;
    if (!notes->carrier)
        return 0;
    if (link->carrier == SUITE_CARRIER_DIRECT)
        return check_direct(reader, built, index, notes->carrier);
    if (link->carrier == SUITE_CARRIER_GUEST && foreign[0] && foreign[1])
        return reader_fail(reader, notes->carrier,
                           "carrier: found guest, and both nodes have an init of their own: "
                           "expected carrier: host");
    if (link->carrier == SUITE_CARRIER_NETEM && routed)
        return reader_fail(reader, notes->carrier,
                           "carrier: found netem, which is the kernel's, and the node \"%s\" is a "
                           "router, whose kernel has no network: expected guest, host or direct",
                           built->nodes[link->ends[link->carrier_end].node].name);
    if (link->carrier == SUITE_CARRIER_NETEM && (foreign[0] || foreign[1]))
        return reader_fail(reader, notes->carrier,
                           "carrier: found netem, which duet's init sets, and the node \"%s\" has "
                           "an init of its own: expected carrier: host",
                           built->nodes[link->ends[!foreign[0]].node].name);
    return 0;
}

int suite_choose_carriers(struct reader *reader, struct suite_case *built)
{
    int status = 0;

    for (size_t i = 0; !status && i < built->link_count; i++)
        status = choose(reader, built, i);
    return status;
}
