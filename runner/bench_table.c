#include "runner/bench_table.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum {
    BARS_MAX = 24,
    HALF_BAR = 5, /* cells of a ratio's bar on each side, a tenth each */
};

void bench_table_value(double value, const char *unit, struct buffer *out)
{
    if (fabs(value) >= 9999.5 && fabs(value) < 1e15)
        buffer_printf(out, "%.0f", value);
    else
        buffer_printf(out, "%.4g", value);
    if (*unit)
        buffer_printf(out, " %s", unit);
}

void bench_table_interval(const struct summary *summary, struct buffer *out)
{
    if (isnan(summary->of95.low)) {
        buffer_append_text(out, "-");
        return;
    }
    bench_table_value(summary->of95.low, "", out);
    buffer_append_text(out, "..");
    bench_table_value(summary->of95.high, "", out);
}

void bench_table_bars(const double *values, size_t count, double most, struct buffer *out)
{
    static const char *const heights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    size_t first = count > BARS_MAX ? count - BARS_MAX : 0;

    for (size_t i = first; i < count; i++) {
        double share = most > 0 && values[i] > 0 ? values[i] / most : 0;

        buffer_append_text(out, share > 0 ? heights[(size_t)fmin(7, share * 8)] : "·");
    }
}

/* Both columns of a table are as wide as what stands in them: their widths are found first. */
static int width_of_names(const struct record_metric *const metrics[], size_t count)
{
    size_t width = strlen("metric");

    for (size_t i = 0; i < count; i++)
        if (strlen(metrics[i]->name) > width)
            width = strlen(metrics[i]->name);
    return (int)width;
}

/* -- A record ---------------------------------------------------------------------------------- */

static void print_metric(const struct terminal *terminal, const struct record_metric *metric,
                         int width)
{
    struct sample sample = record_sample(metric);
    cleanup_buffer struct buffer median = {0}, interval = {0}, varies = {0}, bars = {0};
    struct summary summary;

    sample_summary(&sample, MATCH_SEED, &summary);
    bench_table_value(summary.median, metric->unit, &median);
    bench_table_interval(&summary, &interval);
    if (isnan(summary.variation))
        buffer_append_text(&varies, "-");
    else
        buffer_printf(&varies, "%.1f %%", 100 * summary.variation);
    bench_table_bars(metric->values, metric->count, summary.max, &bars);
    fprintf(terminal->out, "  %-*s %4zu %18s %18s %8s  %s", width, metric->name, summary.count,
            median.data, interval.data, varies.data, bars.data);
    if (summary.outliers > 0)
        fprintf(terminal->out, "  %s%zu outlier%s%s", terminal_dim(terminal), summary.outliers,
                summary.outliers == 1 ? "" : "s", terminal_reset(terminal));
    if (metric->disturbed > 0)
        fprintf(terminal->out, "  %zu disturbed", metric->disturbed);
    fputc('\n', terminal->out);
}

void bench_table_record(const struct terminal *terminal, const struct record *record)
{
    cleanup_free const struct record_metric **metrics =
        xcalloc(record->metric_count, sizeof *metrics);
    int width;

    for (size_t i = 0; i < record->metric_count; i++)
        metrics[i] = &record->metrics[i];
    width = width_of_names(metrics, record->metric_count);
    fprintf(terminal->out, "  %s%-*s %4s %18s %18s %8s  runs%s\n", terminal_bold(terminal), width,
            "metric", "n", "median", "95 % interval", "varies", terminal_reset(terminal));
    for (size_t i = 0; i < record->metric_count; i++)
        print_metric(terminal, metrics[i], width);
}

/* -- A comparison ------------------------------------------------------------------------------ */

/* To the left for less, to the right for more. */
static void append_ratio_bar(double ratio, struct buffer *out)
{
    int cells = isfinite(ratio) ? (int)lround(fmin(2, ratio) * 10 - 10) : 0;

    cells = cells < -HALF_BAR ? -HALF_BAR : cells > HALF_BAR ? HALF_BAR : cells;
    for (int i = -HALF_BAR; i < 0; i++)
        buffer_append_text(out, i >= cells ? "#" : " ");
    buffer_append_text(out, "|");
    for (int i = 1; i <= HALF_BAR; i++)
        buffer_append_text(out, i <= cells ? "#" : " ");
}

static const char *color_of(const struct terminal *terminal, const struct match_row *row)
{
    if (row->limit || row->comparison.verdict == COMPARE_SLOWER)
        return terminal_verdict_color(terminal, VERDICT_FAILED);
    if (row->comparison.verdict == COMPARE_FASTER)
        return terminal_verdict_color(terminal, VERDICT_PASSED);
    return "";
}

static void append_interval(const struct comparison *comparison, struct buffer *out)
{
    struct interval interval = compare_interval(comparison, MATCH_SEED);

    if (isnan(interval.low))
        buffer_append_text(out, "-");
    else
        buffer_printf(out, "%.3f..%.3f", interval.low, interval.high);
}

static void append_doubt(const struct comparison *comparison, struct buffer *out)
{
    if (comparison->verdict == COMPARE_TOO_FEW)
        buffer_printf(out, " (%zu and %zu; %d at least)", comparison->a.count, comparison->b.count,
                      COMPARE_RUNS_MIN);
    else if (comparison->verdict >= COMPARE_FASTER)
        buffer_printf(out, " (p %.2g)", comparison->p);
    else if (isfinite(comparison->scatter))
        buffer_printf(out, " (within %.1f %%)", 100 * (comparison->scatter + comparison->drift));
}

static void print_row(const struct terminal *terminal, const struct match_row *row, int width)
{
    const struct comparison *comparison = &row->comparison;
    cleanup_buffer struct buffer a = {0}, b = {0}, ratio = {0}, interval = {0}, rest = {0};

    bench_table_value(sample_median(&comparison->a), "", &a);
    bench_table_value(sample_median(&comparison->b), row->b->unit, &b);
    if (isnan(comparison->ratio))
        buffer_append_text(&ratio, "-");
    else
        buffer_printf(&ratio, "%.3f", comparison->ratio);
    append_interval(comparison, &interval);
    append_ratio_bar(comparison->ratio, &rest);
    buffer_printf(&rest, "  %s%s", color_of(terminal, row),
                  compare_verdict_name(comparison->verdict));
    append_doubt(comparison, &rest);
    if (comparison->disturbed)
        buffer_append_text(&rest, "; disturbed");
    if (row->limit)
        buffer_printf(&rest, "; %s", row->limit);
    fprintf(terminal->out, "  %-*s %10s %18s %7s %14s %s%s\n", width, row->b->name, a.data, b.data,
            ratio.data, interval.data, rest.data, terminal_reset(terminal));
}

void bench_table_match(const struct terminal *terminal, const struct match *match)
{
    cleanup_free const struct record_metric **metrics = xcalloc(match->count, sizeof *metrics);
    int width;

    for (size_t i = 0; i < match->count; i++)
        metrics[i] = match->rows[i].b;
    width = width_of_names(metrics, match->count);
    fprintf(terminal->out, "  %s%-*s %10s %18s %7s %14s %-11s  verdict%s\n",
            terminal_bold(terminal), width, "metric", "A", "B", "B/A",
            match->one_session ? "95 % interval" : "of these runs", "", terminal_reset(terminal));
    for (size_t i = 0; i < match->count; i++)
        print_row(terminal, &match->rows[i], width);
}

void bench_table_lines(const struct terminal *terminal, const char *indent,
                       const struct buffer *lines)
{
    if (lines->length > 0)
        terminal_quote(terminal, indent, lines->data, lines->length);
}
