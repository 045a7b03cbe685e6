#include "net/packet.h"

#include "net/checksum.h"
#include "net/headers.h"

enum {
    VLAN_BYTES = 4,
    ETHERNET_BYTES = 14,
    ARP_BYTES = 28,
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    IPV6_FRAGMENT_BYTES = 8,
    ICMP_BYTES = 8,
    UDP_BYTES = 8,
    TCP_BYTES = 20,
};

const char *packet_flaw_name(enum packet_flaw flaw)
{
    static const char *const names[PACKET_FLAWS] = {
        [PACKET_SOUND] = "sound",
        [PACKET_EMPTY] = "empty",
        [PACKET_TOO_LONG] = "too-long",
        [PACKET_ETHERNET_SHORT] = "ethernet-short",
        [PACKET_VLAN_SHORT] = "vlan-short",
        [PACKET_VLAN_DEPTH] = "vlan-depth",
        [PACKET_ARP_SHORT] = "arp-short",
        [PACKET_ARP_FORMAT] = "arp-format",
        [PACKET_IP_VERSION] = "ip-version",
        [PACKET_IPV4_SHORT] = "ipv4-short",
        [PACKET_IPV4_HEADER_LENGTH] = "ipv4-header-length",
        [PACKET_IPV4_LENGTH] = "ipv4-length",
        [PACKET_IPV4_CHECKSUM] = "ipv4-checksum",
        [PACKET_IPV4_OPTIONS] = "ipv4-options",
        [PACKET_IPV4_FRAGMENT] = "ipv4-fragment",
        [PACKET_IPV6_SHORT] = "ipv6-short",
        [PACKET_IPV6_LENGTH] = "ipv6-length",
        [PACKET_IPV6_EXTENSION_SHORT] = "ipv6-extension-short",
        [PACKET_IPV6_EXTENSION_COUNT] = "ipv6-extension-count",
        [PACKET_IPV6_EXTENSION_ORDER] = "ipv6-extension-order",
        [PACKET_IPV6_FRAGMENT] = "ipv6-fragment",
        [PACKET_ICMP_SHORT] = "icmp-short",
        [PACKET_ND_OPTIONS] = "nd-options",
        [PACKET_UDP_SHORT] = "udp-short",
        [PACKET_UDP_LENGTH] = "udp-length",
        [PACKET_TCP_SHORT] = "tcp-short",
        [PACKET_TCP_OFFSET] = "tcp-offset",
        [PACKET_TCP_OPTIONS] = "tcp-options",
    };

    return flaw < PACKET_FLAWS ? names[flaw] : "unknown";
}

/* -- Transports -------------------------------------------------------------------------------- */

static enum packet_flaw parse_udp(struct packet *packet, size_t left)
{
    size_t length;

    if (left < UDP_BYTES)
        return PACKET_UDP_SHORT;
    length = bytes_load16(packet_transport(packet) + 4);
    /* What a first fragment says is the length of the datagram. */
    if (length < UDP_BYTES || (length > left && !(packet->flags & PACKET_FRAGMENT)))
        return PACKET_UDP_LENGTH;
    packet->transport = PACKET_TRANSPORT_UDP;
    packet->payload_at = (uint16_t)(packet->transport_at + UDP_BYTES);
    return PACKET_SOUND;
}

static bool tcp_options_are_sound(const struct packet *packet, size_t header)
{
    const uint8_t *options = packet_transport(packet) + TCP_BYTES;

    if (header == TCP_BYTES ||
        (header == TCP_BYTES + 12 && bytes_load32(options) == PACKET_TCP_TIMESTAMP))
        return true;
    return packet_options_sound(
        (struct packet_options){.at = options, .end = options + header - TCP_BYTES, .unit = 1});
}

static enum packet_flaw parse_tcp(struct packet *packet, size_t left)
{
    size_t header;

    if (left < TCP_BYTES)
        return PACKET_TCP_SHORT;
    header = (size_t)(packet_transport(packet)[12] >> 4) * 4;
    if (header < TCP_BYTES || header > left)
        return PACKET_TCP_OFFSET;
    if (!tcp_options_are_sound(packet, header))
        return PACKET_TCP_OPTIONS;
    packet->transport = PACKET_TRANSPORT_TCP;
    packet->payload_at = (uint16_t)(packet->transport_at + header);
    return PACKET_SOUND;
}

