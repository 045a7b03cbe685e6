/* What there is, for `duet ps` and for whoever looks for a topology. */
#include "runner/hub_internal.h"

#include "base/memory.h"

#include <cjson/cJSON.h>
#include <unistd.h>

static const char *topology_state(const struct hub *hub)
{
    static const char *const names[] = {
        [HUB_UP] = "up", [HUB_HELD] = "held", [HUB_PAUSED] = "paused"};

    return names[hub->options.state];
}

static const char *state_of(const struct hub_node *node)
{
    switch (node_state(node->node)) {
    case NODE_IDLE:
    case NODE_STARTING:
    case NODE_BOOTING:
    case NODE_CONFIGURING:
    case NODE_SAVING:
    case NODE_WAITING:
        return "starting";
    case NODE_BACKGROUND:
    case NODE_STEPS:
    case NODE_TOKEN:
    case NODE_HELD:
    case NODE_DONE:
        return node->hub->options.state == HUB_PAUSED ? "paused" : "up";
    case NODE_STOPPING:
        return "stopping";
    case NODE_GONE:
        break;
    }
    return "gone";
}

static void add_addresses(cJSON *json, const struct suite_case *suite_case, size_t index)
{
    cJSON *list = cJSON_AddArrayToObject(json, "addresses");

    for (size_t i = 0; i < suite_case->link_count; i++)
        for (int side = 0; side < 2; side++) {
            const struct suite_end *end = &suite_case->links[i].ends[side];

            for (size_t j = 0; end->node == index && j < end->address_count; j++)
                cJSON_AddItemToArray(list, cJSON_CreateString(end->addresses[j].text));
        }
}

static void add_links(cJSON *json, const struct suite_case *suite_case)
{
    cJSON *list = cJSON_AddArrayToObject(json, "links");

    for (size_t i = 0; i < suite_case->link_count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(suite_case->links[i].name));
}

static cJSON *describe(const struct hub *hub, size_t index)
{
    const struct hub_node *node = &hub->nodes[index];
    const char *name = node_name(node->node);
    cleanup_free char *console = xasprintf("%s/%s/console.log.gz", hub->options.directory, name);
    cJSON *json = xchecked(cJSON_CreateObject());

    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddStringToObject(json, "state", state_of(node));
    cJSON_AddNumberToObject(json, "pid", hub_node_is_gone(node) ? 0 : vm_pid(node_vm(node->node)));
    add_addresses(json, hub->options.suite_case, index);
    cJSON_AddStringToObject(json, "console", console);
    return json;
}

char *hub_status(const struct hub *hub)
{
    cJSON *json = xchecked(cJSON_CreateObject());
    cJSON *nodes;
    char *text;

    cJSON_AddBoolToObject(json, "ok", true);
    cJSON_AddNumberToObject(json, "pid", getpid());
    cJSON_AddStringToObject(json, "case", hub->options.suite_case->name);
    cJSON_AddStringToObject(json, "suite", hub->options.suite->name);
    cJSON_AddStringToObject(json, "path", hub->suite_path);
    cJSON_AddStringToObject(json, "state", topology_state(hub));
    cJSON_AddStringToObject(json, "directory", hub->options.directory);
    cJSON_AddStringToObject(json, "started", hub->started);
    nodes = cJSON_AddArrayToObject(json, "nodes");
    for (size_t i = 0; i < hub->node_count; i++)
        cJSON_AddItemToArray(nodes, describe(hub, i));
    add_links(json, hub->options.suite_case);
    text = xchecked(cJSON_PrintUnformatted(json));
    cJSON_Delete(json);
    return text;
}
