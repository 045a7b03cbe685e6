/* What this process may use of the machine. */
#ifndef DUET_RUNNER_CAPACITY_H
#define DUET_RUNNER_CAPACITY_H

#include <stddef.h>
#include <stdint.h>

struct capacity {
    size_t cores;          /* one at least */
    uint64_t memory_bytes; /* four fifths of what is available */
};

/* Cores by sched_getaffinity(2), memory by MemAvailable of proc(5), and no more of either than the
 * limits of its cgroup and those above it leave (cgroup v2: memory.max, cpu.max). What cannot be
 * read limits nothing. `root` is the directory that has proc and sys: "" but in tests. */
void capacity_read(const char *root, struct capacity *capacity);

#endif
