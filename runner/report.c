#include "runner/report.h"

#include "base/memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OUTPUT_SHOWN = 4096, /* bytes of a step's output … */
    LINES_SHOWN = 40,    /* … and lines */
};

void report_case(struct terminal *terminal, const struct case_result *result, int name_width)
{
    terminal_clear(terminal);
    fprintf(terminal->out, "  %s%-11s%s %-*s", terminal_verdict_color(terminal, result->verdict),
            verdict_name(result->verdict), terminal_reset(terminal), name_width, result->name);
    if (result->verdict == VERDICT_SKIPPED) {
        fputs("          ", terminal->out);
        terminal_words(terminal, result->reason ? result->reason : "");
    } else {
        fprintf(terminal->out, " %6.1f s", result->duration_s);
    }
    fputc('\n', terminal->out);
    fflush(terminal->out);
}

static void print_field(struct terminal *terminal, const char *name, const char *text)
{
    if (!text)
        return;
    if (!strchr(text, '\n')) {
        fprintf(terminal->out, "        %-9s ", name);
        terminal_quote(terminal, "", *text ? text : "(nothing)", *text ? strlen(text) : 9);
        return;
    }
    fprintf(terminal->out, "        %s\n", name);
    terminal_quote(terminal, "          ", text, strlen(text));
}

/* Fills `end` with the last `size` bytes of the file, or all it has; returns how many these are. A
 * file that cannot be read has none. */
static size_t read_end(const char *path, char *end, size_t size, bool *whole)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    ssize_t n;

    if (fd < 0 || fstat(fd, &info) < 0)
        return 0;
    *whole = info.st_size <= (off_t)size;
    n = pread(fd, end, size, *whole ? 0 : info.st_size - (off_t)size);
    return n < 0 ? 0 : (size_t)n;
}

/* Where the last LINES_SHOWN lines begin. */
static size_t start_of_lines(const char *text, size_t length)
{
    size_t at = length, lines = 0;

    while (at > 0 && lines <= LINES_SHOWN)
        if (text[--at] == '\n' && at + 1 < length)
            lines++;
    return at > 0 ? at + 1 : 0;
}

/* The end of what a step said: mostly its own reason. It may have said 256 MiB. */
static void print_output(struct terminal *terminal, const char *run_directory, const char *name,
                         const struct output_result *output)
{
    cleanup_free char *path = xasprintf("%s/%s", run_directory, output->path);
    char end[OUTPUT_SHOWN];
    bool whole = true;
    size_t length = output->bytes > 0 ? read_end(path, end, sizeof end, &whole) : 0;
    size_t start = start_of_lines(end, length);

    if (length == 0)
        return;
    fprintf(terminal->out, "        %s%s\n", name, whole && start == 0 ? "" : " (its end)");
    terminal_quote(terminal, "          | ", end + start, length - start);
}

static bool is_culprit(const struct step_result *step)
{
    return verdict_is_bad(step->verdict);
}

/* What a background process said may explain a step that failed because of it. */
static bool is_context(const struct step_result *step)
{
    return step->background && !verdict_is_bad(step->verdict) &&
           step->standard_output.bytes + step->standard_error.bytes > 0;
}

static void print_step(struct terminal *terminal, const char *run_directory,
                       const struct node_result *node, const struct step_result *step,
                       const char *case_reason)
{
    const char *reason = step->reason && !strstr(case_reason, step->reason) ? step->reason : NULL;

    fprintf(terminal->out, "      %snode %s, %s \"%s\"%s%s%s\n", terminal_bold(terminal),
            node->name, step->background ? "background process" : "step", step->name,
            terminal_reset(terminal), reason ? ": " : "", reason ? reason : "");
    print_field(terminal, "expected", step->expected);
    print_field(terminal, "found", step->found);
    print_output(terminal, run_directory, "standard output", &step->standard_output);
    print_output(terminal, run_directory, "standard error", &step->standard_error);
}

static void print_console(struct terminal *terminal, const char *node, const char *console,
                          size_t length)
{
    if (!node)
        return;
    fprintf(terminal->out, "      the last %d lines of %s's console%s\n", REPORT_CONSOLE_LINES,
            node, length ? "" : ": it is empty");
    fputs(terminal_dim(terminal), terminal->out);
    terminal_quote(terminal, "        | ", console, length);
    fputs(terminal_reset(terminal), terminal->out);
}

static void print_steps(struct terminal *terminal, const char *run_directory,
                        const struct case_result *result,
                        bool (*wanted)(const struct step_result *step))
{
    const char *reason = result->reason ? result->reason : "";

    for (size_t n = 0; n < result->node_count; n++)
        for (size_t s = 0; s < result->nodes[n].step_count; s++)
            if (wanted(&result->nodes[n].steps[s]))
                print_step(terminal, run_directory, &result->nodes[n], &result->nodes[n].steps[s],
                           reason);
}

void report_failure(struct terminal *terminal, const struct case_result *result,
                    const char *run_directory, const char *console_node, const char *console,
                    size_t console_length)
{
    const char *reason = result->reason ? result->reason : "it has no reason";

    terminal_quote(terminal, "      ", reason, strlen(reason));
    print_steps(terminal, run_directory, result, is_culprit);
    print_steps(terminal, run_directory, result, is_context);
    print_console(terminal, console_node, console, console_length);
    if (result->directory)
        fprintf(terminal->out, "      all of it: %s/%s\n", run_directory, result->directory);
    fflush(terminal->out);
}

void report_summary(struct terminal *terminal, const struct run_result *run, size_t interrupted,
                    const char *run_directory)
{
    size_t passed = 0, failed = 0, skipped = 0;

    for (size_t i = 0; i < run->case_count; i++) {
        if (run->cases[i].verdict == VERDICT_PASSED)
            passed++;
        else if (run->cases[i].verdict == VERDICT_SKIPPED)
            skipped++;
        else
            failed++;
    }
    fprintf(terminal->out, "%zu passed, %zu failed, %zu skipped", passed, failed - interrupted,
            skipped);
    if (interrupted > 0)
        fprintf(terminal->out, ", %zu interrupted", interrupted);
    fprintf(terminal->out, " in %.1f s; results in %s\n", run->duration_s, run_directory);
    fflush(terminal->out);
}
