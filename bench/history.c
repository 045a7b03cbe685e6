#include "bench/history.h"

#include "base/fs.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* -- Which there are --------------------------------------------------------------------------- */

/* Called with each record, which it may take, from the oldest to the newest; false ends it. */
typedef bool (*record_fn)(void *context, struct record *record);

static int is_run(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "latest") != 0;
}

/* Counts in *unread those that cannot be read. */
static int each_record(const char *results, bool newest_first, record_fn call, void *context,
                       size_t *unread, struct error *error)
{
    cleanup_free char *directory = xasprintf("%s/bench", results);
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_run, versionsort);
    bool more = true;

    if (count < 0)
        return error_errno(error, "there are no results of `duet bench` in %s", directory);
    for (int i = 0; i < count && more; i++) {
        const char *name = entries[newest_first ? count - 1 - i : i]->d_name;
        cleanup_free char *path = xasprintf("%s/%s/results.json", directory, name);
        struct record record = {0};

        if (!fs_exists(path))
            continue;
        if (record_load(path, false, &record, NULL) < 0 || record.kind != RECORD_BENCH)
            ++*unread;
        else
            more = call(context, &record);
        record_free(&record);
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return 0;
}

struct wanted {
    const char *tag;
    struct record found;
};

static bool has_tag(void *context, struct record *record)
{
    struct wanted *wanted = context;

    if (!record->tag || strcmp(record->tag, wanted->tag) != 0)
        return true;
    wanted->found = *record;
    *record = (struct record){0};
    return false;
}

int history_open(const char *results, const char *name, bool any_schema, struct record *record,
                 struct error *error)
{
    struct wanted wanted = {.tag = name};
    size_t unread = 0;

    if (access(name, F_OK) == 0)
        return record_load(name, any_schema, record, error);
    if (strchr(name, '/') || each_record(results, true, has_tag, &wanted, &unread, error) < 0 ||
        !wanted.found.path)
        return error_set(error, ENOENT,
                         "%s is no file, no directory, and no tag of results in %s/bench", name,
                         results);
    *record = wanted.found;
    return 0;
}

/* -- One metric -------------------------------------------------------------------------------- */

struct gathering {
    const struct history_options *options;
    struct history *history;
    struct error *error;
    const char *name; /* the metric's whole name; NULL before the first */
    int code;
};

static const char *note_name(struct history *history, const char *name)
{
    for (size_t i = 0; i < history->name_count; i++)
        if (strcmp(history->names[i], name) == 0)
            return history->names[i];
    history->names = xreallocarray(history->names, history->name_count + 1, sizeof *history->names);
    return history->names[history->name_count++] = xstrdup(name);
}

static bool fits(const char *name, const char *wanted)
{
    size_t length = strlen(name);
    size_t end = strlen(wanted);

    return strcmp(name, wanted) == 0 ||
           (length > end && name[length - end - 1] == '/' && !strcmp(name + length - end, wanted));
}

static void add_point(struct gathering *gathering, const struct record *record,
                      const struct record_metric *metric)
{
    struct history *history = gathering->history;
    struct history_point point = {.started = xstrdup(record->started ? record->started : ""),
                                  .suite = xstrdup(record->suite ? record->suite : ""),
                                  .unit = xstrdup(metric->unit),
                                  .better = metric->better,
                                  .tagged = record->tag != NULL,
                                  .count = metric->count,
                                  .disturbed = metric->disturbed};

    point.label = xstrdup(record->tag ? record->tag : point.started);
    point.values = xreallocarray(NULL, metric->count, sizeof *point.values);
    memcpy(point.values, metric->values, metric->count * sizeof *point.values);
    history->points = xreallocarray(history->points, history->count + 1, sizeof *history->points);
    history->points[history->count++] = point;
}

