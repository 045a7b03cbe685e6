/* The same seed gives the same verdicts: whatever the batches, whenever somebody calls, whatever
 * else is asked for; and what changes at run time changes from the next packet on, and nothing
 * else. */
#include "tests/unit/impair_fixture.h"

enum { PACKETS = 5000 };

/* How a stream is driven. */
struct drive {
    size_t batch;     /* packets taken at once */
    uint64_t gap_ns;  /* between two batches */
    size_t due_every; /* batches between two calls of impair_due */
    size_t due_max;   /* packets that one call takes */
};

/* What is asked of the link from packet `from` on. */
struct stage {
    size_t from;
    struct impair_settings settings;
};

/* What must be the same: all but when it happened. */
struct outcome {
    uint64_t delay_ns; /* asked for */
    uint32_t why;
    uint32_t copy;
};

struct outcomes {
    struct outcome *items; /* PACKETS * (copies + 1), by number and copy */
};

enum { COPIES = 2, OUTCOMES = PACKETS * COPIES };

static void keep(struct outcomes *outcomes, const struct fixture *fixture)
{
    outcomes->items = xcalloc(OUTCOMES, sizeof *outcomes->items);
    for (size_t i = 0; i < fixture->count; i++) {
        const struct impair_verdict *verdict = &fixture->verdicts[i];

        assert_true(verdict->number < PACKETS && verdict->copy < COPIES);
        outcomes->items[verdict->number * COPIES + verdict->copy] =
            (struct outcome){.why = verdict->why | UINT32_C(1) << 31,
                             .delay_ns = verdict->due_ns - verdict->in_ns,
                             .copy = verdict->copy};
    }
}

static void run(struct impair_options options, const struct drive *drive,
                const struct stage *stages, size_t stage_count, struct outcomes *outcomes)
{
    struct fixture fixture;
    struct packet *packets[64];
    size_t sent = 0, stage = 0;

    options.flight = OUTCOMES;
    fixture_init_with(&fixture, options);
    for (size_t round = 0; sent < PACKETS; round++) {
        size_t count = 0;

        while (stage < stage_count && stages[stage].from == sent)
            fixture_set(&fixture, &stages[stage++].settings);
        while (count < drive->batch && sent < PACKETS &&
               (stage == stage_count || stages[stage].from > sent)) {
            packets[count++] = fixture_packet_of(&fixture, 100 + sent % 900);
            sent++;
        }
        impair_take(fixture.impair, fixture.now_ns, packets, count);
        fixture.now_ns += drive->gap_ns;
        if (round % drive->due_every == 0) {
            count = impair_due(fixture.impair, fixture.now_ns, packets, drive->due_max);
            pool_give(&fixture.pool, packets, count);
        }
    }
    fixture_finish(&fixture);
    keep(outcomes, &fixture);
    fixture_free(&fixture);
}

/* The same stream through impair_pass, with nothing between two calls. */
static void run_passing(uint64_t seed, const struct impair_settings *settings, size_t batch,
                        struct outcomes *outcomes)
{
    struct fixture fixture;
    struct packet *packets[2 * 64];
    size_t sent = 0;

    fixture_init_with(&fixture, (struct impair_options){.seed = seed, .flight = OUTCOMES});
    fixture_set(&fixture, settings);
    while (sent < PACKETS) {
        size_t count = 0;

        for (; count < batch && sent < PACKETS; sent++)
            packets[count++] = fixture_packet_of(&fixture, 100 + sent % 900);
        count = impair_pass(fixture.impair, fixture.now_ns, packets, count, array_size(packets));
        for (size_t i = 0; i < count; i++)
            assert_int_equal(packets[i]->due_ns, fixture.now_ns);
        pool_give(&fixture.pool, packets, count);
        fixture.now_ns += FIXTURE_MS;
    }
    fixture_finish(&fixture);
    keep(outcomes, &fixture);
    assert_int_equal(impair_counters(fixture.impair)->packets_in, PACKETS);
    assert_int_equal(impair_counters(fixture.impair)->packets_out +
                         fixture_count(&fixture, IMPAIR_LOSS) + fixture_count(&fixture, IMPAIR_MTU),
                     PACKETS + fixture_count(&fixture, IMPAIR_COPY));
    fixture_free(&fixture);
}

