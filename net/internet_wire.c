/* Wires: the next hop's address on them, and what neighbours ask and answer. */
#include "net/internet_internal.h"
#include "net/mac_header.h"
#include "net/neighbour_message.h"
#include "net/scope.h"

/* -- Asking ------------------------------------------------------------------------------------ */

/* Whose address on the NIC a message comes from; its family has one there. */
static struct neighbour_own own_of(const struct nic *nic, enum packet_network network)
{
    struct neighbour_own own = {.network = (uint8_t)network,
                                .address = nic->router[network == PACKET_NETWORK_IPV6]};

    memcpy(own.mac, nic->mac, sizeof own.mac);
    return own;
}

/* A packet for a message, or NULL. */
static struct packet *take_packet(const struct internet *internet)
{
    struct packet *packet;

    if (internet->in_flight == internet->flight || internet->pool->room < NEIGHBOUR_MESSAGE_BYTES ||
        pool_take(internet->pool, &packet, 1) == 0)
        return NULL;
    return packet;
}

/* All for the neighbour, or itself. */
static void ask(struct internet *internet, const struct neighbour *neighbour, bool itself,
                uint64_t now_ns)
{
    struct nic *nic = &internet->nics[neighbour->nic];
    struct neighbour_own own = own_of(nic, (enum packet_network)neighbour->network);
    bool has_address = nic->has_router[neighbour->network == PACKET_NETWORK_IPV6];
    struct packet *packet =
        has_address && internet_limit(&internet->questions, now_ns) ? take_packet(internet) : NULL;

    if (!packet) {
        nic->counters.upkeep_lost++;
        return;
    }
    neighbour_ask_build(packet, &own, neighbour->address, itself ? neighbour->mac : NULL);
    packet->time_ns = now_ns;
    internet_enqueue(internet, neighbour->nic, packet);
    nic->counters.asked++;
}

/* -- Packets that wait ------------------------------------------------------------------------- */

/* Takes the oldest that waits. */
static struct packet *take_waiting(struct internet *internet, struct neighbour *neighbour)
{
    struct packet *packet = neighbour->waiting[0];

    neighbour->waiting_count--;
    memmove(neighbour->waiting, neighbour->waiting + 1,
            neighbour->waiting_count * sizeof neighbour->waiting[0]);
    internet->in_flight--;
    return packet;
}

/* Where too many wait, the oldest makes room (RFC 4861, 7.2.2). */
static void wait_for(struct internet *internet, const struct nic *from, struct packet *packet,
                     struct neighbour *neighbour)
{
    if (neighbour->waiting_count == NEIGHBOUR_WAITING) {
        struct packet *oldest = take_waiting(internet, neighbour);

        internet->nics[oldest->nic].counters.dropped[INTERNET_UNRESOLVED]++;
        pool_give(internet->pool, &oldest, 1);
    }
    packet->nic = (uint16_t)(from - internet->nics);
    neighbour->waiting[neighbour->waiting_count++] = packet;
    internet->in_flight++;
}

static void send_waiting(struct internet *internet, struct neighbour *neighbour)
{
    while (neighbour->waiting_count > 0) {
        struct packet *packet = take_waiting(internet, neighbour);

        ethernet_put(packet, neighbour->mac, internet->nics[neighbour->nic].mac);
        internet_enqueue(internet, neighbour->nic, packet);
    }
}

/* The place of the neighbour may be another's as soon as somebody is told. */
static void lose_waiting(struct internet *internet, struct neighbour *neighbour, uint64_t now_ns)
{
    struct packet *packets[NEIGHBOUR_WAITING];
    size_t count = 0;

    while (neighbour->waiting_count > 0)
        packets[count++] = take_waiting(internet, neighbour);
    for (size_t i = 0; i < count; i++) {
        struct nic *from = &internet->nics[packets[i]->nic];

        internet_complain(internet, from, packets[i], ICMP_ERROR_HOST_UNREACHABLE, 0, now_ns);
        from->counters.dropped[INTERNET_NO_NEIGHBOUR]++;
    }
    pool_give(internet->pool, packets, count);
}

