/* Host name, links, addresses, routes, sysctls and /etc/hosts, as the configuration says. */
#ifndef DUET_INIT_NETWORK_H
#define DUET_INIT_NETWORK_H

#include "initrd/init/cmdline.h"

/* Returns when everything can be used: addresses skip duplicate detection. Waits up to 5 s for a
 * NIC that is not there yet. */
int network_set_up(const struct config *config, struct error *error);

#endif
