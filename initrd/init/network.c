#include "initrd/init/network.h"

#include "base/loop.h"
#include "base/memory.h"
#include "initrd/init/files.h"
#include "initrd/init/netem.h"
#include "initrd/init/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINK_WAIT_MS = 5000, LOOPBACK_INDEX = 1 };

static size_t address_size(const struct address *address)
{
    return address->family == AF_INET ? 4 : 16;
}

/* Searching a dump of links: by the MAC address that the device has now, until it has `flags`. */
struct search {
    const uint8_t *mac;
    unsigned flags;
    int index; /* 0: not found */
    char name[IFNAMSIZ];
};

static int match_link(void *context, const struct nlmsghdr *header)
{
    struct search *search = context;
    const struct ifinfomsg *info = NLMSG_DATA(header);
    size_t mac_size = 0, name_size = 0;
    const uint8_t *mac;
    const char *name;

    if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len < NLMSG_LENGTH(sizeof *info))
        return 0;
    mac = netlink_attribute(header, sizeof *info, IFLA_ADDRESS, &mac_size);
    name = netlink_attribute(header, sizeof *info, IFLA_IFNAME, &name_size);
    if (!mac || mac_size != MAC_SIZE || memcmp(mac, search->mac, MAC_SIZE) != 0 ||
        (info->ifi_flags & search->flags) != search->flags)
        return 0;
    search->index = info->ifi_index;
    if (name && name_size > 0 && name_size <= sizeof search->name)
        memcpy(search->name, name, name_size);
    return 0;
}

static int find_link(int netlink, struct search *search, struct error *error)
{
    struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    struct netlink_message message;

    netlink_begin(&message, RTM_GETLINK, 0, &any, sizeof any);
    return netlink_dump(netlink, &message, match_link, search, error);
}

/* Most often it is there at the first look, and no event is asked for. When it is not there in
 * time, search->index stays 0. */
static int await_link(int netlink, struct search *search, struct error *error)
{
    uint64_t deadline_ns = clock_ns() + LINK_WAIT_MS * NS_PER_MS;
    cleanup_fd int events = -1;
    int code = find_link(netlink, search, error);

    if (code < 0 || search->index)
        return code;
    code = netlink_open(NETLINK_ROUTE, RTMGRP_LINK, &events, error);
    while (code == 0) {
        code = find_link(netlink, search, error);
        if (code < 0 || search->index || !netlink_wait(events, deadline_ns))
            return code;
    }
    return code;
}

static int await_nic(int netlink, const struct pod_interface *link, struct search *search,
                     struct error *error)
{
    const uint8_t *mac = link->device;
    int code;

    *search = (struct search){.mac = mac};
    code = await_link(netlink, search, error);
    if (code == 0 && !search->index)
        code = error_set(error, ENODEV,
                         "link %s: no NIC with the MAC address %02x:%02x:%02x:%02x:%02x:%02x "
                         "appeared within %d s",
                         link->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
                         LINK_WAIT_MS / 1000);
    return code;
}

/* A NIC that was just raised drops what it is to send, and has no link-local address, until the
 * kernel has heard of its carrier, which its driver tells it when it likes. */
static int await_carrier(int netlink, const struct pod_interface *link,
                         const uint8_t mac[static MAC_SIZE], struct error *error)
{
    struct search search = {.mac = mac, .flags = IFF_RUNNING | IFF_LOWER_UP};
    int code = await_link(netlink, &search, error);

    if (code == 0 && !search.index)
        code = error_set(error, ENETDOWN, "link %s: its NIC is up, but had no carrier within %d s",
                         link->name, LINK_WAIT_MS / 1000);
    return code;
}

static int rename_link(int netlink, int index, const char *name, struct error *error)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    struct netlink_message message;
    int code;

    netlink_begin(&message, RTM_NEWLINK, 0, &info, sizeof info);
    netlink_add(&message, IFLA_IFNAME, name, strlen(name) + 1);
    code = netlink_request(netlink, &message, error);
    return code < 0 ? error_context(error, "cannot rename a link to %s", name) : 0;
}

/* Names may be permuted (eth0 and eth1 change places): each link that needs another name gets a
 * passing one first, which no other link has, whoever else names links meanwhile. */