static size_t differences(const struct outcomes *one, const struct outcomes *other, size_t from,
                          size_t to, uint32_t mask)
{
    size_t count = 0;

    for (size_t i = from * COPIES; i < to * COPIES; i++)
        count += (one->items[i].why & mask) != (other->items[i].why & mask);
    return count;
}

static const struct drive plain = {1, FIXTURE_MS, 1, 64};

/* All that chance decides, at once. */
static const struct impair_settings everything = {
    .delay = {.mean_ns = 20 * FIXTURE_MS,
              .jitter_ns = 5 * FIXTURE_MS,
              .correlation_ppb = 300000000,
              .distribution = IMPAIR_NORMAL},
    .loss = {.model = IMPAIR_LOSS_GEMODEL,
             .gemodel = {.p = 20000000,
                         .r = 200000000,
                         .bad_loss_ppb = 700000000,
                         .good_loss_ppb = 1000000}},
    .duplicate = {.ppb = 30000000, .correlation_ppb = 200000000},
    .reorder = {.chance = {.ppb = 500000000}, .gap = 10},
    .corrupt = {.chance = {.ppb = 50000000, .correlation_ppb = 100000000}, .flips = 3},
};

static void batches_and_calls_do_not_matter(void **state)
{
    static const struct drive drives[] = {
        {1, FIXTURE_MS, 1, 1},        {7, FIXTURE_MS, 1, 64},
        {64, 64 * FIXTURE_MS, 1, 64}, {1, 17, 50, 64},
        {3, FIXTURE_MS / 3, 7, 5},    {32, 0, 3, 32},
        {1, 100 * FIXTURE_MS, 3, 64},
    };
    struct stage stage = {0, everything};
    struct outcomes first, other;
    (void)state;

    run((struct impair_options){.seed = 7}, &plain, &stage, 1, &first);
    for (size_t i = 0; i < array_size(drives); i++) {
        run((struct impair_options){.seed = 7}, &drives[i], &stage, 1, &other);
        assert_memory_equal(first.items, other.items, OUTCOMES * sizeof *first.items);
        free(other.items);
    }
    free(first.items);
}

/* Whether packets can go straight through, as in the first two, or not. */
static void passing_is_taking_and_handing_on(void **state)
{
    const struct impair_settings settings[] = {
        {.loss = everything.loss, .corrupt = everything.corrupt, .mtu = 800},
        {.loss = {.random = {.ppb = percent(5), .correlation_ppb = percent(30)}}},
        {.loss = everything.loss, .duplicate = everything.duplicate},
    };
    (void)state;

    for (size_t i = 0; i < array_size(settings); i++) {
        struct stage stage = {0, settings[i]};
        struct outcomes taken, passed;

        run((struct impair_options){.seed = 7}, &(struct drive){1, 0, 1, 64}, &stage, 1, &taken);
        for (size_t batch = 1; batch <= 64; batch *= 8) {
            run_passing(7, &settings[i], batch, &passed);
            assert_memory_equal(taken.items, passed.items, OUTCOMES * sizeof *taken.items);
            free(passed.items);
        }
        free(taken.items);
    }
}

static void another_seed_link_or_direction_is_another_network(void **state)
{
    static const struct impair_options others[] = {
        {.seed = 8},
        {.seed = 7, .link = 1},
        {.seed = 7, .direction = 1},
    };
    struct stage stage = {0, everything};
    struct outcomes first, other;
    (void)state;

    run((struct impair_options){.seed = 7}, &plain, &stage, 1, &first);
    for (size_t i = 0; i < array_size(others); i++) {
        run(others[i], &plain, &stage, 1, &other);
        assert_true(differences(&first, &other, 0, PACKETS, UINT32_MAX) > PACKETS / 10);
        free(other.items);
    }
    free(first.items);
}

