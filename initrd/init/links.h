/* The links that this node carries, as the agent has them: what is asked of the datapath, and the
 * verdicts that come from it. */
#ifndef DUET_INIT_LINKS_H
#define DUET_INIT_LINKS_H

#include "initrd/init/agent.h"

struct links;

/* Whether the pod has any: those that it carries, and all of a router. */
bool links_are_any(const struct pod *pod);
/* Whether the node is a router, whose links and routes came with STARTPOD. NULL is fine. */
bool links_are_routed(const struct links *links);
/* Starts those of STARTPOD, which has one at least. `started` is called later, unless this fails;
 * `failure` is NULL where they run: their devices then stand in the place of the NICs. */
int links_start(struct agent *agent, struct request *pod,
                void (*started)(struct agent *agent, struct request *pod,
                                const struct error *failure),
                struct error *error);

/* SETLINK, LINKSTATE or CLOSELINK. */
int links_serve(struct agent *agent, struct request *request, struct error *error);
/* What the host has given room to. False: it is no stream of a link. NULL is fine, as below. */
bool links_grant(struct links *links, uint64_t stream, uint64_t bytes);
/* Whether a link sends on that stream. */
bool links_send_on(const struct links *links, uint64_t stream);

#endif
