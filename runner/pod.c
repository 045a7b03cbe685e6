#include "runner/pod.h"

#include "base/memory.h"
#include "net/impair_chance.h"
#include "net/impair_field.h"
#include "runner/guest_links.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void pod_format_mac(const uint8_t mac[static 6], char text[static POD_MAC_SIZE])
{
    snprintf(text, POD_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
}

const struct suite_end *pod_end_at(const struct suite_link *link, size_t node,
                                   const struct suite_end **peer)
{
    for (int side = 0; side < 2; side++) {
        *peer = &link->ends[1 - side];
        if (link->ends[side].node == node)
            return &link->ends[side];
    }
    return NULL;
}

static cJSON *add_object(cJSON *list)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddItemToArray(list, object);
    return object;
}

/* "10.0.0.1" of "10.0.0.1/24". */
static cJSON *host_address(const struct suite_address *address)
{
    char text[sizeof address->text];

    snprintf(text, sizeof text, "%.*s", (int)strcspn(address->text, "/"), address->text);
    return cJSON_CreateString(text);
}

static void add_interface(cJSON *interface, const struct suite_end *end, unsigned mtu,
                          const char *device)
{
    char mac[POD_MAC_SIZE];
    cJSON *addresses;

    pod_format_mac(end->mac, mac);
    cJSON_AddStringToObject(interface, "device", device);
    cJSON_AddStringToObject(interface, "mac", mac);
    cJSON_AddStringToObject(interface, "name", end->interface);
    cJSON_AddNumberToObject(interface, "mtu", mtu);
    addresses = cJSON_AddArrayToObject(interface, "addresses");
    for (size_t i = 0; i < end->address_count; i++)
        cJSON_AddItemToArray(addresses, cJSON_CreateString(end->addresses[i].text));
}

static void add_setting(void *context, const char *name, const char *text)
{
    cJSON_AddStringToObject(context, name, text);
}

/* null: that direction stays as it is. */
static void add_settings(cJSON *pair, const struct impair_settings *settings)
{
    if (settings)
        impair_field_each(settings, add_setting, add_object(pair));
    else
        cJSON_AddItemToArray(pair, cJSON_CreateNull());
}

static void add_changes(cJSON *carrier, const struct impair_plan *plan)
{
    cJSON *changes = plan->count > 0 ? cJSON_AddArrayToObject(carrier, "changes") : NULL;

    for (size_t i = 0; i < plan->count; i++) {
        const struct impair_step *step = &plan->steps[i];
        cJSON *change = add_object(changes);
        cJSON *pair = cJSON_AddArrayToObject(change, "impair");

        cJSON_AddNumberToObject(change, step->by_packet ? "at" : "after_ns",
                                (double)(step->by_packet ? step->packet : step->after_ns));
        if (step->by_packet)
            cJSON_AddNumberToObject(change, "of", step->direction);
        for (unsigned way = 0; way < 2; way++)
            add_settings(pair, step->settings[way]);
    }
}

static void add_impairment(cJSON *carrier, const struct suite_link *link)
{
    cJSON *impair = cJSON_AddArrayToObject(carrier, "impair");

    for (unsigned way = 0; way < 2; way++)
        add_settings(impair, &link->impair[way]);
    add_changes(carrier, &link->changes);
}

static void add_carrier(cJSON *interface, const struct suite_link *link, size_t index, size_t nth,
                        uint64_t seed)
{
    cJSON *carrier = cJSON_AddObjectToObject(interface, "carrier");
    char digits[24];
    cJSON *verdicts;

    snprintf(digits, sizeof digits, "%" PRIu64, seed);
    cJSON_AddNumberToObject(carrier, "link", (double)index);
    cJSON_AddStringToObject(carrier, "name", link->name);
    cJSON_AddNumberToObject(carrier, "end", link->carrier_end);
    cJSON_AddStringToObject(carrier, "seed", digits);
    add_impairment(carrier, link);
    verdicts = cJSON_AddArrayToObject(carrier, "verdicts");
    for (unsigned way = 0; way < 2; way++)
        cJSON_AddItemToArray(verdicts, cJSON_CreateNumber((double)guest_links_stream(nth, way)));
}

