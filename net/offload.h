/* The header with which a kernel hands packets over that it has not finished: virtio-net's (virtio
 * 1.2, 5.1.6), as TUN devices (IFF_VNET_HDR with TUNSETVNETLE) and packet sockets (PACKET_VNET_HDR)
 * have it, without num_buffers. */
#ifndef DUET_NET_OFFLOAD_H
#define DUET_NET_OFFLOAD_H

#include "net/packet.h"

enum { OFFLOAD_BYTES = 10 };

/* Notes in the packet, which has its bytes, what the header says: `checksum` and where it is, and
 * `segment_bytes`. -EBADMSG, and the packet as it was, where the header speaks of bytes that the
 * packet does not have, of segments without a partial checksum, or of an offload other than TCP's.
 */
int offload_read(struct packet *packet, const uint8_t header[static OFFLOAD_BYTES]);
/* The header for the packet, parsed, as it is. */
void offload_write(const struct packet *packet, uint8_t header[static OFFLOAD_BYTES]);

#endif
