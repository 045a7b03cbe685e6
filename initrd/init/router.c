#include "initrd/init/router.h"

#include "base/memory.h"
#include "initrd/init/datapath_cut.h"
#include "initrd/init/datapath_input.h"
#include "net/internet.h"
#include "net/offload.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    ETHERNET_BYTES = 14 + 4 * PACKET_VLANS_MAX, /* around the network's packet */
    FLIGHT_BYTES = 16 << 20,                    /* of packets in flight, about … */
    FLIGHT_LEAST = 256,                         /* … but so many at least … */
    FLIGHT_MOST = 4096,                         /* … and at most */
};

struct port {
    struct router *router;
    uint16_t nic; /* of the internet */
    int fd;
    struct watch *watch;
    uint32_t events; /* that are watched for */
    struct input input;
    struct packet *unsent; /* for which there was no room; or NULL */
    bool closed;           /* nobody reads what is written */
    uint64_t refused;      /* packets that the device did not take, and will not */
};

struct router {
    struct loop *loop;
    struct internet *internet;
    struct pool pool;
    struct timer *timer; /* for neighbours */
    struct port *ports;
    size_t count;
};

_Static_assert((int)POOL_HEADROOM >= (int)OFFLOAD_BYTES + 14,
               "a frame's header and virtio's go before a packet");

/* -- Out --------------------------------------------------------------------------------------- */

static struct packet *take_next(struct port *port)
{
    struct packet *packet = steal_pointer(&port->unsent);

    if (!packet && internet_receive(port->router->internet, port->nic, &packet, 1) == 0)
        return NULL;
    return packet;
}

/* Whether the packet is done with: only one that the device has no room for just now is not. */
static bool write_packet(struct port *port, const struct packet *packet)
{
    uint8_t *header = packet->bytes - OFFLOAD_BYTES;
    ssize_t n;

    if (port->closed)
        return true;
    offload_write(packet, header);
    do
        n = write(port->fd, header, OFFLOAD_BYTES + (size_t)packet->length);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    port->refused += n < 0;
    return true;
}

static void send_port(struct port *port)
{
    struct packet *packet;
    uint32_t events = EPOLLIN;

    while ((packet = take_next(port))) {
        if (!write_packet(port, packet)) {
            port->unsent = packet;
            events |= EPOLLOUT;
            break;
        }
        pool_give(&port->router->pool, &packet, 1);
    }
    if (events != port->events)
        watch_events(port->watch, events);
    port->events = events;
}

static void wait_for_next(struct router *router, uint64_t now_ns)
{
    uint64_t next_ns = internet_next_ns(router->internet);

    if (next_ns == UINT64_MAX)
        timer_stop(router->timer);
    else
        timer_start(router->timer, next_ns > now_ns ? next_ns - now_ns : 0);
}

static void send_all(struct router *router, uint64_t now_ns)
{
    for (size_t i = 0; i < router->count; i++)
        send_port(&router->ports[i]);
    wait_for_next(router, now_ns);
}

static void on_timer(void *context)
{
    struct router *router = context;
    uint64_t now_ns = clock_ns();

    internet_tick(router->internet, now_ns);
    send_all(router, now_ns);
}

/* -- In ---------------------------------------------------------------------------------------- */

/* What stands for many goes as these: the next link may be one that takes no more at once. One that
 * cannot be cut now is lost, and TCP sends it again. */
static void take_large(struct port *port, struct packet *packet, uint64_t now_ns)
{
    struct packet *segments[SEGMENTS_MAX];
    int count = cut(&port->router->pool, packet, segments);

    if (count > 0)
        internet_send(port->router->internet, port->nic, segments, (size_t)count, now_ns);
    pool_give(&port->router->pool, &packet, 1);
}

static void take_read(struct port *port, uint64_t now_ns)
{
    struct input *input = &port->input;

    for (size_t i = 0; i < input->count;) {
        size_t small = 0;

        while (i + small < input->count && !input->packets[i + small]->segment_bytes)
            small++;
        internet_send(port->router->internet, port->nic, input->packets + i, small, now_ns);
        i += small;
        if (i < input->count)
            take_large(port, input->packets[i++], now_ns);
    }
}

static void on_port(void *context, uint32_t events)
{
    struct port *port = context;

    if (events & (EPOLLIN | EPOLLERR)) {
        input_read(&port->input, &port->router->pool, NULL);
        take_read(port, clock_ns());
    }
    send_all(port->router, clock_ns());
}

/* -- What the pod says ------------------------------------------------------------------------- */

static enum packet_network network_of(const struct address *address)
{
    return address->family == AF_INET6 ? PACKET_NETWORK_IPV6 : PACKET_NETWORK_IPV4;
}

