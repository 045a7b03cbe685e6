/* What headers say, as numbers in the host's byte order: to read a packet into, and to build one
 * from (net/build.h). What is not a number (addresses) is bytes as on the wire. */
#ifndef DUET_NET_HEADERS_H
#define DUET_NET_HEADERS_H

#include "net/packet.h"

enum {
    ETHERTYPE_OF_IPV4 = 0x0800,
    ETHERTYPE_OF_ARP = 0x0806,
    ETHERTYPE_OF_VLAN = 0x8100,    /* IEEE 802.1Q */
    ETHERTYPE_OF_SERVICE = 0x88a8, /* the outer tag of IEEE 802.1ad */
    ETHERTYPE_OF_IPV6 = 0x86dd,
};

struct vlan_tag {
    uint16_t ethertype; /* of the tag itself: ETHERTYPE_OF_VLAN or ETHERTYPE_OF_SERVICE */
    uint16_t control;   /* priority, drop eligibility, number */
};

struct ethernet_header {
    uint8_t destination[PACKET_MAC_BYTES], source[PACKET_MAC_BYTES];
    struct vlan_tag vlans[PACKET_VLANS_MAX]; /* the outermost first */
    size_t vlan_count;
    uint16_t ethertype; /* behind the tags */
};

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_header {
    uint16_t operation;
    uint8_t sender_mac[PACKET_MAC_BYTES], sender[4];
    uint8_t target_mac[PACKET_MAC_BYTES], target[4];
};

struct ipv4_header {
    uint8_t source[4], destination[4];
    uint8_t service; /* DSCP and ECN */
    uint8_t hops;
    uint8_t protocol;
    uint16_t identification;
    bool unfragmentable, more_fragments;
    uint16_t fragment_offset; /* bytes, a multiple of 8 */
    uint8_t options[40];
    size_t options_length; /* a multiple of 4 */
};

struct ipv6_header {
    uint8_t source[16], destination[16];
    uint8_t service;
    uint32_t flow_label; /* 20 bits */
    uint8_t hops;
    uint8_t protocol; /* of what follows the fixed header */
};

struct ipv6_fragment {
    uint8_t protocol; /* of what follows it */
    uint16_t offset;  /* bytes, a multiple of 8 */
    bool more;
    uint32_t identification;
};

struct udp_header {
    uint16_t source_port, destination_port;
};

struct tcp_header {
    uint16_t source_port, destination_port;
    uint32_t sequence, acknowledgement;
    uint8_t flags; /* as packet_tcp_flags */
    uint16_t window, urgent;
    uint8_t options[40];
    size_t options_length; /* a multiple of 4 */
};

enum {
    ICMP_TYPE_ECHO_REPLY = 0,
    ICMP_TYPE_UNREACHABLE = 3,
    ICMP_TYPE_ECHO = 8,
    ICMP_TYPE_TIME_EXCEEDED = 11,
    ICMP_TYPE_PARAMETER = 12,
    ICMP_CODE_NET_UNREACHABLE = 0,
    ICMP_CODE_HOST_UNREACHABLE = 1,
    ICMP_CODE_TOO_BIG = 4, /* fragmentation needed and DF set; rest is 16 zero bits and the MTU */
    ICMPV6_TYPE_UNREACHABLE = 1,
    ICMPV6_TYPE_TOO_BIG = 2, /* rest is the MTU */
    ICMPV6_TYPE_TIME_EXCEEDED = 3,
    ICMPV6_TYPE_PARAMETER = 4,
    ICMPV6_TYPE_ECHO = 128,
    ICMPV6_TYPE_ECHO_REPLY = 129,
    ICMPV6_TYPE_LISTENER_QUERY = 130, /* of MLD, as 131 and 132 */
    ICMPV6_TYPE_ROUTER_SOLICITATION = 133,
    ICMPV6_TYPE_ROUTER_ADVERTISEMENT = 134,
    ICMPV6_TYPE_NEIGHBOUR_SOLICITATION = 135,
    ICMPV6_TYPE_NEIGHBOUR_ADVERTISEMENT = 136,
    ICMPV6_TYPE_REDIRECT = 137,
    ICMPV6_TYPE_LISTENER_REPORT_2 = 143, /* of MLDv2 */
    ICMPV6_CODE_NO_ROUTE = 0,
    ICMPV6_CODE_BEYOND_SCOPE = 2,
    ICMPV6_CODE_ADDRESS_UNREACHABLE = 3,
};

/* ICMP and ICMPv6. */
struct icmp_header {
    uint8_t type, code;
    uint32_t rest; /* identifier and sequence of an echo, the MTU, … */
};

/* A neighbour solicitation or advertisement (RFC 4861, 4.3 and 4.4) behind its ICMPv6 header, of
 * which `rest` has the advertisement's flags. */
struct nd_neighbour {
    uint8_t target[16];
    bool has_mac; /* the option with the link-layer address, source's or target's */
    uint8_t mac[PACKET_MAC_BYTES];
};

/* Each under the condition that the packet, parsed, has that header. */
void ethernet_read(const struct packet *packet, struct ethernet_header *header);
void arp_read(const struct packet *packet, struct arp_header *header);
void ipv4_read(const struct packet *packet, struct ipv4_header *header);
void ipv6_read(const struct packet *packet, struct ipv6_header *header);
/* fragment_at is not 0. */
void ipv6_fragment_read(const struct packet *packet, struct ipv6_fragment *fragment);
void udp_read(const struct packet *packet, struct udp_header *header);
void tcp_read(const struct packet *packet, struct tcp_header *header);
void icmp_read(const struct packet *packet, struct icmp_header *header);
/* The type is ICMPV6_TYPE_NEIGHBOUR_…. */
void nd_neighbour_read(const struct packet *packet, struct nd_neighbour *neighbour);

#endif