static enum packet_flaw parse_icmp(struct packet *packet, size_t left)
{
    if (left < ICMP_BYTES)
        return PACKET_ICMP_SHORT;
    packet->transport = PACKET_TRANSPORT_ICMP;
    packet->payload_at = (uint16_t)(packet->transport_at + ICMP_BYTES);
    return PACKET_SOUND;
}

static enum packet_flaw parse_icmpv6(struct packet *packet, size_t left)
{
    size_t discovery = left < ICMP_BYTES ? ICMP_BYTES : packet_nd_bytes(packet_icmp_type(packet));

    if (left < ICMP_BYTES || left < discovery)
        return PACKET_ICMP_SHORT;
    if (discovery && !packet_options_sound(packet_nd_options(packet)))
        return PACKET_ND_OPTIONS;
    packet->transport = PACKET_TRANSPORT_ICMPV6;
    packet->payload_at = (uint16_t)(packet->transport_at + ICMP_BYTES);
    return PACKET_SOUND;
}

static enum packet_flaw parse_transport(struct packet *packet)
{
    size_t left = packet->end - packet->transport_at;

    if (packet->flags & PACKET_FRAGMENT_LATER)
        return PACKET_SOUND;
    switch (packet->protocol) {
    case IPPROTO_UDP:
        return parse_udp(packet, left);
    case IPPROTO_TCP:
        return parse_tcp(packet, left);
    case IPPROTO_ICMP:
        return packet->network == PACKET_NETWORK_IPV4 ? parse_icmp(packet, left) : PACKET_SOUND;
    case IPPROTO_ICMPV6:
        return packet->network == PACKET_NETWORK_IPV6 ? parse_icmpv6(packet, left) : PACKET_SOUND;
    default:
        return PACKET_SOUND;
    }
}

bool packet_icmp_is_error(const struct packet *packet)
{
    uint8_t type;

    if (packet->transport == PACKET_TRANSPORT_ICMP) {
        type = packet_icmp_type(packet);
        return type == ICMP_TYPE_UNREACHABLE || type == 4 /* source quench */ ||
               type == 5 /* redirect */ || type == ICMP_TYPE_TIME_EXCEEDED ||
               type == ICMP_TYPE_PARAMETER;
    }
    return packet->transport == PACKET_TRANSPORT_ICMPV6 &&
           (packet_icmp_type(packet) < 128 || packet_icmp_type(packet) == ICMPV6_TYPE_REDIRECT);
}

/* -- IPv4 -------------------------------------------------------------------------------------- */

/* Whether a fragment of `length` bytes, which `header` more go before in the datagram, can be one.
 */
static bool fragment_is_possible(size_t header, size_t offset, size_t length, bool more)
{
    return header + offset + length <= PACKET_IP_MAX && !(more && length % 8 != 0);
}

static enum packet_flaw parse_ipv4_fragment(struct packet *packet, size_t header)
{
    size_t offset;

    packet->flags |= PACKET_FRAGMENT;
    offset = packet_fragment_offset(packet);
    if (offset > 0)
        packet->flags |= PACKET_FRAGMENT_LATER;
    if (!fragment_is_possible(header, offset, packet->end - packet->transport_at,
                              packet_fragment_more(packet)))
        return PACKET_IPV4_FRAGMENT;
    return PACKET_SOUND;
}

static enum packet_flaw parse_ipv4(struct packet *packet, size_t left)
{
    const uint8_t *at = packet_network(packet);
    enum packet_flaw flaw = PACKET_SOUND;
    size_t header, length;

    if (left < IPV4_BYTES)
        return PACKET_IPV4_SHORT;
    header = (size_t)(at[0] & 15) * 4;
    length = bytes_load16(at + 2);
    if (at[0] >> 4 != 4)
        return PACKET_IP_VERSION;
    if (header < IPV4_BYTES || header > left)
        return PACKET_IPV4_HEADER_LENGTH;
    if (length < header || length > left)
        return PACKET_IPV4_LENGTH;
    if (checksum_fold(checksum_add(0, at, header)) != 0)
        return PACKET_IPV4_CHECKSUM;
    if (header > IPV4_BYTES) {
        if (!packet_options_sound(packet_ipv4_options(packet)))
            return PACKET_IPV4_OPTIONS;
        packet->flags |= PACKET_IP_OPTIONS;
    }
    packet->network = PACKET_NETWORK_IPV4;
    packet->end = (uint32_t)(packet->network_at + length);
    packet->transport_at = packet->payload_at = (uint16_t)(packet->network_at + header);
    packet->protocol = at[9];
    if (bytes_load16(at + 6) & 0x3fff)
        flaw = parse_ipv4_fragment(packet, header);
    return flaw != PACKET_SOUND ? flaw : parse_transport(packet);
}