/* For what this end sends. A kernel's generator has one seed for all of its draws. */
static void add_netem(cJSON *interface, const struct suite_link *link, size_t index, unsigned end,
                      uint64_t seed)
{
    cJSON *netem = cJSON_AddObjectToObject(interface, "netem");
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRIu64, random_key(seed, index, end, DRAW_LOSS));
    cJSON_AddNumberToObject(netem, "end", end);
    cJSON_AddStringToObject(netem, "seed", digits);
    impair_field_each(&link->impair[end], add_setting, cJSON_AddObjectToObject(netem, "impair"));
}

static void add_interfaces(cJSON *pod, const struct suite_case *suite_case, size_t node,
                           const struct vm_nic *nics, uint64_t seed)
{
    cJSON *interfaces = cJSON_AddArrayToObject(pod, "interfaces");
    const struct suite_end *end, *peer;
    size_t carried = 0;

    for (size_t i = 0; i < suite_case->link_count; i++) {
        const struct suite_link *link = &suite_case->links[i];
        cJSON *interface;

        end = pod_end_at(link, node, &peer);
        if (!end)
            continue;
        interface = add_object(interfaces);
        add_interface(interface, end, link->mtu, nics++->mac);
        if (guest_links_carries(link, end == &link->ends[1]))
            add_carrier(interface, link, i, carried++, seed);
        if (link->carrier == SUITE_CARRIER_NETEM)
            add_netem(interface, link, i, end == &link->ends[1], seed);
    }
}

static void add_routes(cJSON *pod, const struct suite_node *node)
{
    cJSON *routes = cJSON_AddArrayToObject(pod, "routes");

    for (size_t i = 0; i < node->route_count; i++) {
        cJSON *route = add_object(routes);

        cJSON_AddStringToObject(route, "to", node->routes[i].to.text);
        cJSON_AddItemToObject(route, "via", host_address(&node->routes[i].via));
    }
}

/* The addresses of `other` that `node` should use: those of a link they share, else of its first.
 */
static const struct suite_end *best_end(const struct suite_case *suite_case, size_t node,
                                        size_t other)
{
    const struct suite_end *first = NULL, *end, *peer;

    for (size_t i = 0; i < suite_case->link_count; i++) {
        end = pod_end_at(&suite_case->links[i], other, &peer);
        if (end && peer->node == node)
            return end;
        if (end && !first)
            first = end;
    }
    return first;
}

static void add_hosts(cJSON *pod, const struct suite_case *suite_case, size_t node)
{
    cJSON *hosts = cJSON_AddArrayToObject(pod, "hosts");

    for (size_t other = 0; other < suite_case->node_count; other++) {
        const struct suite_end *end = other == node ? NULL : best_end(suite_case, node, other);
        cJSON *host, *addresses;

        if (!end || end->address_count == 0)
            continue;
        host = add_object(hosts);
        cJSON_AddStringToObject(host, "name", suite_case->nodes[other].name);
        addresses = cJSON_AddArrayToObject(host, "addresses");
        for (size_t i = 0; i < end->address_count; i++)
            cJSON_AddItemToArray(addresses, host_address(&end->addresses[i]));
    }
}

static void add_sysctls(cJSON *pod, const struct suite_node *node)
{
    cJSON *sysctls = cJSON_AddArrayToObject(pod, "sysctls");

    for (size_t i = 0; i < node->sysctls.count; i++) {
        cJSON *sysctl = add_object(sysctls);

        cJSON_AddStringToObject(sysctl, "key", node->sysctls.items[i].name);
        cJSON_AddStringToObject(sysctl, "value", node->sysctls.items[i].value);
    }
}

char *pod_make(const struct suite_case *suite_case, size_t node, const struct vm_nic *nics,
               uint64_t seed)
{
    const struct suite_node *spec = &suite_case->nodes[node];
    cJSON *pod = xchecked(cJSON_CreateObject());
    char *text;

    cJSON_AddStringToObject(pod, "hostname", spec->name);
    add_interfaces(pod, suite_case, node, nics, seed);
    add_routes(pod, spec);
    add_hosts(pod, suite_case, node);
    add_sysctls(pod, spec);
    if (spec->is_router)
        cJSON_AddTrueToObject(pod, "router");
    text = xchecked(cJSON_PrintUnformatted(pod));
    cJSON_Delete(pod);
    return text;
}
