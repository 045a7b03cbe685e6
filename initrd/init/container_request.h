/* What the host asks for of containers. Each is answered later, unless it fails at once; signals
 * are not answered here. */
#ifndef DUET_INIT_CONTAINER_REQUEST_H
#define DUET_INIT_CONTAINER_REQUEST_H

#include "initrd/init/agent.h"

/* NEWCONTAINER, RESTARTCONTAINER and REMOVECONTAINER. */
int container_create(struct agent *agent, struct request *request, struct error *error);
int container_restart(struct agent *agent, struct request *request, struct error *error);
int container_remove(struct agent *agent, const struct request *request, struct error *error);
/* KILLCONTAINER with a container's name. */
int container_signal(struct agent *agent, const struct request *request, struct error *error);
/* One of STARTPOD's; agent_container_started is told instead of the host. */
int container_create_with_pod(struct agent *agent, struct request *request, struct error *error);

#endif
