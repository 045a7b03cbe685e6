/* The kernel's own tc netem on a link of this node: it impairs what the node sends there. */
#ifndef DUET_INIT_NETEM_H
#define DUET_INIT_NETEM_H

#include "base/error.h"
#include "net/impair_settings.h"

#include <stdint.h>

/* As the qdisc counts. A duplicate counts as a packet of its own. */
struct netem_counters {
    uint64_t packets_out, bytes_out;         /* handed to the NIC */
    uint64_t dropped;                        /* packets: by loss, or for want of room; of 32 bits */
    uint32_t packets_waiting, bytes_waiting; /* on their way */
};

/* Sets it, or changes the one that is there, on what goes out from the next packet on; what is on
 * its way stays there. `netlink` is a socket of NETLINK_ROUTE, `index` the link's, and `name` is
 * for messages. `settings` have passed impair_netem_check. `seed` is for kernels that take one
 * (6.7 and later). EOPNOTSUPP for a kernel without netem. */
int netem_set(int netlink, int index, const char *name, const struct impair_settings *settings,
              uint64_t seed, struct error *error);

/* ENOENT where the link has none. */
int netem_read(int netlink, int index, const char *name, struct netem_counters *counters,
               struct error *error);

#endif