/* -- IPv6 -------------------------------------------------------------------------------------- */

/* Bytes of the extension header of `type` at `at`, of which there are 8 at least; 0: it is none. */
static size_t extension_bytes(uint8_t type, const uint8_t *at)
{
    switch (type) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MH:
    case 139: /* HIP, RFC 7401 */
    case 140: /* Shim6, RFC 5533 */
        return ((size_t)at[1] + 1) * 8;
    case IPPROTO_AH:
        return ((size_t)at[1] + 2) * 4;
    case IPPROTO_FRAGMENT:
        return IPV6_FRAGMENT_BYTES;
    default:
        return 0;
    }
}

static bool is_extension(uint8_t type)
{
    static const uint8_t one[8];

    return extension_bytes(type, one) > 0;
}

static enum packet_flaw parse_ipv6_fragment(struct packet *packet, size_t at)
{
    size_t before = at - packet->network_at - IPV6_BYTES;
    size_t length = packet->end - at - IPV6_FRAGMENT_BYTES;
    size_t offset;

    packet->fragment_at = (uint16_t)at;
    offset = packet_fragment_offset(packet);
    /* One that is all of its datagram is none (RFC 6946). */
    if (offset > 0 || packet_fragment_more(packet))
        packet->flags |= PACKET_FRAGMENT;
    if (offset > 0)
        packet->flags |= PACKET_FRAGMENT_LATER;
    if (!fragment_is_possible(before, offset, length, packet_fragment_more(packet)))
        return PACKET_IPV6_FRAGMENT;
    return PACKET_SOUND;
}

/* Walks from transport_at on, until there is something else. */
static enum packet_flaw parse_ipv6_extensions(struct packet *packet)
{
    enum packet_flaw flaw = PACKET_SOUND;

    packet->flags |= PACKET_IP_OPTIONS;
    for (int i = 0; is_extension(packet->protocol); i++) {
        const uint8_t *at = packet_transport(packet);
        size_t left = packet->end - packet->transport_at;
        size_t length = left < 8 ? SIZE_MAX : extension_bytes(packet->protocol, at);

        if (i == PACKET_EXTENSIONS_MAX)
            return PACKET_IPV6_EXTENSION_COUNT;
        if (length > left)
            return PACKET_IPV6_EXTENSION_SHORT;
        if ((packet->protocol == IPPROTO_HOPOPTS && i > 0) ||
            (packet->protocol == IPPROTO_FRAGMENT && packet->fragment_at))
            return PACKET_IPV6_EXTENSION_ORDER;
        if (packet->protocol == IPPROTO_FRAGMENT)
            flaw = parse_ipv6_fragment(packet, packet->transport_at);
        packet->protocol = at[0];
        packet->transport_at = packet->payload_at = (uint16_t)(packet->transport_at + length);
        if (flaw != PACKET_SOUND || (packet->flags & PACKET_FRAGMENT_LATER))
            return flaw;
    }
    return PACKET_SOUND;
}

static enum packet_flaw parse_ipv6(struct packet *packet, size_t left)
{
    const uint8_t *at = packet_network(packet);
    enum packet_flaw flaw = PACKET_SOUND;
    size_t length;

    if (left < IPV6_BYTES)
        return PACKET_IPV6_SHORT;
    length = bytes_load16(at + 4);
    if (at[0] >> 4 != 6)
        return PACKET_IP_VERSION;
    if (length > left - IPV6_BYTES || (length == 0 && at[6] == IPPROTO_HOPOPTS))
        return PACKET_IPV6_LENGTH;
    packet->network = PACKET_NETWORK_IPV6;
    packet->end = (uint32_t)(packet->network_at + IPV6_BYTES + length);
    packet->transport_at = packet->payload_at = (uint16_t)(packet->network_at + IPV6_BYTES);
    packet->protocol = at[6];
    if (packet->protocol != IPPROTO_UDP && packet->protocol != IPPROTO_TCP &&
        is_extension(packet->protocol))
        flaw = parse_ipv6_extensions(packet);
    return flaw != PACKET_SOUND ? flaw : parse_transport(packet);
}

