#include "initrd/init/cmdline.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HOST_NAME_LONGEST = 64, MTU_LEAST = 68, MTU_MOST = 65535 };

typedef int (*key_fn)(struct config *config, char *value, struct error *error);

void config_init(struct config *config)
{
    *config = (struct config){.node = xstrdup("node"),
                              .result_prefix = xstrdup("DUET_RESULT: "),
                              .ready_prefix = xstrdup("DUET_READY: ")};
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < config->link_count; i++)
        free(config->links[i].addresses);
    for (size_t i = 0; i < config->host_count; i++) {
        for (size_t k = 0; k < config->hosts[i].address_count; k++)
            free(config->hosts[i].addresses[k]);
        free(config->hosts[i].addresses);
        free(config->hosts[i].name);
    }
    for (size_t i = 0; i < config->sysctl_count; i++) {
        free(config->sysctls[i].key);
        free(config->sysctls[i].value);
    }
    for (size_t i = 0; i < config->module_count; i++)
        free(config->modules[i]);
    free(config->node);
    free(config->exec);
    free(config->result_prefix);
    free(config->ready_prefix);
    free(config->links);
    free(config->routes);
    free(config->hosts);
    free(config->sysctls);
    free(config->modules);
    *config = (struct config){0};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* In place: a decoded value is never longer. */
static int percent_decode(char *text, struct error *error)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        int high, low;

        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        high = hex_digit(from[1]);
        low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || high + low == 0)
            return error_set(error, EINVAL, "%.3s is not a byte as %%XX (01 to FF)", from);
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return 0;
}

static int parse_number(const char *text, unsigned long least, unsigned long most,
                        unsigned long *number, struct error *error)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long value = 0;

    if (digits > 0 && digits <= 10 && !text[digits])
        value = strtoul(text, NULL, 10);
    if (digits == 0 || digits > 10 || text[digits] || value < least || value > most)
        return error_set(error, EINVAL, "\"%s\" is not a number from %lu to %lu", text, least,
                         most);
    *number = value;
    return 0;
}

int address_parse(const char *text, struct address *out, struct error *error)
{
    struct address address = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    const char *slash = strchrnul(text, '/');
    unsigned long bits = address.family == AF_INET ? 32 : 128;
    cleanup_free char *host = xstrndup(text, (size_t)(slash - text));

    if (inet_pton(address.family, host, address.bytes) != 1)
        return error_set(error, EINVAL, "\"%s\" is not an IPv4 or IPv6 address", host);
    if (*slash) {
        int code = parse_number(slash + 1, 0, bits, &bits, error);

        if (code < 0)
            return error_context(error, "the prefix of %s", text);
    }
    address.prefix = (uint8_t)bits;
    *out = address;
    return 0;
}

static int parse_mac(const char *text, uint8_t mac[static 6], struct error *error)
{
    uint8_t bytes[6];

    for (int i = 0; i < 6; i++) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);

        if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
            return error_set(error, EINVAL, "the MAC address is not of the form 52:54:00:00:00:01");
        bytes[i] = (uint8_t)(high * 16 + low);
        text += i < 5 ? 3 : 2;
    }
    memcpy(mac, bytes, sizeof bytes);
    return 0;
}

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

static int check_host_name(const char *text, struct error *error)
{
    size_t length = strlen(text);

    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("-._", *at))
            length = 0;
    if (length == 0 || length > HOST_NAME_LONGEST)
        return error_set(error, EINVAL,
                         "\"%s\" is not a host name: 1 to %d letters, digits, '-', '.' and '_'",
                         text, HOST_NAME_LONGEST);
    return 0;
}

static int parse_node(struct config *config, char *value, struct error *error)
{
    int code = check_host_name(value, error);

    if (code < 0)
        return code;
    free(config->node);
    config->node = xstrdup(value);
    return 0;
}

static int parse_link_item(struct link_config *link, bool *has_mac, char *item, struct error *error)
{
    char *value = strchr(item, '=');
    unsigned long mtu;
    int code;

    if (!value)
        return error_set(error, EINVAL, "\"%s\" is not of the form key=value", item);
    *value++ = '\0';
    if (strcmp(item, "mac") == 0) {
        *has_mac = true;
        return parse_mac(value, link->mac, error);
    }
    if (strcmp(item, "name") == 0)
        return parse_link_name(value, link->name, error);
    if (strcmp(item, "mtu") == 0) {
        code = parse_number(value, MTU_LEAST, MTU_MOST, &mtu, error);
        link->mtu = code < 0 ? 0 : (uint32_t)mtu;
        return code;
    }
    if (strcmp(item, "addr") == 0) {
        link->addresses =
            xreallocarray(link->addresses, link->address_count + 1, sizeof *link->addresses);
        code = address_parse(value, &link->addresses[link->address_count], error);
        link->address_count += code == 0;
        return code;
    }
    return error_set(error, EINVAL, "unknown key \"%s\"; mac, name, mtu and addr are known", item);
}

