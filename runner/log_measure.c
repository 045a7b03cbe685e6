#include "runner/log_measure.h"

#include "base/fs.h"
#include "base/memory.h"
#include "net/verdict_log.h"

#include <errno.h>

/* A change after a time may meet packets of one vector that came just before it, or not. */
enum { DOUBTFUL_PACKETS = 64 };

/* Where a log reached its limit, what was lost last is in it, and what was on its way is not yet.
 */
enum { CUT_PACKETS = 1 << 13 };

void log_changes_add(struct log_changes *changes, uint64_t number,
                     const struct impair_settings *settings)
{
    struct log_change *change;

    changes->items = xreallocarray(changes->items, changes->count + 1, sizeof *changes->items);
    change = &changes->items[changes->count++];
    *change = (struct log_change){.number = number};
    impair_config_copy(&change->config, settings);
}

void log_changes_free(struct log_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        impair_config_free(&changes->items[i].config);
    free(changes->items);
    *changes = (struct log_changes){0};
}

/* -- Logs -------------------------------------------------------------------------------------- */

typedef void (*take_fn)(void *context, const struct impair_verdict *verdict);

static bool is_cancelled(const atomic_bool *cancelled)
{
    return atomic_load_explicit(cancelled, memory_order_relaxed);
}

/* Calls `take` for each verdict, in the order of the log; *missing is how many are not in it. */
static int read_log(const char *path, take_fn take, void *context, uint64_t *missing,
                    const atomic_bool *cancelled, struct error *error)
{
    cleanup_buffer struct buffer bytes = {0};
    cleanup_free struct verdict_reader *reader = xmalloc(sizeof *reader);
    struct verdict_log_entry entry;
    int code = fs_read(path, VERDICT_LOG_BYTES_MAX, &bytes, error);

    if (code < 0)
        return code;
    code = verdict_log_open(reader, bytes.data ? bytes.data : "", bytes.length, error);
    while (code >= 0 && (code = verdict_log_next(reader, &entry, error)) > 0) {
        take(context, &entry.verdict);
        if (is_cancelled(cancelled))
            code = error_set(error, ECANCELED, "interrupted");
    }
    if (code < 0)
        return error_context(error, "%s", path);
    *missing = reader->missing;
    if (reader->cut || bytes.length == VERDICT_LOG_BYTES_MAX)
        *missing += CUT_PACKETS;
    return 0;
}

static void add_verdict(void *context, const struct impair_verdict *verdict)
{
    impair_measure_add(context, verdict);
}

static int add_log(const char *path, struct impair_measure *measure, const atomic_bool *cancelled,
                   struct error *error)
{
    uint64_t missing = 0;
    int code = read_log(path, add_verdict, measure, &missing, cancelled, error);

    impair_measure_miss(measure, missing);
    return code;
}

/* -- When changes came ------------------------------------------------------------------------- */

struct arrival {
    uint64_t number, in_ns;
};

/* The packets of data of one direction in their order, without copies. A long log has millions, so
 * no more is kept of each. */
struct arrivals {
    struct arrival *items;
    size_t count, capacity;
    size_t at;
};

struct following {
    struct arrivals ways[2];
    const struct suite_link *link;
    struct impair_measure *const *measures;
    const struct log_changes *asked; /* by direction, as the next */
    size_t answered[2];              /* of these, that came */
    size_t done;                     /* changes of the link's own that came */
    bool has_started;
    uint64_t since_ns; /* when the change before was due, or the first packet came */
};

static void add_arrival(void *context, const struct impair_verdict *verdict)
{
    struct arrivals *arrivals = context;

    if (verdict->copy || impair_class(verdict) != IMPAIR_DATA)
        return;
    if (arrivals->count == arrivals->capacity) {
        arrivals->capacity = arrivals->capacity ? 2 * arrivals->capacity : 256;
        arrivals->items =
            xreallocarray(arrivals->items, arrivals->capacity, sizeof *arrivals->items);
    }
    arrivals->items[arrivals->count++] = (struct arrival){verdict->number, verdict->in_ns};
}

static int compare_arrivals(const void *one, const void *other)
{
    const struct arrival *a = one, *b = other;

    return (a->number > b->number) - (a->number < b->number);
}

