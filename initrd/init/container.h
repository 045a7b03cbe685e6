/* The life of a container. What is asked for of it is in container_request.h, what runs in one in
 * process.h, what it is made of in sandbox.h. */
#ifndef DUET_INIT_CONTAINER_H
#define DUET_INIT_CONTAINER_H

#include "initrd/init/agent.h"
#include "initrd/init/request.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct process;

enum container_state {
    CONTAINER_STARTING,
    CONTAINER_RUNNING,
    CONTAINER_STOPPING,
    CONTAINER_STOPPED,
    CONTAINER_REMOVING
};

struct container {
    struct container *next;
    struct agent *agent;
    struct request *request; /* NEWCONTAINER's, shared */
    char *directory;
    enum container_state state;
    pid_t sandbox; /* 0: there is none */
    int reports;   /* of the sandbox; -1: it has said all */
    struct watch *reports_watch;
    struct process *main;    /* its own command; NULL: none runs */
    struct process *remover; /* of its files; NULL: they stay */
    size_t members;          /* processes in it, this among them, that were not reaped */
    bool with_pod;           /* STARTPOD has it */
    bool ran;                /* at least once */
    struct request *asked;   /* for the start that goes on, or comes after the stop; or NULL */
    struct request *removal; /* or NULL */
    char *failure;           /* of that start; or NULL */
    struct timer *patience;
};

/* Makes one of the request, which is shared and was checked, and starts it. */
int container_new(struct agent *agent, struct request *request, bool with_pod, struct error *error);
/* Takes a share of `asked`, which is answered later, unless this fails. */
int container_start(struct container *container, struct request *asked, struct error *error);
/* Of one that runs: SIGTERM to its own command, and a second later SIGKILL to all. */
void container_ask_to_stop(struct container *container);
/* Of one that is stopped: `removal`, if there is one, is answered when its files are gone. */
int container_begin_removal(struct container *container, struct error *error);

/* The container of that name; ENOENT: there is none. */
int container_find(const struct agent *agent, const char *name, struct container **container,
                   struct error *error);
/* The container of that name, if it runs; `name` NULL leaves *container NULL. */
int container_find_running(const struct agent *agent, const char *name,
                           struct container **container, struct error *error);
/* Whether one is being started or restarted, whose command will have that id. */
bool containers_await(const struct agent *agent, uint64_t id);
/* The process that holds it together, as long as it runs. */
pid_t container_sandbox(const struct container *container);
/* Whether that the process has finished may not be said yet: it was the container's own command,
 * and what else ran there is not gone. */
bool container_holds(const struct container *container, const struct process *process);

/* A process of it begins; could not be started; has ended, which may have been its own command. */
void container_gains(struct container *container);
void container_loses(struct container *container);
void container_reaped(struct container *container, bool was_main);
/* A child was reaped that is no process: true if it held a container together. */
bool containers_reaped(struct agent *agent, const siginfo_t *info);

#endif
