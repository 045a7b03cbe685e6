/* What happens to packets that are not simply forwarded. */
#include "net/checksum.h"
#include "net/fragment.h"
#include "net/headers.h"
#include "net/internet_internal.h"

enum { ECHO_HOPS = 64 };

/* -- ICMP errors ------------------------------------------------------------------------------- */

bool internet_limit(struct limit *limit, uint64_t now_ns)
{
    if (now_ns > limit->last_ns) {
        uint64_t room_ns = limit->burst_ns - limit->tokens_ns;
        uint64_t elapsed_ns = now_ns - limit->last_ns;

        limit->tokens_ns += elapsed_ns < room_ns ? elapsed_ns : room_ns;
        limit->last_ns = now_ns;
    }
    if (limit->tokens_ns < limit->each_ns)
        return false;
    limit->tokens_ns -= limit->each_ns;
    return true;
}

/* The router's address on that NIC, or any other of its; NULL where it has none. */
static const uint8_t *own_address(const struct internet *internet, const struct nic *from,
                                  unsigned int family)
{
    /* Of a router without one (RFC 7600, 4.8). */
    static const uint8_t dummy[] = {192, 0, 0, 8};

    if (from->has_router[family])
        return from->router[family];
    for (size_t i = 0; i < internet->nic_count; i++)
        if (internet->nics[i].has_router[family])
            return internet->nics[i].router[family];
    return family == 0 ? dummy : NULL;
}

/* Where an error to the packet's sender goes. */
static uint32_t way_back(const struct internet *internet, const struct nic *from,
                         const struct packet *about, enum icmp_error error)
{
    if (error == ICMP_ERROR_BEYOND_SCOPE)
        return internet_next_to(internet, (uint32_t)(from - internet->nics));
    return route_lookup(&internet->routes, (enum packet_network)about->network,
                        packet_source(about));
}

static bool send_error(struct internet *internet, const struct nic *from,
                       const struct packet *about, enum icmp_error error, uint32_t mtu,
                       uint64_t now_ns)
{
    const uint8_t *source = own_address(internet, from, family_of(about));
    uint32_t target = way_back(internet, from, about, error);
    struct packet *packet;

    if (!source || target & TARGET_ROUTER || internet->pool->room < ICMP_ERROR_BYTES_MAX ||
        pool_take(internet->pool, &packet, 1) == 0)
        return false;
    icmp_error_build(packet, about, source, error, mtu,
                     internet->nics[internet_nic_of(internet, target)].mtu);
    packet->time_ns = about->time_ns;
    if (internet_output(internet, from, packet, target, now_ns) == INTERNET_CAUSES)
        return true;
    pool_give(internet->pool, &packet, 1);
    return false;
}

void internet_complain(struct internet *internet, struct nic *from, const struct packet *about,
                       enum icmp_error error, uint32_t mtu, uint64_t now_ns)
{
    if (!icmp_error_may_be_sent(about, error))
        return;
    if (!internet_limit(&internet->limit, now_ns))
        from->counters.errors_limited++;
    else if (send_error(internet, from, about, error, mtu, now_ns))
        from->counters.errors++;
    else
        from->counters.errors_lost++;
}

void internet_refuse(struct internet *internet, struct nic *from, struct packet *packet,
                     enum internet_cause cause, uint64_t now_ns)
{
    if (cause == INTERNET_NO_ROUTE)
        internet_complain(internet, from, packet, ICMP_ERROR_NO_ROUTE, 0, now_ns);
    else if (cause == INTERNET_SAME_NIC || cause == INTERNET_NO_NEIGHBOUR)
        internet_complain(internet, from, packet, ICMP_ERROR_HOST_UNREACHABLE, 0, now_ns);
    else if (cause == INTERNET_HOPS)
        internet_complain(internet, from, packet, ICMP_ERROR_HOPS, 0, now_ns);
    else if (cause == INTERNET_LINK_LOCAL)
        internet_complain(internet, from, packet, ICMP_ERROR_BEYOND_SCOPE, 0, now_ns);
    internet_drop(internet, from, packet, cause);
}

/* -- Too big ----------------------------------------------------------------------------------- */

