/* Links, addresses, sysctls, routes and /etc/hosts, as STARTPOD says. */
#ifndef DUET_INIT_NETWORK_H
#define DUET_INIT_NETWORK_H

#include "initrd/init/pod.h"

/* Returns when everything can be used: links have their carrier, addresses skip duplicate
 * detection. Waits up to 5 s for a NIC that is not there yet, and as long for its carrier. */
int network_set_up(const struct pod *pod, struct error *error);

#endif
