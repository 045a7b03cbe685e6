/* duet history */
#include "runner/commands.h"
#include "runner/suggest.h"

#include "base/fs.h"
#include "base/memory.h"
#include "base/process.h"
#include "bench/history.h"
#include "runner/bench_table.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KEY_RESULTS = 256 };

struct history_arguments {
    struct history_options history;
    const char *plot; /* a file, or NULL */
    bool json;
};

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Runs without a tag, too", 0},
    {"suite", 's', "SUITE", 0, "Of this suite alone", 0},
    {"plot", 'p', "FILE", 0, "Draw it as SVG, by gnuplot", 0},
    {"json", 'j', NULL, 0, "One JSON document instead of a table", 0},
    {"results", KEY_RESULTS, "DIR", 0, "Where the results are (default: duet-results)", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct history_arguments *arguments = state->input;

    switch (key) {
    case 'a':
        arguments->history.untagged = true;
        return 0;
    case 's':
        arguments->history.suite = argument;
        return 0;
    case 'p':
        arguments->plot = argument;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case KEY_RESULTS:
        arguments->history.results = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "the history of one metric is shown, and \"%s\" is one more",
                       argument);
        arguments->history.metric = argument;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->history.metric)
            argp_error(state, "expected the name of a metric");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int width_of(const struct history *history)
{
    size_t width = strlen("tag");

    for (size_t i = 0; i < history->count; i++)
        if (strlen(history->points[i].label) > width)
            width = strlen(history->points[i].label);
    return (int)width;
}

static double largest(const struct history *history)
{
    double most = 0;

    for (size_t i = 0; i < history->count; i++) {
        struct sample sample = {history->points[i].values, history->points[i].count};

        most = fmax(most, sample_median(&sample));
    }
    return most;
}

static void print_bar(double share)
{
    for (int i = 0; i < (int)lround(24 * share); i++)
        putchar('#');
}

static void print_point(const struct history_point *point, int width, double before, double most)
{
    struct sample sample = {point->values, point->count};
    cleanup_buffer struct buffer median = {0}, interval = {0};
    struct summary summary;

    sample_summary(&sample, MATCH_SEED, &summary);
    bench_table_value(summary.median, point->unit, &median);
    bench_table_interval(&summary, &interval);
    printf("  %-*s %-20s %4zu %18s %18s ", width, point->label, point->started, summary.count,
           median.data, interval.data);
    if (before > 0)
        printf("%9.3f  ", summary.median / before);
    else
        printf("%9s  ", "");
    if (most > 0 && summary.median > 0)
        print_bar(summary.median / most);
    if (point->disturbed > 0)
        printf("  %zu disturbed", point->disturbed);
    putchar('\n');
}

static void print_table(const struct history *history)
{
    int width = width_of(history);
    double most = largest(history);
    double before = 0;

    printf("  %-*s %-20s %4s %18s %18s %9s\n", width, "tag", "started", "n", "median",
           "95 % interval", "to before");
    for (size_t i = 0; i < history->count; i++) {
        struct sample sample = {history->points[i].values, history->points[i].count};

        print_point(&history->points[i], width, before, most);
        before = sample_median(&sample);
    }
}

static void print_json(const struct history *history)
{
    cleanup_buffer struct buffer text = {0};

    history_write(history, &text);
    fwrite(text.data, 1, text.length, stdout);
}

/* gnuplot reads what it is to do from a file beside the plot, which goes when it has. */
static int plot(const struct history_arguments *arguments, const struct history *history,
                struct error *error)
{
    cleanup_free char *program = fs_find_program("gnuplot");
    cleanup_free char *script = xasprintf("%s.gnuplot", arguments->plot);
    cleanup_buffer struct buffer text = {0}, said = {0};
    const char *argv[] = {program, script, NULL};
    int code;

    if (!program)
        return error_set(error, ENOENT,
                         "--plot needs gnuplot, which is not there: install the package "
                         "gnuplot-nox");
    history_plot(history, arguments->history.metric, arguments->plot, &text);
    code = fs_write(script, text.data, text.length, 0644, error);
    if (code < 0)
        return code;
    code = process_run(argv, NULL, &said, error);
    unlink(script);
    if (code == 0 && !fs_exists(arguments->plot))
        code = error_set(error, EIO, "gnuplot made no %s: %.200s", arguments->plot,
                         said.data ? said.data : "");
    return code;
}

static int nothing_found(const struct history_arguments *arguments, const struct history *history)
{
    char suggestion[96];

    suggest_text(arguments->history.metric, (const char *const *)history->names,
                 history->name_count, suggestion, sizeof suggestion);
    if (history->name_count == 0)
        fprintf(stderr, "duet: %s/bench has no results%s%s%s\n", arguments->history.results,
                arguments->history.suite ? " of the suite " : "",
                arguments->history.suite ? arguments->history.suite : "",
                arguments->history.untagged ? "" : " with a tag (--all takes those without)");
    else
        fprintf(stderr, "duet: no results have the metric \"%s\"%s\n", arguments->history.metric,
                suggestion);
    return EXIT_USAGE;
}

static int show(const struct history_arguments *arguments, const struct history *history)
{
    struct error error;

    if (history->unread > 0)
        fprintf(stderr, "duet: %zu results cannot be read, or are of another schema\n",
                history->unread);
    if (history->count == 0)
        return nothing_found(arguments, history);
    if (arguments->json)
        print_json(history);
    else
        print_table(history);
    if (arguments->plot && plot(arguments, history, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_TROUBLE;
    }
    return EXIT_PASSED;
}

int cmd_history(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "METRIC",
        .doc = "Show how a metric of `duet bench` came along, from one tag to the next. METRIC is "
               "its name as the tables have it, or what stands behind its last \"/\"."};
    struct history_arguments arguments = {.history.results = "duet-results"};
    struct history history = {0};
    struct error error;
    int status;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    if (history_read(&arguments.history, &history, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_USAGE;
    }
    status = show(&arguments, &history);
    history_free(&history);
    return status;
}
