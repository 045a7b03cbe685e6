/* How an internet is made, and what is where in it. */
#include "base/memory.h"
#include "net/internet_internal.h"
#include "net/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

enum {
    NS_PER_SECOND = 1000000000,
    QUESTIONS_PER_S = 1000, /* for neighbours, of all wires */
};

static size_t power_of_two(size_t least)
{
    size_t power = 1;

    while (power < least)
        power *= 2;
    return power;
}

int internet_new(const struct internet_options *options, struct internet **out, struct error *error)
{
    size_t flight = options->flight ? options->flight : INTERNET_FLIGHT_DEFAULT;
    uint32_t per_s = options->errors_per_s ? options->errors_per_s : INTERNET_ERRORS_PER_S;
    uint32_t burst = options->errors_burst ? options->errors_burst : INTERNET_ERRORS_BURST;
    struct internet *internet;

    if (options->nics < 1 || options->nics > INTERNET_NICS_MAX)
        return error_set(error, EINVAL, "an internet has 1 to %d NICs, not %zu", INTERNET_NICS_MAX,
                         options->nics);
    if (options->neighbours > NEIGHBOURS_MAX)
        return error_set(error, EINVAL, "%" PRIu32 " neighbours are more than %d",
                         options->neighbours, NEIGHBOURS_MAX);
    if (flight > INTERNET_FLIGHT_MAX)
        return error_set(error, EINVAL, "%zu packets in flight are more than %d", flight,
                         INTERNET_FLIGHT_MAX);
    internet = xcalloc(1, sizeof *internet);
    internet->pool = options->pool;
    internet->nics = xcalloc(options->nics, sizeof *internet->nics);
    internet->nic_capacity = options->nics;
    internet->flight = flight;
    internet->queue_mask = power_of_two(flight) - 1;
    internet->limit.each_ns = NS_PER_SECOND / per_s;
    internet->limit.burst_ns = internet->limit.tokens_ns = internet->limit.each_ns * burst;
    internet->questions.each_ns = NS_PER_SECOND / QUESTIONS_PER_S;
    internet->questions.burst_ns = internet->questions.tokens_ns = NS_PER_SECOND;
    internet->neighbours_most = options->neighbours;
    route_table_init(&internet->routes);
    *out = internet;
    return 0;
}

void internet_free(struct internet *internet)
{
    struct packet *packet;

    if (!internet)
        return;
    for (size_t i = 0; i < internet->nic_count; i++) {
        while (internet_receive(internet, (uint16_t)i, &packet, 1) > 0)
            pool_give(internet->pool, &packet, 1);
        free(internet->nics[i].queue);
    }
    internet_free_neighbours(internet);
    free(internet->gateways);
    free(internet->nics);
    route_table_free(&internet->routes);
    free(internet);
}

static int check_mtu(size_t mtu, struct error *error)
{
    if (mtu < NET_MTU_MIN || mtu > NET_MTU_MAX)
        return error_set(error, EINVAL, "an MTU of %zu is not one of %d to %d bytes", mtu,
                         NET_MTU_MIN, NET_MTU_MAX);
    return 0;
}

static int check_nic(const struct internet *internet, uint16_t nic, struct error *error)
{
    if (nic >= internet->nic_count)
        return error_set(error, EINVAL, "there is no NIC %d: there are %zu", nic,
                         internet->nic_count);
    return 0;
}

int internet_add_nic(struct internet *internet, size_t mtu, bool hairpin, uint16_t *nic,
                     struct error *error)
{
    struct nic *added = &internet->nics[internet->nic_count];
    int code = check_mtu(mtu, error);

    if (code < 0)
        return code;
    if (internet->nic_count == internet->nic_capacity)
        return error_set(error, ENOSPC, "the internet was made for %zu NICs",
                         internet->nic_capacity);
    *added = (struct nic){.mtu = (uint32_t)mtu, .hairpin = hairpin};
    added->queue = xcalloc(internet->queue_mask + 1, sizeof(struct packet *));
    *nic = (uint16_t)internet->nic_count++;
    return 0;
}

int internet_add_wire(struct internet *internet, size_t mtu, const uint8_t mac[PACKET_MAC_BYTES],
                      uint16_t *nic, struct error *error)
{
    int code;

    if (mac[0] & 1)
        return error_set(error, EINVAL, "the address of a NIC is none of a group's");
    code = internet_add_nic(internet, mtu, true, nic, error);
    if (code < 0)
        return code;
    if (!internet->neighbours.items)
        neighbours_init(&internet->neighbours, internet->neighbours_most);
    internet->nics[*nic].is_wire = true;
    memcpy(internet->nics[*nic].mac, mac, PACKET_MAC_BYTES);
    return 0;
}

int internet_set_mtu(struct internet *internet, uint16_t nic, size_t mtu, struct error *error)
{
    int code = check_nic(internet, nic, error);

    if (code == 0)
        code = check_mtu(mtu, error);
    if (code == 0)
        internet->nics[nic].mtu = (uint32_t)mtu;
    return code;
}

/* -- Addresses and routes ---------------------------------------------------------------------- */

static struct route_prefix host_prefix(enum packet_network network, const uint8_t *address)
{
    struct route_prefix prefix = {.network = network,
                                  .length = network == PACKET_NETWORK_IPV4 ? 32 : 128};

