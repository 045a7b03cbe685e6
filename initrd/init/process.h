/* The commands that the host has started: from exec to the last byte of their output. */
#ifndef DUET_INIT_PROCESS_H
#define DUET_INIT_PROCESS_H

#include "initrd/init/agent.h"
#include "initrd/init/reply.h"
#include "initrd/init/request.h"
#include "initrd/init/stream.h"

#include <signal.h>

struct readiness;

struct process {
    struct process *next;
    struct agent *agent;
    struct request *request;
    pid_t pid; /* and process group and session */
    uint64_t start_ns;
    struct stream out, err;
    struct readiness *readiness; /* NULL once nobody waits for it any more */
    struct timer *deadline;
    bool timed_out;
    bool reaped;      /* `end` has all but the counts */
    bool finished;    /* CMDFINISHED was sent */
    bool status_sent; /* on the stream */
    struct finish end;
};

/* Starts a command and returns when exec has succeeded or failed. Takes *request (and leaves NULL)
 * on success only. */
int process_start(struct agent *agent, struct request **request, struct error *error);
/* Sends `number` to the process group of the command `id`. */
int process_signal(struct agent *agent, uint64_t id, int number, struct error *error);
/* Goes on with whatever can go on: says that the command has finished, sends the status, and frees
 * it when nothing is left. `process` may be gone afterwards. */
void process_progress(struct process *process);

/* A child has ended and is still a zombie. */
void processes_dying(struct agent *agent, pid_t pid);
/* It has been reaped; `info` is what waitid(2) gave. Orphans are of no interest. */
void processes_reaped(struct agent *agent, const siginfo_t *info);
/* Nobody waits for readiness any more. */
void processes_abandon_readiness(struct agent *agent);

#endif
