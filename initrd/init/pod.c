#include "initrd/init/pod.h"

#include "base/memory.h"
#include "initrd/init/field.h"
#include "initrd/init/hex.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { MTU_LEAST = 68, MTU_MOST = 65535, TIME_DIGITS_MOST = 19 };

static void free_interface(struct pod_interface *interface)
{
    free(interface->addresses.items);
    pod_netem_free(interface->netem);
    pod_carrier_free(interface->carrier);
}

void pod_free(struct pod *pod)
{
    explicit_bzero(pod->entropy, sizeof pod->entropy);
    for (size_t i = 0; i < pod->interface_count; i++)
        free_interface(&pod->interfaces[i]);
    for (size_t i = 0; i < pod->host_count; i++) {
        free(pod->hosts[i].addresses.items);
        free(pod->hosts[i].name);
    }
    for (size_t i = 0; i < pod->sysctl_count; i++) {
        free(pod->sysctls[i].key);
        free(pod->sysctls[i].value);
    }
    for (size_t i = 0; i < pod->dns.search_count; i++)
        free(pod->dns.search[i]);
    free(pod->dns.search);
    free(pod->dns.nameservers.items);
    free(pod->hostname);
    free(pod->interfaces);
    free(pod->routes);
    free(pod->hosts);
    free(pod->sysctls);
    *pod = (struct pod){0};
}

/* -- Texts ------------------------------------------------------------------------------------- */

/* What the kernel's dev_valid_name() takes. */
static int parse_link_name(const char *text, char name[static IFNAMSIZ], struct error *error)
{
    size_t length = strlen(text);
    bool valid = length > 0 && length < IFNAMSIZ && strcmp(text, ".") != 0 &&
                 strcmp(text, "..") != 0 && !strpbrk(text, "/: \t\n\v\f\r");

    if (!valid)
        return error_set(error, EINVAL,
                         "\"%s\" cannot name a link: 1 to %d characters, without / : and spaces",
                         text, IFNAMSIZ - 1);
    memcpy(name, text, length + 1);
    return 0;
}

static int get_host_name(const json_t *json, const char *key, char **name, struct error *error)
{
    return field_name(json, key, "a host name", name, error);
}

static int get_mac(const json_t *json, const char *key, uint8_t mac[static MAC_SIZE],
                   struct error *error)
{
    const char *text;
    int code = field_text(json, key, &text, error);

    return code < 0 ? code : address_parse_mac(text, mac, error);
}

struct address_reading {
    struct pod_addresses *addresses;
    int (*parse)(const char *text, struct address *address, struct error *error);
};

static int add_address(void *context, json_t *item, struct error *error)
{
    const struct address_reading *reading = context;
    struct pod_addresses *addresses = reading->addresses;
    struct address address;
    int code;

    if (!json_is_string(item))
        return error_set(error, EINVAL, "it is %s; expected a string", field_type(item));
    code = reading->parse(json_string_value(item), &address, error);
    if (code < 0)
        return code;
    addresses->items = xreallocarray(addresses->items, addresses->count + 1, sizeof address);
    addresses->items[addresses->count++] = address;
    return 0;
}

/* -- Who the node is --------------------------------------------------------------------------- */

/* A number of nanoseconds since 1970 is larger than what every JSON library holds exactly, so it
 * is a string. */
static int parse_time(const json_t *json, struct pod *pod, struct error *error)
{
    const char *text;
    int code = field_text(json, "time_ns", &text, error);

    if (code < 0)
        return code;
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > TIME_DIGITS_MOST)
        return error_set(error, EINVAL, "\"time_ns\" is \"%s\"; expected at most %d decimal digits",
                         text, TIME_DIGITS_MOST);
    pod->time_ns = strtoull(text, NULL, 10);
    return 0;
}

