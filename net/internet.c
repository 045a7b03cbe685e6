/* Theory of Operation
 *
 * internet_send works on vectors, in four passes: look at each packet and sort out what must not be
 * forwarded; find the routes of all others together; forward each, which touches its header once
 * more; and give back what was dropped. In the first and the third pass a good packet takes the
 * straight way through a few comparisons; what is rare (errors, fragments, the router's own
 * packets) is in other functions, and in net/internet_rare.c.
 *
 * The order of the checks is Linux's: addresses, route, hops, MTU.
 *
 * Queues are rings of pointers: a payload is never copied, but into fragments and ICMP errors. Each
 * ring has room for all packets that may be in flight, so only their sum is compared. */
#include "net/internet_internal.h"

#include "net/scope.h"

const char *internet_cause_name(enum internet_cause cause)
{
    static const char *const names[INTERNET_CAUSES] = {
        [INTERNET_FLAWED] = "flawed",
        [INTERNET_NOT_IP] = "not-ip",
        [INTERNET_TOO_LONG] = "too-long",
        [INTERNET_UNSPECIFIED] = "unspecified",
        [INTERNET_LOOPBACK] = "loopback",
        [INTERNET_LINK_LOCAL] = "link-local",
        [INTERNET_MULTICAST] = "multicast",
        [INTERNET_RESERVED] = "reserved",
        [INTERNET_NO_ROUTE] = "no-route",
        [INTERNET_SAME_NIC] = "same-nic",
        [INTERNET_HOPS] = "hops",
        [INTERNET_TOO_BIG] = "too-big",
        [INTERNET_LOCAL] = "local",
        [INTERNET_FULL] = "full",
        [INTERNET_NO_ROOM] = "no-room",
        [INTERNET_OTHER_HOST] = "other-host",
        [INTERNET_NO_NEIGHBOUR] = "no-neighbour",
        [INTERNET_UNRESOLVED] = "unresolved",
    };

    return cause < INTERNET_CAUSES ? names[cause] : "unknown";
}

static enum internet_cause cause_of_scope(const struct packet *packet)
{
    static const enum internet_cause causes[] = {
        [SCOPE_UNSPECIFIED] = INTERNET_UNSPECIFIED, [SCOPE_LOOPBACK] = INTERNET_LOOPBACK,
        [SCOPE_LINK] = INTERNET_LINK_LOCAL,         [SCOPE_MULTICAST] = INTERNET_MULTICAST,
        [SCOPE_RESERVED] = INTERNET_RESERVED,
    };
    enum packet_network network = (enum packet_network)packet->network;
    enum scope scope = scope_of(network, packet_destination(packet));

    return causes[scope != SCOPE_GLOBAL ? scope : scope_of(network, packet_source(packet))];
}

/* INTERNET_CAUSES where nothing speaks against it. */
static inline enum internet_cause check(const struct packet *packet, const struct nic *from)
{
    if (!packet_is_ip(packet))
        return packet->flaw != PACKET_SOUND ? INTERNET_FLAWED : INTERNET_NOT_IP;
    if (packet_network_length(packet) > from->mtu)
        return INTERNET_TOO_LONG;
    if (packet->flags & PACKET_GROUP_FRAME)
        return INTERNET_MULTICAST;
    return scope_is_global(packet) ? INTERNET_CAUSES : cause_of_scope(packet);
}

/* RFC 1141, for the one word that changes: the sum is one's complement, so in any byte order. */
static inline void count_hop_ipv4(uint8_t *header)
{
    uint16_t word;
    uint32_t sum;

    header[8]--;
    memcpy(&word, header + 10, sizeof word);
    sum = (uint32_t)word + htobe16(0x0100);
    word = (uint16_t)(sum + (sum >= UINT16_MAX));
    memcpy(header + 10, &word, sizeof word);
}

