/* The search for the least impairment, with cases that fail as the test says. */
#include "runner/shrink.h"

#include "base/units.h"
#include "directory.h"

#include <errno.h>
#include <stdio.h>

#define NODES "name: s\nnodes: {a: , b: {run: x}, c: }\nlinks:\n"
#define LINK(impair)                                                                               \
    NODES "  - {nodes: [a, b], subnet: 10.0.0.0/24, impair: " impair "}\n"                         \
          "  - {nodes: [b, c], subnet: 10.0.1.0/24}\n"

struct trial {
    struct suite *suite;
    bool (*fails)(const struct suite_link *links);
    bool (*silent)(const struct trial *trial, const struct suite_link *links); /* or NULL */
    uint64_t lost;     /* of link 0 from its first end, without a limit */
    struct buffer log; /* what was tried */
    int code;          /* of the attempt after `until` */
    size_t until;
    size_t count;
};

static int attempt(void *context, const struct suite_link *links, const char *what,
                   struct shrink_outcome *outcome, struct error *error)
{
    struct trial *trial = context;
    uint64_t limit = links[0].impair[0].loss.limit;

    if (trial->code && trial->count == trial->until)
        return error_set(error, trial->code, "trouble");
    trial->count++;
    if (trial->silent && trial->silent(trial, links)) {
        buffer_printf(&trial->log, "%s: says nothing\n", what);
        outcome->unknown = true;
        outcome->fails = true; /* of the run before: nobody looks */
        error_set(error, EIO, "the host was too slow");
        return 0;
    }
    outcome->fails = trial->fails(links);
    memset(outcome->lost, 0, 2 * sizeof *outcome->lost);
    if (impair_loss_is_any(&links[0].impair[0].loss))
        outcome->lost[0][0] = limit && limit < trial->lost ? limit : trial->lost;
    buffer_printf(&trial->log, "%s: %s\n", what, outcome->fails ? "fails" : "passes");
    return 0;
}

static void load(struct trial *trial, const char *yaml)
{
    struct error error = {0};

    if (suite_load_text("s.yaml", "/", yaml, strlen(yaml), &trial->suite, &error) < 0)
        fail_msg("%s", error.message);
}

static int search(struct trial *trial, size_t runs, struct shrunk *shrunk, struct error *error)
{
    return shrink(&(struct shrink_options){.suite_case = &trial->suite->cases[0],
                                           .runs = runs,
                                           .attempt = attempt,
                                           .context = trial},
                  shrunk, error);
}

/* The search comes to `left`, and what it writes is that when it is loaded. */
static void assert_shrinks(struct trial *trial, const char *yaml, const char *left)
{
    char *directory = directory_make();
    cleanup_free char *path = xasprintf("%s/shrunk.yaml", directory);
    cleanup_buffer struct buffer described = {0}, written = {0};
    struct suite *again = NULL;
    struct shrunk shrunk;
    struct error error = {0};

    load(trial, yaml);
    directory_write(directory, "base.yaml", yaml, 0644);
    if (search(trial, 1000, &shrunk, &error) < 0)
        fail_msg("%s", error.message);
    shrink_describe(&shrunk.settings, &trial->suite->cases[0], &described);
    if (strcmp(described.data, left) != 0)
        fail_msg("%s\nexpected: %s\n%s", described.data, left, trial->log.data);
    assert_true(shrunk.complete);
    assert_int_equal(shrunk.runs, trial->count);
    shrink_write(&shrunk.settings, trial->suite, &trial->suite->cases[0], "base.yaml", 77,
                 &written);
    directory_write(directory, "shrunk.yaml", written.data, 0644);
    if (suite_load(path, NULL, &again, &error) < 0)
        fail_msg("%s\n%s", error.message, written.data);
    assert_true(again->has_seed && again->seed == 77);
    if (!trial->fails(again->cases[0].links))
        fail_msg("it does not fail:\n%s", written.data);
    suite_free(again);
    shrunk_free(&shrunk);
    suite_free(trial->suite);
    buffer_free(&trial->log);
    directory_remove(directory);
}

static uint32_t loss(const struct suite_link *links, unsigned way)
{
    return links[0].impair[way].loss.random.ppb;
}

/* -- Dropping and lessening -------------------------------------------------------------------- */

static bool at_twelve_per_cent(const struct suite_link *links)
{
    return loss(links, 0) >= 120000000;
}

static void what_does_not_matter_is_dropped_and_what_does_is_lessened(void **state)
{
    struct trial trial = {.fails = at_twelve_per_cent};
    (void)state;

    assert_shrinks(&trial,
                   LINK("{loss: 30%, loss.correlation: 10%, delay: 25ms, jitter: 5ms, duplicate: "
                        "1%, rate: 2mbit}"),
                   "link a-b, a to b: loss 12%");
}

