/* What each request does. */
#ifndef DUET_INIT_SERVICE_H
#define DUET_INIT_SERVICE_H

#include "initrd/init/agent.h"
#include "initrd/init/request.h"

/* Does what is asked, and answers it now or later; a failure is answered by the caller. */
int service(struct agent *agent, struct request *request, struct error *error);

#endif
