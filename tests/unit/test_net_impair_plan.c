/* Settings that change while a link runs: on a packet, exactly, whatever the vectors; after a time;
 * in order; of either direction. */
#include "net/impair_plan.h"

#include "tests/unit/impair_fixture.h"

enum { PACKETS = 300, VECTOR = 64 };

static const struct impair_settings nothing;
static const struct impair_settings down = {.down = true};
static const struct impair_settings blackhole = {.blackhole = true};
static const struct impair_settings slow = {.delay.mean_ns = 10 * FIXTURE_MS};

struct link {
    struct fixture ways[2];
    struct impair_plan_run run;
};

static void link_init(struct link *link, const struct impair_step *steps, size_t count)
{
    const struct impair_plan plan = {steps, count};

    for (unsigned i = 0; i < 2; i++)
        fixture_init_with(&link->ways[i], (struct impair_options){
                                              .seed = 7, .direction = i, .flight = FIXTURE_FLIGHT});
    impair_plan_start(&link->run, &plan, link->ways[0].impair, link->ways[1].impair);
}

static void link_free(struct link *link)
{
    fixture_free(&link->ways[0]);
    fixture_free(&link->ways[1]);
}

static struct packet *arp(struct fixture *fixture)
{
    struct packet *packet;
    struct build build;

    assert_int_equal(pool_take(&fixture->pool, &packet, 1), 1);
    packet->link = PACKET_LINK_ETHERNET;
    packet->time_ns = 0;
    build_start(&build, packet->bytes, fixture->pool.room);
    build_ethernet(&build, &(struct ethernet_header){.ethertype = ETHERTYPE_OF_ARP});
    build_arp(&build, &(struct arp_header){.operation = ARP_REQUEST});
    packet->length = (uint32_t)build_finish(&build);
    packet_parse(packet);
    assert_true(packet_is_upkeep(packet));
    return packet;
}

/* `count` packets of data in one vector, each behind a frame of upkeep where `with_upkeep`. */
static void pass_at(struct link *link, unsigned direction, size_t count, uint64_t now_ns,
                    bool with_upkeep)
{
    struct fixture *way = &link->ways[direction];
    struct packet *packets[2 * VECTOR];
    size_t filled = 0;

    for (size_t i = 0; i < count; i++) {
        if (with_upkeep)
            packets[filled++] = arp(way);
        packets[filled++] = fixture_packet_of(way, 100);
    }
    link->ways[0].now_ns = link->ways[1].now_ns = now_ns;
    filled = impair_plan_pass(&link->run, direction, now_ns, packets, filled, array_size(packets));
    pool_give(&way->pool, packets, filled);
}

static void pass(struct link *link, unsigned direction, size_t count)
{
    pass_at(link, direction, count, link->ways[0].now_ns + FIXTURE_MS, false);
}

/* What became of each packet of data of that direction. */
static void whys(struct link *link, unsigned direction, uint32_t why[static PACKETS])
{
    const struct fixture *way = &link->ways[direction];

    memset(why, 0xff, PACKETS * sizeof *why);
    for (size_t i = 0; i < way->count; i++) {
        const struct impair_verdict *verdict = &way->verdicts[i];

        if (impair_class(verdict) == IMPAIR_DATA && verdict->number < PACKETS)
            why[verdict->number] = verdict->why;
    }
}

/* -- By packets -------------------------------------------------------------------------------- */

static void a_step_takes_effect_on_its_packet_whatever_the_vectors(void **state)
{
    static const struct impair_step steps[] = {
        {.by_packet = true, .packet = 0, .settings = {&blackhole, NULL}},
        {.by_packet = true, .packet = 1, .settings = {&nothing, NULL}},
        {.by_packet = true, .packet = 100, .settings = {&down, NULL}},
        {.by_packet = true, .packet = 100, .settings = {&blackhole, NULL}},
        {.by_packet = true, .packet = 163, .settings = {&nothing, NULL}},
    };
    static const size_t vectors[] = {1, 7, 64};
    (void)state;

    for (size_t i = 0; i < 2 * array_size(vectors); i++) {
        size_t vector = vectors[i / 2];
        struct link link;
        uint32_t why[PACKETS];

        link_init(&link, steps, array_size(steps));
        for (size_t sent = 0; sent < PACKETS; sent += vector)
            pass_at(&link, 0, vector, FIXTURE_START + sent, i % 2);
        assert_int_equal(link.run.done, array_size(steps));
        assert_int_equal(impair_plan_next_ns(&link.run), IMPAIR_NEVER);
        whys(&link, 0, why);
        for (size_t n = 0; n < PACKETS; n++)
            assert_int_equal(why[n],
                             n == 0 || (n >= 100 && n < 163) ? IMPAIR_WHY(IMPAIR_BLACKHOLE) : 0);
        link_free(&link);
    }
}