static int parse_entropy(const json_t *json, struct pod *pod, struct error *error)
{
    const char *text;
    size_t size;
    int code = field_text(json, "entropy", &text, error);

    if (code < 0)
        return code;
    size = strlen(text) / 2;
    if (strlen(text) % 2 != 0 || size < POD_ENTROPY_LEAST || size > POD_ENTROPY_MOST ||
        hex_decode(text, size, pod->entropy) < 0)
        return error_set(error, EINVAL, "\"entropy\" is not %d to %d bytes in hexadecimal digits",
                         POD_ENTROPY_LEAST, POD_ENTROPY_MOST);
    pod->entropy_size = size;
    return 0;
}

static int parse_machine_id(const json_t *json, struct pod *pod, struct error *error)
{
    const char *text;
    int code;

    if (!json_object_get(json, "machine_id"))
        return 0;
    code = field_text(json, "machine_id", &text, error);
    if (code < 0)
        return code;
    if (strlen(text) != 2 * sizeof pod->machine_id ||
        hex_decode(text, sizeof pod->machine_id, pod->machine_id) < 0)
        return error_set(error, EINVAL, "\"machine_id\" is \"%s\"; expected %zu hexadecimal digits",
                         text, 2 * sizeof pod->machine_id);
    pod->has_machine_id = true;
    return 0;
}

/* -- Its network ------------------------------------------------------------------------------- */

static int parse_mtu(const json_t *json, struct pod_interface *interface, struct error *error)
{
    int64_t mtu = 0;
    int code = 0;

    if (json_object_get(json, "mtu"))
        code = field_integer(json, "mtu", MTU_LEAST, MTU_MOST, &mtu, error);
    interface->mtu = (uint32_t)mtu;
    return code;
}

static int check_new_interface(const struct pod *pod, const struct pod_interface *interface,
                               struct error *error)
{
    for (size_t i = 0; i < pod->interface_count; i++) {
        const struct pod_interface *other = &pod->interfaces[i];

        if (strcmp(other->name, interface->name) == 0)
            return error_set(error, EINVAL, "two interfaces are named %s", interface->name);
        if (memcmp(other->device, interface->device, MAC_SIZE) == 0)
            return error_set(error, EINVAL, "%s and %s are the same device", other->name,
                             interface->name);
        if (memcmp(other->mac, interface->mac, MAC_SIZE) == 0)
            return error_set(error, EINVAL, "%s and %s have the same MAC address", other->name,
                             interface->name);
    }
    return 0;
}

static int parse_netem(const json_t *json, struct pod_interface *interface, struct error *error)
{
    json_t *netem = json_object_get(json, "netem");

    return netem ? pod_netem_parse(netem, &interface->netem, error) : 0;
}

static int parse_carrier(const json_t *json, struct pod_interface *interface, struct error *error)
{
    json_t *carrier = json_object_get(json, "carrier");

    if (!carrier)
        return 0;
    if (interface->netem)
        return error_set(error, EINVAL, "there are both \"carrier\" and \"netem\"");
    if (!interface->mtu)
        return error_set(error, EINVAL, "\"carrier\" needs an \"mtu\" beside it");
    return pod_carrier_parse(carrier, interface->mtu, &interface->carrier, error);
}

static int parse_interface(const json_t *json, struct pod_interface *interface, struct error *error)
{
    struct address_reading reading = {&interface->addresses, address_parse};
    const char *name = NULL;
    int code = get_mac(json, "device", interface->device, error);

    if (code == 0)
        code = get_mac(json, "mac", interface->mac, error);
    if (code == 0)
        code = field_text(json, "name", &name, error);
    if (code == 0)
        code = parse_link_name(name, interface->name, error);
    if (code == 0)
        code = parse_mtu(json, interface, error);
    if (code == 0)
        code = parse_netem(json, interface, error);
    if (code == 0)
        code = parse_carrier(json, interface, error);
    return code < 0 ? code : field_each(json, "addresses", add_address, &reading, error);
}

static int take_interface(struct pod *pod, const json_t *json, struct error *error)
{
    struct pod_interface interface = {0};
    int code = parse_interface(json, &interface, error);

    if (code == 0)
        code = check_new_interface(pod, &interface, error);
    if (code < 0) {
        free_interface(&interface);
        return code;
    }
    pod->interfaces =
        xreallocarray(pod->interfaces, pod->interface_count + 1, sizeof *pod->interfaces);
    pod->interfaces[pod->interface_count++] = interface;
    return 0;
}

