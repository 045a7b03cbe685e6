/* Goes on in the background once there is something to show for it, as daemon(3) does too early. */
#ifndef DUET_RUNNER_DETACH_H
#define DUET_RUNNER_DETACH_H

#include "base/error.h"

struct detach {
    int fd; /* in the child: the other one waits at its end; -1: nobody does */
};

/* Forks, before any thread is made. 0 in the child, at once; 1 in the parent, when the child has
 * come to detach_done or has ended: *status is the program's exit status. ECHILD where the child
 * was killed, but not by the user. Until detach_done it gets SIGTERM when the parent ends. */
int detach_fork(struct detach *detach, int *status, struct error *error);
/* In the child: the parent ends with status 0, and the terminal is no business of this process any
 * more. */
void detach_done(struct detach *detach);

#endif
