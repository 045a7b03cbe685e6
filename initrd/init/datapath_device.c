#include "initrd/init/datapath_device.h"

#include "base/memory.h"
#include "initrd/init/files.h"
#include "initrd/init/netlink.h"
#include "initrd/init/network.h"
#include "net/segment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_PATH "/dev/net/tun"

enum {
    RECEIVE_BYTES = 8 << 20, /* that wait for the datapath in the NIC's socket */
    /* On their way to the NIC; the kernel allows twice as much, and counts a packet as itself and
     * its struct sk_buff. */
    SEND_BYTES = 1 << 19,
    SKB_BYTES_LEAST = 512, /* that a packet of any length counts as, and some more */
    /* That wait for the NIC: what comes to that is lost, though its verdict says otherwise. So all
     * that the socket takes has room, were it all of the shortest, and so has what is in the ring's
     * slots, the last of which may be in pieces. */
    QUEUE_PACKETS = 2 * SEND_BYTES / SKB_BYTES_LEAST + DATAPATH_RING_SLOTS + SEGMENTS_MAX,
    SOCKET_BYTES = 1 << 20, /* that wait between a router and a way of its link */
    TAP_BYTES = 16 << 20,   /* that wait for the datapath in the TAP's ring, about … */
    TAP_LEAST = 1000,       /* … but so many packets at least, as a kernel would have … */
    TAP_MOST = 4096,        /* … and at most */
};

/* Where the NICs go: a socket for each namespace. */
struct move {
    int node, own;     /* netlink */
    int own_namespace; /* its file */
};

static int without_driver(struct error *error, const char *what, const char *option)
{
    return error_errno(error,
                       "the kernel of this node has no %s (%s), which a link with `carrier: guest` "
                       "needs: use `carrier: host` on the link, or another kernel",
                       what, option);
}

/* -- The TAP ----------------------------------------------------------------------------------- */

static int set_up_tap(int tap, const struct pod_interface *interface, struct ifreq *request)
{
    const int little_endian = 1;

    request->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(tap, TUNSETIFF, request) < 0 || ioctl(tap, TUNSETVNETLE, &little_endian) < 0 ||
        ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) < 0)
        return -1;
    request->ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request->ifr_hwaddr.sa_data, interface->device, MAC_SIZE);
    return ioctl(tap, SIOCSIFHWADDR, request);
}

static int open_tap(const struct pod_interface *interface, int *out, struct error *error)
{
    cleanup_fd int tap = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    (void)interface;
    if (tap < 0)
        return errno == ENOENT || errno == ENODEV || errno == ENXIO
                   ? without_driver(error, "TAP devices", "CONFIG_TUN, the module tun")
                   : error_errno(error, "cannot open " TUN_PATH);
    *out = steal_fd(&tap);
    return 0;
}

static uint32_t ring_for(unsigned mtu)
{
    uint32_t packets = TAP_BYTES / mtu;

    return packets < TAP_LEAST ? TAP_LEAST : packets > TAP_MOST ? TAP_MOST : packets;
}

/* No sender waits for room in the ring, so there is some for a burst. What stands for more packets
 * than the datapath can cut it into, the kernel cuts; one that does not let this be set (before
 * Linux 4.16) ignores it. */
static int set_limits(int netlink, const char *name, unsigned mtu, struct error *error)
{
    const uint32_t segments = SEGMENTS_MAX, ring = ring_for(mtu);
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    struct netlink_message message;

    netlink_begin(&message, RTM_NEWLINK, 0, &info, sizeof info);
    netlink_add(&message, IFLA_IFNAME, name, strlen(name) + 1);
    netlink_add(&message, IFLA_TXQLEN, &ring, sizeof ring);
    netlink_add(&message, IFLA_GSO_MAX_SEGS, &segments, sizeof segments);
    return netlink_request(netlink, &message, error);
}