static bool with_two_together(const struct suite_link *links)
{
    return loss(links, 1) >= 10000000 && links[0].impair[1].delay.mean_ns >= 10000000;
}

static void what_is_needed_together_stays_together(void **state)
{
    struct trial trial = {.fails = with_two_together};
    (void)state;

    assert_shrinks(&trial, LINK("{loss: 2%, delay: 80ms, jitter: 70ms}"),
                   "link a-b, b to a: delay 10ms, loss 1%");
}

static bool below_a_rate(const struct suite_link *links)
{
    return links[0].impair[0].rate.bps && links[0].impair[0].rate.bps < 5000000 &&
           links[0].impair[0].mtu && links[0].impair[0].mtu < 1300;
}

/* Of some settings more is less. */
static void rates_and_sizes_are_raised(void **state)
{
    struct trial trial = {.fails = below_a_rate};
    (void)state;

    assert_shrinks(&trial, LINK("{rate: 1mbit, mtu: 600}"),
                   "link a-b, a to b: mtu 1200, rate 4900kbit");
}

static bool at_its_changes(const struct suite_link *links)
{
    return links[0].changes.count > 0;
}

static void changes_go_and_stay(void **state)
{
    struct trial trial = {.fails = at_its_changes};
    struct trial other = {.fails = at_twelve_per_cent};
    (void)state;

    assert_shrinks(&trial, LINK("{loss: 5%, changes: [{at: 10, down: true}]}"),
                   "link a-b: with its changes");
    assert_shrinks(&other, LINK("{loss: 12%, changes: [{at: 10, down: true}]}"),
                   "link a-b, a to b: loss 12%");
}

/* -- Rules ------------------------------------------------------------------------------------- */

static bool by_a_rule(const struct suite_link *links)
{
    const struct impair_settings *settings = &links[0].impair[0];

    for (size_t i = 0; i < settings->rule_count; i++)
        if (settings->rules[i].action == IMPAIR_ACT_DROP && settings->rules[i].nth == 3)
            return true;
    return false;
}

static void a_rule_is_one_thing(void **state)
{
    struct trial trial = {.fails = by_a_rule};
    (void)state;

    assert_shrinks(&trial,
                   LINK("{loss: 1%, rules: [{action: delay, delay: 5ms}, {action: drop, nth: 3, "
                        "protocol: udp}, {action: drop, nth: 5}]}"),
                   "link a-b, a to b: rules.1.action drop, rules.1.nth 3");
}

/* -- The prefix of drops ----------------------------------------------------------------------- */

static bool after_seven_losses(const struct suite_link *links)
{
    uint64_t limit = links[0].impair[0].loss.limit;

    return loss(links, 0) >= 200000000 && (limit == 0 || limit >= 7);
}

static void the_shortest_prefix_of_drops_is_found(void **state)
{
    struct trial trial = {.fails = after_seven_losses, .lost = 300};
    (void)state;

    assert_shrinks(&trial, LINK("{loss: 20%}"), "link a-b, a to b: loss 20%, loss.limit 7");
}

/* -- Runs that say nothing --------------------------------------------------------------------- */

static bool every_other_time(const struct trial *trial, const struct suite_link *links)
{
    (void)links;
    return trial->count % 2 == 1;
}

static void a_run_that_says_nothing_is_made_once_more(void **state)
{
    struct trial trial = {.fails = at_twelve_per_cent, .silent = every_other_time};
    (void)state;

    assert_shrinks(&trial, LINK("{loss: 30%, delay: 25ms}"), "link a-b, a to b: loss 12%");
}

/* A step's jitter needs the delay of the link. */
static bool without_a_delay(const struct trial *trial, const struct suite_link *links)
{
    (void)trial;
    return !links[0].impair[0].delay.mean_ns || !links[0].impair[1].delay.mean_ns;
}

static void what_cannot_be_run_is_left_as_it_is(void **state)
{
    struct trial trial = {.fails = at_twelve_per_cent, .silent = without_a_delay};
    (void)state;

    assert_shrinks(&trial, LINK("{loss: 30%, delay: 1ns, duplicate: 1%}"),
                   "link a-b: delay 1ns; link a-b, a to b: loss 12%");
}

static bool from_the_second_run_on(const struct trial *trial, const struct suite_link *links)
{
    (void)links;
    return trial->count > 1;
}

