#include "net/impair_change.h"

#include "net/build.h"
#include "net/checksum.h"
#include "net/random.h"

#include <netinet/tcp.h>
#include <string.h>

/* Of the header that lies where IPv4's did before the packet was changed. */
static void write_ipv4_checksum(struct packet *packet, size_t header_bytes)
{
    uint8_t *header = packet->bytes + packet->network_at;
    uint16_t sum;

    memset(header + 10, 0, sizeof sum);
    sum = checksum_fold(checksum_add(0, header, header_bytes));
    memcpy(header + 10, &sum, sizeof sum);
}

/* Nobody may go on believing that its checksum is right. */
static void read_again(struct packet *packet)
{
    packet->checksum = PACKET_CHECKSUM_WHOLE;
    packet_parse(packet);
}

bool change_mangle(struct packet *packet, const struct impair_pattern *mangle, bool keep_checksums)
{
    bool is_ipv4 = packet->network == PACKET_NETWORK_IPV4;
    size_t header_bytes = is_ipv4 ? (packet_network(packet)[0] & 0xfu) * 4u : 0;
    size_t start, end;
    uint8_t *at;

    if (!impair_part_of(packet, mangle->part, &start, &end) ||
        end - start < (size_t)mangle->offset + mangle->length)
        return false;
    checksum_finish(packet);
    at = packet->bytes + start + mangle->offset;
    for (size_t i = 0; i < mangle->length; i++)
        at[i] = (uint8_t)((at[i] & ~mangle->mask[i]) | (mangle->bytes[i] & mangle->mask[i]));
    if (is_ipv4 && !keep_checksums)
        write_ipv4_checksum(packet, header_bytes);
    read_again(packet);
    if (!keep_checksums && packet->transport != PACKET_TRANSPORT_NONE)
        checksum_write(packet);
    return true;
}

static bool is_chosen(const uint64_t *chosen, size_t count, uint64_t bit)
{
    for (size_t i = 0; i < count; i++)
        if (chosen[i] == bit)
            return true;
    return false;
}

bool change_corrupt(struct packet *packet, const struct impair_corrupt *corrupt, uint64_t key,
                    uint64_t index)
{
    uint64_t chosen[IMPAIR_FLIPS_MAX];
    uint64_t bits, flips = corrupt->flips ? corrupt->flips : 1;
    size_t start, end, count = 0;

    if (!impair_part_of(packet, IMPAIR_PART_NETWORK, &start, &end) ||
        (end - start) * 8 <= corrupt->first_bit)
        return false;
    bits = (end - start) * 8 - corrupt->first_bit;
    if (corrupt->bit_count && corrupt->bit_count < bits)
        bits = corrupt->bit_count;
    if (flips > bits)
        flips = bits;
    checksum_finish(packet);
    /* Floyd's sample: each set of bits is as likely as any other. */
    for (uint64_t last = bits - flips; last < bits; last++) {
        uint64_t draw = random_at(key, index * IMPAIR_FLIPS_MAX + count);
        uint64_t bit = random_below(draw, last + 1);
        uint64_t at;

        if (is_chosen(chosen, count, bit))
            bit = last;
        chosen[count++] = bit;
        at = start * 8 + corrupt->first_bit + bit;
        packet->bytes[at / 8] ^= (uint8_t)(0x80 >> at % 8);
    }
    read_again(packet);
    return true;
}

/* Headers of the same link and network, to the same receiver or, turned round, to the sender. */
static void build_below(struct build *build, const struct packet *packet, bool turned)
{
    if (packet->link == PACKET_LINK_ETHERNET) {
        struct ethernet_header ethernet;

        ethernet_read(packet, &ethernet);
        if (turned) {
            memcpy(ethernet.destination, packet_mac_source(packet), PACKET_MAC_BYTES);
            memcpy(ethernet.source, packet_mac_destination(packet), PACKET_MAC_BYTES);
        }
        build_ethernet(build, &ethernet);
    }
    if (packet->network == PACKET_NETWORK_IPV4) {
        struct ipv4_header header = {.hops = 64, .protocol = IPPROTO_TCP, .unfragmentable = true};
        size_t bytes = sizeof header.source;

        memcpy(turned ? header.destination : header.source, packet_source(packet), bytes);
        memcpy(turned ? header.source : header.destination, packet_destination(packet), bytes);
        build_ipv4(build, &header);
    } else {
        struct ipv6_header header = {.hops = 64, .protocol = IPPROTO_TCP};
        size_t bytes = sizeof header.source;

        memcpy(turned ? header.destination : header.source, packet_source(packet), bytes);
        memcpy(turned ? header.source : header.destination, packet_destination(packet), bytes);
        build_ipv6(build, &header);
    }
}

static struct tcp_header reset_to_sender(const struct packet *packet)
{
    uint8_t flags = packet_tcp_flags(packet);
    struct tcp_header tcp = {
        .source_port = packet_destination_port(packet),
        .destination_port = packet_source_port(packet),
        .flags = TH_RST,
    };

    if (flags & TH_ACK) {
        tcp.sequence = packet_tcp_acknowledgement(packet);
    } else {
        tcp.flags |= TH_ACK;
        tcp.acknowledgement = packet_tcp_sequence(packet) +
                              (uint32_t)packet_payload_length(packet) + !!(flags & TH_SYN) +
                              !!(flags & TH_FIN);
    }
    return tcp;
}

static struct tcp_header reset_to_receiver(const struct packet *packet)
{
    struct tcp_header tcp = {
        .source_port = packet_source_port(packet),
        .destination_port = packet_destination_port(packet),
        .sequence = packet_tcp_sequence(packet),
        .flags = TH_RST,
    };

    if (packet_tcp_flags(packet) & TH_ACK) {
        tcp.flags |= TH_ACK;
        tcp.acknowledgement = packet_tcp_acknowledgement(packet);
    }
    return tcp;
}

bool change_reset(const struct packet *packet, bool to_sender, struct packet *made, size_t room)
{
    struct tcp_header tcp = to_sender ? reset_to_sender(packet) : reset_to_receiver(packet);
    struct build build;
    int length;

    if (packet_tcp_flags(packet) & TH_RST)
        return false;
    build_start(&build, made->bytes, room);
    build_below(&build, packet, to_sender);
    build_tcp(&build, &tcp);
    length = build_finish(&build);
    if (length < 0)
        return false;
    made->length = (uint32_t)length;
    made->time_ns = packet->time_ns;
    made->nic = packet->nic;
    made->mark = packet->mark;
    made->link = packet->link;
    read_again(made);
    return true;
}