void internet_count_hop(struct packet *packet)
{
    uint8_t *header = packet->bytes + packet->network_at;

    if (packet->network == PACKET_NETWORK_IPV4)
        count_hop_ipv4(header);
    else
        header[7]--;
}

/* The same, where one is left then; else nothing. */
static inline bool use_hop(struct packet *packet)
{
    uint8_t *header = packet->bytes + packet->network_at;

    if (packet->network == PACKET_NETWORK_IPV4) {
        if (header[8] <= 1)
            return false;
        count_hop_ipv4(header);
        return true;
    }
    if (header[7] <= 1)
        return false;
    header[7]--;
    return true;
}

bool internet_enqueue(struct internet *internet, uint32_t nic, struct packet *packet)
{
    struct nic *to = &internet->nics[nic];

    if (internet->in_flight == internet->flight)
        return false;
    internet->in_flight++;
    to->queue[to->tail++ & internet->queue_mask] = packet;
    to->counters.packets_out++;
    to->counters.bytes_out += packet_network_length(packet);
    packet->nic = (uint16_t)nic;
    return true;
}

/* Forwards the first packets, as long as they go to the same NIC and nothing speaks against it.
 * Returns how many. */
static inline size_t forward_run(struct internet *internet, const struct nic *from,
                                 struct packet *const packets[], const uint32_t targets[],
                                 size_t count)
{
    uint32_t target = targets[0];
    struct nic *to = &internet->nics[target];
    size_t room = internet->flight - internet->in_flight;
    size_t tail = to->tail, mask = internet->queue_mask, mtu = to->mtu, done = 0;
    struct packet **queue = to->queue;
    uint64_t bytes = 0;

    if (to == from && !from->hairpin)
        return 0;
    if (count > room)
        count = room;
    for (; done < count && targets[done] == target; done++) {
        struct packet *packet = packets[done];
        size_t length = packet_network_length(packet);

        if (length > mtu || !use_hop(packet))
            break;
        packet->nic = (uint16_t)target;
        bytes += length;
        queue[tail++ & mask] = packet;
    }
    to->tail = tail;
    to->counters.packets_out += done;
    to->counters.bytes_out += bytes;
    internet->in_flight += done;
    return done;
}

static void pass_on(struct internet *internet, struct nic *from, struct packet *packet,
                    uint32_t target, uint64_t now_ns)
{
    enum internet_cause cause;

    internet_count_hop(packet);
    cause = internet_output(internet, from, packet, target, now_ns);
    if (cause != INTERNET_CAUSES)
        internet_refuse(internet, from, packet, cause, now_ns);
}

/* One at which forward_run ended. */
static __attribute__((noinline)) void forward_rare(struct internet *internet, struct nic *from,
                                                   struct packet *packet, uint32_t target,
                                                   uint64_t now_ns)
{
    const struct nic *to;

    if (target == ROUTE_NONE) {
        internet_refuse(internet, from, packet, INTERNET_NO_ROUTE, now_ns);
        return;
    }
    if (target & TARGET_ROUTER) {
        internet_answer(internet, from, packet, now_ns);
        return;
    }
    to = &internet->nics[internet_nic_of(internet, target)];
    if (to == from && !from->hairpin)
        internet_refuse(internet, from, packet, INTERNET_SAME_NIC, now_ns);
    else if (packet_hops(packet) <= 1)
        internet_refuse(internet, from, packet, INTERNET_HOPS, now_ns);
    else if (packet_network_length(packet) > to->mtu)
        internet_cut(internet, from, packet, target, now_ns);
    else
        pass_on(internet, from, packet, target, now_ns);
}

/* A vector at work: what is left of it after the first pass, and where that goes. */
struct vector {
    struct packet *packets[INTERNET_VECTOR];
    const uint8_t *destinations[INTERNET_VECTOR];
    uint32_t targets[INTERNET_VECTOR];
    size_t count;
    size_t ipv4_count;
};

