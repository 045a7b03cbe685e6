/* What `duet bench` makes of runs without guests: this file defines what chooses cases and brings
 * them up, and what looks at the host's noise, in the place of runner/run.c, runner/cases.c,
 * runner/cases_kernels.c and bench/noise_host.c. */
#include "runner/bench_run.h"

#include "directory.h"

#include "bench/noise.h"
#include "runner/cases.h"
#include "runner/cases_kernels.h"
#include "runner/run.h"

#include <errno.h>

enum { QUIET_MS = 4, LOUD_MS = 8 };

struct fixture {
    char *directory;
    struct suite *suite;
    struct terminal terminal;
    struct session session;
    struct bench_options options;
    struct bench_outcome outcome;
};

/* What the fakes do, by how often they were called. */
static struct {
    const char *units[2];   /* of the metric, by run */
    const char *reason;     /* why each run failed; NULL: it passed */
    bool first_is_loud;     /* the first run is disturbed */
    bool kernels_are_there; /* the second time, too */
    size_t runs, marks, kernels;
} script;

bool run_selects(const struct suite_case *suite_case, const char *only)
{
    (void)suite_case;
    return !only;
}

size_t cases_run(const struct cases_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        const struct cases_item *item = &options->items[i];
        struct metric_token token = {.name = "m", .better = METRIC_LOWER, .value = 1};
        struct error error;

        options->begins(options->context, item);
        snprintf(token.unit, sizeof token.unit, "%s", script.units[script.runs++ % 2]);
        item->result->verdict = item->trouble   ? VERDICT_ERROR
                                : script.reason ? VERDICT_FAILED
                                                : VERDICT_PASSED;
        if (item->trouble || script.reason)
            item->result->reason = xstrdup(item->trouble ? item->trouble : script.reason);
        if (!item->trouble)
            assert_int_equal(metrics_add(&item->result->metrics, &token, &error), 0);
        options->ends(options->context, item);
    }
    return 0;
}

int cases_get_kernels(struct session *session, struct cases_item *items, size_t count,
                      const struct kernel **first, struct error *error)
{
    (void)session;
    *first = NULL;
    if (script.kernels_are_there || script.kernels++ == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        items[i].trouble = xstrdup("no such kernel");
    return error_set(error, ENOENT, "no such kernel");
}

void noise_mark_host(void *context, struct noise_mark *mark)
{
    (void)context;
    *mark = (struct noise_mark){.spin_ms = script.marks++ == 1 && script.first_is_loud ? LOUD_MS
                                                                                       : QUIET_MS};
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    static const char yaml[] = "name: s\nnodes: {n: {run: x}}\n";
    struct error error;

    memset(&script, 0, sizeof script);
    script.units[0] = script.units[1] = "s";
    script.kernels_are_there = true;
    fixture->directory = directory_make();
    if (suite_load_text("s.yaml", "/", yaml, strlen(yaml), &fixture->suite, &error) < 0)
        fail_msg("%s", error.message);
    fixture->session.options.terminal = &fixture->terminal;
    fixture->options = (struct bench_options){.builds = {{.suite = fixture->suite}},
                                              .build_count = 1,
                                              .runs = 1,
                                              .repeats = 1,
                                              .results = fixture->directory,
                                              .quiet = true};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    bench_outcome_free(&fixture->outcome);
    suite_free(fixture->suite);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

static const struct record *taken(struct fixture *fixture)
{
    struct error error;

    if (bench_run(&fixture->session, &fixture->options, &fixture->outcome, &error) < 0)
        fail_msg("%s", error.message);
    return &fixture->outcome.records[0];
}

static void a_unit_that_changes_is_one_reason_more(void **state)
{
    struct fixture *fixture = *state;
    const struct record *record;

    fixture->options.runs = 2;
    script.units[1] = "ms";
    script.reason = "n: it ended badly";
    record = taken(fixture);
    assert_int_equal(record->run_count, 2);
    assert_string_equal(record->runs[0].reason, "n: it ended badly");
    assert_string_equal(record->runs[1].reason,
                        "n: it ended badly; \"s/m\" was in s, better when lower, and is now in ms, "
                        "better when lower");
    assert_int_equal(record->runs[1].verdict, VERDICT_FAILED);
}

static void a_unit_that_changes_fails_a_run_that_passed(void **state)
{
    struct fixture *fixture = *state;
    const struct record *record;

    fixture->options.runs = 2;
    script.units[1] = "ms";
    record = taken(fixture);
    assert_null(record->runs[0].reason);
    assert_int_equal(strncmp(record->runs[1].reason, "\"s/m\" was in s", 14), 0);
    assert_int_equal(record->runs[1].verdict, VERDICT_FAILED);
    assert_int_equal(fixture->outcome.status, 1);
}

/* The first time there was another case's. */
static void a_run_without_a_kernel_is_made_again_and_the_others_stay(void **state)
{
    struct fixture *fixture = *state;
    const struct record *record;

    script.first_is_loud = true;
    script.kernels_are_there = false;
    record = taken(fixture);
    assert_int_equal(record->run_count, 2);
    assert_non_null(record->runs[0].noise);
    assert_true(record->runs[1].repeat);
    assert_int_equal(record->runs[1].verdict, VERDICT_ERROR);
    assert_string_equal(record->runs[1].reason, "no such kernel");
    assert_int_equal(record->metric_count, 1);
    assert_int_equal(record->metrics[0].count, 1);
    assert_true(directory_has(fixture->outcome.directory, "results.json"));
    assert_int_equal(fixture->outcome.status, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_unit_that_changes_is_one_reason_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_unit_that_changes_fails_a_run_that_passed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_run_without_a_kernel_is_made_again_and_the_others_stay,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
