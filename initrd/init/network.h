/* Links, addresses, sysctls and routes, as STARTPOD says, and what comes later. */
#ifndef DUET_INIT_NETWORK_H
#define DUET_INIT_NETWORK_H

#include "initrd/init/pod.h"

/* Of a router, whose links are not the kernel's, loopback and sysctls alone. Returns when
 * everything can be used: links have their carrier, addresses skip duplicate detection. Waits up to
 * 5 s for a NIC that is not there yet, and as long for its carrier. */
int network_set_up(const struct pod *pod, struct error *error);
/* Those of the pod alone; the waiting is the same. */
int network_add_links(const struct pod *pod, struct error *error);
int network_add_routes(const struct pod *pod, struct error *error);
/* In the network namespace that the caller is in. */
int network_raise_loopback(struct error *error);

/* For who does a part of that with a netlink socket of its own. The NIC with the address
 * link->device, waited for: its index, and its name as long as it has it. */
int network_await_nic(int netlink, const struct pod_interface *link, int *index,
                      char name[static IFNAMSIZ], struct error *error);
/* Brings it up, with the link's MTU, and waits for its carrier. */
int network_raise_nic(int netlink, const struct pod_interface *link, int index,
                      struct error *error);

#endif
