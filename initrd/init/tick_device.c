#include "initrd/init/tick_device.h"

#include "base/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CPU_LINE "Per CPU device: 0\n"

/* A device counts `mult` >> `shift` times in a ns (Linux, struct clock_event_device). */
static uint64_t read_hz(const char *device)
{
    const char *at = strstr(device, " mult:");
    uint32_t mult;
    unsigned shift;

    if (!at || sscanf(at, " mult: %" SCNu32 " shift: %u", &mult, &shift) != 2 || shift > 63)
        return 0;
    return (mult * NS_PER_S) >> shift;
}

bool tick_device_read(const char *timer_list, struct tick_device *device)
{
    const char *at = strstr(timer_list, CPU_LINE);

    *device = (struct tick_device){0};
    if (!at)
        return false;
    at += sizeof CPU_LINE - 1;
    if (sscanf(at, "Clock Event Device: %31[^\n]", device->name) != 1)
        return false;
    if (strcmp(device->name, "<NULL>") == 0)
        device->name[0] = '\0';
    else
        device->hz = read_hz(at);
    return true;
}