static int open_drops(const char *name, int *drops, struct error *error)
{
    char path[64];

    snprintf(path, sizeof path, "/sys/class/net/%.*s/statistics/tx_dropped", IFNAMSIZ, name);
    *drops = open(path, O_RDONLY | O_CLOEXEC);
    return *drops < 0 ? error_errno(error, "cannot open %s", path) : 0;
}

void datapath_device_drops(int drops, uint64_t *count)
{
    char text[32] = "";

    if (pread(drops, text, sizeof text - 1, 0) > 0)
        *count = strtoull(text, NULL, 10);
}

static int make_tap(int netlink, struct datapath_device *device,
                    const struct pod_interface *interface, const char *name, struct error *error)
{
    struct ifreq request = {0};
    int code;

    memcpy(request.ifr_name, name, sizeof request.ifr_name);
    if (set_up_tap(device->tap, interface, &request) < 0)
        return error_errno(error, "link %s: cannot make a TAP device in the place of its NIC",
                           interface->name);
    code = set_limits(netlink, name, interface->mtu, error);
    if (code == 0)
        code = open_drops(name, &device->drops, error);
    return code < 0 ? error_context(error, "link %s: cannot set up its TAP device", interface->name)
                    : 0;
}

/* -- The NIC ----------------------------------------------------------------------------------- */

static int move_nic(const struct move *move, int index, const char *name, struct error *error)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    struct netlink_message message;
    int code;

    netlink_begin(&message, RTM_NEWLINK, 0, &info, sizeof info);
    netlink_add(&message, IFLA_NET_NS_FD, &move->own_namespace, sizeof move->own_namespace);
    code = netlink_request(move->node, &message, error);
    return code < 0 ? error_context(error, "link %s: cannot set its NIC apart", name) : 0;
}

/* What waits for the NIC's ring waits in order and is not lost: a queue like CoDel, which may be
 * the kernel's default, would take a slow receiver for a bad network. A kernel that knows no queues
 * has a plain one. */
static int set_queue(int netlink, int index, const char *name, struct error *error)
{
    const struct tc_fifo_qopt options = {.limit = QUEUE_PACKETS};
    struct tcmsg info = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = TC_H_ROOT};
    struct netlink_message message;
    struct error found = {0};

    netlink_begin(&message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof info);
    netlink_add(&message, TCA_KIND, "pfifo", sizeof "pfifo");
    netlink_add(&message, TCA_OPTIONS, &options, sizeof options);
    if (netlink_request(netlink, &message, &found) == 0 || found.code == EOPNOTSUPP)
        return 0;
    return error_set(error, found.code, "link %s: cannot give its NIC a queue: %s", name,
                     found.message);
}

static int set_up_socket(int nic, int index)
{
    static const struct {
        int level, name, value;
    } options[] = {{SOL_PACKET, PACKET_VNET_HDR, 1},
                   {SOL_PACKET, PACKET_AUXDATA, 1},
                   {SOL_PACKET, PACKET_IGNORE_OUTGOING, 1},
                   {SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES},
                   {SOL_SOCKET, SO_SNDBUFFORCE, SEND_BYTES}};
    const struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};

    for (size_t i = 0; i < array_size(options); i++)
        if (setsockopt(nic, options[i].level, options[i].name, &options[i].value,
                       sizeof options[i].value) < 0)
            return -1;
    if (setsockopt(nic, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0)
        return -1;
    return bind(nic, (const struct sockaddr *)&address, sizeof address);
}

static int open_nic(const struct pod_interface *interface, int index, int *out, struct error *error)
{
    cleanup_fd int nic = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (nic < 0)
        return errno == EAFNOSUPPORT ? without_driver(error, "packet sockets", "CONFIG_PACKET")
                                     : error_errno(error, "cannot open a packet socket");
    if (set_up_socket(nic, index) < 0)
        return error_errno(error, "link %s: cannot read from its NIC", interface->name);
    *out = steal_fd(&nic);
    return 0;
}

bool datapath_takes(const struct pod *pod, const struct pod_interface *interface)
{
    return pod->is_router || interface->carrier;
}

