/* duet bench */
#include "runner/commands.h"

#include "base/base.h"
#include "bench/history.h"
#include "bench/match.h"
#include "runner/bench_builds.h"
#include "runner/bench_report.h"
#include "runner/rundata.h"
#include "runner/seed.h"

#include <stdio.h>

static bool is_refused(const struct bench_arguments *arguments, const struct record *baseline,
                       const struct record *record)
{
    cleanup_buffer struct buffer obstacles = {0};

    match_obstacles(baseline, record, &obstacles);
    if (obstacles.length == 0)
        return false;
    fprintf(stderr, "duet: the baseline %s is not comparable%s:\n%s", baseline->path,
            arguments->force ? "" : " (--force compares all the same)", obstacles.data);
    return !arguments->force;
}

/* Before anything is measured: minutes must not end in a refusal. What is compared is known by now
 * but for the accelerator. */
static bool is_refused_early(const struct bench_arguments *arguments, const struct session *session,
                             const struct record *baseline)
{
    struct record here = {.kind = RECORD_BENCH,
                          .schema = RECORD_SCHEMA,
                          .suite = xstrdup(arguments->bench.builds[0].suite->name)};
    bool refused;

    rundata_describe_host(session, NULL, &here.host);
    here.host.accel = baseline->host.accel ? xstrdup(baseline->host.accel) : NULL;
    refused = is_refused(arguments, baseline, &here);
    record_free(&here);
    return refused;
}

/* No figure is no success. Returns the exit status. */
static int check_metrics(const struct bench_arguments *arguments,
                         const struct bench_outcome *outcome, int status)
{
    const char *pattern = arguments->bench.metric;

    if (bench_outcome_has_metrics(outcome, arguments->bench.build_count))
        return status;
    fprintf(stderr, "duet: no run printed a metric%s%s%s: what there is is in %s, without a tag\n",
            pattern ? " that matches \"" : "", pattern ? pattern : "", pattern ? "\"" : "",
            outcome->directory);
    return status == EXIT_PASSED ? EXIT_USAGE : status;
}

static int run(const struct bench_arguments *arguments, struct session *session,
               const struct record *baseline)
{
    struct bench_outcome outcome = {0};
    struct error error;
    bool refused;
    int status = EXIT_TROUBLE;

    if (arguments->baseline && !arguments->force && is_refused_early(arguments, session, baseline))
        return EXIT_USAGE;
    if (bench_run(session, &arguments->bench, &outcome, &error) < 0) {
        terminal_clear(session->options.terminal);
        if (!session->cancel_seen)
            fprintf(stderr, "duet: %s\n", error.message);
    } else if (outcome.interrupted == 0) {
        refused = arguments->baseline && is_refused(arguments, baseline, &outcome.records[0]);
        status = bench_report(session->options.terminal, arguments->json, &outcome,
                              arguments->bench.build_count,
                              arguments->baseline && !refused ? baseline : NULL);
        status = refused && status == EXIT_PASSED ? EXIT_USAGE : status;
        status = check_metrics(arguments, &outcome, status);
    } else {
        terminal_say(session->options.terminal,
                     "interrupted: what was measured is in %s, without a tag", outcome.directory);
    }
    bench_outcome_free(&outcome);
    return status;
}

static int run_session(struct bench_arguments *arguments, const struct record *baseline)
{
    struct session session;
    struct error error;
    int status, signal_number;

    if (session_open(&session, &arguments->common.session, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_TROUBLE;
    }
    status = run(arguments, &session, baseline);
    signal_number = session.signal_number;
    session_close(&session);
    return signal_number ? 128 + signal_number : status;
}

int cmd_bench(int argc, char **argv)
{
    struct bench_arguments arguments = {.bench.results = "duet-results", .suite = "bench"};
    struct bench_builds builds = {0};
    struct record baseline = {0};
    struct terminal terminal;
    struct error error;
    int status = EXIT_USAGE;
    int code;

    if (argp_parse(&bench_argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    if (!arguments.seed_given)
        arguments.bench.seed = seed_random();
    session_arguments_apply(&arguments.common, &terminal);
    code = bench_builds_load(&arguments, &builds, &error);
    if (code == 0)
        arguments.bench.seed =
            seed_for(builds.suites[0], arguments.seed_given, arguments.bench.seed);
    if (code == 0 && arguments.baseline)
        code = history_open(arguments.bench.results, arguments.baseline, arguments.force, &baseline,
                            &error);
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error.message);
    else
        status = run_session(&arguments, &baseline);
    record_free(&baseline);
    bench_builds_free(&builds);
    bench_arguments_free(&arguments);
    return status;
}
