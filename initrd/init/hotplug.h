/* CPUs and memory that the machine has and the kernel does not use yet. */
#ifndef DUET_INIT_HOTPLUG_H
#define DUET_INIT_HOTPLUG_H

#include "base/error.h"

#include <stdint.h>

struct hotplug {
    uint64_t cpus, memory_blocks; /* that are online; 0 blocks where the kernel has no such thing */
};

/* Brings all online. */
int hotplug_online(struct hotplug *hotplug, struct error *error);

#endif