static int name_links(int netlink, const struct pod *pod, int indexes[], struct error *error)
{
    cleanup_free struct search *found = xcalloc(pod->interface_count, sizeof *found);
    int code = 0;

    for (size_t i = 0; code == 0 && i < pod->interface_count; i++) {
        char passing[IFNAMSIZ];

        code = await_nic(netlink, &pod->interfaces[i], &found[i], error);
        snprintf(passing, sizeof passing, "duet-%d", found[i].index);
        if (code == 0 && strcmp(found[i].name, pod->interfaces[i].name) != 0)
            code = rename_link(netlink, found[i].index, passing, error);
    }
    for (size_t i = 0; code == 0 && i < pod->interface_count; i++) {
        if (strcmp(found[i].name, pod->interfaces[i].name) != 0)
            code = rename_link(netlink, found[i].index, pod->interfaces[i].name, error);
        indexes[i] = found[i].index;
    }
    return code;
}

/* Raises a link; with an MTU other than 0, sets that, too. */
static int raise_link(int netlink, int index, const char *name, uint32_t mtu, struct error *error)
{
    struct ifinfomsg info = {
        .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct netlink_message message;
    int code;

    netlink_begin(&message, RTM_NEWLINK, 0, &info, sizeof info);
    if (mtu)
        netlink_add(&message, IFLA_MTU, &mtu, sizeof mtu);
    code = netlink_request(netlink, &message, error);
    if (code < 0 && mtu)
        return error_context(error, "link %s: cannot bring it up with MTU %u", name, mtu);
    return code < 0 ? error_context(error, "link %s: cannot bring it up", name) : 0;
}

/* A device that another machine booted with has that one's address. The link is down yet, so that
 * IPv6 makes its own addresses of the new one alone. */
static int change_mac(int netlink, int index, const struct pod_interface *link, struct error *error)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    struct netlink_message message;
    int code;

    if (memcmp(link->device, link->mac, MAC_SIZE) == 0)
        return 0;
    netlink_begin(&message, RTM_NEWLINK, 0, &info, sizeof info);
    netlink_add(&message, IFLA_ADDRESS, link->mac, MAC_SIZE);
    code = netlink_request(netlink, &message, error);
    return code < 0 ? error_context(error, "link %s: cannot change its MAC address", link->name)
                    : 0;
}

/* IPv6 as a test wants it: only what the configuration says, and at once. A kernel without IPv6
 * has none of these files, and needs none. */
static int quieten_ipv6(const char *name, struct error *error)
{
    static const char *const keys[] = {"accept_ra", "router_solicitations", "accept_dad"};

    for (size_t i = 0; i < array_size(keys); i++) {
        cleanup_free char *path = xasprintf("/proc/sys/net/ipv6/conf/%s/%s", name, keys[i]);
        struct error found;

        if (files_set(path, "0", &found) < 0 && found.code != ENOENT)
            return error_set(error, found.code, "%s", found.message);
    }
    return 0;
}

static int add_address(int netlink, int index, const char *name, const struct address *address,
                       struct error *error)
{
    struct ifaddrmsg info = {.ifa_family = (uint8_t)address->family,
                             .ifa_prefixlen = address->prefix,
                             .ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0,
                             .ifa_index = (uint32_t)index};
    size_t size = address_size(address);
    struct netlink_message message;
    char text[INET6_ADDRSTRLEN];
    int code;

    netlink_begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    netlink_add(&message, IFA_LOCAL, address->bytes, size);
    netlink_add(&message, IFA_ADDRESS, address->bytes, size);
    if (address->family == AF_INET && address->prefix < 31) {
        uint32_t broadcast;

        memcpy(&broadcast, address->bytes, sizeof broadcast);
        broadcast |= htonl(UINT32_MAX >> address->prefix);
        netlink_add(&message, IFA_BROADCAST, &broadcast, sizeof broadcast);
    }
    code = netlink_request(netlink, &message, error);
    if (code < 0)
        return error_context(error, "link %s: cannot add the address %s/%u", name,
                             address_text(address, text), address->prefix);
    return 0;
}

/* Before the link is up: the first that goes out is impaired, too. */
static int set_netem(int netlink, int index, const struct pod_interface *link, struct error *error)
{
    const struct pod_netem *netem = link->netem;

    return netem
               ? netem_set(netlink, index, link->name, &netem->config.settings, netem->seed, error)
               : 0;
}

static int start_link(int netlink, const struct pod_interface *link, int index, struct error *error)
{
    int code = change_mac(netlink, index, link, error);

    if (code == 0)
        code = quieten_ipv6(link->name, error);
    if (code == 0)
        code = set_netem(netlink, index, link, error);
    return code < 0 ? code : raise_link(netlink, index, link->name, link->mtu, error);
}

