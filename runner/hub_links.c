/* The links of the case: what they are like, and changes of them. */
#include "runner/hub_internal.h"

#include "base/memory.h"
#include "net/impair_field.h"

#include <cjson/cJSON.h>
#include <string.h>

#define DEADLINE_NS (8 * NS_PER_S) /* less than a client waits for its line */

/* What is told of one link. */
struct hub_told {
    struct hub_asked *asked;
    cJSON *json; /* in the case's order; NULL: it has not answered yet */
};

/* What a connection waits for. */
struct hub_asked {
    struct hub_link *link;
    bool changes[2]; /* IMPAIR: these directions */
    const struct suite_link *changed;
    struct hub_told *told; /* LINKS: one for each … */
    size_t open;           /* … of which so many have not answered yet */
};

static const struct suite_case *case_of(const struct hub_link *link)
{
    return link->hub->options.suite_case;
}

static void begin(struct hub_link *link)
{
    static const struct hub_role role = {0};

    hub_become(link, &role);
    peer_hold(link->peer, true);
    link->asked = xcalloc(1, sizeof *link->asked);
    link->asked->link = link;
}

void hub_links_forget(struct hub_link *link)
{
    if (!link->asked)
        return;
    link_control_forget(link->hub->options.links, link->asked);
    for (size_t i = 0; link->asked->told && i < case_of(link)->link_count; i++) {
        link_control_forget(link->hub->options.links, &link->asked->told[i]);
        cJSON_Delete(link->asked->told[i].json);
    }
    free(link->asked->told);
    free(steal_pointer(&link->asked));
}

/* -- What they are like ------------------------------------------------------------------------ */

static void add_setting(void *context, const char *name, const char *text)
{
    cJSON_AddStringToObject(context, name, text);
}

static void add_counters(cJSON *json, const struct way_result *way)
{
    cJSON *causes;

    cJSON_AddNumberToObject(json, "packets_in", (double)way->packets_in);
    cJSON_AddNumberToObject(json, "bytes_in", (double)way->bytes_in);
    cJSON_AddNumberToObject(json, "packets_out", (double)way->packets_out);
    cJSON_AddNumberToObject(json, "bytes_out", (double)way->bytes_out);
    causes = cJSON_AddObjectToObject(json, "causes");
    for (size_t i = 0; i < way->cause_count; i++)
        cJSON_AddNumberToObject(causes, way->causes[i].name, (double)way->causes[i].packets);
}

static const char *node_at(const struct suite_case *suite_case, const struct suite_link *link,
                           unsigned end)
{
    return suite_case->nodes[link->ends[end].node].name;
}

static void add_nodes(cJSON *json, const struct suite_case *suite_case,
                      const struct suite_link *link)
{
    cJSON *nodes = cJSON_AddArrayToObject(json, "nodes");

    for (unsigned i = 0; i < 2; i++)
        cJSON_AddItemToArray(nodes, cJSON_CreateString(node_at(suite_case, link, i)));
}

static void add_directions(cJSON *json, const struct suite_case *suite_case,
                           const struct suite_link *link, const struct link_state *state)
{
    cJSON *list = cJSON_AddArrayToObject(json, "directions");

    for (unsigned i = 0; i < 2 && state->carried; i++) {
        cJSON *direction = xchecked(cJSON_CreateObject());

        cJSON_AddItemToArray(list, direction);
        cJSON_AddStringToObject(direction, "from", node_at(suite_case, link, i));
        cJSON_AddStringToObject(direction, "to", node_at(suite_case, link, 1 - i));
        impair_field_each(&state->directions[i].impair.settings, add_setting,
                          cJSON_AddObjectToObject(direction, "impair"));
        add_counters(direction, &state->directions[i].counters);
    }
}

static void say_links(struct hub_link *link)
{
    cJSON *list = xchecked(cJSON_CreateArray());
    cleanup_free char *text = NULL;

    for (size_t i = 0; i < case_of(link)->link_count; i++)
        cJSON_AddItemToArray(list, steal_pointer(&link->asked->told[i].json));
    text = xchecked(cJSON_PrintUnformatted(list));
    cJSON_Delete(list);
    hub_say(link, "{\"ok\":true,\"links\":%s}", text);
    hub_links_forget(link);
    hub_finish(link);
}