void internet_cut(struct internet *internet, struct nic *from, struct packet *packet,
                  uint32_t target, uint64_t now_ns)
{
    struct nic *to = &internet->nics[internet_nic_of(internet, target)];
    struct packet *rest[FRAGMENTS_MAX];
    enum internet_cause cause;
    int count;

    if (packet_unfragmentable(packet)) {
        internet_complain(internet, from, packet, ICMP_ERROR_TOO_BIG, to->mtu, now_ns);
        internet_drop(internet, from, packet, INTERNET_TOO_BIG);
        return;
    }
    /* All of it or nothing: its receiver would wait for the rest in vain. */
    if (fragment_count(packet, to->mtu) > internet->flight - internet->in_flight) {
        to->counters.crowded_out++;
        internet_drop(internet, from, packet, INTERNET_FULL);
        return;
    }
    internet_count_hop(packet);
    count = fragment_ipv4(internet->pool, packet, to->mtu, rest);
    if (count < 0) {
        to->counters.crowded_out++;
        internet_drop(internet, from, packet, INTERNET_NO_ROOM);
        return;
    }
    cause = internet_output(internet, from, packet, target, now_ns);
    if (cause != INTERNET_CAUSES) {
        internet_refuse(internet, from, packet, cause, now_ns);
        pool_give(internet->pool, rest, (size_t)count);
        return;
    }
    from->counters.fragmented++;
    /* A question for the neighbour may have taken the room of one. */
    for (int i = 0; i < count; i++)
        if (internet_output(internet, from, rest[i], target, now_ns) != INTERNET_CAUSES)
            pool_give(internet->pool, &rest[i], 1);
}

/* -- To the router itself ---------------------------------------------------------------------- */

static bool is_echo_request(const struct packet *packet)
{
    if (packet->flags & PACKET_FRAGMENT || !checksum_right(packet))
        return false;
    if (packet->transport == PACKET_TRANSPORT_ICMP)
        return packet_icmp_type(packet) == ICMP_TYPE_ECHO;
    return packet->transport == PACKET_TRANSPORT_ICMPV6 &&
           packet_icmp_type(packet) == ICMPV6_TYPE_ECHO;
}

static void swap_addresses(struct packet *packet)
{
    size_t bytes = packet_address_bytes(packet);
    uint8_t *at = packet->bytes + packet->network_at + (bytes == 4 ? 12 : 8);
    uint8_t source[PACKET_ADDRESS_MAX];

    memcpy(source, at, bytes);
    memcpy(at, at + bytes, bytes);
    memcpy(at + bytes, source, bytes);
}

static void set_hops(struct packet *packet, uint8_t hops)
{
    uint8_t *header = packet->bytes + packet->network_at;
    uint8_t word[2] = {hops, header[9]};

    if (packet->network == PACKET_NETWORK_IPV6) {
        header[7] = hops;
        return;
    }
    checksum_update(header + 10, header + 8, word, sizeof word);
    header[8] = hops;
}

/* The question becomes the answer where it is: none of the payload moves. */
static void turn_echo(struct packet *packet)
{
    uint8_t *header = packet->bytes + packet->transport_at;
    uint8_t word[2] = {packet->transport == PACKET_TRANSPORT_ICMP ? ICMP_TYPE_ECHO_REPLY
                                                                  : ICMPV6_TYPE_ECHO_REPLY,
                       header[1]};

    swap_addresses(packet);
    set_hops(packet, ECHO_HOPS);
    if (packet->checksum != PACKET_CHECKSUM_PARTIAL)
        checksum_update(header + 2, header, word, sizeof word);
    header[0] = word[0];
}

void internet_answer(struct internet *internet, struct nic *from, struct packet *packet,
                     uint64_t now_ns)
{
    enum internet_cause cause;
    uint32_t target = route_lookup(&internet->routes, (enum packet_network)packet->network,
                                   packet_source(packet));

    if (target & TARGET_ROUTER || !is_echo_request(packet) ||
        packet_network_length(packet) > internet->nics[internet_nic_of(internet, target)].mtu) {
        internet_drop(internet, from, packet, INTERNET_LOCAL);
        return;
    }
    turn_echo(packet);
    cause = internet_output(internet, from, packet, target, now_ns);
    if (cause == INTERNET_CAUSES)
        from->counters.echoes++;
    else
        internet_drop(internet, from, packet, cause);
}
