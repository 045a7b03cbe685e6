/* What the host has started: commands, from their request to the last byte of their output, and
 * errands, which are children of init that do not exec (errand.h). */
#ifndef DUET_INIT_PROCESS_H
#define DUET_INIT_PROCESS_H

#include "initrd/init/agent.h"
#include "initrd/init/inlet.h"
#include "initrd/init/reply.h"
#include "initrd/init/report.h"
#include "initrd/init/request.h"
#include "initrd/init/stream.h"

#include <signal.h>

struct container;
struct readiness;

struct process {
    struct process *next;
    struct agent *agent;
    uint32_t code; /* of the request that started it, as the id; 0: nobody asked for it */
    uint64_t id;
    struct request *request;     /* shared; of a command, what it runs */
    struct container *container; /* that it runs in; NULL: none, or that has stopped */
    bool is_command;
    pid_t pid;   /* of a command also its process group and session, once it has started */
    int reports; /* -1: everything was heard */
    struct watch *reports_watch;
    bool started; /* of a command: exec has succeeded */
    uint64_t start_ns;
    struct stream out, err;
    struct inlet *in;            /* NULL: it has none, or that is at its end */
    struct readiness *readiness; /* NULL once nobody waits for it any more */
    struct timer *deadline;
    bool timed_out;
    bool ending;      /* SIGTERM was sent because of `deadline` */
    char *failure;    /* of an errand that is to be ended: why; or NULL */
    bool reaped;      /* `end` has all but the counts */
    bool finished;    /* CMDFINISHED, or the errand's answer, was sent */
    bool status_sent; /* on the stream */
    struct finish end;
    struct report report; /* of an errand that was reaped */
    /* Of a command: it runs, or (`failure`) could not; it is gone then. */
    void (*launched)(struct process *process, const struct error *failure);
    /* Of an errand: it has ended, and all that it said is sent. */
    void (*done)(struct process *process);
};

struct process_streams {
    uint64_t in, out, err; /* 0: there is none */
};

/* Whether there was no such command before, nor will be one, and the streams are free. */
int process_check(const struct agent *agent, uint64_t id, const struct process_streams *streams,
                  struct error *error);
/* Starts `request->exec` as command `id`, which was checked; `launched` is called later, unless
 * this fails. `code` is that of the request for it. The request is shared. */
struct process_launch {
    uint32_t code;
    uint64_t id;
    struct request *request;
    struct process_streams streams;
    struct container *container; /* NULL: the node itself */
    void (*launched)(struct process *process, const struct error *failure);
};
int process_launch(struct agent *agent, const struct process_launch *launch,
                   struct process **process, struct error *error);

/* For errand.c: a process that runs already. */
struct process *process_new(struct agent *agent, uint32_t code, uint64_t id,
                            struct request *request, struct container *container);

/* The command or the transfer `id`, while it runs. ESRCH says what became of it. */
int process_find(const struct agent *agent, uint64_t id, struct process **process,
                 struct error *error);
/* Sends `number` to its process group. An errand takes any signal that ends processes as one to
 * give up, SIGKILL with a second of patience. */
int process_signal(struct process *process, int number, struct error *error);
/* Ends an errand, which then has failed for this reason. */
void process_abort(struct process *process, const char *reason);
/* Goes on with whatever can go on: says that the command has finished, sends the status, and frees
 * it when nothing is left. `process` may be gone afterwards. */
void process_progress(struct process *process);
/* Nobody waits for readiness any more. `process` may be gone afterwards. */
void process_abandon_readiness(struct process *process);

/* A child has ended and is still a zombie. */
void processes_dying(struct agent *agent, pid_t pid);
/* It has been reaped; `info` is what waitid(2) gave. False: it is nobody's here. */
bool processes_reaped(struct agent *agent, const siginfo_t *info);
/* What the host has given room to. */
void processes_grant(struct agent *agent, uint64_t stream, uint64_t bytes);
/* Whether each has been answered for. */
bool processes_finished(const struct agent *agent);
void processes_abandon_readiness(struct agent *agent);

#endif