/* Sorts out what must not be forwarded, whatever routes there are. */
static inline void sort_out(struct internet *internet, struct nic *from,
                            struct packet *const packets[], size_t count, struct vector *vector,
                            uint64_t now_ns)
{
    size_t good = 0, ipv4 = 0;
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        struct packet *packet = packets[i];
        enum internet_cause cause = check(packet, from);

        bytes += packet_network_length(packet);
        if (packet->flaw != PACKET_SOUND)
            from->counters.flaws[packet->flaw]++;
        if (cause == INTERNET_CAUSES) {
            vector->packets[good] = packet;
            vector->destinations[good++] = packet_destination(packet);
            ipv4 += packet->network == PACKET_NETWORK_IPV4;
        } else {
            internet_refuse(internet, from, packet, cause, now_ns);
        }
    }
    vector->count = good;
    vector->ipv4_count = ipv4;
    from->counters.packets_in += count;
    from->counters.bytes_in += bytes;
}

static inline void find_routes(const struct route_table *routes, struct vector *vector)
{
    if (vector->ipv4_count == vector->count || vector->ipv4_count == 0) {
        route_lookup_all(routes, vector->ipv4_count > 0 ? PACKET_NETWORK_IPV4 : PACKET_NETWORK_IPV6,
                         vector->destinations, vector->count, vector->targets);
        return;
    }
    for (size_t i = 0; i < vector->count; i++)
        vector->targets[i] = route_lookup(routes, (enum packet_network)vector->packets[i]->network,
                                          vector->destinations[i]);
}

static void send_vector(struct internet *internet, struct nic *from, struct packet *const packets[],
                        size_t count, uint64_t now_ns)
{
    struct vector vector;

    sort_out(internet, from, packets, count, &vector, now_ns);
    find_routes(&internet->routes, &vector);
    for (size_t i = 0; i < vector.count;) {
        uint32_t target = vector.targets[i];
        size_t done = target & ~TARGET_NIC ? 0
                                           : forward_run(internet, from, vector.packets + i,
                                                         vector.targets + i, vector.count - i);

        if (done == 0) {
            forward_rare(internet, from, vector.packets[i], target, now_ns);
            done = 1;
        }
        i += done;
    }
    pool_give(internet->pool, internet->dropped, internet->dropped_count);
    internet->dropped_count = 0;
}

static __attribute__((noinline)) void send_from_wire(struct internet *internet, struct nic *from,
                                                     struct packet *const packets[], size_t count,
                                                     uint64_t now_ns)
{
    struct packet *kept[INTERNET_VECTOR];

    count = internet_from_wire(internet, from, packets, count, kept, now_ns);
    send_vector(internet, from, kept, count, now_ns);
}

void internet_send(struct internet *internet, uint16_t nic, struct packet *const packets[],
                   size_t count, uint64_t now_ns)
{
    struct nic *from = &internet->nics[nic];

    for (size_t i = 0; i < count; i += INTERNET_VECTOR) {
        size_t some = count - i < INTERNET_VECTOR ? count - i : INTERNET_VECTOR;

        if (from->is_wire)
            send_from_wire(internet, from, packets + i, some, now_ns);
        else
            send_vector(internet, from, packets + i, some, now_ns);
    }
}

size_t internet_receive(struct internet *internet, uint16_t number, struct packet *packets[],
                        size_t max)
{
    struct nic *nic = &internet->nics[number];
    size_t count = nic->tail - nic->head < max ? nic->tail - nic->head : max;

    for (size_t i = 0; i < count; i++)
        packets[i] = nic->queue[(nic->head + i) & internet->queue_mask];
    nic->head += count;
    internet->in_flight -= count;
    return count;
}

size_t internet_waiting(const struct internet *internet, uint16_t nic)
{
    return internet->nics[nic].tail - internet->nics[nic].head;
}

size_t internet_in_flight(const struct internet *internet)
{
    return internet->in_flight;
}

const struct internet_counters *internet_counters(const struct internet *internet, uint16_t nic)
{
    return &internet->nics[nic].counters;
}
