/* Links that somebody else carried, measured by their logs. */
#include "runner/log_measure.h"

#include "tests/unit/impair_fixture.h"

#include "directory.h"
#include "net/impair_plan.h"
#include "net/verdict_log.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PACKETS = 2000, BYTES = 200 };

/* One direction with what it says of packets in a log. */
struct writer {
    struct pool pool;
    void *memory;
    struct impair *impair;
    struct verdict_log log;
    struct buffer bytes;
};

struct link {
    struct writer ways[2];
    struct impair_plan_run run;
    char *directory, *paths[2];
    struct suite_link spec;
};

static void write_verdict(void *context, const struct impair_verdict *verdict,
                          const struct packet *packet)
{
    struct writer *writer = context;
    uint8_t bytes[VERDICT_LOG_RECORD_MAX];

    (void)packet;
    buffer_append(&writer->bytes, bytes, verdict_log_write(&writer->log, verdict, NULL, bytes));
}

static void open_link(struct link *link, const struct impair_settings *made,
                      const struct impair_plan *plan)
{
    memset(link, 0, sizeof *link);
    link->directory = directory_make();
    for (unsigned way = 0; way < 2; way++) {
        struct writer *writer = &link->ways[way];
        struct impair_options options = {.seed = 5,
                                         .direction = way,
                                         .flight = FIXTURE_FLIGHT,
                                         .pool = &writer->pool,
                                         .note = write_verdict,
                                         .context = writer};
        uint8_t bytes[VERDICT_LOG_HEADER];

        pool_init(&writer->pool, FIXTURE_FLIGHT + 64, 2048);
        verdict_log_begin(&writer->log, &(struct verdict_log_header){.direction = way}, bytes);
        buffer_append(&writer->bytes, bytes, sizeof bytes);
        writer->memory = xmalloc(impair_size(&options));
        writer->impair = impair_init(writer->memory, &options);
        impair_set(writer->impair, FIXTURE_START, made);
        link->paths[way] = xasprintf("%s/%u", link->directory, way);
    }
    impair_plan_start(&link->run, plan, link->ways[0].impair, link->ways[1].impair);
}

static void carry(struct link *link, unsigned way, uint64_t now_ns)
{
    struct writer *writer = &link->ways[way];
    struct fixture sender = {.pool = writer->pool};
    struct packet *out[16], *packet = fixture_packet_of(&sender, BYTES);

    writer->pool = sender.pool;
    impair_plan_tick(&link->run, now_ns);
    impair_plan_take(&link->run, way, now_ns, &packet, 1);
    pool_give(&writer->pool, out, impair_due(writer->impair, now_ns, out, array_size(out)));
}

static void close_link(struct link *link, uint64_t now_ns)
{
    for (unsigned way = 0; way < 2; way++) {
        struct writer *writer = &link->ways[way];

        impair_flush(writer->impair, now_ns);
        assert_int_equal(
            fs_write(link->paths[way], writer->bytes.data, writer->bytes.length, 0600, NULL), 0);
        buffer_free(&writer->bytes);
        pool_free(&writer->pool);
        free(writer->memory);
    }
}

static void drop_link(struct link *link)
{
    directory_remove(link->directory);
    free(link->paths[0]);
    free(link->paths[1]);
}

static const atomic_bool never;

/* A packet forth and one back each millisecond, through what `made` and the plan do. */
static void run(struct link *link, const struct impair_settings *made,
                const struct impair_plan *plan)
{
    uint64_t now_ns = FIXTURE_START;

    open_link(link, made, plan);
    for (unsigned i = 0; i < PACKETS; i++) {
        now_ns += FIXTURE_MS;
        carry(link, 0, now_ns);
        carry(link, 1, now_ns);
    }
    close_link(link, now_ns + FIXTURE_S);
}

static bool is_believed_of(struct link *link, const struct impair_settings *asked,
                           const struct impair_plan *plan, const struct log_changes changes[2],
                           struct measured *loss)
{
    struct impair_measure *measures[2];
    struct error error = {0};
    bool believed = true;

    link->spec = (struct suite_link){.impair = {*asked, *asked}};
    if (plan)
        link->spec.changes = *plan;
    for (unsigned way = 0; way < 2; way++) {
        measures[way] = xmalloc(sizeof *measures[way]);
        impair_measure_init(measures[way], FIXTURE_S);
    }
    if (log_measure((const char *const[]){link->paths[0], link->paths[1]}, &link->spec, changes,
                    measures, &never, &error) < 0)
        fail_msg("%s", error.message);
    for (unsigned way = 0; way < 2; way++) {
        for (unsigned what = 0; what < MEASURES; what++) {
            struct measured measured;

            impair_measure_say(measures[way], what, &measured);
            believed = believed && measured.believed;
        }
        impair_measure_say(measures[way], MEASURE_LOSS, &loss[way]);
        free(measures[way]);
    }
    return believed;
}

static bool is_believed(struct link *link, const struct impair_settings *asked,
                        const struct impair_plan *plan, struct measured *loss)
{
    static const struct log_changes nothing[2];

    return is_believed_of(link, asked, plan, nothing, loss);
}

static const struct impair_settings none;
static const struct impair_settings lossy = {.loss.random.ppb = 300000000};
static const struct impair_settings slow = {.delay.mean_ns = 5 * FIXTURE_MS};

static void a_log_is_measured(void **state)
{
    struct measured loss[2];
    struct link link;
    (void)state;

    run(&link, &lossy, NULL);
    assert_true(is_believed(&link, &lossy, NULL, loss));
    assert_int_equal(loss[0].trials, PACKETS);
    assert_int_equal(loss[1].trials, PACKETS);
    assert_true(loss[0].hits > PACKETS / 4 && loss[0].hits < PACKETS / 3);
    assert_false(is_believed(&link, &none, NULL, loss));
    drop_link(&link);
}