/* Each alone, and each with all the others, decides the same. */
static void one_impairment_moves_no_others_draws(void **state)
{
    struct impair_settings alone[] = {
        {.loss = everything.loss},
        {.duplicate = everything.duplicate},
        {.corrupt = everything.corrupt},
        {.delay = everything.delay, .reorder = everything.reorder},
    };
    static const enum impair_cause causes[] = {IMPAIR_LOSS, IMPAIR_COPY, IMPAIR_CORRUPTED,
                                               IMPAIR_REORDERED};
    struct stage stage = {0, everything};
    struct outcomes all, one;
    (void)state;

    run((struct impair_options){.seed = 7}, &plain, &stage, 1, &all);
    for (size_t i = 0; i < array_size(alone); i++) {
        uint32_t mask = IMPAIR_WHY(causes[i]);
        size_t hits = 0;

        stage.settings = alone[i];
        run((struct impair_options){.seed = 7}, &plain, &stage, 1, &one);
        for (size_t j = 0; j < PACKETS; j++) {
            const struct outcome *with = &all.items[j * COPIES];
            const struct outcome *without = &one.items[j * COPIES];
            bool is_lost = with->why & IMPAIR_WHY(IMPAIR_LOSS);

            if (causes[i] == IMPAIR_COPY) {
                with++;
                without++;
            }
            hits += (without->why & mask) != 0;
            if (causes[i] == IMPAIR_LOSS || !is_lost)
                assert_int_equal(with->why & mask, without->why & mask);
        }
        assert_true(hits > 50);
        free(one.items);
    }
    free(all.items);
}

static void a_change_takes_effect_on_the_next_packet_and_restarts_nothing(void **state)
{
    struct impair_settings loss = {.loss = {.random = {.ppb = percent(10)}}};
    struct stage always = {0, loss};
    struct stage later[] = {{0, {0}}, {1000, loss}, {2000, {0}}, {3000, loss}};
    struct outcomes whole, parts;
    size_t hits = 0;
    (void)state;

    run((struct impair_options){.seed = 7}, &plain, &always, 1, &whole);
    run((struct impair_options){.seed = 7}, &plain, later, array_size(later), &parts);
    for (size_t i = 0; i < PACKETS; i++) {
        bool off = i < 1000 || (i >= 2000 && i < 3000);
        uint32_t lost = whole.items[i * COPIES].why & IMPAIR_WHY(IMPAIR_LOSS);

        assert_int_equal(parts.items[i * COPIES].why & IMPAIR_WHY(IMPAIR_LOSS), off ? 0 : lost);
        hits += lost != 0;
    }
    assert_true(hits > 400);
    free(whole.items);
    free(parts.items);
}

/* The losses of a limit are the first of those without one, whatever the model, and nothing else
 * changes. */
static void a_limit_leaves_the_first_losses(void **state)
{
    enum { LIMIT = 7 };
    static const struct impair_loss models[] = {
        {.random = {.ppb = 100000000}},
        {.random = {.ppb = 100000000, .correlation_ppb = 300000000}},
        {.model = IMPAIR_LOSS_GEMODEL,
         .gemodel = {.p = 20000000, .r = 200000000, .bad_loss_ppb = 700000000}},
        {.model = IMPAIR_LOSS_STATE, .state = {.p13 = 50000000, .p31 = 400000000}},
    };
    (void)state;

    for (size_t i = 0; i < array_size(models); i++) {
        struct stage whole = {0, everything}, some;
        struct outcomes all, limited;
        size_t lost = 0, kept = 0;

        whole.settings.loss = models[i];
        some = whole;
        some.settings.loss.limit = LIMIT;
        run((struct impair_options){.seed = 7}, &plain, &whole, 1, &all);
        run((struct impair_options){.seed = 7}, &plain, &some, 1, &limited);
        for (size_t j = 0; j < PACKETS; j++) {
            const struct outcome *without = &all.items[j * COPIES];
            const struct outcome *with = &limited.items[j * COPIES];
            bool is_lost = without->why & IMPAIR_WHY(IMPAIR_LOSS);

            kept += is_lost && ++lost > LIMIT;
            if (!is_lost || lost <= LIMIT)
                assert_memory_equal(with, without, sizeof *with);
            else
                assert_false(with->why & IMPAIR_WHY(IMPAIR_LOSS));
        }
        assert_true(kept > 50);
        free(all.items);
        free(limited.items);
    }
}