static int add_interface(void *context, json_t *item, struct error *error)
{
    static const char *const known[] = {"device",    "mac",   "name",    "mtu",
                                        "addresses", "netem", "carrier", NULL};
    int code = field_check_known(item, known, error);

    return code < 0 ? code : take_interface(context, item, error);
}

int pod_parse_interface(json_t *json, struct pod *pod, struct error *error)
{
    static const char *const known[] = {"id", "device", "mac", "name", "mtu", "addresses", NULL};
    int code = field_check_known(json, known, error);

    return code < 0 ? code : take_interface(pod, json, error);
}

/* `default` is of the family of `via`, IPv4 without. */
static int parse_destination(const json_t *json, struct pod_route *route, struct error *error)
{
    const char *text;
    int code = field_text(json, "to", &text, error);

    if (code < 0)
        return code;
    if (strcmp(text, "default") != 0)
        return address_parse(text, &route->to, error);
    route->to.family = route->via.family ? route->via.family : AF_INET;
    return 0;
}

static int parse_gateway(const json_t *json, struct pod_route *route, struct error *error)
{
    const char *text;
    int code;

    if (!json_object_get(json, "via"))
        return 0;
    code = field_text(json, "via", &text, error);
    return code < 0 ? code : address_parse_host(text, &route->via, error);
}

static int parse_device(const json_t *json, struct pod_route *route, struct error *error)
{
    const char *text;
    int code;

    if (!json_object_get(json, "device"))
        return 0;
    code = field_text(json, "device", &text, error);
    return code < 0 ? code : parse_link_name(text, route->device, error);
}

static int add_route(void *context, json_t *item, struct error *error)
{
    static const char *const known[] = {"to", "via", "device", NULL};
    struct pod *pod = context;
    struct pod_route route = {0};
    int code = field_check_known(item, known, error);

    if (code == 0)
        code = parse_gateway(item, &route, error);
    if (code == 0)
        code = parse_device(item, &route, error);
    if (code == 0)
        code = parse_destination(item, &route, error);
    if (code < 0)
        return code;
    if (!route.via.family && !route.device[0])
        return error_set(error, EINVAL, "a route needs \"via\" or \"device\"");
    if (route.via.family && route.via.family != route.to.family)
        return error_set(error, EINVAL, "a route and its gateway must be of the same family");
    pod->routes = xreallocarray(pod->routes, pod->route_count + 1, sizeof route);
    pod->routes[pod->route_count++] = route;
    return 0;
}

int pod_parse_routes(json_t *json, struct pod *pod, struct error *error)
{
    static const char *const known[] = {"id", "routes", NULL};
    int code = field_check_known(json, known, error);

    if (code == 0 && !json_object_get(json, "routes"))
        code = field_wrong("routes", NULL, "an array", error);
    return code < 0 ? code : field_each(json, "routes", add_route, pod, error);
}

static int add_host(void *context, json_t *item, struct error *error)
{
    static const char *const known[] = {"name", "addresses", NULL};
    struct pod *pod = context;
    struct pod_host host = {0};
    struct address_reading reading = {&host.addresses, address_parse_host};
    int code = field_check_known(item, known, error);

    if (code == 0)
        code = get_host_name(item, "name", &host.name, error);
    if (code == 0)
        code = field_each(item, "addresses", add_address, &reading, error);
    if (code < 0) {
        free(host.addresses.items);
        free(host.name);
        return code;
    }
    pod->hosts = xreallocarray(pod->hosts, pod->host_count + 1, sizeof host);
    pod->hosts[pod->host_count++] = host;
    return 0;
}

/* As sysctl(8): where the first separator is a dot, dots separate and slashes stand for dots. */
static int make_sysctl_path(char *key, struct error *error)
{
    const char *first = strpbrk(key, "./");

    if (first && *first == '.')
        for (char *at = key; *at; at++)
            *at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
    if (!first || key[0] == '/' || key[strlen(key) - 1] == '/' || strstr(key, "//") ||
        strstr(key, "/../") || strncmp(key, "../", 3) == 0)
        return error_set(error, EINVAL,
                         "\"%s\" is not the name of a sysctl, as net.ipv4.ip_forward is", key);
    return 0;
}

