/* Any frames from the wires of a router, and time that passes: every packet comes out, waits, or is
 * counted; what comes out is a frame that a host can read; and the pool has all of them back at the
 * end.
 *
 * The input is steps: a byte that says what (`enum step`), and a frame behind its length of two
 * bytes, without the Ethernet header's 12 bytes of addresses. */
#include "net/checksum.h"
#include "tests/fuzz/internet_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIRES = 2, PACKETS = 64, FLIGHT = 40, ROOM = 2048, NEIGHBOURS = 4, ADDRESSES = 12 };

/* Of the byte of a step. */
enum step {
    WIRE = 1,     /* its number */
    TO_GROUP = 2, /* the frame; else it is to the router */
    SUMS = 4,     /* checksums are made right */
    DRAIN = 8,    /* take what waits */
    LATER = 16,   /* a third of a second passes */
    MUCH_LATER = 32,
    IS_HOST = 64, /* the frame is from another host */
};

static void mac_of(int wire, uint8_t mac[static PACKET_MAC_BYTES])
{
    const uint8_t bytes[PACKET_MAC_BYTES] = {2, 0, 0, 0, (uint8_t)wire, 1};

    memcpy(mac, bytes, sizeof bytes);
}

static void start(struct run *run)
{
    struct internet_options options = {
        .pool = &run->pool, .nics = WIRES, .flight = FLIGHT, .neighbours = NEIGHBOURS};
    const struct route_prefix rest4 = {PACKET_NETWORK_IPV4, {0}, 0};
    const struct route_prefix rest6 = {PACKET_NETWORK_IPV6, {0}, 0};
    const uint8_t gateway4[] = {10, 0, 1, 9}, gateway6[16] = {0xfd, 0, 0, 1, [15] = 9};

    pool_init(&run->pool, PACKETS, ROOM);
    check(internet_new(&options, &run->internet, NULL) == 0);
    for (int i = 0; i < WIRES; i++) {
        uint8_t n = (uint8_t)i, mac[PACKET_MAC_BYTES];
        struct route_prefix ipv4 = {PACKET_NETWORK_IPV4, {10, 0, n}, 24};
        struct route_prefix ipv6 = {PACKET_NETWORK_IPV6, {0xfd, 0, 0, n}, 64};
        uint8_t router4[] = {10, 0, n, 1}, router6[16] = {0xfd, 0, 0, n, [15] = 1};
        uint16_t nic;

        mac_of(i, mac);
        check(internet_add_wire(run->internet, i == 1 ? 576 : NET_MTU_ETHERNET, mac, &nic, NULL) ==
              0);
        check(internet_add_route(run->internet, nic, &ipv4, NULL) == 0);
        check(internet_add_route(run->internet, nic, &ipv6, NULL) == 0);
        check(internet_set_router(run->internet, nic, PACKET_NETWORK_IPV4, router4, NULL) == 0);
        check(internet_set_router(run->internet, nic, PACKET_NETWORK_IPV6, router6, NULL) == 0);
    }
    check(internet_add_route_via(run->internet, &rest4, gateway4, NULL) == 0);
    check(internet_add_route_via(run->internet, &rest6, gateway6, NULL) == 0);
}

static void check_frame(const struct packet *packet, int wire)
{
    struct packet again = *packet;
    uint8_t mac[PACKET_MAC_BYTES];

    mac_of(wire, mac);
    check(packet->nic == wire && packet->link == PACKET_LINK_ETHERNET);
    check(memcmp(packet_mac_source(packet), mac, sizeof mac) == 0);
    check(!(packet_is_ip(packet) && !packet_is_upkeep(packet)) || !(packet->bytes[0] & 1));
    packet_parse(&again);
    check(again.network != PACKET_NETWORK_NONE);
    /* What was moved to another header is as if it had been read anew. */
    check(again.end == packet->end && again.network == packet->network &&
          again.network_at == packet->network_at && again.transport_at == packet->transport_at &&
          again.payload_at == packet->payload_at && again.fragment_at == packet->fragment_at &&
          again.flags == packet->flags && again.vlans == packet->vlans);
}

static void drain(struct run *run)
{
    for (int wire = 0; wire < WIRES; wire++) {
        struct packet *packets[7];
        size_t count;

        while ((count = internet_receive(run->internet, (uint16_t)wire, packets, 7)) > 0) {
            for (size_t i = 0; i < count; i++)
                check_frame(packets[i], wire);
            pool_give(&run->pool, packets, count);
        }
    }
    /* All others wait for neighbours. */
    check(run->pool.free_count + internet_in_flight(run->internet) == PACKETS);
}

static void make_sums_right(struct packet *packet)
{
    uint8_t *header = packet->bytes + 14;
    uint16_t sum = 0;

    if (packet->length >= 34 && header[0] >> 4 == 4 &&
        packet->length >= 14 + (size_t)(header[0] & 15) * 4) {
        memcpy(header + 10, &sum, sizeof sum);
        sum = checksum_fold(checksum_add(0, header, (size_t)(header[0] & 15) * 4));
        memcpy(header + 10, &sum, sizeof sum);
    }
    packet_parse(packet);
    if (packet->transport != PACKET_TRANSPORT_NONE && !(packet->flags & PACKET_FRAGMENT))
        checksum_write(packet);
}

static void send_one(struct run *run, uint8_t step, struct input *input)
{
    size_t length = (size_t)next(input) << 8;
    struct packet *packet;
    uint8_t *bytes;

    length |= next(input);
    if (length > input->left)
        length = input->left;
    if (length > ROOM - ADDRESSES)
        length = ROOM - ADDRESSES;
    if (pool_take(&run->pool, &packet, 1) == 0)
        return;
    bytes = packet->bytes;
    mac_of(step & WIRE, bytes);
    if (step & TO_GROUP)
        memset(bytes, 0xff, PACKET_MAC_BYTES);
    mac_of(step & WIRE, bytes + PACKET_MAC_BYTES);
    bytes[ADDRESSES - 1] = step & IS_HOST ? 3 : 2;
    memcpy(bytes + ADDRESSES, input->at, length);
    input->at += length;
    input->left -= length;
    packet->length = (uint32_t)(ADDRESSES + length);
    packet->link = PACKET_LINK_ETHERNET;
    packet->time_ns = run->now_ns;
    packet_parse(packet);
    if (step & SUMS)
        make_sums_right(packet);
    internet_send(run->internet, step & WIRE, &packet, 1, run->now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct run run = {.now_ns = 1};

    start(&run);
    while (input.left > 0) {
        uint8_t step = next(&input);

        run.now_ns += (step & LATER ? 333333333u : 0) + (step & MUCH_LATER ? 40000000000u : 0);
        internet_tick(run.internet, run.now_ns);
        check(internet_next_ns(run.internet) > run.now_ns);
        send_one(&run, step, &input);
        check(internet_in_flight(run.internet) <= FLIGHT);
        if (step & DRAIN)
            drain(&run);
    }
    drain(&run);
    internet_free(run.internet);
    check(run.pool.free_count == PACKETS);
    pool_free(&run.pool);
    return 0;
}
