/* The Ethernet header of a packet that goes out on another wire than it came from. */
#ifndef DUET_NET_MAC_HEADER_H
#define DUET_NET_MAC_HEADER_H

#include "net/packet.h"

enum { ETHERNET_HEADER = 14 };

/* Puts a header in front of the packet, which is IP and parsed, in place of what link's header and
 * tags it had; padding goes. No byte of IP moves: where there was no header, the bytes before the
 * packet's first are the packet's own, as POOL_HEADROOM of a pool's are. The packet stays parsed.
 */
void ethernet_put(struct packet *packet, const uint8_t destination[static PACKET_MAC_BYTES],
                  const uint8_t source[static PACKET_MAC_BYTES]);

#endif
