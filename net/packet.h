/* One packet: its bytes, and a view of them that was checked once.
 *
 * packet_parse looks at every length that the bytes state and notes in the packet where which
 * header begins and how far it was understood. After that the accessors below read without a check
 * and cannot fail, each under the condition that it names. Nothing is copied: a view is offsets.
 *
 * A view tells three layers apart. `network` is set once the header of IPv4, IPv6 or ARP is sound,
 * `transport` once that of ICMP, ICMPv6, UDP or TCP is, and `flaw` is the first thing that was
 * wrong. A router needs the first only: a packet whose TCP header is nonsense is its receiver's
 * business. What is not understood but not wrong either (another EtherType, another protocol) has
 * no flaw.
 *
 * Packets are handled in vectors, `struct packet *const packets[]`: each step of the path does all
 * packets before the next step begins, so that code and tables stay in the cache. A struct packet
 * is one cache line. */
#ifndef DUET_NET_PACKET_H
#define DUET_NET_PACKET_H

#include "net/bytes.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PACKET_ADDRESS_MAX = 16,   /* bytes of an address of either family */
    PACKET_MAC_BYTES = 6,      /* of an Ethernet address */
    PACKET_VLANS_MAX = 4,      /* tags that may be stacked */
    PACKET_EXTENSIONS_MAX = 8, /* extension headers that are walked */
    PACKET_IP_MAX = 65535,     /* bytes of an IPv4 datagram; of the payload of an IPv6 one */
    PACKET_BYTES_MAX = 14 + 4 * PACKET_VLANS_MAX + 40 + PACKET_IP_MAX, /* of anything at all */
};

/* What the first byte is. */
enum packet_link {
    PACKET_LINK_ETHERNET, /* an Ethernet II header, without a frame check sequence */
    PACKET_LINK_IP,       /* IPv4 or IPv6, as its first four bits say (a TUN without a header) */
};

enum packet_network {
    PACKET_NETWORK_NONE, /* not understood, see `flaw`, or another EtherType */
    PACKET_NETWORK_ARP,  /* RFC 826, of IPv4 over Ethernet */
    PACKET_NETWORK_IPV4,
    PACKET_NETWORK_IPV6,
};

enum packet_transport {
    PACKET_TRANSPORT_NONE, /* not understood, another protocol, or not in this fragment */
    PACKET_TRANSPORT_ICMP,
    PACKET_TRANSPORT_ICMPV6,
    PACKET_TRANSPORT_UDP,
    PACKET_TRANSPORT_TCP,
};

/* Why a packet was not, or not to its end, understood. */
enum packet_flaw {
    PACKET_SOUND,
    PACKET_EMPTY,                /* it has no bytes */
    PACKET_TOO_LONG,             /* more than PACKET_BYTES_MAX */
    PACKET_ETHERNET_SHORT,       /* less than 14 bytes */
    PACKET_VLAN_SHORT,           /* a tag is cut */
    PACKET_VLAN_DEPTH,           /* more than PACKET_VLANS_MAX tags */
    PACKET_ARP_SHORT,            /* less than 28 bytes */
    PACKET_ARP_FORMAT,           /* not of IPv4 over Ethernet */
    PACKET_IP_VERSION,           /* neither 4 nor 6, or not what the EtherType says */
    PACKET_IPV4_SHORT,           /* less than 20 bytes */
    PACKET_IPV4_HEADER_LENGTH,   /* less than 20 bytes, or more than there are */
    PACKET_IPV4_LENGTH,          /* less than the header, or more than there is */
    PACKET_IPV4_CHECKSUM,        /* of the header */
    PACKET_IPV4_OPTIONS,         /* an option ends behind the header */
    PACKET_IPV4_FRAGMENT,        /* ends behind 65535 bytes, or inside 8 bytes and is not last */
    PACKET_IPV6_SHORT,           /* less than 40 bytes */
    PACKET_IPV6_LENGTH,          /* more than there is, or none (a jumbogram, RFC 2675) */
    PACKET_IPV6_EXTENSION_SHORT, /* an extension header is cut */
    PACKET_IPV6_EXTENSION_COUNT, /* more than PACKET_EXTENSIONS_MAX */
    PACKET_IPV6_EXTENSION_ORDER, /* hop-by-hop options not first, or a second fragment header */
    PACKET_IPV6_FRAGMENT,        /* as PACKET_IPV4_FRAGMENT */
    PACKET_ICMP_SHORT,           /* less than 8 bytes, or than neighbour discovery's types need */
    PACKET_ND_OPTIONS,           /* an option of neighbour discovery has no or a cut length */
    PACKET_UDP_SHORT,            /* less than 8 bytes */
    PACKET_UDP_LENGTH,           /* less than the header, or more than there is */
    PACKET_TCP_SHORT,            /* less than 20 bytes */
    PACKET_TCP_OFFSET,           /* less than 20 bytes, or more than there is */
    PACKET_TCP_OPTIONS,          /* an option ends behind the header */
    PACKET_FLAWS,                /* how many there are */
};