    memcpy(prefix.address, address, prefix.length / 8);
    return prefix;
}

static int attach(struct internet *internet, uint16_t nic, uint32_t target,
                  enum packet_network network, const uint8_t *address, struct error *error)
{
    char text[INET6_ADDRSTRLEN];
    struct route_prefix prefix;
    int code = check_nic(internet, nic, error);

    if (code < 0)
        return code;
    if (network != PACKET_NETWORK_IPV4 && network != PACKET_NETWORK_IPV6)
        return error_set(error, EINVAL, "an address is of IPv4 or IPv6");
    prefix = host_prefix(network, address);
    inet_ntop(network == PACKET_NETWORK_IPV4 ? AF_INET : AF_INET6, address, text, sizeof text);
    if (scope_of(network, address) != SCOPE_GLOBAL)
        return error_set(error, EINVAL, "%s is no address that a packet can be forwarded to", text);
    code = route_insert(&internet->routes, &prefix, target, error);
    if (code == -EEXIST)
        return error_set(error, EEXIST, "the address %s is attached already", text);
    return code;
}

int internet_attach(struct internet *internet, uint16_t nic, enum packet_network network,
                    const uint8_t *address, struct error *error)
{
    int code = check_nic(internet, nic, error);

    return code < 0
               ? code
               : attach(internet, nic, internet_next_to(internet, nic), network, address, error);
}

int internet_set_router(struct internet *internet, uint16_t nic, enum packet_network network,
                        const uint8_t *address, struct error *error)
{
    unsigned int family = network == PACKET_NETWORK_IPV6;
    int code = check_nic(internet, nic, error);

    if (code == 0 && internet->nics[nic].has_router[family])
        code = error_set(error, EEXIST, "NIC %d has an address of the router already", nic);
    if (code == 0)
        code = attach(internet, nic, TARGET_ROUTER | nic, network, address, error);
    if (code < 0)
        return code;
    internet->nics[nic].has_router[family] = true;
    memcpy(internet->nics[nic].router[family], address, family ? 16 : 4);
    return 0;
}

int internet_detach(struct internet *internet, enum packet_network network, const uint8_t *address,
                    struct error *error)
{
    struct route_prefix prefix;
    uint32_t target;
    int code;

    if (network != PACKET_NETWORK_IPV4 && network != PACKET_NETWORK_IPV6)
        return error_set(error, EINVAL, "an address is of IPv4 or IPv6");
    prefix = host_prefix(network, address);
    target = route_lookup(&internet->routes, network, address);
    code = route_remove(&internet->routes, &prefix, error);
    if (code == 0 && target & TARGET_ROUTER)
        internet->nics[target & TARGET_NIC].has_router[network == PACKET_NETWORK_IPV6] = false;
    return code;
}

int internet_add_route(struct internet *internet, uint16_t nic, const struct route_prefix *prefix,
                       struct error *error)
{
    int code = check_nic(internet, nic, error);

    return code < 0
               ? code
               : route_insert(&internet->routes, prefix, internet_next_to(internet, nic), error);
}

static bool is_same_gateway(const struct gateway *a, const struct gateway *b)
{
    return a->nic == b->nic && a->network == b->network &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* The gateway's number, which it gets where it has none. */
static int add_gateway(struct internet *internet, const struct gateway *gateway, uint32_t *number,
                       struct error *error)
{
    struct gateway *grown;

    for (*number = 0; *number < internet->gateway_count; ++*number)
        if (is_same_gateway(&internet->gateways[*number], gateway))
            return 0;
    if (internet->gateway_count == GATEWAYS_MAX)
        return error_set(error, ENOSPC, "%zu gateways are all that can be",
                         internet->gateway_count);
    grown = xreallocarray(internet->gateways, internet->gateway_count + 1, sizeof *grown);
    grown[internet->gateway_count++] = *gateway;
    internet->gateways = grown;
    return 0;
}

int internet_add_route_via(struct internet *internet, const struct route_prefix *prefix,
                           const uint8_t *address, struct error *error)
{
    uint32_t target = route_lookup(&internet->routes, prefix->network, address);
    char text[INET6_ADDRSTRLEN];
    struct gateway gateway = {.network = (uint8_t)prefix->network,
                              .nic = (uint16_t)(target & TARGET_NIC)};
    uint32_t number;
    int code;

    inet_ntop(prefix->network == PACKET_NETWORK_IPV4 ? AF_INET : AF_INET6, address, text,
              sizeof text);
    if (target & TARGET_ROUTER || !(target & TARGET_WIRE))
        return error_set(error, EHOSTUNREACH, "the gateway %s is on no wire of the router", text);
    memcpy(gateway.address, address, prefix->network == PACKET_NETWORK_IPV4 ? 4 : 16);
    code = add_gateway(internet, &gateway, &number, error);
    return code < 0 ? code : route_insert(&internet->routes, prefix, TARGET_VIA | number, error);
}

int internet_remove_route(struct internet *internet, const struct route_prefix *prefix,
                          struct error *error)
{
    /* A host's route may be the router's own address, of which its NIC knows. */
    if (prefix->length == (prefix->network == PACKET_NETWORK_IPV4 ? 32 : 128))
        return internet_detach(internet, prefix->network, prefix->address, error);
    return route_remove(&internet->routes, prefix, error);
}
