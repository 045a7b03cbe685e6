/* Which flow a packet belongs to. */
#ifndef DUET_NET_PACKET_FLOW_H
#define DUET_NET_PACKET_FLOW_H

#include "net/packet.h"

/* Two packets with equal bytes here are of one flow. Ports are those of UDP and TCP; an ICMP echo
 * has its identifier as both; everything else has none, and so have all fragments, the first, too,
 * for the others of its datagram have none either. Without padding, so memcmp compares. */
struct packet_flow {
    uint8_t source[PACKET_ADDRESS_MAX]; /* zero behind the 4 bytes of IPv4 */
    uint8_t destination[PACKET_ADDRESS_MAX];
    uint16_t source_port, destination_port;
    uint8_t network;  /* enum packet_network */
    uint8_t protocol; /* IPPROTO_… */
};

_Static_assert(sizeof(struct packet_flow) == 38, "no padding, so that bytes can be compared");

/* All zero where the packet is not IP. */
void packet_flow(const struct packet *packet, struct packet_flow *flow);
/* Swaps the ends where that is needed for both directions to be one flow. */
void packet_flow_normalise(struct packet_flow *flow);
bool packet_flow_equal(const struct packet_flow *a, const struct packet_flow *b);
/* Well mixed in all bits. Whoever fills a table that a guest must not be able to crowd gives it a
 * seed that the guest does not know. */
uint64_t packet_flow_hash(const struct packet_flow *flow, uint64_t seed);

#endif
