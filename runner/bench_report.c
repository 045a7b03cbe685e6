#include "runner/bench_report.h"

#include "base/base.h"
#include "bench/match.h"
#include "runner/bench_table.h"
#include "runner/commands.h"

#include <stdio.h>

static void tell_disturbed(const struct terminal *terminal, const struct record *record,
                           size_t disturbed, size_t counted)
{
    size_t marked = 0;

    for (size_t i = 0; i < record->metric_count; i++)
        marked += record->metrics[i].disturbed > 0;
    if (disturbed > 0)
        fprintf(terminal->out,
                "  note: %zu of %zu runs were disturbed by what else this machine did "
                "(results.json says which, and how): left out of the figures%s\n",
                disturbed, counted,
                marked > 0 ? " but those that are marked, for want of others; compare with "
                             "--interleave"
                           : "");
}

/* Every run that does not count as it should. */
static void tell_runs(const struct terminal *terminal, const struct record *record)
{
    size_t disturbed = 0;
    size_t counted = 0;

    for (size_t i = 0; i < record->run_count; i++) {
        const struct record_run *run = &record->runs[i];

        if (run->warmup)
            continue;
        counted++;
        disturbed += run->noise != NULL;
        if (!verdict_is_bad(run->verdict))
            continue;
        fprintf(terminal->out, "  %s run %zu: %s: ", run->name, run->number,
                verdict_name(run->verdict));
        terminal_words(terminal, run->reason ? run->reason : "");
        fputc('\n', terminal->out);
    }
    tell_disturbed(terminal, record, disturbed, counted);
}

static void print_match(const struct terminal *terminal, const struct record *a,
                        const struct record *b, const struct match *match)
{
    cleanup_buffer struct buffer remarks = {0};

    match_remarks(a, b, &remarks);
    fprintf(terminal->out, "A: %s%s%s\nB: %s%s%s\n", a->path, a->set ? "  " : "",
            a->set ? a->set : "", b->path, b->set ? "  " : "", b->set ? b->set : "");
    bench_table_match(terminal, match);
    bench_table_lines(terminal, "  note: ", &remarks);
}

static int compare(const struct terminal *terminal, bool quiet, const struct record *a,
                   const struct record *b)
{
    struct match match;
    int status;

    match_make(a, b, COMPARE_THRESHOLD, &match);
    if (!quiet)
        print_match(terminal, a, b, &match);
    status = match_has_regression(&match) ? EXIT_FAILED : EXIT_PASSED;
    match_free(&match);
    return status;
}

/* False, and said, where there is nothing to print. */
static bool print_json(const struct record *record)
{
    cleanup_buffer struct buffer text = {0};
    struct error error;

    if (fs_read(record->path, SIZE_MAX / 2, &text, &error) < 0) {
        fprintf(stderr, "duet: the results cannot be read again: %s\n", error.message);
        return false;
    }
    fwrite(text.data, 1, text.length, stdout);
    return true;
}

int bench_report(const struct terminal *terminal, bool json, const struct bench_outcome *outcome,
                 size_t build_count, const struct record *baseline)
{
    size_t last = build_count - 1;
    const struct record *record = &outcome->records[last];
    const struct record *against = last > 0 ? &outcome->records[0] : baseline;
    int status = outcome->status;
    int compared = EXIT_PASSED;

    if (json && !print_json(record))
        return EXIT_TROUBLE;
    if (!json) {
        bench_table_record(terminal, record);
        for (size_t i = 0; i <= last; i++)
            tell_runs(terminal, &outcome->records[i]);
    }
    if (against)
        compared = compare(terminal, json, against, record);
    if (!json)
        fprintf(terminal->out, "results: %s\n", record->path);
    return status != EXIT_PASSED ? status : compared;
}
