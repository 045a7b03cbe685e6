/* Any packets into an internet whose routes and MTUs change meanwhile: every packet comes out or is
 * counted, what comes out is sound, and the pool has all of them back at the end.
 *
 * The input is steps: a byte that says what (`enum step`), and what that takes. */
#include "net/checksum.h"
#include "tests/fuzz/internet_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NICS = 3, PACKETS = 48, FLIGHT = 32, ROOM = 2048 };

/* Of the byte of a step: the NIC (2 bits), then these. */
enum step {
    ON_ETHERNET = 4,
    IPV4_SUM = 8, /* the checksum of IPv4's header is made right */
    DRAIN = 16,   /* take what waits */
    MTU = 32,     /* two bytes are the NIC's MTU */
    ROUTE = 64,   /* a route is inserted, or removed where it is there: family, length, address */
    LATER = 128,  /* a tenth of a second passes */
};

static void start(struct run *run)
{
    struct internet_options options = {.pool = &run->pool, .nics = NICS, .flight = FLIGHT};
    struct error error;

    pool_init(&run->pool, PACKETS, ROOM);
    check(internet_new(&options, &run->internet, &error) == 0);
    for (int i = 0; i < NICS; i++) {
        uint8_t n = (uint8_t)i;
        struct route_prefix ipv4 = {PACKET_NETWORK_IPV4, {10, 0, n}, 24};
        struct route_prefix ipv6 = {PACKET_NETWORK_IPV6, {0xfd, 0, 0, n}, 64};
        uint8_t router4[] = {10, 0, n, 1}, router6[16] = {0xfd, 0, 0, n, [15] = 1};
        uint16_t nic;

        check(internet_add_nic(run->internet, i == 1 ? 576 : NET_MTU_ETHERNET, i == 2, &nic,
                               &error) == 0);
        check(internet_add_route(run->internet, nic, &ipv4, &error) == 0);
        check(internet_add_route(run->internet, nic, &ipv6, &error) == 0);
        check(internet_set_router(run->internet, nic, PACKET_NETWORK_IPV4, router4, &error) == 0);
        check(internet_set_router(run->internet, nic, PACKET_NETWORK_IPV6, router6, &error) == 0);
    }
}

static void drain(struct run *run)
{
    for (int nic = 0; nic < NICS; nic++) {
        struct packet *packets[7];
        size_t count;

        while ((count = internet_receive(run->internet, (uint16_t)nic, packets, 7)) > 0) {
            for (size_t i = 0; i < count; i++) {
                check(packet_is_ip(packets[i]) && packets[i]->nic == nic);
                packet_parse(packets[i]);
                check(packet_is_ip(packets[i]));
            }
            pool_give(&run->pool, packets, count);
        }
    }
    check(internet_in_flight(run->internet) == 0);
    check(run->pool.free_count == PACKETS);
}

static void change_route(struct run *run, uint16_t nic, struct input *input)
{
    struct route_prefix prefix = {.network =
                                      next(input) & 1 ? PACKET_NETWORK_IPV4 : PACKET_NETWORK_IPV6,
                                  .length = next(input)};
    struct error error;

    for (size_t i = 0; i < prefix.length / 8u && i < sizeof prefix.address; i++)
        prefix.address[i] = next(input);
    if (internet_add_route(run->internet, nic, &prefix, &error) < 0)
        internet_remove_route(run->internet, &prefix, &error);
}

static void make_ipv4_checksum_right(const struct packet *packet)
{
    size_t at = packet->link == PACKET_LINK_IP ? 0 : 14;
    uint8_t *header = packet->bytes + at;
    uint16_t sum = 0;

    if (packet->length < at + 20 || packet->length < at + (size_t)(header[0] & 15) * 4)
        return;
    memcpy(header + 10, &sum, sizeof sum);
    sum = checksum_fold(checksum_add(0, header, (size_t)(header[0] & 15) * 4));
    memcpy(header + 10, &sum, sizeof sum);
}

static void send_one(struct run *run, uint8_t step, uint16_t nic, struct input *input)
{
    size_t length = (size_t)next(input) << 8;
    struct packet *packet;

    length |= next(input);
    if (length > input->left)
        length = input->left;
    if (length > ROOM)
        length = ROOM;
    if (pool_take(&run->pool, &packet, 1) == 0)
        return;
    memcpy(packet->bytes, input->at, length);
    input->at += length;
    input->left -= length;
    packet->length = (uint32_t)length;
    packet->link = step & ON_ETHERNET ? PACKET_LINK_ETHERNET : PACKET_LINK_IP;
    if (step & IPV4_SUM)
        make_ipv4_checksum_right(packet);
    packet_parse(packet);
    internet_send(run->internet, nic, &packet, 1, run->now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct run run = {.now_ns = 1};
    struct error error;

    start(&run);
    while (input.left > 0) {
        uint8_t step = next(&input);
        uint16_t nic = (step & 3) % NICS;

        if (step & LATER)
            run.now_ns += 100000000;
        if (step & MTU) {
            size_t mtu = (size_t)next(&input) << 8;

            internet_set_mtu(run.internet, nic, mtu | next(&input), &error);
        }
        if (step & ROUTE)
            change_route(&run, nic, &input);
        else
            send_one(&run, step, nic, &input);
        check(internet_in_flight(run.internet) <= FLIGHT);
        if (step & DRAIN)
            drain(&run);
    }
    drain(&run);
    internet_free(run.internet);
    pool_free(&run.pool);
    return 0;
}