static int read_arrivals(const char *path, struct arrivals *arrivals, const atomic_bool *cancelled,
                         struct error *error)
{
    uint64_t missing;
    int code = read_log(path, add_arrival, arrivals, &missing, cancelled, error);

    if (code == 0 && arrivals->count > 0)
        qsort(arrivals->items, arrivals->count, sizeof *arrivals->items, compare_arrivals);
    return code;
}

/* NULL where there is none any more. */
static const struct arrival *next_of(const struct arrivals *arrivals)
{
    return arrivals->at < arrivals->count ? &arrivals->items[arrivals->at] : NULL;
}

static uint64_t next_number(const struct following *following, unsigned way)
{
    const struct arrival *next = next_of(&following->ways[way]);

    return next ? next->number : UINT64_MAX;
}

/* Whether the change that is waited for comes with that packet. */
static bool comes_with(const struct following *following, const struct impair_step *step,
                       unsigned way, const struct arrival *arrival)
{
    if (step->by_packet)
        return next_number(following, step->direction) > step->packet ||
               (way == step->direction && arrival->number == step->packet);
    return following->has_started && arrival->in_ns >= following->since_ns + step->after_ns;
}

static void change(struct following *following, const struct impair_step *step, uint64_t now_ns)
{
    bool came_before = step->by_packet && next_number(following, step->direction) > step->packet;

    for (unsigned way = 0; way < 2; way++) {
        if (!step->settings[way])
            continue;
        impair_measure_set(following->measures[way], next_number(following, way),
                           step->settings[way]);
        if (!step->by_packet)
            impair_measure_miss(following->measures[way], DOUBTFUL_PACKETS);
    }
    if (!step->by_packet)
        following->since_ns += step->after_ns;
    else if (!came_before)
        following->since_ns = now_ns;
    following->done++;
}

/* What was asked for up to a packet, in that direction. */
static void take_asked(struct following *following, unsigned way, uint64_t number)
{
    const struct log_changes *asked = &following->asked[way];

    for (; following->answered[way] < asked->count; following->answered[way]++) {
        const struct log_change *next = &asked->items[following->answered[way]];

        if (next->number > number)
            return;
        impair_measure_set(following->measures[way], next->number, &next->config.settings);
    }
}

static void follow(struct following *following, const atomic_bool *cancelled)
{
    const struct impair_plan *plan = &following->link->changes;

    while (following->done < plan->count && !is_cancelled(cancelled)) {
        const struct arrival *there = next_of(&following->ways[0]);
        const struct arrival *back = next_of(&following->ways[1]);
        unsigned way = !there || (back && back->in_ns < there->in_ns);
        const struct arrival *arrival = way ? back : there;

        if (!arrival)
            return;
        take_asked(following, way, arrival->number);
        while (following->done < plan->count &&
               comes_with(following, &plan->steps[following->done], way, arrival))
            change(following, &plan->steps[following->done], arrival->in_ns);
        if (!following->has_started)
            following->since_ns = arrival->in_ns;
        following->has_started = true;
        following->ways[way].at++;
    }
}

/* Puts the settings of the changes before the packets that they met. */
static int find_changes(const char *const logs[2], const struct suite_link *link,
                        const struct log_changes asked[2], struct impair_measure *const measures[2],
                        const atomic_bool *cancelled, struct error *error)
{
    struct following following = {.link = link, .measures = measures, .asked = asked};
    int code = 0;

    for (unsigned way = 0; way < 2 && code == 0 && link->changes.count > 0; way++)
        code = read_arrivals(logs[way], &following.ways[way], cancelled, error);
    if (code == 0)
        follow(&following, cancelled);
    for (unsigned way = 0; way < 2 && code == 0; way++)
        take_asked(&following, way, UINT64_MAX);
    free(following.ways[0].items);
    free(following.ways[1].items);
    return code;
}

int log_measure(const char *const logs[2], const struct suite_link *link,
                const struct log_changes asked[2], struct impair_measure *const measures[2],
                const atomic_bool *cancelled, struct error *error)
{
    int code;

    for (unsigned way = 0; way < 2; way++)
        impair_measure_set(measures[way], 0, &link->impair[way]);
    code = find_changes(logs, link, asked, measures, cancelled, error);
    for (unsigned way = 0; way < 2; way++) {
        if (code == 0)
            code = add_log(logs[way], measures[way], cancelled, error);
        impair_measure_end(measures[way]);
    }
    return code;
}
