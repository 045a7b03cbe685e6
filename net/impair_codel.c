#include "net/impair_codel.h"

#include "net/impair_spread.h"

uint64_t codel_control_law(uint64_t at_ns, uint64_t interval_ns, uint32_t count)
{
    /* The interval is below 2^32, so the root of its square over the count loses nothing. */
    return at_ns + spread_root(interval_ns * interval_ns / (count ? count : 1));
}

/* The RFC's dodequeue: whether the wait has been above the target for an interval. */
static bool is_above(struct codel *codel, uint64_t now_ns, uint64_t waited_ns,
                     uint64_t behind_bytes, uint64_t longest_bytes)
{
    if (waited_ns < codel->target_ns || behind_bytes <= longest_bytes) {
        codel->first_above_ns = 0;
        return false;
    }
    if (!codel->first_above_ns) {
        codel->first_above_ns = now_ns + codel->interval_ns;
        return false;
    }
    return now_ns >= codel->first_above_ns;
}

/* A queue that stands again soon is controlled as it was when that worked last. */
static void begin_dropping(struct codel *codel, uint64_t now_ns)
{
    uint32_t delta = codel->count - codel->last_count;
    bool is_recent = now_ns < codel->drop_next_ns + 16 * codel->interval_ns;

    codel->dropping = true;
    codel->count = delta > 1 && is_recent ? delta : 1;
    codel->drop_next_ns = codel_control_law(now_ns, codel->interval_ns, codel->count);
    codel->last_count = codel->count;
}

bool codel_drops(struct codel *codel, uint64_t now_ns, uint64_t waited_ns, uint64_t behind_bytes,
                 uint64_t longest_bytes)
{
    bool above = is_above(codel, now_ns, waited_ns, behind_bytes, longest_bytes);
    bool again = codel->again;

    codel->again = false;
    if (!codel->dropping) {
        if (above)
            begin_dropping(codel, now_ns);
        return above;
    }
    if (!above) {
        codel->dropping = false;
        return false;
    }
    if (again)
        codel->drop_next_ns =
            codel_control_law(codel->drop_next_ns, codel->interval_ns, codel->count);
    if (now_ns < codel->drop_next_ns)
        return false;
    codel->count++;
    codel->again = true;
    return true;
}