/* Settings come into force where they did when the link was carried. */
static void changes_are_found_by_the_packets(void **state)
{
    static const struct impair_step steps[] = {
        {.by_packet = true, .packet = 300, .direction = 1, .settings = {&lossy, &slow}},
        {.after_ns = 200 * FIXTURE_MS, .settings = {&slow, NULL}},
        {.by_packet = true, .packet = 100, .settings = {NULL, &lossy}},
        {.after_ns = 300 * FIXTURE_MS, .settings = {&none, &none}},
        {.by_packet = true, .packet = 1500, .settings = {&lossy, &slow}},
    };
    const struct impair_plan plan = {steps, array_size(steps)};
    const struct impair_plan first = {steps, 1};
    struct measured loss[2];
    struct link link;
    (void)state;

    run(&link, &none, &plan);
    assert_true(is_believed(&link, &none, &plan, loss));
    assert_int_equal(loss[0].trials, PACKETS);
    /* 200 and 500 packets forth, 300 back, at 30 %. */
    assert_true(loss[0].hits > 150 && loss[0].expected > 205 && loss[0].expected < 215);
    assert_true(loss[1].hits > 50 && loss[1].expected > 85 && loss[1].expected < 95);
    assert_false(is_believed(&link, &none, &first, loss));
    assert_false(is_believed(&link, &none, NULL, loss));
    drop_link(&link);
}

/* By a step, or from another terminal. */
static void changes_that_were_asked_for_count(void **state)
{
    static const struct impair_step steps[] = {
        {.by_packet = true, .packet = 300, .direction = 0, .settings = {&slow, &slow}},
        {.by_packet = true, .packet = 700, .direction = 0, .settings = {&lossy, NULL}},
        {.by_packet = true, .packet = 1200, .direction = 0, .settings = {&none, NULL}},
    };
    const struct impair_plan plan = {steps, array_size(steps)};
    const struct impair_plan own = {steps, 1};
    struct log_changes asked[2] = {{0}};
    struct measured loss[2];
    struct link link;
    (void)state;

    run(&link, &none, &plan);
    log_changes_add(&asked[0], 700, &lossy);
    log_changes_add(&asked[0], 1200, &none);
    assert_true(is_believed_of(&link, &none, &own, asked, loss));
    assert_true(loss[0].hits > 100 && loss[0].expected > 145 && loss[0].expected < 155);
    assert_false(is_believed(&link, &none, &own, loss));
    log_changes_add(&asked[1], 500, &none);
    assert_false(is_believed_of(&link, &none, &own, asked, loss));
    log_changes_free(&asked[0]);
    log_changes_free(&asked[1]);
    drop_link(&link);
}

/* Of what was on its way there, only what was lost is in it. */
static void a_log_that_is_cut_leaves_doubt(void **state)
{
    struct measured loss[2];
    struct link link;
    (void)state;

    run(&link, &lossy, NULL);
    assert_false(is_believed(&link, &none, NULL, loss));
    for (unsigned way = 0; way < 2; way++) {
        struct stat found;

        assert_int_equal(stat(link.paths[way], &found), 0);
        assert_int_equal(truncate(link.paths[way], found.st_size - 1), 0);
    }
    assert_true(is_believed(&link, &none, NULL, loss));
    assert_int_equal(loss[0].trials, PACKETS - 1);
    drop_link(&link);
}

static void who_waits_no_longer_ends_it(void **state)
{
    static const struct log_changes nothing[2];
    const atomic_bool cancelled = true;
    struct impair_measure *measures[2];
    struct link link;
    struct error error;
    (void)state;

    run(&link, &none, NULL);
    link.spec = (struct suite_link){0};
    for (unsigned way = 0; way < 2; way++) {
        measures[way] = xmalloc(sizeof *measures[way]);
        impair_measure_init(measures[way], FIXTURE_S);
    }
    assert_int_equal(log_measure((const char *const[]){link.paths[0], link.paths[1]}, &link.spec,
                                 nothing, measures, &cancelled, &error),
                     -ECANCELED);
    assert_int_equal(measures[0]->packets, 1);
    free(measures[0]);
    free(measures[1]);
    drop_link(&link);
}

static void what_is_no_log_is_told(void **state)
{
    static const struct log_changes nothing[2];
    struct impair_measure *measure = xmalloc(sizeof *measure);
    struct impair_measure *const measures[2] = {measure, measure};
    char *directory = directory_make();
    cleanup_free char *path = xasprintf("%s/log", directory);
    struct suite_link link = {0};
    struct error error = {0};
    (void)state;

    directory_write(directory, "log", "not a log", 0644);
    impair_measure_init(measure, FIXTURE_S);
    assert_int_equal(
        log_measure((const char *const[]){path, path}, &link, nothing, measures, &never, &error),
        -EBADMSG);
    assert_non_null(strstr(error.message, path));
    impair_measure_init(measure, FIXTURE_S);
    assert_int_equal(log_measure((const char *const[]){"/nowhere", path}, &link, nothing, measures,
                                 &never, &error),
                     -ENOENT);
    free(measure);
    directory_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_is_measured),
        cmocka_unit_test(changes_are_found_by_the_packets),
        cmocka_unit_test(changes_that_were_asked_for_count),
        cmocka_unit_test(a_log_that_is_cut_leaves_doubt),
        cmocka_unit_test(who_waits_no_longer_ends_it),
        cmocka_unit_test(what_is_no_log_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
