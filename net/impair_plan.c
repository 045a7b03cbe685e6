/* Theory of operation
 *
 * A vector of packets is cut before each packet that a step falls on. A step by packets is due when
 * its packet is the next of data that its direction takes, and a step by time when the packet that
 * is looked at came no earlier. What comes before the cut is taken with the settings that were in
 * force, then the step is done, then the rest is looked at for the next step. */
#include "net/impair_plan.h"

#include <string.h>

void impair_plan_start(struct impair_plan_run *run, const struct impair_plan *plan,
                       struct impair *forth, struct impair *back)
{
    *run = (struct impair_plan_run){.impairs = {forth, back}};
    if (plan)
        run->plan = *plan;
}

/* The step that is waited for; NULL where all have happened. */
static const struct impair_step *next_step(const struct impair_plan_run *run)
{
    return run->done < run->plan.count ? &run->plan.steps[run->done] : NULL;
}

/* When the step is due, where no packet that is still to come brings it about; else IMPAIR_NEVER.
 * A packet that has come already was there before the step was looked at. */
static uint64_t step_due_ns(const struct impair_plan_run *run, const struct impair_step *step)
{
    if (step->by_packet)
        return impair_next_number(run->impairs[step->direction]) > step->packet ? run->since_ns
                                                                                : IMPAIR_NEVER;
    return run->has_started ? impair_later(run->since_ns, step->after_ns) : IMPAIR_NEVER;
}

static void do_step(struct impair_plan_run *run, uint64_t due_ns, uint64_t now_ns)
{
    const struct impair_step *step = next_step(run);

    for (unsigned i = 0; i < 2; i++) {
        if (!step->settings[i])
            continue;
        impair_set(run->impairs[i], now_ns, step->settings[i]);
        if (run->changed)
            run->changed(run->context, i, impair_next_number(run->impairs[i]), step->settings[i]);
    }
    if (due_ns > run->since_ns)
        run->since_ns = due_ns;
    run->done++;
}

uint64_t impair_plan_next_ns(const struct impair_plan_run *run)
{
    const struct impair_step *step = next_step(run);

    return step ? step_due_ns(run, step) : IMPAIR_NEVER;
}

void impair_plan_tick(struct impair_plan_run *run, uint64_t now_ns)
{
    while (next_step(run) && impair_plan_next_ns(run) <= now_ns)
        do_step(run, impair_plan_next_ns(run), now_ns);
}

/* -- Steps among packets ----------------------------------------------------------------------- */

static uint64_t arrival_ns(const struct packet *packet, uint64_t now_ns)
{
    return packet->time_ns && packet->time_ns < now_ns ? packet->time_ns : now_ns;
}

/* When the next step is due that falls on the packet, before which there are `ahead` of data of its
 * direction that were not taken yet; IMPAIR_NEVER where none falls on it. */
static uint64_t due_on(const struct impair_plan_run *run, unsigned direction,
                       const struct packet *packet, size_t ahead, uint64_t now_ns)
{
    uint64_t came_ns = arrival_ns(packet, now_ns);
    const struct impair_step *step = next_step(run);
    uint64_t due_ns = step ? step_due_ns(run, step) : IMPAIR_NEVER;

    if (due_ns != IMPAIR_NEVER || !step || !step->by_packet)
        return due_ns <= came_ns ? due_ns : IMPAIR_NEVER;
    return step->direction == direction && !packet_is_upkeep(packet) &&
                   impair_next_number(run->impairs[direction]) + ahead == step->packet
               ? came_ns
               : IMPAIR_NEVER;
}

/* How many of the packets meet the settings that are in force. */
static size_t count_before_step(struct impair_plan_run *run, unsigned direction, uint64_t now_ns,
                                struct packet *const packets[], size_t count)
{
    size_t ahead = 0;

    if (!next_step(run))
        return count;
    for (size_t i = 0; i < count; i++) {
        if (due_on(run, direction, packets[i], ahead, now_ns) != IMPAIR_NEVER)
            return i;
        if (packet_is_upkeep(packets[i]))
            continue;
        ahead++;
        if (!run->has_started) {
            run->has_started = true;
            run->since_ns = arrival_ns(packets[i], now_ns);
        }
    }
    return count;
}

static void do_steps_on(struct impair_plan_run *run, unsigned direction,
                        const struct packet *packet, uint64_t now_ns)
{
    uint64_t due_ns;

    while ((due_ns = due_on(run, direction, packet, 0, now_ns)) != IMPAIR_NEVER)
        do_step(run, due_ns, now_ns);
}

void impair_plan_take(struct impair_plan_run *run, unsigned direction, uint64_t now_ns,
                      struct packet *const packets[], size_t count)
{
    for (;;) {
        size_t some = count_before_step(run, direction, now_ns, packets, count);

        impair_take(run->impairs[direction], now_ns, packets, some);
        if (some == count)
            return;
        packets += some;
        count -= some;
        do_steps_on(run, direction, packets[0], now_ns);
    }
}

size_t impair_plan_pass(struct impair_plan_run *run, unsigned direction, uint64_t now_ns,
                        struct packet *packets[], size_t count, size_t max)
{
    size_t taken = 0, passed = 0;

    for (;;) {
        size_t some = count_before_step(run, direction, now_ns, packets + taken, count - taken);
        bool is_rest = taken + some == count;
        /* What is not taken yet is not overwritten. */
        size_t room = is_rest ? max - taken : some;
        size_t out = impair_pass(run->impairs[direction], now_ns, packets + taken, some, room);

        memmove(packets + passed, packets + taken, out * sizeof(struct packet *));
        passed += out;
        if (is_rest)
            return passed;
        taken += some;
        do_steps_on(run, direction, packets[taken], now_ns);
    }
}
