/* When the datapath is to go on though no device says anything.
 *
 * A thread that sleeps comes late to its timer: the CPU has to leave its idle state, and the kernel
 * to schedule. A kernel's own delays (tc netem) have the first and not the second, and an emulated
 * CPU takes half a millisecond for both. So an alarm that is some time away wakes the thread sooner
 * by as much as it came late of late, and once more at its time, where the CPU is awake. */
#ifndef DUET_INIT_DATAPATH_ALARM_H
#define DUET_INIT_DATAPATH_ALARM_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* How much sooner; zeros to begin with. */
struct alarm_lead {
    uint64_t ns;
};

/* What an alarm teaches that came `late_ns` after its time: the lead is more than four of five
 * alarms are late by. */
void alarm_lead_learn(struct alarm_lead *lead, uint64_t late_ns);
/* When to wake up for what is due at due_ns: sooner by the lead, or by half of the time until then;
 * not sooner where it is near, since the CPU will hardly have gone to sleep. */
uint64_t alarm_lead_wake_ns(const struct alarm_lead *lead, uint64_t now_ns, uint64_t due_ns);

struct alarm {
    int fd;          /* readable when alarm_rings is to be called */
    uint64_t due_ns; /* CLOCK_MONOTONIC; UINT64_MAX: it is not set */
    uint64_t wake_ns;
    bool sleeps; /* until wake_ns, long enough to learn from it */
    struct alarm_lead lead;
};

/* alarm->fd stays the alarm's for as long as the process is there. */
int alarm_init(struct alarm *alarm, struct error *error);
/* At due_ns; 0: at once; UINT64_MAX: never. In the place of what was set before. */
void alarm_set(struct alarm *alarm, uint64_t due_ns);
/* True where the time has come, and then the alarm is not set any more. */
bool alarm_rings(struct alarm *alarm);

#endif
