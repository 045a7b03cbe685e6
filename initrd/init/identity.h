/* From a booted image to one node: who it is, as STARTPOD says. */
#ifndef DUET_INIT_IDENTITY_H
#define DUET_INIT_IDENTITY_H

#include "initrd/init/pod.h"

/* Random state, clock, host name, machine id: what comes later may draw on what came before. Wipes
 * the pod's entropy. A failure leaves the node half made; it can neither be used nor made again. */
int identity_assume(struct pod *pod, struct error *error);

#endif