/* One that does not answer is no reason to say nothing of the others. */
static void on_told(void *context, const struct link_state *state, const struct error *error)
{
    struct hub_told *told = context;
    struct hub_asked *asked = told->asked;
    const struct suite_case *suite_case = case_of(asked->link);
    const struct suite_link *link = &suite_case->links[told - asked->told];
    cJSON *json = xchecked(cJSON_CreateObject());

    told->json = json;
    cJSON_AddStringToObject(json, "name", link->name);
    add_nodes(json, suite_case, link);
    cJSON_AddStringToObject(json, "carrier", suite_carrier_name(link->carrier));
    cJSON_AddNumberToObject(json, "mtu", link->mtu);
    cJSON_AddStringToObject(json, "state", state ? link_state_name(state) : "unknown");
    if (error)
        cJSON_AddStringToObject(json, "error", error->message);
    if (state)
        add_directions(json, suite_case, link, state);
    if (--asked->open == 0)
        say_links(asked->link);
}

/* All at once, so that the client need not wait longer for many that do not answer than for one. */
void hub_links_show(struct hub_link *link)
{
    size_t count = case_of(link)->link_count;

    begin(link);
    link->asked->told = xcalloc(count + 1, sizeof *link->asked->told);
    link->asked->open = count;
    if (count == 0)
        say_links(link);
    for (size_t i = 0; i < count; i++) {
        link->asked->told[i].asked = link->asked;
        link_control_ask(link->hub->options.links, i, DEADLINE_NS, on_told, &link->asked->told[i]);
    }
}

/* -- Changes ----------------------------------------------------------------------------------- */

/* The caller frees it. */
static char *describe_change(const struct hub_asked *asked, const uint64_t numbers[2])
{
    cJSON *json = xchecked(cJSON_CreateObject());
    cJSON *packets;
    char *text;

    cJSON_AddBoolToObject(json, "ok", true);
    cJSON_AddStringToObject(json, "link", asked->changed->name);
    add_nodes(json, case_of(asked->link), asked->changed);
    packets = cJSON_AddArrayToObject(json, "packets");
    for (unsigned i = 0; i < 2; i++)
        cJSON_AddItemToArray(packets, asked->changes[i] ? cJSON_CreateNumber((double)numbers[i])
                                                        : cJSON_CreateNull());
    text = xchecked(cJSON_PrintUnformatted(json));
    cJSON_Delete(json);
    return text;
}

static void on_changed(void *context, const uint64_t numbers[2], const struct error *error)
{
    const struct hub_asked *asked = context;
    struct hub_link *link = asked->link;
    cleanup_free char *text = error ? NULL : describe_change(asked, numbers);

    hub_links_forget(link);
    if (error) {
        hub_refuse(link, "%s", error->message);
        return;
    }
    hub_say(link, "%s", text);
    hub_finish(link);
}

/* The index of the link of that name; SIZE_MAX, with the connection refused, where there is none.
 */
static size_t find_link(struct hub_link *link, const char *name)
{
    const struct suite_case *suite_case = case_of(link);

    for (size_t i = 0; i < suite_case->link_count; i++)
        if (strcmp(suite_case->links[i].name, name) == 0)
            return i;
    hub_refuse(link, "the case has no link \"%.64s\"", name);
    return SIZE_MAX;
}

/* Which directions the change is of; false, with the connection refused, where that node is not at
 * the link. */
static bool choose_directions(struct hub_link *link, size_t index, const char *from,
                              bool changes[2])
{
    const struct suite_case *suite_case = case_of(link);
    const struct suite_link *spec = &suite_case->links[index];

    for (unsigned i = 0; i < 2; i++)
        changes[i] = !from || strcmp(node_at(suite_case, spec, i), from) == 0;
    if (!changes[0] && !changes[1])
        hub_refuse(link, "link %s: \"%.64s\" is at neither end of it; its nodes are %s and %s",
                   spec->name, from, node_at(suite_case, spec, 0), node_at(suite_case, spec, 1));
    return changes[0] || changes[1];
}

void hub_links_change(struct hub_link *link, const struct hub_line *line)
{
    size_t index = find_link(link, line->link);
    struct link_change change = {.link = index, .deadline_ns = DEADLINE_NS};
    bool changes[2];

    if (index == SIZE_MAX || !choose_directions(link, index, line->from, changes))
        return;
    begin(link);
    link->asked->changed = &case_of(link)->links[index];
    for (unsigned i = 0; i < 2; i++) {
        link->asked->changes[i] = changes[i];
        if (changes[i])
            change.rounds[i] = (struct impair_round){line->set, line->set_count};
    }
    link_control_change(link->hub->options.links, &change, on_changed, link->asked);
}
