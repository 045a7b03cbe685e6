/* What init does not do itself, because a file system or a device may take its time or hang: a
 * child that does not exec. Its standard input and output are streams, its result is a report. */
#ifndef DUET_INIT_ERRAND_H
#define DUET_INIT_ERRAND_H

#include "initrd/init/process.h"

struct errand {
    uint32_t code; /* of the request for it; 0: nobody asked */
    uint64_t id;
    struct request *request;     /* shared, or NULL */
    struct container *container; /* whose mounts it sees; NULL: the node's */
    struct process_streams streams;
    /* In the child. Fills `report`; -errno where it failed. Signals end it, unless `careful`: then
     * they are blocked, and it looks for them. */
    int (*run)(const struct errand *errand, struct report *report);
    const char *path; /* for `run` */
    bool careful;
    /* In init, when it has ended and everything that it wrote is sent; see process->report. */
    void (*done)(struct process *process);
};

int errand_start(struct agent *agent, const struct errand *errand, struct process **process,
                 struct error *error);

/* `done` of one whose answer is an ACK or an ERROR, without more. */
void errand_answer(struct process *process);

#endif
