#include "bench/run_table.h"

#include "base/base.h"
#include "base/cjson.h"
#include "runner/bench_table.h"

#include <string.h>

/* As wide as the longest that there is. */
enum { NAME_WIDTH = 35, WANTED_WIDTH = 29 };

void run_table_head(const struct terminal *terminal)
{
    fprintf(terminal->out, "%s%-*s %18s %6s %18s %8s  %-*s %s%s\n", terminal_bold(terminal),
            NAME_WIDTH, "measure", "value", "n", "baseline", "ratio", WANTED_WIDTH, "wanted",
            "baseline is", terminal_reset(terminal));
}

void run_table_group(const struct terminal *terminal, const char *name)
{
    fprintf(terminal->out, "%s%s%s\n", terminal_bold(terminal), name, terminal_reset(terminal));
    fflush(terminal->out);
}

/* What has no bound says at least what would be better. */
static void print_wanted(const struct terminal *terminal, const cJSON *measure,
                         struct run_bounds *bounds)
{
    const char *wanted = cjson_text(measure, "wanted", NULL);
    bool met = cJSON_IsTrue(cjson_member(measure, "met"));
    cleanup_free char *text = wanted
                                  ? xasprintf("%s, %s", wanted, met ? "met" : "NOT MET")
                                  : xasprintf("(%s is better)", cjson_text(measure, "better", "?"));
    const char *color =
        !wanted ? terminal_dim(terminal)
                : terminal_verdict_color(terminal, met ? VERDICT_PASSED : VERDICT_FAILED);

    if (wanted) {
        bounds->met += met;
        bounds->missed += !met;
    }
    if (wanted && !met)
        buffer_printf(&bounds->names, ", %s", cjson_text(measure, "name", ""));
    fprintf(terminal->out, "  %s%-*s%s", color, WANTED_WIDTH, text, terminal_reset(terminal));
}

void run_table_row(const struct terminal *terminal, const cJSON *measure, struct run_bounds *bounds)
{
    const char *unit = cjson_text(measure, "unit", ""), *than = cjson_text(measure, "baseline", "");
    cleanup_buffer struct buffer value = {0}, baseline = {0}, ratio = {0};

    bench_table_value(cjson_number(measure, "value"), unit, &value);
    if (*than) {
        bench_table_value(cjson_number(measure, "baseline_value"), unit, &baseline);
        buffer_printf(&ratio, "%.3g", cjson_number(measure, "ratio"));
    }
    fprintf(terminal->out, "  %-*s %18s %6.0f %18s %8s", NAME_WIDTH - 2,
            cjson_text(measure, "name", ""), value.data, cjson_number(measure, "n"),
            baseline.data ? baseline.data : "", ratio.data ? ratio.data : "");
    print_wanted(terminal, measure, bounds);
    fprintf(terminal->out, "%s%s\n", *than ? " " : "", than);
    fflush(terminal->out);
}

void run_table_bounds(const struct terminal *terminal, const struct run_bounds *bounds)
{
    if (bounds->met + bounds->missed == 0)
        return;
    fprintf(terminal->out, "%zu of %zu bounds met", bounds->met, bounds->met + bounds->missed);
    if (bounds->missed > 0)
        fprintf(terminal->out, "; %snot: %s%s", terminal_verdict_color(terminal, VERDICT_FAILED),
                bounds->names.data + strlen(", "), terminal_reset(terminal));
    fputc('\n', terminal->out);
    fflush(terminal->out);
}
