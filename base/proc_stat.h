/* What the kernel tells of a process: proc(5), /proc/PID/stat. */
#ifndef DUET_BASE_PROC_STAT_H
#define DUET_BASE_PROC_STAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
    char name[16]; /* as the kernel has it: cut off */
    char state;    /* R, S, Z and so on */
    pid_t parent, session;
    /* Processor time of the process, and of the children that it waited for, in sysconf(3)'s
     * _SC_CLK_TCK a second. */
    uint64_t ticks, children_ticks;
};

/* False where there is no such process, or it cannot be read. */
bool proc_stat_read(pid_t pid, struct proc_stat *stat);

#endif
