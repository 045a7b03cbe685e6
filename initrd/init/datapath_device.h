/* The two devices of a link that this node carries: its NIC, in a network namespace where nothing
 * but the datapath uses it, and a TAP that has the NIC's name and address and is what the node's
 * kernel has instead. In a router it is a socket to the packet core in the TAP's place, and all
 * NICs are taken. */
#ifndef DUET_INIT_DATAPATH_DEVICE_H
#define DUET_INIT_DATAPATH_DEVICE_H

#include "base/error.h"
#include "initrd/init/datapath_ring.h"
#include "initrd/init/pod.h"

/* TAP, NIC and router do not block and have virtio's header before each frame. The caller closes
 * all. */
struct datapath_device {
    int tap;    /* a TUN device's descriptor; of a router, a socket; -1: the link is not carried */
    int drops;  /* for datapath_device_drops; of a router -1 */
    int nic;    /* a packet socket */
    int router; /* the other end of that socket; else -1 */
    struct datapath_ring *ring; /* to the NIC, too; or NULL */
};

/* Whether the pod's interface is taken from the kernel. */
bool datapath_takes(const struct pod *pod, const struct pod_interface *interface);

/* Replaces the NICs of those interfaces that have a carrier by TAPs, each with the address
 * `device`, so that what sets a NIC up does the same to it. The calling thread is in another
 * network namespace afterwards, with the NICs. `devices` has one for each interface that is taken,
 * in their order; -1 is no descriptor. Waits up to 5 s for each NIC. */
int datapath_devices_take(const struct pod *pod, struct datapath_device devices[],
                          struct error *error);

/* Sets *count to how many packets the TAP had no room for, ever; one that stands for many counts
 * once. It stays as it is where the device is gone. */
void datapath_device_drops(int drops, uint64_t *count);

#endif