void internet_free_neighbours(struct internet *internet)
{
    for (uint32_t i = 0; i < internet->neighbours.count; i++) {
        struct neighbour *neighbour = &internet->neighbours.items[i];

        pool_give(internet->pool, neighbour->waiting, neighbour->waiting_count);
    }
    neighbours_free(&internet->neighbours);
}

/* -- Output ------------------------------------------------------------------------------------ */

static enum internet_cause to_neighbour(struct internet *internet, const struct nic *from,
                                        struct packet *packet, uint16_t nic, const uint8_t *address,
                                        uint64_t now_ns)
{
    enum packet_network network = (enum packet_network)packet->network;
    struct neighbour *neighbour = neighbour_find(&internet->neighbours, nic, network, address);
    enum neighbour_use use;

    if (!neighbour)
        neighbour = neighbour_add(&internet->neighbours, nic, network, address, now_ns);
    if (!neighbour)
        return INTERNET_UNRESOLVED;
    use = neighbour_use(&internet->neighbours, neighbour, now_ns);
    if (use == NEIGHBOUR_UNREACHABLE)
        return INTERNET_NO_NEIGHBOUR;
    if (use == NEIGHBOUR_SEND) {
        ethernet_put(packet, neighbour->mac, internet->nics[nic].mac);
        internet_enqueue(internet, nic, packet);
        return INTERNET_CAUSES;
    }
    wait_for(internet, from, packet, neighbour);
    if (use == NEIGHBOUR_ASK)
        ask(internet, neighbour, false, now_ns);
    return INTERNET_CAUSES;
}

enum internet_cause internet_output(struct internet *internet, const struct nic *from,
                                    struct packet *packet, uint32_t target, uint64_t now_ns)
{
    uint32_t nic = internet_nic_of(internet, target);
    const uint8_t *address = target & TARGET_VIA ? internet->gateways[target & TARGET_NIC].address
                                                 : packet_destination(packet);

    if (internet->in_flight == internet->flight) {
        internet->nics[nic].counters.crowded_out++;
        return INTERNET_FULL;
    }
    if (!internet->nics[nic].is_wire) {
        internet_enqueue(internet, nic, packet);
        return INTERNET_CAUSES;
    }
    if (!internet->nics[nic].has_router[family_of(packet)])
        return INTERNET_NO_NEIGHBOUR;
    return to_neighbour(internet, from, packet, (uint16_t)nic, address, now_ns);
}

/* -- What neighbours say ----------------------------------------------------------------------- */

/* Whether that one may be next to the NIC: what is behind another could be claimed otherwise. */
static bool is_next_to(const struct internet *internet, uint16_t nic, enum packet_network network,
                       const uint8_t *address)
{
    if (network == PACKET_NETWORK_IPV6 && scope_of(network, address) == SCOPE_LINK)
        return true;
    return route_lookup(&internet->routes, network, address) == (TARGET_WIRE | nic);
}

/* Who asks for the router will be sent to, so it is remembered; of others only what is known is
 * kept up to date (RFC 826, RFC 4861, 7.2.3 and 7.2.5). */
static void learn(struct internet *internet, uint16_t nic, const struct neighbour_message *message,
                  bool is_for_router, uint64_t now_ns)
{
    enum packet_network network = (enum packet_network)message->network;
    struct neighbour_news news = {.solicited = message->solicited, .override = message->override};
    struct neighbour *neighbour;

    if (!message->has_sender || !is_next_to(internet, nic, network, message->sender))
        return;
    neighbour = neighbour_find(&internet->neighbours, nic, network, message->sender);
    if (!neighbour && is_for_router && message->has_mac)
        neighbour = neighbour_add(&internet->neighbours, nic, network, message->sender, now_ns);
    if (!neighbour || (!message->has_mac && neighbour->state < NEIGHBOUR_REACHABLE))
        return;
    memcpy(news.mac, message->has_mac ? message->mac : neighbour->mac, sizeof news.mac);
    neighbour_hear(&internet->neighbours, neighbour, &news, now_ns);
    send_waiting(internet, neighbour);
}