/* The same through impair_take. */
static void what_is_taken_meets_the_same_steps(void **state)
{
    static const struct impair_step steps[] = {
        {.by_packet = true, .packet = 5, .settings = {&down, NULL}},
        {.by_packet = true, .packet = 9, .settings = {&nothing, NULL}},
    };
    struct packet *packets[20];
    struct link link;
    uint32_t why[PACKETS];
    (void)state;

    link_init(&link, steps, array_size(steps));
    for (size_t i = 0; i < array_size(packets); i++)
        packets[i] = fixture_packet_of(&link.ways[0], 100);
    impair_plan_take(&link.run, 0, FIXTURE_START, packets, array_size(packets));
    fixture_finish(&link.ways[0]);
    whys(&link, 0, why);
    for (size_t n = 0; n < array_size(packets); n++)
        assert_int_equal(why[n], n >= 5 && n < 9 ? IMPAIR_WHY(IMPAIR_DOWN) : 0);
    link_free(&link);
}

/* Packets of before a change that wait, and those that pass at once, in one vector. */
static void what_waits_and_what_passes_share_a_vector(void **state)
{
    static const struct impair_step steps[] = {
        {.by_packet = true, .packet = 10, .settings = {&nothing, NULL}},
        {.by_packet = true, .packet = 20, .settings = {&slow, NULL}},
        {.by_packet = true, .packet = 30, .settings = {&nothing, NULL}},
    };
    struct fixture *way;
    struct link link;
    uint32_t why[PACKETS];
    (void)state;

    link_init(&link, steps, array_size(steps));
    way = &link.ways[0];
    fixture_set(way, &slow);
    pass_at(&link, 0, 40, FIXTURE_START, false);
    assert_int_equal(way->count, 20);
    assert_int_equal(impair_in_flight(way->impair), 20);
    fixture_finish(way);
    whys(&link, 0, why);
    for (size_t i = 0; i < 40; i++) {
        const struct impair_verdict *verdict = &way->verdicts[i];
        uint64_t n = verdict->number;

        assert_int_equal(why[n], 0);
        assert_int_equal(verdict->due_ns - verdict->in_ns,
                         n < 10 || (n >= 20 && n < 30) ? 10 * FIXTURE_MS : 0);
    }
    link_free(&link);
}

static void either_direction_may_change_both(void **state)
{
    static const struct impair_step steps[] = {
        {.by_packet = true, .packet = 3, .direction = 1, .settings = {&down, &blackhole}},
        {.by_packet = true, .packet = 6, .direction = 0, .settings = {NULL, &nothing}},
    };
    struct link link;
    uint32_t why[PACKETS];
    (void)state;

    link_init(&link, steps, array_size(steps));
    for (size_t i = 0; i < 10; i++) {
        pass(&link, 0, 1);
        pass(&link, 1, 1);
    }
    whys(&link, 0, why);
    for (size_t n = 0; n < 10; n++)
        assert_int_equal(why[n], n > 3 ? IMPAIR_WHY(IMPAIR_DOWN) : 0);
    whys(&link, 1, why);
    for (size_t n = 0; n < 10; n++)
        assert_int_equal(why[n], n >= 3 && n < 6 ? IMPAIR_WHY(IMPAIR_BLACKHOLE) : 0);
    link_free(&link);
}

/* -- By time ----------------------------------------------------------------------------------- */

static void time_counts_from_the_first_packet_of_data(void **state)
{
    static const struct impair_step steps[] = {
        {.after_ns = 50 * FIXTURE_MS, .settings = {&down, &down}},
        {.after_ns = 20 * FIXTURE_MS, .settings = {&nothing, &nothing}},
    };
    const uint64_t first = FIXTURE_START + FIXTURE_S;
    struct packet *packet;
    struct link link;
    (void)state;

    link_init(&link, steps, array_size(steps));
    packet = arp(&link.ways[0]);
    assert_int_equal(impair_plan_pass(&link.run, 0, FIXTURE_START, &packet, 1, 1), 1);
    pool_give(&link.ways[0].pool, &packet, 1);
    assert_int_equal(impair_plan_next_ns(&link.run), IMPAIR_NEVER);
    pass_at(&link, 1, 1, first, false);
    assert_int_equal(impair_plan_next_ns(&link.run), first + 50 * FIXTURE_MS);
    impair_plan_tick(&link.run, first + 50 * FIXTURE_MS - 1);
    assert_int_equal(link.run.done, 0);
    /* Somebody calls late: what follows is no later for that. */
    impair_plan_tick(&link.run, first + 60 * FIXTURE_MS);
    assert_int_equal(link.run.done, 1);
    assert_int_equal(impair_plan_next_ns(&link.run), first + 70 * FIXTURE_MS);
    pass_at(&link, 0, 1, first + 69 * FIXTURE_MS, false);
    impair_plan_tick(&link.run, first + 70 * FIXTURE_MS);
    assert_int_equal(link.run.done, 2);
    assert_int_equal(impair_plan_next_ns(&link.run), IMPAIR_NEVER);
    pass_at(&link, 0, 1, first + 71 * FIXTURE_MS, false);
    assert_int_equal(link.ways[0].count, 3);
    assert_int_equal(link.ways[0].verdicts[1].why, IMPAIR_WHY(IMPAIR_DOWN));
    assert_int_equal(link.ways[0].verdicts[2].why, 0);
    link_free(&link);
}