/* -- Both -------------------------------------------------------------------------------------- */

/* IPv6 would give the NICs addresses, and tell their neighbours. */
static int quieten(struct error *error)
{
    struct error found;

    if (files_set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1", &found) < 0 &&
        found.code != ENOENT)
        return error_set(error, found.code, "%s", found.message);
    return 0;
}

static int take_device(const struct move *move, const struct pod_interface *interface,
                       struct datapath_device *device, struct error *error)
{
    char name[IFNAMSIZ] = "", moved[IFNAMSIZ];
    int index, code = network_await_nic(move->node, interface, &index, name, error);

    if (code == 0)
        code = move_nic(move, index, interface->name, error);
    if (code == 0 && device->tap >= 0 && device->router < 0)
        code = make_tap(move->node, device, interface, name, error);
    if (code == 0) /* its index may be another one there */
        code = network_await_nic(move->own, interface, &index, moved, error);
    if (code == 0)
        code = network_raise_nic(move->own, interface, index, error);
    if (code == 0)
        code = set_queue(move->own, index, interface->name, error);
    if (code == 0)
        code = open_nic(interface, index, &device->nic, error);
    if (code == 0 && device->tap >= 0 && device->router < 0)
        device->ring = datapath_ring_open(index);
    return code;
}

static int take_all(const struct move *move, const struct pod *pod,
                    struct datapath_device devices[], struct error *error)
{
    int code = quieten(error);

    for (size_t i = 0, next = 0; code == 0 && i < pod->interface_count; i++)
        if (datapath_takes(pod, &pod->interfaces[i]))
            code = take_device(move, &pod->interfaces[i], &devices[next++], error);
    return code;
}

/* A TAP is of the namespace where its descriptor was opened. */
static int open_taps(const struct pod *pod, struct datapath_device devices[], struct error *error)
{
    int code = 0;

    for (size_t i = 0, next = 0; code == 0 && i < pod->interface_count; i++)
        if (pod->interfaces[i].carrier)
            code = open_tap(&pod->interfaces[i], &devices[next++].tap, error);
    return code;
}

/* The kernel's side of the links that a router carries. */
static int open_sockets(const struct pod *pod, struct datapath_device devices[],
                        struct error *error)
{
    const int room = SOCKET_BYTES;

    for (size_t i = 0; i < pod->interface_count; i++) {
        int ends[2];

        if (!pod->interfaces[i].carrier)
            continue;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
            return error_errno(error, "cannot make a socket");
        devices[i].tap = ends[0];
        devices[i].router = ends[1];
        for (size_t end = 0; end < 2; end++)
            if (setsockopt(ends[end], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0)
                return error_errno(error, "cannot make room in a socket");
    }
    return 0;
}

static int leave_namespace(struct move *move, struct error *error)
{
    if (unshare(CLONE_NEWNET) < 0)
        return errno == EINVAL ? without_driver(error, "network namespaces", "CONFIG_NET_NS")
                               : error_errno(error, "cannot make a network namespace");
    move->own_namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (move->own_namespace < 0)
        return error_errno(error, "cannot open the network namespace of the datapath");
    return netlink_open(NETLINK_ROUTE, 0, &move->own, error);
}

int datapath_devices_take(const struct pod *pod, struct datapath_device devices[],
                          struct error *error)
{
    struct move move = {-1, -1, -1};
    int code = netlink_open(NETLINK_ROUTE, 0, &move.node, error);

    if (code == 0)
        code = pod->is_router ? open_sockets(pod, devices, error) : open_taps(pod, devices, error);
    if (code == 0)
        code = leave_namespace(&move, error);
    if (code == 0)
        code = take_all(&move, pod, devices, error);
    for (size_t i = 0; i < 3; i++)
        if ((int[]){move.node, move.own, move.own_namespace}[i] >= 0)
            close((int[]){move.node, move.own, move.own_namespace}[i]);
    return code;
}
