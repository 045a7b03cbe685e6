/* The links that this node carries, and where it is a router what is between them, in a thread of
 * init: it reads and writes their devices, puts each packet through the packet core, and does
 * nothing else. Of a process that is PID 1 no signal ends a thread, so nothing that runs in the
 * node can end this one. Where packets are due by the clock it runs before all else (SCHED_FIFO):
 * while a flood keeps it busy, the agent has on that CPU the twentieth of the time that the kernel
 * leaves to others (sched(7), sched_rt_runtime_us).
 *
 * The thread has a network namespace of its own, with the NICs, and a loop. Agent and thread talk
 * by calls that each posts to the other's loop. */
#ifndef DUET_INIT_DATAPATH_H
#define DUET_INIT_DATAPATH_H

#include "base/error.h"
#include "base/loop.h"
#include "initrd/init/datapath_way.h"
#include "initrd/init/pod.h"

struct datapath;

struct datapath_options {
    struct loop *loop;     /* of whom it answers to */
    const struct pod *pod; /* stays as it is */
    /* Of each carried link, by direction: a pipe to write to, or -1. These become the datapath's;
     * the array is copied. */
    const int (*logs)[2];
    /* From that loop: it runs, or (`error`) could not begin. */
    void (*started)(void *context, const struct error *error);
    void *context;
};

/* There is no end to it but the machine's. */
int datapath_start(const struct datapath_options *options, struct datapath **datapath,
                   struct error *error);

/* What is asked of one link, the `index`th carried one of the pod. */
struct datapath_request {
    size_t index;
    json_t *change; /* for pod_carrier_change, from the next packets on; NULL: none */
    bool close;     /* what is on its way is lost, nothing more is carried, the logs end as soon
                       as their reader has room */
    /* -- The answer, from the loop of who asked ------------------------------------------------ */
    struct error error;            /* its code is 0 where all was done, else nothing was */
    uint64_t steps;                /* planned changes that have been made */
    struct link_way_state ways[2]; /* by direction */
    void (*answer)(struct datapath_request *request);
    void *context;
    struct datapath *datapath;
};

/* `request` and what it points to are the datapath's until its answer. */
void datapath_ask(struct datapath *datapath, struct datapath_request *request);

#endif
