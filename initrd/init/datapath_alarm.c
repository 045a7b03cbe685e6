#include "initrd/init/datapath_alarm.h"

#include "base/loop.h"

#include <sys/timerfd.h>
#include <unistd.h>

#define NEVER UINT64_MAX

enum {
    LEAD_MOST_NS = 1000000,
    NEAR_NS = 200000,
    UP = 8,    /* by such a share of itself the lead grows … */
    DOWN = 32, /* … and shrinks: in balance where one alarm of five is later than it */
};

static bool is_near(uint64_t now_ns, uint64_t due_ns)
{
    return due_ns < now_ns + NEAR_NS;
}

/* -- The lead ---------------------------------------------------------------------------------- */

void alarm_lead_learn(struct alarm_lead *lead, uint64_t late_ns)
{
    if (lead->ns == 0)
        lead->ns = late_ns;
    else if (late_ns > lead->ns)
        lead->ns += lead->ns / UP + 1;
    else
        lead->ns -= lead->ns / DOWN;
    if (lead->ns > LEAD_MOST_NS)
        lead->ns = LEAD_MOST_NS;
}

uint64_t alarm_lead_wake_ns(const struct alarm_lead *lead, uint64_t now_ns, uint64_t due_ns)
{
    uint64_t half_ns;

    if (is_near(now_ns, due_ns))
        return due_ns;
    half_ns = (due_ns - now_ns) / 2;
    return due_ns - (lead->ns < half_ns ? lead->ns : half_ns);
}

/* -- The alarm --------------------------------------------------------------------------------- */

int alarm_init(struct alarm *alarm, struct error *error)
{
    *alarm = (struct alarm){.due_ns = NEVER};
    alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return alarm->fd < 0 ? error_errno(error, "cannot make a timer") : 0;
}

static void set_timer(const struct alarm *alarm, uint64_t at_ns)
{
    struct itimerspec when = {0};

    if (at_ns != NEVER) {
        when.it_value.tv_sec = (time_t)(at_ns / NS_PER_S);
        when.it_value.tv_nsec = (long)(at_ns % NS_PER_S);
        if (at_ns == 0)
            when.it_value.tv_nsec = 1; /* 0 would stop it */
    }
    timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void alarm_set(struct alarm *alarm, uint64_t due_ns)
{
    uint64_t now_ns;

    if (due_ns == alarm->due_ns)
        return;
    now_ns = clock_ns();
    alarm->due_ns = due_ns;
    alarm->wake_ns = due_ns == NEVER ? NEVER : alarm_lead_wake_ns(&alarm->lead, now_ns, due_ns);
    alarm->sleeps = !is_near(now_ns, due_ns);
    set_timer(alarm, alarm->wake_ns);
}

bool alarm_rings(struct alarm *alarm)
{
    uint64_t count, now_ns;

    if (read(alarm->fd, &count, sizeof count) < 0)
        return false;
    now_ns = clock_ns();
    if (alarm->sleeps)
        alarm_lead_learn(&alarm->lead, now_ns - alarm->wake_ns);
    alarm->sleeps = false;
    if (now_ns < alarm->due_ns) {
        set_timer(alarm, alarm->due_ns);
        return false;
    }
    alarm->due_ns = NEVER;
    return true;
}
