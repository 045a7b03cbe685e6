/* The agent: serves the host over the channel, from READY on. The first that it asks for is
 * STARTPOD; before that the machine is no node and runs nothing. */
#ifndef DUET_INIT_AGENT_H
#define DUET_INIT_AGENT_H

#include "base/loop.h"
#include "initrd/init/channel.h"

#include <stdbool.h>
#include <stdint.h>

struct process;
struct stream;

struct agent {
    struct loop *loop;
    struct channel ctl, io;
    struct buffer in; /* of ctl, what is not a whole frame yet */
    bool hands_over;  /* once the node is what STARTPOD says, another init has it */
    bool assumed;     /* STARTPOD came and was tried */
    bool configured;  /* it came and was carried out */
    uint64_t startpod_id;
    struct process *processes; /* that are not over in every respect */
    uint64_t *finished;        /* ids of commands that are */
    size_t finished_count;
    struct stream *stalled, **stalled_end; /* wait for room on io, the longest waiting first */
    uint64_t power_off_id;                 /* of the request; 0: none came */
    struct timer *power_off_timer;
    bool killed; /* SIGKILL went to all */
};

/* Takes over both ports (-1: there is none) and sends READY. */
int agent_start(struct agent *agent, int ctl, int io, bool hands_over, struct error *error);
/* Returns true when the node is configured and its own init shall have it, false when the host
 * asked for the end and every process is gone; either way the host has all that was sent. A ctl
 * stream that cannot be followed any more ends in fail(). */
bool agent_serve(struct agent *agent);
/* A command is over in every respect: goes on with the end where that waited for it. */
void agent_process_gone(struct agent *agent);

#endif
