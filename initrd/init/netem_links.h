/* The links of the node that its kernel's tc netem impairs, as the host asks for them. */
#ifndef DUET_INIT_NETEM_LINKS_H
#define DUET_INIT_NETEM_LINKS_H

#include "initrd/init/agent.h"

/* Remembers those of STARTPOD. */
void netem_links_keep(struct agent *agent, struct request *pod);
/* Whether the link of that name is one. */
bool netem_links_have(const struct agent *agent, const char *interface);
/* SETLINK, LINKSTATE and CLOSELINK of one. An error leaves its netem as it is. */
int netem_links_serve(struct agent *agent, struct request *request, struct error *error);

#endif