static int check_new_link(const struct config *config, const struct link_config *link, bool has_mac,
                          struct error *error)
{
    if (!has_mac || !link->name[0])
        return error_set(error, EINVAL, "a link needs %s", has_mac ? "name=" : "mac=");
    for (size_t i = 0; i < config->link_count; i++) {
        if (strcmp(config->links[i].name, link->name) == 0)
            return error_set(error, EINVAL, "two links are named %s", link->name);
        if (memcmp(config->links[i].mac, link->mac, sizeof link->mac) == 0)
            return error_set(error, EINVAL, "%s and %s have the same MAC address",
                             config->links[i].name, link->name);
    }
    return 0;
}

static int parse_link(struct config *config, char *value, struct error *error)
{
    struct link_config link = {0};
    bool has_mac = false;
    int code = 0;
    char *item;

    while (code == 0 && (item = strsep(&value, ",")))
        code = parse_link_item(&link, &has_mac, item, error);
    if (code == 0)
        code = check_new_link(config, &link, has_mac, error);
    if (code < 0) {
        free(link.addresses);
        return code;
    }
    config->links = xreallocarray(config->links, config->link_count + 1, sizeof link);
    config->links[config->link_count++] = link;
    return 0;
}

static int parse_route_item(struct route_config *route, const char *item, struct error *error)
{
    if (strncmp(item, "via=", 4) == 0) {
        if (strchr(item, '/'))
            return error_set(error, EINVAL, "\"%s\": a gateway has no prefix", item);
        return address_parse(item + 4, &route->via, error);
    }
    if (strncmp(item, "dev=", 4) == 0)
        return parse_link_name(item + 4, route->name, error);
    return error_set(error, EINVAL, "\"%s\" is neither via=ADDRESS nor dev=LINK", item);
}

static int parse_route(struct config *config, char *value, struct error *error)
{
    struct route_config route = {0};
    const char *to = strsep(&value, ",");
    bool is_default = strcmp(to, "default") == 0;
    int code = is_default ? 0 : address_parse(to, &route.to, error);
    const char *item;

    while (code == 0 && (item = strsep(&value, ",")))
        code = parse_route_item(&route, item, error);
    if (code < 0)
        return code;
    if (is_default)
        route.to.family = route.via.family ? route.via.family : AF_INET;
    if (!route.via.family && !route.name[0])
        return error_set(error, EINVAL, "a route needs via=ADDRESS or dev=LINK");
    if (route.via.family && route.via.family != route.to.family)
        return error_set(error, EINVAL, "a route and its gateway must be of the same family");
    config->routes = xreallocarray(config->routes, config->route_count + 1, sizeof route);
    config->routes[config->route_count++] = route;
    return 0;
}

static int add_host_address(struct host_config *host, const char *text, struct error *error)
{
    struct address address;
    int code = address_parse(text, &address, error);

    if (code < 0)
        return code;
    if (strchr(text, '/'))
        return error_set(error, EINVAL, "\"%s\": a host's address has no prefix", text);
    host->addresses =
        xreallocarray(host->addresses, host->address_count + 1, sizeof *host->addresses);
    host->addresses[host->address_count++] = xstrdup(text);
    return 0;
}

static int parse_host(struct config *config, char *value, struct error *error)
{
    const char *name = strsep(&value, ",");
    struct host_config *host;
    const char *item;
    int code = check_host_name(name, error);

    if (code < 0)
        return code;
    if (!value)
        return error_set(error, EINVAL, "%s has no address; expected NAME,ADDRESS", name);
    config->hosts = xreallocarray(config->hosts, config->host_count + 1, sizeof *host);
    host = &config->hosts[config->host_count++];
    *host = (struct host_config){.name = xstrdup(name)};
    while (code == 0 && (item = strsep(&value, ",")))
        code = add_host_address(host, item, error);
    return code;
}

