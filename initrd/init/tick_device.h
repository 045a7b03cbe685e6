/* What wakes the guest's kernel when a timer is due: the clock event device that it has chosen as
 * its tick device (Linux, kernel/time/timer_list.c). */
#ifndef DUET_INIT_TICK_DEVICE_H
#define DUET_INIT_TICK_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

enum { TICK_DEVICE_NAME_SIZE = 32 };

struct tick_device {
    char name[TICK_DEVICE_NAME_SIZE]; /* "lapic"; "" where there is none, and no timer ever ends */
    uint64_t hz;                      /* how fast the kernel takes it to count; 0 without one */
};

/* Reads that of the first CPU out of the text of /proc/timer_list. False where it tells of none. */
bool tick_device_read(const char *timer_list, struct tick_device *device);

#endif