/* What was found so far is there. */
static void the_least_that_says_nothing_any_more_ends_it(void **state)
{
    struct trial trial = {.fails = at_twelve_per_cent, .silent = from_the_second_run_on};
    cleanup_buffer struct buffer described = {0};
    struct error error = {0};
    struct shrunk shrunk;
    (void)state;

    load(&trial, LINK("{loss: 30%, delay: 5ms, duplicate: 1%}"));
    assert_int_equal(search(&trial, 100, &shrunk, &error), -EIO);
    assert_string_equal(error.message, "the host was too slow");
    assert_int_equal(trial.count, 1 + 3 * 2 + 2);
    assert_true(shrunk.fails);
    assert_false(shrunk.complete);
    shrink_describe(&shrunk.settings, &trial.suite->cases[0], &described);
    assert_string_equal(described.data, "link a-b: delay 5ms, loss 30%, duplicate 1%");
    shrunk_free(&shrunk);
    suite_free(trial.suite);
    buffer_free(&trial.log);
}

static bool anytime(const struct trial *trial, const struct suite_link *links)
{
    (void)trial, (void)links;
    return true;
}

static void a_case_of_which_nothing_is_found_out_is_none_that_passes(void **state)
{
    struct trial trial = {.fails = at_twelve_per_cent, .silent = anytime};
    struct error error = {0};
    struct shrunk shrunk;
    (void)state;

    load(&trial, LINK("{loss: 30%}"));
    assert_int_equal(search(&trial, 100, &shrunk, &error), -EIO);
    assert_string_equal(error.message, "the host was too slow");
    assert_int_equal(trial.count, 2);
    assert_false(shrunk.fails);
    shrunk_free(&shrunk);
    suite_free(trial.suite);
    buffer_free(&trial.log);
}

/* -- What ends it ------------------------------------------------------------------------------ */

static bool always(const struct suite_link *links)
{
    (void)links;
    return true;
}

static void a_case_that_fails_anyhow_needs_no_search(void **state)
{
    struct trial trial = {.fails = always};
    (void)state;

    assert_shrinks(&trial, LINK("{loss: 30%}"), "no impairment");
    assert_int_equal(trial.count, 2);
}

static bool never(const struct suite_link *links)
{
    (void)links;
    return false;
}

static void a_case_that_does_not_fail_is_refused(void **state)
{
    struct trial trial = {.fails = never};
    struct error error = {0};
    struct shrunk shrunk;
    (void)state;

    load(&trial, LINK("{loss: 30%}"));
    assert_int_equal(search(&trial, 10, &shrunk, &error), -EINVAL);
    assert_non_null(strstr(error.message, "does not fail as it is"));
    assert_int_equal(trial.count, 1);
    shrunk_free(&shrunk);
    suite_free(trial.suite);
    buffer_free(&trial.log);
}

static void runs_are_bounded(void **state)
{
    (void)state;
    for (size_t runs = 2; runs < 12; runs++) {
        struct trial trial = {.fails = at_twelve_per_cent};
        struct error error = {0};
        struct shrunk shrunk;

        load(&trial, LINK("{loss: 30%, delay: 5ms, duplicate: 1%, corrupt: 1%, rate: 1mbit}"));
        assert_int_equal(search(&trial, runs, &shrunk, &error), 0);
        assert_int_equal(trial.count, runs);
        assert_false(shrunk.complete);
        shrunk_free(&shrunk);
        suite_free(trial.suite);
        buffer_free(&trial.log);
    }
}

static void trouble_ends_it(void **state)
{
    (void)state;
    for (size_t until = 0; until < 5; until++) {
        struct trial trial = {.fails = at_twelve_per_cent, .code = EIO, .until = until};
        struct error error = {0};
        struct shrunk shrunk;

        load(&trial, LINK("{loss: 30%, delay: 5ms}"));
        assert_int_equal(search(&trial, 100, &shrunk, &error), -EIO);
        assert_string_equal(error.message, "trouble");
        assert_int_equal(shrunk.fails, until > 0);
        assert_false(shrunk.complete);
        assert_int_equal(trial.count, until);
        shrunk_free(&shrunk);
        suite_free(trial.suite);
        buffer_free(&trial.log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_matter_is_dropped_and_what_does_is_lessened),
        cmocka_unit_test(what_is_needed_together_stays_together),
        cmocka_unit_test(rates_and_sizes_are_raised),
        cmocka_unit_test(changes_go_and_stay),
        cmocka_unit_test(a_rule_is_one_thing),
        cmocka_unit_test(the_shortest_prefix_of_drops_is_found),
        cmocka_unit_test(a_run_that_says_nothing_is_made_once_more),
        cmocka_unit_test(what_cannot_be_run_is_left_as_it_is),
        cmocka_unit_test(the_least_that_says_nothing_any_more_ends_it),
        cmocka_unit_test(a_case_of_which_nothing_is_found_out_is_none_that_passes),
        cmocka_unit_test(a_case_that_fails_anyhow_needs_no_search),
        cmocka_unit_test(a_case_that_does_not_fail_is_refused),
        cmocka_unit_test(runs_are_bounded),
        cmocka_unit_test(trouble_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
