/* Children of init: how they are made, and how those that never exec get rid of what is init's. */
#ifndef DUET_INIT_CHILD_H
#define DUET_INIT_CHILD_H

#include <sys/types.h>

/* As fork(2), into the PID namespace of the process `sandbox` (0: init's own). In the child every
 * signal is blocked and has its default action. */
pid_t child_fork(pid_t sandbox);
/* The same with new namespaces (CLONE_NEW…). */
pid_t child_clone(int namespaces);
/* In the child: no signal is blocked any more. */
void child_unblock_signals(void);
/* In a child that does not exec, or not at once: closes all that init has open, but `keep` (-1:
 * nothing), the standard files (as they are then) and what is behind them. */
void child_close_files(int keep);
/* In the child: joins these namespaces (CLONE_NEW…, but CLONE_NEWPID) of the process `sandbox`;
 * with CLONE_NEWNS its root directory, too. -1 with errno on failure. */
int child_join(pid_t sandbox, int namespaces);

#endif
