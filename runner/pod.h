/* What a node is told in STARTPOD (docs/control-channel.md): who it is and what its network is. */
#ifndef DUET_RUNNER_POD_H
#define DUET_RUNNER_POD_H

#include "runner/suite.h"
#include "vm/vm.h"

/* The payload of node `node` as a JSON object, but for `id`, `time_ns` and `entropy`, which
 * agent_startpod adds. `nics` are the machine's, one for each of the node's links in the file's
 * order, with the MAC addresses that they boot with. The caller frees it. */
char *pod_make(const struct suite_case *suite_case, size_t node, const struct vm_nic *nics,
               uint64_t seed);

/* The end of `link` that is at `node`, or NULL; *peer is the other one. */
const struct suite_end *pod_end_at(const struct suite_link *link, size_t node,
                                   const struct suite_end **peer);

enum { POD_MAC_SIZE = 18 }; /* of a MAC address as text */

void pod_format_mac(const uint8_t mac[static 6], char text[static POD_MAC_SIZE]);

#endif