static int finish_link(int netlink, const struct pod_interface *link, int index,
                       struct error *error)
{
    int code = await_carrier(netlink, link, link->mac, error);

    for (size_t i = 0; code == 0 && i < link->addresses.count; i++)
        code = add_address(netlink, index, link->name, &link->addresses.items[i], error);
    return code;
}

static int add_route(int netlink, const struct pod_route *route, struct error *error)
{
    struct rtmsg info = {.rtm_family = (uint8_t)route->to.family,
                         .rtm_dst_len = route->to.prefix,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_STATIC,
                         .rtm_scope = route->via.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                         .rtm_type = RTN_UNICAST};
    uint32_t index = route->device[0] ? if_nametoindex(route->device) : 0;
    struct netlink_message message;
    char text[INET6_ADDRSTRLEN];
    int code;

    address_text(&route->to, text);
    if (route->device[0] && !index)
        return error_set(error, ENODEV, "route to %s/%u: there is no link %s", text,
                         route->to.prefix, route->device);
    netlink_begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    netlink_add(&message, RTA_DST, route->to.bytes, address_size(&route->to));
    if (route->via.family)
        netlink_add(&message, RTA_GATEWAY, route->via.bytes, address_size(&route->via));
    if (index)
        netlink_add(&message, RTA_OIF, &index, sizeof index);
    code = netlink_request(netlink, &message, error);
    return code < 0 ? error_context(error, "cannot add the route to %s/%u", text, route->to.prefix)
                    : 0;
}

static int set_sysctl(const struct pod_sysctl *sysctl, struct error *error)
{
    cleanup_free char *path = xasprintf("/proc/sys/%s", sysctl->key);

    return files_set(path, sysctl->value, error);
}

static int set_up_links(int netlink, const struct pod *pod, struct error *error)
{
    cleanup_free int *indexes = xcalloc(pod->interface_count, sizeof *indexes);
    int code = name_links(netlink, pod, indexes, error);

    for (size_t i = 0; code == 0 && i < pod->interface_count; i++)
        code = start_link(netlink, &pod->interfaces[i], indexes[i], error);
    for (size_t i = 0; code == 0 && i < pod->interface_count; i++)
        code = finish_link(netlink, &pod->interfaces[i], indexes[i], error);
    return code;
}

static int add_routes(int netlink, const struct pod *pod, struct error *error)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < pod->route_count; i++)
        code = add_route(netlink, &pod->routes[i], error);
    return code;
}

int network_set_up(const struct pod *pod, struct error *error)
{
    cleanup_fd int netlink = -1;
    int code = netlink_open(NETLINK_ROUTE, 0, &netlink, error);

    if (code == 0)
        code = raise_link(netlink, LOOPBACK_INDEX, "lo", 0, error);
    if (code == 0 && !pod->is_router)
        code = set_up_links(netlink, pod, error);
    for (size_t i = 0; code == 0 && i < pod->sysctl_count; i++)
        code = set_sysctl(&pod->sysctls[i], error);
    return code < 0 || pod->is_router ? code : add_routes(netlink, pod, error);
}

int network_add_links(const struct pod *pod, struct error *error)
{
    cleanup_fd int netlink = -1;
    int code = netlink_open(NETLINK_ROUTE, 0, &netlink, error);

    return code < 0 ? code : set_up_links(netlink, pod, error);
}

int network_add_routes(const struct pod *pod, struct error *error)
{
    cleanup_fd int netlink = -1;
    int code = netlink_open(NETLINK_ROUTE, 0, &netlink, error);

    return code < 0 ? code : add_routes(netlink, pod, error);
}

int network_raise_loopback(struct error *error)
{
    cleanup_fd int netlink = -1;
    int code = netlink_open(NETLINK_ROUTE, 0, &netlink, error);

    return code < 0 ? code : raise_link(netlink, LOOPBACK_INDEX, "lo", 0, error);
}

int network_await_nic(int netlink, const struct pod_interface *link, int *index,
                      char name[static IFNAMSIZ], struct error *error)
{
    struct search search;
    int code = await_nic(netlink, link, &search, error);

    *index = search.index;
    memcpy(name, search.name, IFNAMSIZ);
    return code;
}

int network_raise_nic(int netlink, const struct pod_interface *link, int index, struct error *error)
{
    int code = raise_link(netlink, index, link->name, link->mtu, error);

    return code < 0 ? code : await_carrier(netlink, link, link->device, error);
}