/* Other settings go on counting; another limit begins anew. */
static void a_limit_that_stays_keeps_its_count(void **state)
{
    struct impair_settings three = {.loss = {.random.ppb = RANDOM_PPB, .limit = 3}};
    struct impair_settings four = {.loss = {.random.ppb = RANDOM_PPB, .limit = 4}};
    struct impair_settings blackhole = {.blackhole = true, .loss.limit = 3};
    struct stage stages[] = {{0, three}, {2, blackhole}, {10, three}, {20, four}};
    struct outcomes outcomes;
    (void)state;

    run((struct impair_options){.seed = 7}, &plain, stages, array_size(stages), &outcomes);
    for (size_t i = 0; i < PACKETS; i++)
        assert_int_equal((outcomes.items[i * COPIES].why & IMPAIR_WHY(IMPAIR_LOSS)) != 0,
                         i < 2 || i == 10 || (i >= 20 && i < 24));
    free(outcomes.items);
}

/* Which packets met a link that was down is a matter of time; what comes after is not. */
static void models_with_a_memory_go_on_while_the_link_is_down(void **state)
{
    struct impair_settings down = everything;
    struct stage always = {0, everything};
    struct stage broken[] = {{0, everything}, {1500, {0}}, {1700, everything}};
    struct outcomes whole, parts;
    (void)state;

    down.down = true;
    broken[1].settings = down;
    run((struct impair_options){.seed = 7}, &plain, &always, 1, &whole);
    run((struct impair_options){.seed = 7}, &plain, broken, array_size(broken), &parts);
    assert_int_equal(differences(&whole, &parts, 0, 1500, UINT32_MAX), 0);
    assert_int_equal(differences(&whole, &parts, 1700, PACKETS, UINT32_MAX), 0);
    assert_true(differences(&whole, &parts, 1500, 1700, UINT32_MAX) >= 200);
    for (size_t i = 1700 * COPIES; i < OUTCOMES; i++)
        assert_int_equal(whole.items[i].delay_ns, parts.items[i].delay_ns);
    free(whole.items);
    free(parts.items);
}

static void zeros_reset_to_nothing(void **state)
{
    static const struct impair_rule rule = {.action = IMPAIR_ACT_DROP};
    struct impair_settings worst = everything;
    struct stage stages[] = {{0, {0}}, {100, {0}}};
    struct outcomes outcomes;
    (void)state;

    worst.rate = (struct impair_rate){.bps = 1000000};
    worst.queue = (struct impair_queue){.limit_packets = 10, .codel = true};
    worst.slot = (struct impair_slot){.interval = {.mean_ns = FIXTURE_MS}, .packets = 1};
    worst.mtu = 500;
    worst.rules = &rule;
    worst.rule_count = 1;
    stages[0].settings = worst;
    assert_false(impair_is_none(&worst));
    assert_true(impair_is_none(&stages[1].settings));
    run((struct impair_options){.seed = 7}, &plain, stages, array_size(stages), &outcomes);
    for (size_t i = 0; i < PACKETS; i++) {
        const struct outcome *outcome = &outcomes.items[i * COPIES];

        assert_int_equal((outcome->why & IMPAIR_WHY_ALL) != 0, i < 100);
        if (i >= 100)
            assert_int_equal(outcome->delay_ns, 0);
        assert_int_equal(outcome[1].why, 0);
    }
    free(outcomes.items);
}

/* What the network is made of must stay: a result of today is replayed tomorrow. */
static void the_verdicts_of_a_seed_are_these(void **state)
{
    struct stage stage = {0, everything};
    struct outcomes outcomes;
    uint64_t digest = 0;
    (void)state;

    run((struct impair_options){.seed = 7, .link = 2, .direction = 1}, &plain, &stage, 1,
        &outcomes);
    for (size_t i = 0; i < OUTCOMES; i++)
        digest =
            random_mix(digest ^ random_mix(outcomes.items[i].why) ^ outcomes.items[i].delay_ns);
    free(outcomes.items);
    assert_true(digest == UINT64_C(0x6039a85ae5c93a30));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_and_calls_do_not_matter),
        cmocka_unit_test(passing_is_taking_and_handing_on),
        cmocka_unit_test(another_seed_link_or_direction_is_another_network),
        cmocka_unit_test(one_impairment_moves_no_others_draws),
        cmocka_unit_test(a_change_takes_effect_on_the_next_packet_and_restarts_nothing),
        cmocka_unit_test(a_limit_leaves_the_first_losses),
        cmocka_unit_test(a_limit_that_stays_keeps_its_count),
        cmocka_unit_test(models_with_a_memory_go_on_while_the_link_is_down),
        cmocka_unit_test(zeros_reset_to_nothing),
        cmocka_unit_test(the_verdicts_of_a_seed_are_these),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