/* The network that the address is in. */
static struct route_prefix prefix_of(const struct address *address)
{
    struct route_prefix prefix = {.network = network_of(address), .length = address->prefix};
    unsigned whole = address->prefix / 8, rest = address->prefix % 8;

    memcpy(prefix.address, address->bytes, whole);
    if (rest)
        prefix.address[whole] = (uint8_t)(address->bytes[whole] & 0xff00 >> rest);
    return prefix;
}

static int add_address(struct router *router, uint16_t nic, const struct address *address,
                       struct error *error)
{
    struct route_prefix prefix = prefix_of(address);
    bool is_alone = address->prefix == (address->family == AF_INET ? 32 : 128);
    int code = internet_set_router(router->internet, nic, prefix.network, address->bytes, error);

    return code < 0 || is_alone ? code : internet_add_route(router->internet, nic, &prefix, error);
}

static int add_interface(struct router *router, const struct pod_interface *interface,
                         struct port *port, struct error *error)
{
    int code =
        internet_add_wire(router->internet, interface->mtu, interface->mac, &port->nic, error);

    for (size_t i = 0; code == 0 && i < interface->addresses.count; i++)
        code = add_address(router, port->nic, &interface->addresses.items[i], error);
    return code < 0 ? error_context(error, "link %s", interface->name) : 0;
}

static int add_route(struct router *router, const struct pod *pod, const struct pod_route *route,
                     struct error *error)
{
    struct route_prefix prefix = prefix_of(&route->to);
    char text[INET6_ADDRSTRLEN];
    size_t link = 0;
    int code;

    while (link < pod->interface_count && strcmp(pod->interfaces[link].name, route->device) != 0)
        link++;
    if (route->via.family)
        code = internet_add_route_via(router->internet, &prefix, route->via.bytes, error);
    else if (link < pod->interface_count)
        code = internet_add_route(router->internet, router->ports[link].nic, &prefix, error);
    else
        code = error_set(error, ENODEV, "there is no link %s", route->device);
    return code < 0 ? error_context(error, "route to %s/%u", address_text(&route->to, text),
                                    route->to.prefix)
                    : 0;
}

static int configure(struct router *router, const struct pod *pod, struct error *error)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < pod->interface_count; i++)
        code = add_interface(router, &pod->interfaces[i], &router->ports[i], error);
    for (size_t i = 0; code == 0 && i < pod->route_count; i++)
        code = add_route(router, pod, &pod->routes[i], error);
    return code;
}

/* -- Life -------------------------------------------------------------------------------------- */

/* Bytes of a packet that any of the links may have, or the router itself sends. */
static size_t room_for(const struct pod *pod)
{
    size_t most = NET_MTU_ETHERNET;

    for (size_t i = 0; i < pod->interface_count; i++)
        if (pod->interfaces[i].mtu > most)
            most = pod->interfaces[i].mtu;
    return most + ETHERNET_BYTES;
}

static size_t flight_for(size_t room)
{
    size_t count = FLIGHT_BYTES / room;

    return count < FLIGHT_LEAST ? FLIGHT_LEAST : count > FLIGHT_MOST ? FLIGHT_MOST : count;
}

static int open_port(struct router *router, struct port *port, const struct router_port *from,
                     size_t room, struct error *error)
{
    port->router = router;
    port->fd = from->fd;
    port->events = EPOLLIN;
    input_init(&port->input, port->fd, from->is_nic, room);
    return loop_watch(router->loop, port->fd, port->events, on_port, port, &port->watch, error);
}

int router_start(struct loop *loop, const struct pod *pod, const struct router_port ports[],
                 struct router **out, struct error *error)
{
    struct router *router = xcalloc(1, sizeof *router);
    size_t room = room_for(pod), flight = flight_for(room);
    const struct internet_options options = {
        .pool = &router->pool, .nics = pod->interface_count, .flight = flight};
    int code;

    router->loop = loop;
    router->count = pod->interface_count;
    router->ports = xcalloc(router->count, sizeof *router->ports);
    router->timer = loop_timer(loop, on_timer, router);
    /* Each port holds so many for what it reads next, and one that it could not write. */
    pool_init(&router->pool, flight + (INPUT_FRAMES + 1) * router->count + SEGMENTS_MAX, room);
    code = internet_new(&options, &router->internet, error);
    if (code == 0)
        code = configure(router, pod, error);
    for (size_t i = 0; code == 0 && i < router->count; i++)
        code = open_port(router, &router->ports[i], &ports[i], room, error);
    *out = router;
    return code < 0 ? error_context(error, "router") : 0;
}

void router_close(struct router *router, size_t index)
{
    router->ports[index].closed = true;
    send_port(&router->ports[index]);
}

uint64_t router_lost(const struct router *router, size_t index)
{
    const struct port *port = &router->ports[index];

    return internet_counters(router->internet, port->nic)->crowded_out + port->refused;
}
