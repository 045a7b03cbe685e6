/* Two runs of a case beside each other: what is not in their logs is not taken for the same. */
#include "runner/replay.h"

#include "directory.h"
#include "net/verdict_log.h"

enum { PACKETS = 100, NONE = PACKETS };

/* How a run and its log are made. */
struct making {
    unsigned lost;    /* this packet, by chance; NONE: none is */
    unsigned skipped; /* this one is not in the log */
    size_t cut;       /* bytes of the log's end */
    bool incomplete;  /* as the results say */
};

static const struct making whole = {.lost = NONE, .skipped = NONE};

static size_t write_log(const struct making *making, uint8_t *bytes)
{
    size_t length = VERDICT_LOG_HEADER;
    struct verdict_log log;

    verdict_log_begin(&log, &(struct verdict_log_header){0}, bytes);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct impair_verdict verdict = {
            .number = i, .length = 60, .why = i == making->lost ? IMPAIR_WHY(IMPAIR_LOSS) : 0};

        if (i == making->skipped)
            verdict_log_skip(&log);
        else
            length += verdict_log_write(&log, &verdict, NULL, bytes + length);
    }
    length += verdict_log_end(&log, bytes + length);
    return length - making->cut;
}

static void read_run(const char *directory, const char *name, const struct making *making,
                     struct past_run *run)
{
    static uint8_t bytes[VERDICT_LOG_HEADER + (PACKETS + 1) * VERDICT_LOG_RECORD_MAX];
    cleanup_free char *path = xasprintf("%s/%s", directory, name);
    cleanup_free char *log = xasprintf("%s/log", path);
    cleanup_free char *results =
        xasprintf("{\"suite\":\"s\",\"seed\":\"7\",\"cases\":[{\"name\":\"c\",\"verdict\":"
                  "\"passed\",\"links\":"
                  "[{\"name\":\"a-b\",\"incomplete\":%s,\"directions\":"
                  "[{\"from\":\"a\",\"to\":\"b\",\"verdicts\":\"log\"}]}]}]}",
                  making->incomplete ? "true" : "false");
    struct error error;

    assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
    assert_int_equal(fs_write(log, (char *)bytes, write_log(making, bytes), 0644, NULL), 0);
    directory_write(path, "results.json", results, 0644);
    if (past_run_read(path, run, &error) < 0)
        fail_msg("%s", error.message);
}

/* The direction's, whose runs are gone. */
static struct replay_way compare(const char *directory, const struct making *one,
                                 const struct making *other)
{
    struct past_run before = {0}, again = {0};
    struct replay_case compared;
    struct replay_way way;
    struct error error;

    read_run(directory, "before", one, &before);
    read_run(directory, "again", other, &again);
    if (replay_compare(&before.cases[0], &again.cases[0], &compared, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(compared.way_count, 1);
    way = compared.ways[0];
    assert_string_equal(way.before->name, "link a-b, a to b");
    assert_int_equal(compared.outcome, way.outcome);
    replay_case_free(&compared);
    past_run_free(&before);
    past_run_free(&again);
    return way;
}

static void logs_that_are_whole_and_equal_are_the_same(void **state)
{
    const struct making lost = {.lost = 9, .skipped = NONE};
    struct replay_way way = compare(*state, &lost, &lost);

    assert_int_equal(way.outcome, REPLAY_SAME);
    assert_int_equal(way.packets[0], PACKETS);
    assert_int_equal(compare(*state, &lost, &whole).outcome, REPLAY_DIFFERS);
}

static void what_both_lack_is_not_the_same(void **state)
{
    const struct making skipped = {.lost = NONE, .skipped = 9};
    struct replay_way way = compare(*state, &skipped, &skipped);

    assert_int_equal(way.alone, 0);
    assert_int_equal(way.missing[0], 1);
    assert_int_equal(way.missing[1], 1);
    assert_int_equal(way.outcome, REPLAY_ALIKE);
}

static void a_log_without_its_end_is_not_the_same(void **state)
{
    const struct making cut = {.lost = NONE, .skipped = NONE, .cut = 1};
    const struct making incomplete = {.lost = NONE, .skipped = NONE, .incomplete = true};
    struct replay_way way = compare(*state, &cut, &cut);

    assert_int_equal(way.packets[0], PACKETS - 1);
    assert_true(way.incomplete[0] && way.incomplete[1]);
    assert_int_equal(way.outcome, REPLAY_ALIKE);
    way = compare(*state, &whole, &incomplete);
    assert_false(way.incomplete[0]);
    assert_true(way.incomplete[1]);
    assert_int_equal(way.outcome, REPLAY_ALIKE);
}

static void a_difference_is_one_whatever_is_missing(void **state)
{
    const struct making other = {.lost = 9, .skipped = 8, .cut = 1};

    assert_int_equal(compare(*state, &whole, &other).outcome, REPLAY_DIFFERS);
}

int main(void)
{
#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, directory_set_up, directory_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(logs_that_are_whole_and_equal_are_the_same),
        TEST(what_both_lack_is_not_the_same),
        TEST(a_log_without_its_end_is_not_the_same),
        TEST(a_difference_is_one_whatever_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