static int take_metric(struct gathering *gathering, const struct record *record,
                       const struct record_metric *metric, const char *name)
{
    struct history *history = gathering->history;

    if (gathering->name && strcmp(gathering->name, name) != 0)
        return error_set(gathering->error, EINVAL, "\"%s\" may be %s or %s: say which",
                         gathering->options->metric, gathering->name, name);
    gathering->name = name;
    if (history->count > 0 && strcmp(history->points[0].unit, metric->unit) != 0)
        return error_set(gathering->error, EINVAL, "%s was in %s at %s and is in %s at %s", name,
                         history->points[0].unit, history->points[0].label, metric->unit,
                         record->tag ? record->tag : record->started);
    if (!history->metric)
        history->metric = xstrdup(name);
    add_point(gathering, record, metric);
    return 0;
}

static bool gather(void *context, struct record *record)
{
    struct gathering *gathering = context;
    const struct history_options *options = gathering->options;

    if ((!record->tag && !options->untagged) ||
        (options->suite && (!record->suite || strcmp(record->suite, options->suite) != 0)))
        return true;
    for (size_t i = 0; i < record->metric_count && gathering->code == 0; i++) {
        const char *name = note_name(gathering->history, record->metrics[i].name);

        if (fits(name, options->metric))
            gathering->code = take_metric(gathering, record, &record->metrics[i], name);
    }
    return gathering->code == 0 && gathering->history->count < HISTORY_POINTS_MAX;
}

int history_read(const struct history_options *options, struct history *history,
                 struct error *error)
{
    struct history made = {0};
    struct gathering gathering = {.options = options, .history = &made, .error = error};
    int code = each_record(options->results, false, gather, &gathering, &made.unread, error);

    if (code == 0)
        code = gathering.code;
    if (code < 0)
        history_free(&made);
    else
        *history = made;
    return code;
}

void history_free(struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        free(history->points[i].label);
        free(history->points[i].started);
        free(history->points[i].suite);
        free(history->points[i].unit);
        free(history->points[i].values);
    }
    for (size_t i = 0; i < history->name_count; i++)
        free(history->names[i]);
    free(history->metric);
    free(history->points);
    free(history->names);
    *history = (struct history){0};
}

/* -- The plot ---------------------------------------------------------------------------------- */

/* As gnuplot reads what stands between double quotes, without its markup for typesetting: the
 * plot is made with `noenhanced`. */
static void append_quoted(struct buffer *out, const char *text)
{
    buffer_append_text(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buffer_append_text(out, "\\");
        if ((unsigned char)*text >= ' ' && *text != '`')
            buffer_append(out, text, 1);
    }
    buffer_append_text(out, "\"");
}

static void append_data(const struct history *history, struct buffer *out)
{
    buffer_append_text(out, "$medians << END_OF_DATA\n");
    for (size_t i = 0; i < history->count; i++) {
        const struct history_point *point = &history->points[i];
        struct sample sample = {point->values, point->count};
        struct interval interval = sample_median_interval(&sample, 1);
        cleanup_free char *label =
            xasprintf("%s%s", point->label, point->disturbed > 0 ? " (disturbed)" : "");

        buffer_printf(out, "%zu %.17g %.17g %.17g ", i, sample_median(&sample), interval.low,
                      interval.high);
        append_quoted(out, label);
        buffer_append_text(out, "\n");
    }
    buffer_append_text(out, "END_OF_DATA\n");
}

void history_plot(const struct history *history, const char *metric, const char *svg,
                  struct buffer *out)
{
    const struct history_point *last = &history->points[history->count - 1];

    append_data(history, out);
    buffer_append_text(out, "set terminal svg size 960,480 noenhanced background \"white\"\n"
                            "set output ");
    append_quoted(out, svg);
    buffer_append_text(out, "\nset title ");
    append_quoted(out, metric);
    buffer_append_text(out, "\nset ylabel ");
    append_quoted(out, last->unit);
    buffer_printf(out,
                  "\nset yrange [0:*]\nset xrange [-0.5:%zu.5]\nset xtics rotate by -45\n"
                  "set grid ytics\nset key off\n"
                  "plot $medians using 1:2:xticlabels(5) with lines, "
                  "$medians using 1:2:3:4 with yerrorbars pointtype 7\n",
                  history->count - 1);
}
