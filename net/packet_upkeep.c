#include "net/headers.h"
#include "net/packet.h"

/* IEEE 802.1Q, table 8-1. */
static bool is_for_the_link_alone(const uint8_t *mac)
{
    static const uint8_t reserved[PACKET_MAC_BYTES] = {0x01, 0x80, 0xc2};

    return memcmp(mac, reserved, sizeof reserved - 1) == 0 && mac[sizeof reserved - 1] <= 0x0f;
}

static bool icmpv6_is_upkeep(uint8_t type)
{
    return (type >= ICMPV6_TYPE_LISTENER_QUERY && type <= ICMPV6_TYPE_REDIRECT) ||
           type == ICMPV6_TYPE_LISTENER_REPORT_2;
}

bool packet_is_upkeep_without_ports(const struct packet *packet)
{
    switch (packet->network) {
    case PACKET_NETWORK_IPV4:
        return packet->protocol == IPPROTO_IGMP;
    case PACKET_NETWORK_IPV6:
        return packet->transport == PACKET_TRANSPORT_ICMPV6 &&
               icmpv6_is_upkeep(packet_icmp_type(packet));
    case PACKET_NETWORK_ARP:
        return true;
    default:
        return packet->link == PACKET_LINK_ETHERNET && packet->network_at > 0 &&
               (packet_ethertype(packet) == ETHERTYPE_OF_ARP ||
                is_for_the_link_alone(packet_mac_destination(packet)));
    }
}