/* Packets that came before and after, and are handed over together. */
static void a_vector_is_cut_where_a_step_is_due(void **state)
{
    static const struct impair_step steps[] = {
        {.after_ns = 10 * FIXTURE_MS, .settings = {&down, NULL}},
        {.after_ns = 5 * FIXTURE_MS, .settings = {&nothing, NULL}},
    };
    struct packet *packets[20];
    struct link link;
    uint32_t why[PACKETS];
    size_t count;
    (void)state;

    link_init(&link, steps, array_size(steps));
    for (size_t i = 0; i < array_size(packets); i++) {
        packets[i] = fixture_packet_of(&link.ways[0], 100);
        packets[i]->time_ns = FIXTURE_START + i * FIXTURE_MS;
    }
    count = impair_plan_pass(&link.run, 0, FIXTURE_START + FIXTURE_S, packets, array_size(packets),
                             array_size(packets));
    pool_give(&link.ways[0].pool, packets, count);
    assert_int_equal(count, 15);
    whys(&link, 0, why);
    for (size_t n = 0; n < array_size(packets); n++)
        assert_int_equal(why[n], n >= 10 && n < 15 ? IMPAIR_WHY(IMPAIR_DOWN) : 0);
    link_free(&link);
}

/* -- In order ---------------------------------------------------------------------------------- */

/* A packet that has come before its step is looked at brings it about at once; time counts from
 * there. */
static void a_step_waits_for_the_one_before_it(void **state)
{
    static const struct impair_step steps[] = {
        {.after_ns = 100 * FIXTURE_MS, .settings = {&blackhole, NULL}},
        {.by_packet = true, .packet = 2, .settings = {&down, NULL}},
        {.after_ns = 7 * FIXTURE_MS, .settings = {&nothing, NULL}},
        {.by_packet = true, .packet = 25, .settings = {NULL, &down}},
    };
    struct link link;
    uint32_t why[PACKETS];
    (void)state;

    link_init(&link, steps, array_size(steps));
    pass_at(&link, 0, 10, FIXTURE_START, false);
    assert_int_equal(link.run.done, 0);
    pass_at(&link, 0, 10, FIXTURE_START + 101 * FIXTURE_MS, false);
    assert_int_equal(link.run.done, 2);
    assert_int_equal(impair_plan_next_ns(&link.run), FIXTURE_START + 107 * FIXTURE_MS);
    pass_at(&link, 0, 10, FIXTURE_START + 107 * FIXTURE_MS, false);
    assert_int_equal(link.run.done, 4);
    pass(&link, 1, 1);
    assert_int_equal(link.ways[1].verdicts[0].why, IMPAIR_WHY(IMPAIR_DOWN));
    whys(&link, 0, why);
    for (size_t n = 0; n < 30; n++)
        assert_int_equal(why[n], n >= 10 && n < 20 ? IMPAIR_WHY(IMPAIR_DOWN) : 0);
    link_free(&link);
}

static void without_a_plan_nothing_changes(void **state)
{
    struct link link;
    (void)state;

    link_init(&link, NULL, 0);
    impair_plan_start(&link.run, NULL, link.ways[0].impair, link.ways[1].impair);
    pass(&link, 0, VECTOR);
    impair_plan_tick(&link.run, IMPAIR_NEVER - 1);
    assert_int_equal(impair_plan_next_ns(&link.run), IMPAIR_NEVER);
    assert_int_equal(link.ways[0].count, VECTOR);
    link_free(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_takes_effect_on_its_packet_whatever_the_vectors),
        cmocka_unit_test(what_is_taken_meets_the_same_steps),
        cmocka_unit_test(what_waits_and_what_passes_share_a_vector),
        cmocka_unit_test(either_direction_may_change_both),
        cmocka_unit_test(time_counts_from_the_first_packet_of_data),
        cmocka_unit_test(a_vector_is_cut_where_a_step_is_due),
        cmocka_unit_test(a_step_waits_for_the_one_before_it),
        cmocka_unit_test(without_a_plan_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