enum packet_flags {
    PACKET_FRAGMENT = 1 << 0,       /* of a datagram, the first or any other */
    PACKET_FRAGMENT_LATER = 1 << 1, /* not the first: what follows is no transport header */
    PACKET_GROUP_FRAME = 1 << 2,    /* the Ethernet destination is a multicast or broadcast */
    PACKET_IP_OPTIONS = 1 << 3,     /* IPv4 options or IPv6 extension headers */
};

/* What is known about the transport's checksum: virtio-net's offloads (virtio 1.2, 5.1.6). */
enum packet_checksum {
    PACKET_CHECKSUM_WHOLE,   /* it is in the packet; nobody has looked whether it is right */
    PACKET_CHECKSUM_VALID,   /* somebody has, and it is (DATA_VALID) */
    PACKET_CHECKSUM_PARTIAL, /* the pseudo-header's sum is there; checksum_finish makes it whole */
};

struct packet {
    uint8_t *bytes; /* the first one on the link; of a pool (net/pool.h), or somebody else's */
    uint32_t length;
    uint32_t mark;    /* free for who holds the packet, as due_ns is */
    uint64_t time_ns; /* when it came, as who took it in says */
    uint64_t due_ns;  /* when it may go on */
    uint16_t nic; /* where it came in, then where it goes out; free where there is no internet */
    uint8_t link; /* enum packet_link; packet_parse must know it */
    uint8_t checksum; /* enum packet_checksum */
    /* Where PARTIAL: the bytes to sum begin here and the sum goes there, from `bytes`. */
    uint16_t checksum_start, checksum_at;
    /* -- What packet_parse finds --------------------------------------------------------------- */
    uint32_t end;          /* of the network's packet; what follows is padding of the link */
    uint16_t network_at;   /* where `network` begins, or what is there instead */
    uint16_t transport_at; /* where the transport, or what is there instead, begins */
    uint16_t payload_at;   /* behind the transport's header where there is one */
    uint16_t fragment_at;  /* where the IPv6 fragment header begins; 0: there is none */
    uint8_t network;       /* enum packet_network */
    uint8_t transport;     /* enum packet_transport */
    uint8_t protocol;      /* where IP: IPPROTO_… of what begins at transport_at */
    uint8_t flaw;          /* enum packet_flaw */
    uint8_t flags;         /* enum packet_flags */
    uint8_t vlans;         /* tags between the Ethernet header and `network` */
    /* -- What net/offload.h reads -------------------------------------------------------------- */
    uint16_t segment_bytes; /* of a TCP packet that stands for many: the payload of each; else 0 */
};

_Static_assert(sizeof(struct packet) == 64, "a packet is one cache line");

/* Fills in what the bytes are. Returns the flaw, which is in the packet, too. */
enum packet_flaw packet_parse(struct packet *packet);
/* The same for each. */
void packets_parse(struct packet *const packets[], size_t count);

/* "ipv4-checksum", for counters and logs. */
const char *packet_flaw_name(enum packet_flaw flaw);

/* -- Of any packet that was parsed ------------------------------------------------------------- */

static inline bool packet_is_ip(const struct packet *packet)
{
    return packet->network >= PACKET_NETWORK_IPV4;
}

/* UDP or TCP. */
static inline bool packet_has_ports(const struct packet *packet)
{
    return packet->transport >= PACKET_TRANSPORT_UDP;
}

static inline const uint8_t *packet_network(const struct packet *packet)
{
    return packet->bytes + packet->network_at;
}

static inline const uint8_t *packet_transport(const struct packet *packet)
{
    return packet->bytes + packet->transport_at;
}

static inline const uint8_t *packet_payload(const struct packet *packet)
{
    return packet->bytes + packet->payload_at;
}

static inline size_t packet_payload_length(const struct packet *packet)
{
    return packet->end - packet->payload_at;
}

/* Bytes of the network's packet, header included, without padding: what an MTU limits. */
static inline size_t packet_network_length(const struct packet *packet)
{
    return packet->end - packet->network_at;
}

/* packet_is_upkeep, of a packet without ports. */
bool packet_is_upkeep_without_ports(const struct packet *packet);

/* Whether it is the link's own upkeep, which kernels and bridges send when they see fit: ARP, IGMP,
 * MLD (ICMPv6 types 130 to 132 and 143), router and neighbour discovery (133 to 137), and frames
 * to the addresses that no bridge passes on (01:80:c2:00:00:00 to 0f: spanning tree, LACP, LLDP,
 * EAPOL). All else is data: whatever its EtherType, and whatever is wrong with it. */
static inline bool packet_is_upkeep(const struct packet *packet)
{
    return !packet_has_ports(packet) && packet_is_upkeep_without_ports(packet);
}

/* -- Where link is PACKET_LINK_ETHERNET and network_at is not 0 -------------------------------- */

static inline const uint8_t *packet_mac_destination(const struct packet *packet)
{
    return packet->bytes;
}

