/* FINISHPOD and DESTROYPOD: the end of all processes, and of the machine. */
#ifndef DUET_INIT_ENDING_H
#define DUET_INIT_ENDING_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct agent;

struct ending {
    uint64_t finish_id, power_off_id; /* of the requests; 0: none came */
    struct timer *timer;
    bool killed; /* SIGKILL went to all */
};

void ending_init(struct agent *agent);
/* Both are answered later, unless they fail at once; the second by agent_serve. */
int ending_finish(struct agent *agent, uint64_t id, struct error *error);
int ending_power_off(struct agent *agent, uint64_t id, struct error *error);
/* Whether something may be started. */
int ending_check(const struct agent *agent, struct error *error);
/* A process is gone: goes on where the end waited for that. */
void ending_progress(struct agent *agent);

#endif
