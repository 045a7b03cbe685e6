#include "runner/replay.h"

#include "base/memory.h"
#include "runner/verdict_load.h"

#include <string.h>

const char *replay_outcome_name(enum replay_outcome outcome)
{
    static const char *const names[] = {"same", "alike", "differs"};

    return names[outcome];
}

/* -- Logs -------------------------------------------------------------------------------------- */

/* What is left to chance, and so to the seed. */
#define CHANCE                                                                                     \
    (IMPAIR_WHY(IMPAIR_LOSS) | IMPAIR_WHY(IMPAIR_REORDERED) | IMPAIR_WHY(IMPAIR_CORRUPTED))

/* A packet that something else has lost says nothing of what chance would have done. */
static bool tells_of_chance(const struct impair_verdict *verdict)
{
    return !(verdict->why & IMPAIR_WHY_DROPS & ~IMPAIR_WHY(IMPAIR_LOSS)) && !verdict->rule;
}

static void count_difference(void *context, const struct verdict_log_entry *one,
                             const struct verdict_log_entry *other)
{
    struct replay_way *way = context;

    if (!one || !other)
        way->alone++;
    else if (tells_of_chance(&one->verdict) && tells_of_chance(&other->verdict) &&
             ((one->verdict.why ^ other->verdict.why) & CHANCE))
        way->chance++;
    else
        way->others++;
}

static size_t count_data(const struct verdict_entries *entries)
{
    size_t count = 0;

    for (size_t i = 0; i < entries->count; i++)
        count += impair_class(&entries->items[i].verdict) == IMPAIR_DATA;
    return count;
}

static bool is_whole(const struct replay_way *way, unsigned run)
{
    return way->missing[run] == 0 && !way->incomplete[run];
}

static enum replay_outcome judge(const struct replay_way *way)
{
    if (way->chance)
        return REPLAY_DIFFERS;
    return way->alone || way->others || !is_whole(way, 0) || !is_whole(way, 1) ? REPLAY_ALIKE
                                                                               : REPLAY_SAME;
}

static void take_log(struct replay_way *way, unsigned run, const struct past_way *past,
                     const struct verdict_entries *entries)
{
    way->packets[run] = count_data(entries);
    way->missing[run] = entries->missing;
    way->incomplete[run] = entries->cut || past->incomplete;
}

static int compare_logs(struct replay_way *way, struct error *error)
{
    struct verdict_entries one = {0}, other = {0};
    int code = verdict_entries_load(way->before->log, &one, error);

    if (code == 0)
        code = verdict_entries_load(way->again->log, &other, error);
    if (code == 0) {
        take_log(way, 0, way->before, &one);
        take_log(way, 1, way->again, &other);
        verdict_entries_compare(&one, &other, VERDICT_DEFAULT, count_difference, way);
        way->outcome = judge(way);
    }
    verdict_entries_free(&one);
    verdict_entries_free(&other);
    return code;
}

/* -- Cases ------------------------------------------------------------------------------------- */

static const struct past_way *find_way(const struct past_case *past, const char *name)
{
    for (size_t i = 0; i < past->way_count; i++)
        if (strcmp(past->ways[i].name, name) == 0)
            return &past->ways[i];
    return NULL;
}

static int compare_way(struct replay_case *compared, const struct past_way *before,
                       struct error *error)
{
    struct replay_way *way = &compared->ways[compared->way_count++];
    int code = 0;

    *way = (struct replay_way){.before = before,
                               .again = find_way(compared->again, before->name),
                               .outcome = REPLAY_DIFFERS};
    if (way->again)
        code = compare_logs(way, error);
    if (way->outcome > compared->outcome)
        compared->outcome = way->outcome;
    return code;
}

int replay_compare(const struct past_case *before, const struct past_case *again,
                   struct replay_case *compared, struct error *error)
{
    int code = 0;

    *compared = (struct replay_case){.before = before, .again = again};
    compared->same_verdict = again && strcmp(before->verdict, again->verdict) == 0;
    compared->outcome = compared->same_verdict ? REPLAY_SAME : REPLAY_DIFFERS;
    if (!again)
        return 0;
    compared->ways = xcalloc(before->way_count, sizeof *compared->ways);
    for (size_t i = 0; i < before->way_count && code == 0; i++)
        code = compare_way(compared, &before->ways[i], error);
    return code;
}

void replay_case_free(struct replay_case *compared)
{
    free(compared->ways);
    *compared = (struct replay_case){0};
}
