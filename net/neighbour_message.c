#include "net/neighbour_message.h"

#include "net/build.h"
#include "net/checksum.h"

enum {
    HOPS = 255, /* that no router has counted down: it comes from this link */
    FLAG_ROUTER = 0x80,
    FLAG_SOLICITED = 0x40,
    FLAG_OVERRIDE = 0x20,
};

/* -- Reading ----------------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t count)
{
    static const uint8_t zeros[PACKET_ADDRESS_MAX];

    return memcmp(bytes, zeros, count) == 0;
}

static bool is_one_host(const uint8_t *mac)
{
    return !(mac[0] & 1) && !is_zero(mac, PACKET_MAC_BYTES);
}

/* A reply is to who asked, an announcement to all (RFC 826, RFC 5227, 3). */
static bool read_arp(const struct packet *packet, struct neighbour_message *message)
{
    struct arp_header arp;

    arp_read(packet, &arp);
    if ((arp.operation != ARP_REQUEST && arp.operation != ARP_REPLY) ||
        !is_one_host(arp.sender_mac))
        return false;
    *message = (struct neighbour_message){.network = PACKET_NETWORK_IPV4,
                                          .is_question = arp.operation == ARP_REQUEST,
                                          .override = true,
                                          .has_sender = !is_zero(arp.sender, sizeof arp.sender),
                                          .has_mac = true};
    message->solicited = !message->is_question && !(packet->flags & PACKET_GROUP_FRAME) &&
                         memcmp(arp.sender, arp.target, sizeof arp.sender) != 0;
    memcpy(message->sender, arp.sender, sizeof arp.sender);
    memcpy(message->mac, arp.sender_mac, sizeof message->mac);
    memcpy(message->target, message->is_question ? arp.target : arp.sender, sizeof arp.target);
    return message->is_question || message->has_sender;
}

static bool is_discovery(const struct packet *packet)
{
    return packet->transport == PACKET_TRANSPORT_ICMPV6 &&
           (packet_icmp_type(packet) == ICMPV6_TYPE_NEIGHBOUR_SOLICITATION ||
            packet_icmp_type(packet) == ICMPV6_TYPE_NEIGHBOUR_ADVERTISEMENT);
}

static bool read_discovery(const struct packet *packet, struct neighbour_message *message)
{
    bool to_group = packet_destination(packet)[0] == 0xff;
    struct nd_neighbour neighbour;
    uint8_t flags;

    if (packet_hops(packet) != HOPS || packet_icmp_code(packet) != 0 ||
        packet->flags & PACKET_FRAGMENT || !checksum_right(packet))
        return false;
    nd_neighbour_read(packet, &neighbour);
    flags = packet_transport(packet)[4];
    if (neighbour.target[0] == 0xff || (neighbour.has_mac && !is_one_host(neighbour.mac)))
        return false;
    *message = (struct neighbour_message){.network = PACKET_NETWORK_IPV6,
                                          .is_question = packet_icmp_type(packet) ==
                                                         ICMPV6_TYPE_NEIGHBOUR_SOLICITATION,
                                          .has_mac = neighbour.has_mac};
    memcpy(message->mac, neighbour.mac, sizeof message->mac);
    memcpy(message->target, neighbour.target, sizeof message->target);
    if (message->is_question) {
        message->override = true;
        message->has_sender = !is_zero(packet_source(packet), 16);
        memcpy(message->sender, packet_source(packet), sizeof message->sender);
        return message->has_sender || (!message->has_mac && to_group);
    }
    message->solicited = flags & FLAG_SOLICITED;
    message->override = flags & FLAG_OVERRIDE;
    message->has_sender = true;
    memcpy(message->sender, neighbour.target, sizeof message->sender);
    return !(message->solicited && to_group);
}

bool neighbour_message_read(const struct packet *packet, struct neighbour_message *message)
{
    if (packet->network == PACKET_NETWORK_ARP)
        return read_arp(packet, message);
    return is_discovery(packet) && read_discovery(packet, message);
}

/* -- Building ---------------------------------------------------------------------------------- */

static void finish(struct build *build, struct packet *packet)
{
    packet->length = (uint32_t)build_finish(build);
    packet->link = PACKET_LINK_ETHERNET;
    packet->checksum = PACKET_CHECKSUM_WHOLE;
    packet_parse(packet);
}

