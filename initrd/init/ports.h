/* Finding the virtio-serial ports by the names that the host gave them. */
#ifndef DUET_INIT_PORTS_H
#define DUET_INIT_PORTS_H

#include "base/error.h"

struct ports {
    int ctl; /* non-blocking; -1: there is none */
    int io;
};

/* Opens duet.ctl and duet.io. A machine without any virtio-serial device has neither, which is
 * fine; one that has such a device is given 5 s to announce both. The caller closes them. */
int ports_open(struct ports *ports, struct error *error);

#endif
