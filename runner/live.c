#include "runner/live.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

static int name_width(const struct live_case cases[], size_t count)
{
    size_t width = 0;

    for (size_t i = 0; i < count; i++)
        width = strlen(cases[i].name) > width ? strlen(cases[i].name) : width;
    return (int)width;
}

static char *count_line(size_t running, const struct live_counts *counts)
{
    cleanup_free char *prepared =
        counts->prepared > 0 ? xasprintf(", %zu prepared", counts->prepared) : xstrdup("");

    return xasprintf("  %zu/%zu done, %zu running%s", counts->done, counts->total, running,
                     prepared);
}

void live_show(struct terminal *terminal, const struct live_case cases[], size_t count,
               const struct live_counts *counts)
{
    cleanup_free char **lines = xcalloc(count + 2, sizeof *lines);
    int width = name_width(cases, count);
    size_t shown = count, line_count = 0;

    if (!terminal->live)
        return;
    terminal_measure(terminal);
    /* One line is for the counts, and one stays free for what is printed above. */
    if (count + 2 > terminal->rows)
        shown = terminal->rows > 3 ? terminal->rows - 3 : 0;
    for (size_t i = 0; i < shown; i++)
        lines[line_count++] = xasprintf("  %-*s %4" PRIu64 " s  %s", width, cases[i].name,
                                        cases[i].age_s, cases[i].activity);
    if (shown < count)
        lines[line_count++] = xasprintf("  and %zu more", count - shown);
    lines[line_count++] = count_line(count, counts);
    terminal_lines(terminal, (const char *const *)lines, line_count);
    for (size_t i = 0; i < line_count; i++)
        free(lines[i]);
}
