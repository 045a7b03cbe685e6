/* The Internet checksum (RFC 1071), whole and incremental (RFC 1624). Sums are in the byte order of
 * the packet, as memcpy reads them, so that no byte is swapped. */
#ifndef DUET_NET_CHECKSUM_H
#define DUET_NET_CHECKSUM_H

#include "net/packet.h"

/* An unfinished sum, to which more can be added; 0 to begin with. */
typedef uint64_t checksum_sum;

/* Adds `count` bytes, which begin at an even offset of what is summed. */
checksum_sum checksum_add(checksum_sum sum, const void *bytes, size_t count);
/* The pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1) of an IP packet with `length` bytes of
 * `protocol`. `packet` must be IP. The destination is the one of the fixed header, also where a
 * routing header will change it. */
checksum_sum checksum_pseudo(const struct packet *packet, uint8_t protocol, size_t length);
/* The 16 bits that a header carries, to be stored with memcpy; 0 of what has a right one in it. */
static inline uint16_t checksum_fold(checksum_sum sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Replaces the checksum at `at` by what it is after `from` has become `to`, each `count` (even)
 * bytes at an even offset (RFC 1624, equation 3). */
void checksum_update(uint8_t *at, const void *from, const void *to, size_t count);

/* Whether the transport's checksum is right. True where it need not be: PACKET_CHECKSUM_VALID or
 * PARTIAL, UDP over IPv4 without one, a fragment, a packet without a transport. */
bool checksum_right(const struct packet *packet);
/* Computes the transport's checksum and stores it; a packet without one (as above) is left alone.
 * The packet's `checksum` becomes WHOLE. */
void checksum_write(struct packet *packet);
/* Makes a PARTIAL checksum whole; other packets are left alone. A packet whose checksum_start or
 * checksum_at is outside it, or not where its transport has the sum, loses the mark and keeps its
 * bytes. */
void checksum_finish(struct packet *packet);

#endif
