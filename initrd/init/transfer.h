/* WRITEFILE and READFILE. */
#ifndef DUET_INIT_TRANSFER_H
#define DUET_INIT_TRANSFER_H

#include "initrd/init/process.h"

/* Begins; the answer comes later, unless this fails. `container` NULL: a file of the node. */
int transfer_start(struct agent *agent, struct request *request, struct container *container,
                   struct error *error);

#endif
