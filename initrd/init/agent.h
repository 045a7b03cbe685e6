/* The agent: serves the host over the channel, from READY on. The first that it asks for is
 * STARTPOD; before that the machine is no node and runs nothing. */
#ifndef DUET_INIT_AGENT_H
#define DUET_INIT_AGENT_H

#include "base/loop.h"
#include "initrd/init/channel.h"
#include "initrd/init/ending.h"
#include "initrd/init/framing.h"
#include "initrd/init/ids.h"
#include "initrd/init/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct container;
struct inlet;
struct links;
struct process;
struct stream;

/* What came on a port and is not a whole frame yet. */
struct inbox {
    struct buffer bytes;
    struct framing framing;
};

struct agent {
    struct loop *loop;
    struct channel ctl, io;
    struct inbox ctl_in, io_in;
    bool hands_over;           /* once the node is what STARTPOD says, another init has it */
    bool assumed;              /* STARTPOD came and was tried */
    bool configured;           /* it came and was carried out */
    struct request *pod;       /* STARTPOD, shared, while it is not answered; or NULL */
    size_t pod_containers;     /* of which so many were started */
    struct process *processes; /* that are not over in every respect */
    struct ids ids;            /* of all commands and transfers that there ever were */
    struct container *containers;
    struct inlet *inlets;                  /* streams to the guest that the host has not closed */
    struct stream *stalled, **stalled_end; /* wait for room on io, the longest waiting first */
    struct request *netem; /* STARTPOD, shared, if tc netem impairs a link; or NULL */
    struct links *links;   /* that the node carries; NULL: none */
    struct ending ending;
};

/* Takes over both ports (-1: there is none) and sends READY. */
int agent_start(struct agent *agent, int ctl, int io, bool hands_over, struct error *error);
/* Returns true when the node is configured and its own init shall have it, false when the host
 * asked for the end and every process is gone; either way the host has all that was sent. */
bool agent_serve(struct agent *agent);
/* The machine is what STARTPOD says, but for its containers: goes on with them, then answers. */
void agent_configured(struct agent *agent, struct request *pod);
/* One of those runs, or (`failure`) could not be started. */
void agent_container_started(struct agent *agent, const char *failure);

#endif
