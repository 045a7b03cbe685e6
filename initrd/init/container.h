/* The containers of the node: started, restarted, stopped, removed. What runs in one is in
 * process.h, what it is made of in sandbox.h. */
#ifndef DUET_INIT_CONTAINER_H
#define DUET_INIT_CONTAINER_H

#include "initrd/init/agent.h"
#include "initrd/init/request.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct container;
struct process;

/* NEWCONTAINER, RESTARTCONTAINER and REMOVECONTAINER. Each is answered later, unless it fails at
 * once. */
int container_create(struct agent *agent, struct request *request, struct error *error);
int container_restart(struct agent *agent, struct request *request, struct error *error);
int container_remove(struct agent *agent, const struct request *request, struct error *error);
/* KILLCONTAINER with a container's name. */
int container_signal(struct agent *agent, const struct request *request, struct error *error);
/* One of STARTPOD's; agent_container_started is told instead of the host. */
int container_create_with_pod(struct agent *agent, struct request *request, struct error *error);

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