static void start(struct build *build, struct packet *packet, const struct neighbour_own *own,
                  const uint8_t *mac)
{
    struct ethernet_header ethernet;

    memset(&ethernet, 0, sizeof ethernet);
    memcpy(ethernet.destination, mac, sizeof ethernet.destination);
    memcpy(ethernet.source, own->mac, sizeof ethernet.source);
    build_start(build, packet->bytes, NEIGHBOUR_MESSAGE_BYTES);
    build_ethernet(build, &ethernet);
}

static const uint8_t broadcast[PACKET_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void build_arp_message(struct packet *packet, const struct neighbour_own *own,
                              const struct arp_header *question, const uint8_t *mac)
{
    struct arp_header arp = *question;
    struct build build;

    memcpy(arp.sender_mac, own->mac, sizeof arp.sender_mac);
    memcpy(arp.sender, own->address, sizeof arp.sender);
    start(&build, packet, own, mac);
    build_arp(&build, &arp);
    finish(&build, packet);
}

/* An ICMPv6 message about `target`, which tells of the router's own mac. */
static void build_discovery(struct packet *packet, const struct neighbour_own *own,
                            const struct icmp_header *icmp, const uint8_t *destination,
                            const uint8_t *target, const uint8_t *mac)
{
    struct ipv6_header ipv6 = {.hops = HOPS};
    struct nd_neighbour neighbour = {.has_mac = true};
    struct build build;

    memcpy(ipv6.source, own->address, sizeof ipv6.source);
    memcpy(ipv6.destination, destination, sizeof ipv6.destination);
    memcpy(neighbour.target, target, sizeof neighbour.target);
    memcpy(neighbour.mac, own->mac, sizeof neighbour.mac);
    start(&build, packet, own, mac);
    build_ipv6(&build, &ipv6);
    build_icmp(&build, icmp);
    build_nd_neighbour(&build, &neighbour);
    finish(&build, packet);
}

static void ask_ipv6(struct packet *packet, const struct neighbour_own *own, const uint8_t *target,
                     const uint8_t *mac)
{
    static const struct icmp_header icmp = {.type = ICMPV6_TYPE_NEIGHBOUR_SOLICITATION};
    /* The solicited-node group (RFC 4291, 2.7.1), and its frames' (RFC 2464, 7). */
    uint8_t group[16] = {0xff, 0x02, [11] = 1, [12] = 0xff, target[13], target[14], target[15]};
    uint8_t frame[PACKET_MAC_BYTES] = {0x33, 0x33, 0xff, target[13], target[14], target[15]};

    build_discovery(packet, own, &icmp, mac ? target : group, target, mac ? mac : frame);
}

void neighbour_ask_build(struct packet *packet, const struct neighbour_own *own,
                         const uint8_t *target, const uint8_t *mac)
{
    struct arp_header arp = {.operation = ARP_REQUEST};

    if (own->network == PACKET_NETWORK_IPV6) {
        ask_ipv6(packet, own, target, mac);
        return;
    }
    memcpy(arp.target, target, sizeof arp.target);
    build_arp_message(packet, own, &arp, mac ? mac : broadcast);
}

static void answer_ipv6(struct packet *packet, const struct neighbour_own *own,
                        const struct neighbour_message *question, const struct packet *frame)
{
    static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
    static const uint8_t all_frames[PACKET_MAC_BYTES] = {0x33, 0x33, [5] = 1};
    struct icmp_header icmp = {.type = ICMPV6_TYPE_NEIGHBOUR_ADVERTISEMENT,
                               .rest = (uint32_t)(FLAG_ROUTER | FLAG_OVERRIDE) << 24};

    if (!question->has_sender) {
        build_discovery(packet, own, &icmp, all_nodes, own->address, all_frames);
        return;
    }
    icmp.rest |= (uint32_t)FLAG_SOLICITED << 24;
    build_discovery(packet, own, &icmp, question->sender, own->address,
                    question->has_mac ? question->mac : packet_mac_source(frame));
}

void neighbour_answer_build(struct packet *packet, const struct neighbour_own *own,
                            const struct neighbour_message *question, const struct packet *frame)
{
    struct arp_header arp = {.operation = ARP_REPLY};

    if (own->network == PACKET_NETWORK_IPV6) {
        answer_ipv6(packet, own, question, frame);
        return;
    }
    memcpy(arp.target, question->sender, sizeof arp.target);
    memcpy(arp.target_mac, question->mac, sizeof arp.target_mac);
    build_arp_message(packet, own, &arp, question->mac);
}