/* As sysctl(8): where the first separator is a dot, dots separate and slashes stand for dots. */
static int parse_sysctl(struct config *config, char *value, struct error *error)
{
    char *key = strsep(&value, "=");
    const char *first = strpbrk(key, "./");

    if (!value || !first)
        return error_set(error, EINVAL, "expected KEY=VALUE as in net.ipv4.ip_forward=1");
    if (*first == '.')
        for (char *at = key; *at; at++)
            *at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
    if (key[0] == '/' || key[strlen(key) - 1] == '/' || strstr(key, "//") || strstr(key, "/../") ||
        strncmp(key, "../", 3) == 0)
        return error_set(error, EINVAL, "\"%s\" is not the name of a sysctl", key);
    config->sysctls =
        xreallocarray(config->sysctls, config->sysctl_count + 1, sizeof *config->sysctls);
    config->sysctls[config->sysctl_count++] =
        (struct sysctl_config){.key = xstrdup(key), .value = xstrdup(value)};
    return 0;
}

static int parse_modules(struct config *config, char *value, struct error *error)
{
    const char *name;

    while ((name = strsep(&value, ","))) {
        if (!*name || strchr(name, '/'))
            return error_set(error, EINVAL, "\"%s\" is not the name of a module", name);
        config->modules =
            xreallocarray(config->modules, config->module_count + 1, sizeof *config->modules);
        config->modules[config->module_count++] = xstrdup(name);
    }
    return 0;
}

static int parse_exec(struct config *config, char *value, struct error *error)
{
    if (value[0] != '/')
        return error_set(error, EINVAL, "\"%s\" is not an absolute path", value);
    free(config->exec);
    config->exec = xstrdup(value);
    return 0;
}

static int parse_prefix(char **prefix, const char *value, struct error *error)
{
    if (!*value || strpbrk(value, "\r\n"))
        return error_set(error, EINVAL, "a prefix is one line and not empty");
    free(*prefix);
    *prefix = xstrdup(value);
    return 0;
}

static int parse_result(struct config *config, char *value, struct error *error)
{
    return parse_prefix(&config->result_prefix, value, error);
}

static int parse_ready(struct config *config, char *value, struct error *error)
{
    return parse_prefix(&config->ready_prefix, value, error);
}

static const struct {
    const char *name;
    key_fn parse;
    bool repeatable;
} keys[] = {
    {"node", parse_node, false}, {"link", parse_link, true},      {"route", parse_route, true},
    {"host", parse_host, true},  {"sysctl", parse_sysctl, true},  {"modules", parse_modules, true},
    {"exec", parse_exec, false}, {"result", parse_result, false}, {"ready", parse_ready, false},
};

static int parse_word(struct config *config, char *word, uint32_t *seen, struct error *error)
{
    char *key = word + strlen("duet.");
    char *value = strchr(key, '=');
    int code;

    if (!value)
        return error_set(error, EINVAL, "expected duet.KEY=VALUE");
    *value++ = '\0';
    for (size_t i = 0; i < array_size(keys); i++) {
        if (strcmp(key, keys[i].name) != 0)
            continue;
        if (!keys[i].repeatable && (*seen & 1u << i))
            return error_set(error, EINVAL, "given twice");
        *seen |= 1u << i;
        code = percent_decode(value, error);
        return code < 0 ? code : keys[i].parse(config, value, error);
    }
    return error_set(error, EINVAL, "unknown key");
}

/* The next word as the kernel's next_arg() cuts it: spaces inside double quotes do not separate. */
static char *next_word(const char **at)
{
    const char *start = *at + strspn(*at, " \t\r\n");
    const char *end = start;
    bool quoted = false;

    for (; *end && (quoted || !isspace((unsigned char)*end)); end++)
        quoted ^= *end == '"';
    *at = end;
    return end > start ? xstrndup(start, (size_t)(end - start)) : NULL;
}

int cmdline_parse(const char *cmdline, struct config *config, struct error *error)
{
    uint32_t seen = 0;
    int code = 0;

    while (code == 0) {
        cleanup_free char *word = next_word(&cmdline);
        cleanup_free char *whole = word ? xstrdup(word) : NULL;

        if (!word)
            break;
        if (strncmp(word, "duet.", 5) != 0)
            continue;
        code = parse_word(config, word, &seen, error);
        if (code < 0)
            error_context(error, "kernel command line: %s", whole);
    }
    return code;
}
