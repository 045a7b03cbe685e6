/* Packets that are changed on their way, and those that are made. */
#ifndef DUET_NET_IMPAIR_CHANGE_H
#define DUET_NET_IMPAIR_CHANGE_H

#include "net/impair_settings.h"

/* Each takes a packet that was parsed, and leaves it parsed as it is then. A checksum that was
 * left to somebody else to compute is computed first, so that a wrong one stays wrong. */

/* Sets the bits that the mask has. False, and nothing changed, where the packet does not reach so
 * far. Then makes the checksums right, unless they are to be kept. */
bool change_mangle(struct packet *packet, const struct impair_pattern *mangle, bool keep_checksums);

/* Flips bits, which the draws of `key` from `index` * IMPAIR_FLIPS_MAX on choose. False where there
 * is none to choose from. */
bool change_corrupt(struct packet *packet, const struct impair_corrupt *corrupt, uint64_t key,
                    uint64_t index);

/* Builds the TCP reset that `packet`, which is TCP, calls for (RFC 9293, 3.10.7.1) into the bytes
 * of `made`, which has room for `room`: to the packet's sender, or on to its receiver as if its
 * sender had sent it. False where there is none: nothing answers a reset. */
bool change_reset(const struct packet *packet, bool to_sender, struct packet *made, size_t room);

#endif