static void answer(struct internet *internet, uint16_t number,
                   const struct neighbour_message *message, const struct packet *frame)
{
    struct nic *nic = &internet->nics[number];
    struct neighbour_own own = own_of(nic, (enum packet_network)message->network);
    struct packet *packet = take_packet(internet);

    if (!packet) {
        nic->counters.upkeep_lost++;
        return;
    }
    neighbour_answer_build(packet, &own, message, frame);
    packet->time_ns = frame->time_ns;
    internet_enqueue(internet, number, packet);
    nic->counters.answered++;
}

/* Whether the packet was a neighbour's question or answer. */
static bool hears(struct internet *internet, struct nic *from, const struct packet *packet,
                  uint64_t now_ns)
{
    uint16_t nic = (uint16_t)(from - internet->nics);
    struct neighbour_message message;
    bool is_for_router;

    if (!neighbour_message_read(packet, &message))
        return false;
    is_for_router =
        message.is_question && route_lookup(&internet->routes, (enum packet_network)message.network,
                                            message.target) == (TARGET_ROUTER | nic);
    learn(internet, nic, &message, is_for_router, now_ns);
    if (is_for_router)
        answer(internet, nic, &message, packet);
    return true;
}

/* Whether a frame is for the router, or for all; what is none is dropped for that. */
static bool is_ours(const struct packet *packet, const struct nic *wire)
{
    if (packet->link != PACKET_LINK_ETHERNET || packet->network_at == 0)
        return packet->flaw != PACKET_SOUND;
    return packet->vlans == 0 &&
           (packet->flags & PACKET_GROUP_FRAME ||
            memcmp(packet_mac_destination(packet), wire->mac, PACKET_MAC_BYTES) == 0);
}

/* As is counted of those that are kept. */
static void count_in(struct nic *from, const struct packet *packet)
{
    from->counters.packets_in++;
    from->counters.bytes_in += packet_network_length(packet);
}

size_t internet_from_wire(struct internet *internet, struct nic *from,
                          struct packet *const packets[], size_t count,
                          struct packet *kept[static INTERNET_VECTOR], uint64_t now_ns)
{
    size_t kept_count = 0;

    for (size_t i = 0; i < count; i++) {
        struct packet *packet = packets[i];

        if (!is_ours(packet, from)) {
            count_in(from, packet);
            internet_drop(internet, from, packet, INTERNET_OTHER_HOST);
        } else if (packet_is_upkeep(packet) && hears(internet, from, packet, now_ns)) {
            count_in(from, packet);
            from->counters.upkeep++;
            internet->dropped[internet->dropped_count++] = packet;
        } else {
            kept[kept_count++] = packet;
        }
    }
    return kept_count;
}

/* -- Time -------------------------------------------------------------------------------------- */

struct tick {
    struct internet *internet;
    uint64_t now_ns;
};

static void on_want(void *context, struct neighbour *neighbour, enum neighbour_want want)
{
    const struct tick *tick = context;

    if (want == NEIGHBOUR_GIVE_UP)
        lose_waiting(tick->internet, neighbour, tick->now_ns);
    else
        ask(tick->internet, neighbour, want == NEIGHBOUR_ASK_IT, tick->now_ns);
}

void internet_tick(struct internet *internet, uint64_t now_ns)
{
    struct tick tick = {internet, now_ns};

    if (internet->neighbours.items)
        neighbours_tick(&internet->neighbours, now_ns, on_want, &tick);
}

uint64_t internet_next_ns(const struct internet *internet)
{
    return internet->neighbours.items ? neighbours_next_ns(&internet->neighbours) : UINT64_MAX;
}