/* -- The link ---------------------------------------------------------------------------------- */

static enum packet_flaw parse_arp(struct packet *packet, size_t left)
{
    /* Ethernet, IPv4, addresses of 6 and 4 bytes. */
    static const uint8_t format[] = {0, 1, 8, 0, 6, 4};

    if (left < ARP_BYTES)
        return PACKET_ARP_SHORT;
    if (memcmp(packet_network(packet), format, sizeof format) != 0)
        return PACKET_ARP_FORMAT;
    packet->network = PACKET_NETWORK_ARP;
    packet->end = (uint32_t)(packet->network_at + ARP_BYTES);
    packet->transport_at = packet->payload_at = (uint16_t)packet->end;
    return PACKET_SOUND;
}

static bool is_vlan(uint16_t ethertype)
{
    return ethertype == ETHERTYPE_OF_VLAN || ethertype == ETHERTYPE_OF_SERVICE;
}

/* Passes over the tags; `network_at` is behind the Ethernet header. */
static enum packet_flaw parse_vlans(struct packet *packet, uint16_t *ethertype)
{
    while (is_vlan(*ethertype)) {
        if (packet->length < (size_t)packet->network_at + VLAN_BYTES)
            return PACKET_VLAN_SHORT;
        if (packet->vlans == PACKET_VLANS_MAX)
            return PACKET_VLAN_DEPTH;
        packet->vlans++;
        packet->network_at += VLAN_BYTES;
        *ethertype = packet_ethertype(packet);
    }
    packet->transport_at = packet->payload_at = packet->network_at;
    return PACKET_SOUND;
}

static enum packet_flaw parse_ethernet(struct packet *packet)
{
    enum packet_flaw flaw = PACKET_SOUND;
    uint16_t ethertype;
    size_t left;

    if (packet->length < ETHERNET_BYTES)
        return PACKET_ETHERNET_SHORT;
    packet->flags = packet->bytes[0] & 1 ? PACKET_GROUP_FRAME : 0;
    packet->network_at = packet->transport_at = packet->payload_at = ETHERNET_BYTES;
    ethertype = packet_ethertype(packet);
    if (is_vlan(ethertype))
        flaw = parse_vlans(packet, &ethertype);
    if (flaw != PACKET_SOUND)
        return flaw;
    left = packet->length - packet->network_at;
    switch (ethertype) {
    case ETHERTYPE_OF_IPV4:
        return parse_ipv4(packet, left);
    case ETHERTYPE_OF_IPV6:
        return parse_ipv6(packet, left);
    case ETHERTYPE_OF_ARP:
        return parse_arp(packet, left);
    default:
        return PACKET_SOUND;
    }
}

static enum packet_flaw parse_ip(struct packet *packet)
{
    switch (packet->bytes[0] >> 4) {
    case 4:
        return parse_ipv4(packet, packet->length);
    case 6:
        return parse_ipv6(packet, packet->length);
    default:
        return PACKET_IP_VERSION;
    }
}

static enum packet_flaw parse(struct packet *packet)
{
    packet->end = packet->length;
    packet->network_at = packet->transport_at = packet->payload_at = packet->fragment_at = 0;
    packet->network = PACKET_NETWORK_NONE;
    packet->transport = PACKET_TRANSPORT_NONE;
    packet->protocol = 0;
    packet->flags = 0;
    packet->vlans = 0;
    if (packet->length == 0)
        return PACKET_EMPTY;
    if (packet->length > PACKET_BYTES_MAX)
        return PACKET_TOO_LONG;
    return packet->link == PACKET_LINK_ETHERNET ? parse_ethernet(packet) : parse_ip(packet);
}

enum packet_flaw packet_parse(struct packet *packet)
{
    enum packet_flaw flaw = parse(packet);

    packet->flaw = (uint8_t)flaw;
    return flaw;
}
