/* A node that is a router: the packet core's internet (net/internet.h) between the node's links, in
 * the thread of the datapath. The kernel has no part in it, and none of the NICs.
 *
 * Each link has a port here: the NIC itself, or, where this node carries the link, a socket whose
 * other end is what the link's ways have for the kernel's side. */
#ifndef DUET_INIT_ROUTER_H
#define DUET_INIT_ROUTER_H

#include "base/error.h"
#include "base/loop.h"
#include "initrd/init/pod.h"

struct router;

struct router_port {
    int fd; /* does not block, and has virtio's header before each frame */
    bool is_nic;
};

/* Starts routing for a pod with `is_router`: `ports` has one for each of its interfaces, which
 * become the router's. What the pod says is copied. There is no end to it but the machine's. EINVAL
 * and others: what the pod says of addresses and routes is no network. */
int router_start(struct loop *loop, const struct pod *pod, const struct router_port ports[],
                 struct router **router, struct error *error);
/* Nobody reads any more what goes out by that interface, the `index`th of the pod: it is lost, and
 * takes no room from what goes elsewhere. */
void router_close(struct router *router, size_t index);
/* How many packets that were to go out there the router had no room for, or could not write. */
uint64_t router_lost(const struct router *router, size_t index);

#endif