static inline const uint8_t *packet_mac_source(const struct packet *packet)
{
    return packet->bytes + PACKET_MAC_BYTES;
}

/* Behind all tags. */
static inline uint16_t packet_ethertype(const struct packet *packet)
{
    return bytes_load16(packet->bytes + packet->network_at - 2);
}

/* Priority, drop eligibility and number of the tag, 0 the outermost (IEEE 802.1Q); index < vlans.
 */
static inline uint16_t packet_vlan(const struct packet *packet, size_t index)
{
    return bytes_load16(packet->bytes + 14 + 4 * index);
}

/* -- Where packet_is_ip ------------------------------------------------------------------------ */

/* 4 for IPv4, 16 for IPv6. */
static inline size_t packet_address_bytes(const struct packet *packet)
{
    return packet->network == PACKET_NETWORK_IPV4 ? 4 : 16;
}

static inline const uint8_t *packet_source(const struct packet *packet)
{
    return packet_network(packet) + (packet->network == PACKET_NETWORK_IPV4 ? 12 : 8);
}

static inline const uint8_t *packet_destination(const struct packet *packet)
{
    return packet_network(packet) + (packet->network == PACKET_NETWORK_IPV4 ? 16 : 24);
}

/* TTL or hop limit. */
static inline uint8_t packet_hops(const struct packet *packet)
{
    return packet_network(packet)[packet->network == PACKET_NETWORK_IPV4 ? 8 : 7];
}

/* IPv4's don't-fragment bit; every IPv6 packet has it. */
static inline bool packet_unfragmentable(const struct packet *packet)
{
    return packet->network == PACKET_NETWORK_IPV6 || (packet_network(packet)[6] & 0x40);
}

/* Where PACKET_FRAGMENT: bytes before it in its datagram, and whether another follows. */
static inline size_t packet_fragment_offset(const struct packet *packet)
{
    if (packet->network == PACKET_NETWORK_IPV6)
        return bytes_load16(packet->bytes + packet->fragment_at + 2) & 0xfff8u;
    return (size_t)(bytes_load16(packet_network(packet) + 6) & 0x1fff) * 8;
}

static inline bool packet_fragment_more(const struct packet *packet)
{
    if (packet->network == PACKET_NETWORK_IPV6)
        return packet->bytes[packet->fragment_at + 3] & 1;
    return packet_network(packet)[6] & 0x20;
}

/* -- Where `transport` is the one that the name says ------------------------------------------- */

/* UDP and TCP. */
static inline uint16_t packet_source_port(const struct packet *packet)
{
    return bytes_load16(packet_transport(packet));
}

static inline uint16_t packet_destination_port(const struct packet *packet)
{
    return bytes_load16(packet_transport(packet) + 2);
}

static inline uint32_t packet_tcp_sequence(const struct packet *packet)
{
    return bytes_load32(packet_transport(packet) + 4);
}

static inline uint32_t packet_tcp_acknowledgement(const struct packet *packet)
{
    return bytes_load32(packet_transport(packet) + 8);
}

/* As in <netinet/tcp.h>: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
static inline uint8_t packet_tcp_flags(const struct packet *packet)
{
    return packet_transport(packet)[13];
}

/* ICMP and ICMPv6. */
static inline uint8_t packet_icmp_type(const struct packet *packet)
{
    return packet_transport(packet)[0];
}

static inline uint8_t packet_icmp_code(const struct packet *packet)
{
    return packet_transport(packet)[1];
}

/* An error, about which no other may be sent (RFC 1122, 3.2.2; RFC 4443, 2.1). */
bool packet_icmp_is_error(const struct packet *packet);

/* -- Options ----------------------------------------------------------------------------------- */

struct packet_option {
    uint8_t type;
    const uint8_t *data; /* behind type and length */
    size_t length;       /* of `data` */
};

/* A walk through the options of a header: `for (options = packet_tcp_options(p);
 * packet_option_next(&options, &option);)`. Padding is passed over. */
struct packet_options {
    const uint8_t *at, *end;
    size_t unit;    /* 1: padded by single bytes, as IPv4 and TCP are; 8: lengths count 8 bytes */
    bool malformed; /* where the walk ended before `end`, so that the rest is none */
};

/* Of IPv4, TCP and neighbour discovery, where the packet is one. */
struct packet_options packet_ipv4_options(const struct packet *packet);
struct packet_options packet_tcp_options(const struct packet *packet);
struct packet_options packet_nd_options(const struct packet *packet);
bool packet_option_next(struct packet_options *options, struct packet_option *option);
/* How the options of nearly every TCP segment begin, and with a timestamp end (RFC 7323, A). */
#define PACKET_TCP_TIMESTAMP UINT32_C(0x0101080a)
/* Whether a walk gets to the end. */
bool packet_options_sound(struct packet_options options);
/* Bytes of a message of neighbour discovery before its options (RFC 4861, 4); 0: `type` is none. */
size_t packet_nd_bytes(uint8_t type);

#endif