static int add_sysctl(void *context, json_t *item, struct error *error)
{
    static const char *const known[] = {"key", "value", NULL};
    struct pod *pod = context;
    const json_t *value = json_object_get(item, "value");
    cleanup_free char *key = NULL;
    int code = field_check_known(item, known, error);

    if (code == 0)
        code = field_string(item, "key", &key, error);
    if (code == 0)
        code = make_sysctl_path(key, error);
    if (code == 0 && !json_is_string(value))
        code = field_wrong("value", value, "a string", error);
    if (code < 0)
        return code;
    pod->sysctls = xreallocarray(pod->sysctls, pod->sysctl_count + 1, sizeof *pod->sysctls);
    pod->sysctls[pod->sysctl_count++] =
        (struct pod_sysctl){.key = steal_pointer(&key), .value = xstrdup(json_string_value(value))};
    return 0;
}

static int add_search(void *context, json_t *item, struct error *error)
{
    struct pod_dns *dns = context;
    int code;

    if (!json_is_string(item))
        return error_set(error, EINVAL, "it is %s; expected a string", field_type(item));
    code = field_check_name(json_string_value(item), "a domain name", error);
    if (code < 0)
        return code;
    dns->search = xreallocarray(dns->search, dns->search_count + 1, sizeof *dns->search);
    dns->search[dns->search_count++] = xstrdup(json_string_value(item));
    return 0;
}

static int parse_dns(const json_t *json, struct pod_dns *dns, struct error *error)
{
    static const char *const known[] = {"nameservers", "search", NULL};
    struct address_reading reading = {&dns->nameservers, address_parse_host};
    json_t *object = json_object_get(json, "dns");
    int code;

    if (!object)
        return 0;
    dns->given = true;
    code = field_check_known(object, known, error);
    if (code == 0)
        code = field_each(object, "nameservers", add_address, &reading, error);
    if (code == 0)
        code = field_each(object, "search", add_search, dns, error);
    return code < 0 ? error_context(error, "\"dns\"") : 0;
}

static int parse_router(const json_t *json, struct pod *pod, struct error *error)
{
    int code = 0;

    if (json_object_get(json, "router"))
        code = field_boolean(json, "router", &pod->is_router, error);
    if (code < 0 || !pod->is_router)
        return code;
    if (pod->interface_count == 0)
        return error_set(error, EINVAL, "a router without \"interfaces\"");
    for (size_t i = 0; i < pod->interface_count; i++) {
        if (!pod->interfaces[i].mtu)
            return error_set(error, EINVAL, "the interface %s of a router needs an \"mtu\"",
                             pod->interfaces[i].name);
        if (pod->interfaces[i].netem)
            return error_set(
                error, EINVAL,
                "the interface %s of a router has \"netem\", and its kernel no network",
                pod->interfaces[i].name);
    }
    return 0;
}

int pod_parse(json_t *json, struct pod *pod, struct error *error)
{
    static const char *const known[] = {
        "id",    "hostname", "time_ns", "entropy",    "machine_id", "interfaces", "routes",
        "hosts", "sysctls",  "dns",     "containers", "router",     NULL};
    int code = field_check_known(json, known, error);

    if (code == 0)
        code = get_host_name(json, "hostname", &pod->hostname, error);
    if (code == 0)
        code = parse_time(json, pod, error);
    if (code == 0)
        code = parse_entropy(json, pod, error);
    if (code == 0)
        code = parse_machine_id(json, pod, error);
    if (code == 0)
        code = field_each(json, "interfaces", add_interface, pod, error);
    if (code == 0)
        code = field_each(json, "routes", add_route, pod, error);
    if (code == 0)
        code = field_each(json, "hosts", add_host, pod, error);
    if (code == 0)
        code = field_each(json, "sysctls", add_sysctl, pod, error);
    if (code == 0)
        code = parse_router(json, pod, error);
    return code < 0 ? code : parse_dns(json, &pod->dns, error);
}
