#include "bench/match.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static const char *text_or(const char *text)
{
    return text ? text : "not known";
}

static bool differ(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

static void tell_difference(const char *what, const char *a, const char *b, struct buffer *lines)
{
    if (differ(a, b))
        buffer_printf(lines, "%s: %s against %s\n", what, text_or(a), text_or(b));
}

void match_obstacles(const struct record *a, const struct record *b, struct buffer *lines)
{
    if (a->kind != b->kind)
        buffer_printf(lines, "another kind of file: %s against %s\n", record_kind_name(a->kind),
                      record_kind_name(b->kind));
    else if (a->schema != b->schema)
        buffer_printf(lines, "another schema: %d against %d\n", a->schema, b->schema);
    tell_difference("another suite", a->suite, b->suite, lines);
    tell_difference("another machine: processor", a->host.cpu_model, b->host.cpu_model, lines);
    if (a->host.cpus != b->host.cpus)
        buffer_printf(lines, "another machine: processors: %u against %u\n", a->host.cpus,
                      b->host.cpus);
    tell_difference("another machine: accelerator", a->host.accel, b->host.accel, lines);
}

double match_machine_ratio(const struct record *a, const struct record *b)
{
    return a->spin_ms > 0 && b->spin_ms > 0 ? b->spin_ms / a->spin_ms : 1;
}

/* Two builds that took turns met the same; so did a record and itself, whenever it was. That
 * both began in one second is not enough: two runs of `duet run`, which have no spin, may. */
static bool is_one_session(const struct record *a, const struct record *b)
{
    return a == b || (a->started && b->started && strcmp(a->started, b->started) == 0 &&
                      a->spin_ms > 0 && a->spin_ms == b->spin_ms);
}

/* Whether what differs may be the doing of what else the machine did: builds that took turns met
 * the same, unless the disturbed runs of one of them alone are in its figures. */
static bool is_disturbed(const struct record *a, const struct record *b,
                         const struct record_metric *of_a, const struct record_metric *of_b)
{
    if (is_one_session(a, b))
        return (of_a->disturbed > 0) != (of_b->disturbed > 0);
    return of_a->disturbed > 0 || of_b->disturbed > 0;
}

static bool is_comparable(const struct record_metric *a, const struct record_metric *b)
{
    return a && strcmp(a->unit, b->unit) == 0 && a->better == b->better;
}

static void tell_disturbed(const struct record *a, const struct record *b, struct buffer *lines)
{
    size_t count = 0;

    for (size_t i = 0; i < b->metric_count; i++) {
        const struct record_metric *other = record_find(a, b->metrics[i].name);

        count += is_comparable(other, &b->metrics[i]) && is_disturbed(a, b, other, &b->metrics[i]);
    }
    if (count > 0)
        buffer_printf(lines,
                      "%zu metric%s marked \"disturbed\": of %s, too few runs were without what "
                      "else the machine did, and no difference is told from them (bench %s)\n",
                      count, count == 1 ? " is" : "s are",
                      is_one_session(a, b) ? "one side" : "one side or both",
                      is_one_session(a, b) ? "with more --repeats may" : "--interleave can");
}

static void tell_metrics(const struct record *a, const struct record *b, struct buffer *lines)
{
    for (size_t i = 0; i < b->metric_count; i++) {
        const struct record_metric *metric = &b->metrics[i];
        const struct record_metric *other = record_find(a, metric->name);

        if (!other)
            buffer_printf(lines, "%s: only the second has it\n", metric->name);
        else if (strcmp(other->unit, metric->unit) != 0)
            buffer_printf(lines, "%s: in %s and in %s, so it is not compared\n", metric->name,
                          other->unit, metric->unit);
        else if (other->better != metric->better)
            buffer_printf(lines, "%s: better when %s and when %s, so it is not compared\n",
                          metric->name, metric_better_name(other->better),
                          metric_better_name(metric->better));
    }
    for (size_t i = 0; i < a->metric_count; i++)
        if (!record_find(b, a->metrics[i].name))
            buffer_printf(lines, "%s: only the first has it\n", a->metrics[i].name);
}

static void tell_record(const char *which, const struct record *record, struct buffer *lines)
{
    if (record->interrupted)
        buffer_printf(lines, "the %s was interrupted before all was measured\n", which);
    if (record->kind == RECORD_BENCH && record->schema < RECORD_SCHEMA)
        buffer_printf(
            lines,
            "the %s is of schema %d, which does not tell the values of disturbed runs from "
            "others: all count alike\n",
            which, record->schema);
}

void match_remarks(const struct record *a, const struct record *b, struct buffer *lines)
{
    double ratio = match_machine_ratio(a, b);

    tell_record("first", a, lines);
    tell_record("second", b, lines);
    tell_difference("host's kernel", a->host.kernel, b->host.kernel, lines);
    tell_difference("QEMU", a->host.qemu, b->host.qemu, lines);
    tell_difference("guests' kernel", a->host.guest_kernel.release, b->host.guest_kernel.release,
                    lines);
    if (differ(a->set, b->set) && !is_one_session(a, b))
        buffer_printf(lines, "the suite's variables (--set): %s against %s\n",
                      a->set ? a->set : "none set", b->set ? b->set : "none set");
    if (fabs(log(ratio)) > 0.01)
        buffer_printf(lines,
                      "the machine itself took %.3g times as long for the same work: a difference "
                      "has to be so much larger\n",
                      ratio);
    tell_disturbed(a, b, lines);
    tell_metrics(a, b, lines);
}

/* What the limits of b say of its median, with that of a as the baseline. */
static char *beyond_limit(const struct match_row *row)
{
    const struct metric_bounds *bounds = &row->b->bounds;
    double median = sample_median(&row->comparison.b);
    double baseline = sample_median(&row->comparison.a);
    double below = bounds->below.value * (bounds->below.relative ? baseline : 1);
    double above = bounds->above.value * (bounds->above.relative ? baseline : 1);

    if (bounds->below.given && median < below)
        return xasprintf("below the limit of %.6g %s", below, row->b->unit);
    if (bounds->above.given && median > above)
        return xasprintf("above the limit of %.6g %s", above, row->b->unit);
    return NULL;
}

void match_make(const struct record *a, const struct record *b, double threshold,
                struct match *match)
{
    cleanup_free struct comparison *comparisons = xcalloc(b->metric_count, sizeof *comparisons);

    *match = (struct match){.rows = xcalloc(b->metric_count, sizeof *match->rows),
                            .threshold = threshold,
                            .drift = fabs(log(match_machine_ratio(a, b))),
                            .one_session = is_one_session(a, b)};
    for (size_t i = 0; i < b->metric_count; i++) {
        const struct record_metric *metric = &b->metrics[i];
        const struct record_metric *other = record_find(a, metric->name);

        if (!is_comparable(other, metric))
            continue;
        comparisons[match->count] =
            (struct comparison){.a = record_sample(other),
                                .b = record_sample(metric),
                                .better = metric->better,
                                .threshold = match->threshold,
                                .drift = match->drift,
                                .disturbed = is_disturbed(a, b, other, metric),
                                .one_session = match->one_session};
        match->rows[match->count++] = (struct match_row){.a = other, .b = metric};
    }
    compare_all(comparisons, match->count);
    for (size_t i = 0; i < match->count; i++) {
        match->rows[i].comparison = comparisons[i];
        match->rows[i].limit = beyond_limit(&match->rows[i]);
    }
}

bool match_has_regression(const struct match *match)
{
    for (size_t i = 0; i < match->count; i++)
        if (match->rows[i].comparison.verdict == COMPARE_SLOWER || match->rows[i].limit)
            return true;
    return false;
}

void match_free(struct match *match)
{
    for (size_t i = 0; i < match->count; i++)
        free(match->rows[i].limit);
    free(match->rows);
    *match = (struct match){0};
}
