/* The rate, the queue in front of it, and CoDel: when packets leave, and which find no room. */
#include "net/impair_codel.h"
#include "net/impair_rate.h"

#include "tests/unit/impair_fixture.h"

#define MBIT UINT64_C(1000000)

/* At 10 Mbit/s one takes a millisecond. */
enum { MS_BYTES = 1250 };

static const struct impair_settings ten_mbit = {.rate = {.bps = 10 * MBIT}};

static void send_many(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fixture_send(fixture, MS_BYTES);
}

/* Since the start, of the verdict at `index`. */
static uint64_t due_ms(const struct fixture *fixture, size_t index)
{
    uint64_t ns = fixture->verdicts[index].due_ns - FIXTURE_START;

    assert_int_equal(ns % FIXTURE_MS, 0);
    return ns / FIXTURE_MS;
}

/* -- Rate -------------------------------------------------------------------------------------- */

static void packets_leave_one_after_another(void **state)
{
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &ten_mbit);
    send_many(&fixture, 10);
    fixture_finish(&fixture);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(fixture.verdicts[i].number, i);
        assert_int_equal(due_ms(&fixture, i), i + 1);
        assert_int_equal(fixture.verdicts[i].out_ns, fixture.verdicts[i].due_ns);
    }
    fixture_free(&fixture);
}

/* Somebody who looks only at the end, and takes few at a time, finds the same times. */
static void the_rate_does_not_depend_on_who_looks_when(void **state)
{
    struct fixture fixture;
    struct packet *out[3];
    size_t count, all = 0;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &ten_mbit);
    for (int i = 0; i < 20; i++) {
        fixture_send(&fixture, MS_BYTES);
        fixture.now_ns += FIXTURE_MS / 2;
    }
    while ((count = fixture_due(&fixture, FIXTURE_START + FIXTURE_S, out, 3)) > 0) {
        pool_give(&fixture.pool, out, count);
        all += count;
    }
    assert_int_equal(all, 20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(due_ms(&fixture, i), i + 1);
    fixture_free(&fixture);
}

static void idle_time_is_not_saved_up(void **state)
{
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &ten_mbit);
    send_many(&fixture, 1);
    fixture_run(&fixture, FIXTURE_START + 100 * FIXTURE_MS);
    send_many(&fixture, 2);
    fixture_finish(&fixture);
    assert_int_equal(due_ms(&fixture, 0), 1);
    assert_int_equal(due_ms(&fixture, 1), 101);
    assert_int_equal(due_ms(&fixture, 2), 102);
    fixture_free(&fixture);
}

/* 1500 bytes at 7 Mbit/s take 1714285.714… ns; 7000 packets take 12 s to the nanosecond. */
static void no_fraction_of_a_nanosecond_is_lost(void **state)
{
    struct rate rate = {0};
    uint64_t out_ns = 0;
    (void)state;

    rate_set(&rate, &(struct impair_rate){.bps = 7 * MBIT}, 0);
    for (int i = 0; i < 7000; i++)
        out_ns = rate_send(&rate, rate_start_ns(&rate, 0), 1500);
    assert_int_equal(out_ns, 12 * FIXTURE_S);
}

static void a_burst_goes_at_once_and_is_earned_again(void **state)
{
    struct impair_settings settings = ten_mbit;
    static const uint64_t due[] = {0, 0, 0, 0, 1, 2, /* after 2 idle ms: */ 4, 4, 5};
    struct fixture fixture;
    (void)state;

    settings.rate.burst_bytes = 4 * MS_BYTES;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    send_many(&fixture, 6);
    fixture_run(&fixture, FIXTURE_START + 4 * FIXTURE_MS);
    send_many(&fixture, 3);
    fixture_finish(&fixture);
    for (size_t i = 0; i < array_size(due); i++)
        assert_int_equal(due_ms(&fixture, i), due[i]);
    fixture_free(&fixture);
}

/* tc-netem(8)'s example: `rate 5kbit 20 100 5`. */
static void overhead_and_cells_are_netems(void **state)
{
    struct impair_rate settings = {
        .bps = 5000, .overhead_bytes = 20, .cell_bytes = 100, .cell_overhead_bytes = 5};
    (void)state;

    assert_int_equal(rate_cost(&settings, 80), 105);
    assert_int_equal(rate_cost(&settings, 81), 210);
    assert_int_equal(rate_cost(&(struct impair_rate){.overhead_bytes = -14}, 60), 46);
    assert_int_equal(rate_cost(&(struct impair_rate){.overhead_bytes = -14}, 10), 0);
    /* ATM: 50 bytes need two cells of 48 + 5. */
    assert_int_equal(
        rate_cost(&(struct impair_rate){.cell_bytes = 48, .cell_overhead_bytes = 5}, 50), 106);
}

static void the_delay_comes_behind_the_rate(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.delay.mean_ns = 100 * FIXTURE_MS;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    send_many(&fixture, 5);
    fixture_finish(&fixture);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(due_ms(&fixture, i), 101 + i);
    fixture_free(&fixture);
}

static void a_new_rate_holds_for_what_waits(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    send_many(&fixture, 4);
    fixture_run(&fixture, FIXTURE_START + FIXTURE_MS / 2);
    settings.rate.bps = 1 * MBIT;
    fixture_set(&fixture, &settings);
    fixture_run(&fixture, FIXTURE_START + 12 * FIXTURE_MS);
    settings.rate.bps = 0;
    fixture_set(&fixture, &settings);
    send_many(&fixture, 1);
    fixture_finish(&fixture);
    assert_int_equal(due_ms(&fixture, 0), 1);
    assert_int_equal(due_ms(&fixture, 1), 11);
    assert_int_equal(due_ms(&fixture, 2), 12); /* the rate went away before it was out … */
    assert_int_equal(fixture.verdicts[2].number, 3);
    assert_int_equal(due_ms(&fixture, 3), 12);
    assert_int_equal(due_ms(&fixture, 4), 21); /* … but not for what was being sent */
    fixture_free(&fixture);
}

static void without_a_rate_the_queue_is_left_in_order(void **state)
{
    static const struct impair_settings nothing;
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &ten_mbit);
    send_many(&fixture, 4);
    fixture_set(&fixture, &nothing);
    send_many(&fixture, 1);
    fixture_run(&fixture, FIXTURE_START);
    /* The first is being sent; all others go. */
    assert_int_equal(fixture.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(fixture.verdicts[i].number, i + 1);
    fixture_free(&fixture);
}

/* Stamped before the change, taken after it. */
static void a_latecomer_does_not_overtake_the_queue(void **state)
{
    static const struct impair_settings nothing;
    struct fixture fixture;
    struct packet *packet;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &ten_mbit);
    send_many(&fixture, 4);
    fixture.now_ns += FIXTURE_MS / 2;
    fixture_set(&fixture, &nothing);
    packet = fixture_packet_of(&fixture, MS_BYTES);
    packet->time_ns = FIXTURE_START + 1;
    fixture_take(&fixture, packet);
    fixture_run(&fixture, fixture.now_ns);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(fixture.verdicts[i].number, i + 1);
    fixture_free(&fixture);
}

/* -- Limits ------------------------------------------------------------------------------------ */

static void a_limit_of_packets_is_of_those_that_wait(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.queue.limit_packets = 3;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    send_many(&fixture, 10);
    /* One is being sent, three wait. */
    assert_int_equal(fixture_count(&fixture, IMPAIR_QUEUE), 6);
    fixture_run(&fixture, FIXTURE_START + 2 * FIXTURE_MS);
    send_many(&fixture, 10);
    assert_int_equal(fixture_count(&fixture, IMPAIR_QUEUE), 6 + 8);
    fixture_free(&fixture);
}

static void a_limit_of_bytes_counts_bytes(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.queue.limit_bytes = 2000;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 1250);
    fixture_send(&fixture, 1250);
    fixture_send(&fixture, 751); /* one byte too many */
    fixture_send(&fixture, 750);
    fixture_send(&fixture, 28);
    fixture_finish(&fixture);
    assert_int_equal(fixture_count(&fixture, IMPAIR_QUEUE), 2);
    assert_int_equal(fixture.verdicts[0].number, 2);
    assert_int_equal(fixture.verdicts[1].number, 4);
    fixture_free(&fixture);
}

static void a_limit_of_time_is_the_longest_wait(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.queue.limit_ns = 5 * FIXTURE_MS;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    send_many(&fixture, 20);
    fixture_finish(&fixture);
    /* Those that wait 0 to 5 ms. */
    assert_int_equal(impair_counters(fixture.impair)->packets_out, 6);
    assert_int_equal(fixture_count(&fixture, IMPAIR_QUEUE), 14);
    fixture_free(&fixture);
}

/* One packet alone may take longer than others may wait. */
static void a_wait_for_a_long_packet_may_be_too_long(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.queue.limit_ns = 1300000; /* 1625 bytes */
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 2000);
    fixture_send(&fixture, 100);
    fixture_run(&fixture, fixture.now_ns + FIXTURE_MS);
    fixture_send(&fixture, 100);
    fixture_finish(&fixture);
    assert_int_equal(fixture_count(&fixture, IMPAIR_QUEUE), 1);
    assert_int_equal(fixture.verdicts[0].number, 1);
    fixture_free(&fixture);
}

static void a_flushed_queue_has_all_its_room(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.queue.limit_bytes = 2 * MS_BYTES;
    settings.queue.limit_ns = 2 * FIXTURE_MS;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    send_many(&fixture, 3);
    impair_flush(fixture.impair, fixture.now_ns);
    fixture_run(&fixture, fixture.now_ns + FIXTURE_S);
    send_many(&fixture, 3);
    assert_int_equal(fixture_count(&fixture, IMPAIR_QUEUE), 0);
    fixture_free(&fixture);
}

static void what_is_on_the_wire_takes_no_room_in_the_queue(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.queue.limit_packets = 1;
    settings.delay.mean_ns = FIXTURE_S;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 500, MS_BYTES, FIXTURE_MS);
    assert_int_equal(fixture_count(&fixture, IMPAIR_QUEUE), 0);
    assert_int_equal(impair_in_flight(fixture.impair), 500);
    fixture_free(&fixture);
}

/* Twice the rate: half is lost, whoever comes. */
static void overload_gets_through_at_the_rate(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.queue.limit_packets = 20;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 4000, MS_BYTES, FIXTURE_MS / 2);
    assert_in_range(impair_counters(fixture.impair)->packets_out, 1999, 2000);
    fixture_free(&fixture);
}

/* -- CoDel ------------------------------------------------------------------------------------- */

enum { REFERENCE_MAX = 20000 };

/* RFC 8289, section 5, as it stands there: a loop that takes packets from a queue. */
struct reference {
    uint64_t in_ns[REFERENCE_MAX];
    bool dropped[REFERENCE_MAX];
    size_t head, tail;
    uint64_t first_above_ns, drop_next_ns;
    uint32_t count, last_count;
    bool dropping;
};

/* The packet's index, or SIZE_MAX. */
static size_t reference_dodeque(struct reference *codel, uint64_t now_ns, bool *ok_to_drop)
{
    size_t packet = codel->head < codel->tail ? codel->head++ : SIZE_MAX;

    *ok_to_drop = false;
    if (packet == SIZE_MAX || now_ns - codel->in_ns[packet] < IMPAIR_CODEL_TARGET_NS ||
        codel->tail - codel->head <= 1) {
        codel->first_above_ns = 0;
    } else if (codel->first_above_ns == 0) {
        codel->first_above_ns = now_ns + IMPAIR_CODEL_INTERVAL_NS;
    } else if (now_ns >= codel->first_above_ns) {
        *ok_to_drop = true;
    }
    return packet;
}

static size_t reference_deque(struct reference *codel, uint64_t now_ns)
{
    bool ok_to_drop;
    size_t packet = reference_dodeque(codel, now_ns, &ok_to_drop);

    if (codel->dropping) {
        if (!ok_to_drop)
            codel->dropping = false;
        while (now_ns >= codel->drop_next_ns && codel->dropping) {
            codel->dropped[packet] = true;
            codel->count++;
            packet = reference_dodeque(codel, now_ns, &ok_to_drop);
            if (!ok_to_drop)
                codel->dropping = false;
            else
                codel->drop_next_ns =
                    codel_control_law(codel->drop_next_ns, IMPAIR_CODEL_INTERVAL_NS, codel->count);
        }
    } else if (ok_to_drop) {
        uint32_t delta = codel->count - codel->last_count;

        codel->dropped[packet] = true;
        packet = reference_dodeque(codel, now_ns, &ok_to_drop);
        codel->dropping = true;
        codel->count = 1;
        if (delta > 1 && now_ns - codel->drop_next_ns < 16 * IMPAIR_CODEL_INTERVAL_NS)
            codel->count = delta;
        codel->drop_next_ns = codel_control_law(now_ns, IMPAIR_CODEL_INTERVAL_NS, codel->count);
        codel->last_count = codel->count;
    }
    return packet;
}

/* Packets of one size that come now faster, now slower than they can be sent. */
static void codel_drops_what_the_rfc_drops(void **state)
{
    static const uint64_t gaps_ns[] = {2200000, 1700000, 1900000};
    static struct reference codel;
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    uint64_t random = 0, free_ns = 0;
    size_t drops = 0, next = 0;
    (void)state;

    settings.queue.codel = true;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    for (size_t i = 0; i < REFERENCE_MAX; i++) {
        uint64_t most = gaps_ns[i / 1500 % array_size(gaps_ns)];

        codel.in_ns[i] = fixture.now_ns;
        fixture_send(&fixture, MS_BYTES);
        fixture_run(&fixture, fixture.now_ns + random_below(random_at(3, random++), most));
    }
    fixture_finish(&fixture);
    while (next < REFERENCE_MAX) {
        uint64_t now_ns = free_ns > codel.in_ns[next] ? free_ns : codel.in_ns[next];

        while (codel.tail < REFERENCE_MAX && codel.in_ns[codel.tail] <= now_ns)
            codel.tail++;
        if (reference_deque(&codel, now_ns) != SIZE_MAX)
            free_ns = now_ns + FIXTURE_MS;
        next = codel.head;
    }
    for (size_t i = 0; i < fixture.count; i++) {
        const struct impair_verdict *verdict = &fixture.verdicts[i];

        assert_int_equal(verdict->why,
                         codel.dropped[verdict->number] ? IMPAIR_WHY(IMPAIR_CODEL) : 0);
        drops += codel.dropped[verdict->number];
    }
    assert_int_equal(drops, fixture_count(&fixture, IMPAIR_CODEL));
    assert_in_range(drops, 100, REFERENCE_MAX / 4);
    fixture_free(&fixture);
}

static void codel_leaves_a_short_queue_alone(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    (void)state;

    settings.queue.codel = true;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    /* Four wait at most, which is 4 ms, below the target of 5. */
    for (int i = 0; i < 500; i++) {
        send_many(&fixture, 5);
        fixture_run(&fixture, fixture.now_ns + 5 * FIXTURE_MS);
    }
    assert_int_equal(fixture_count(&fixture, IMPAIR_CODEL), 0);
    fixture_free(&fixture);
}

/* A standing queue: the first drop an interval after it stood, the next by the control law. */
static void codel_drops_by_its_law(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    uint64_t drops[4] = {0};
    size_t count = 0;
    (void)state;

    settings.queue.codel = true;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    send_many(&fixture, 1000);
    fixture_finish(&fixture);
    for (size_t i = 0; i < fixture.count && count < array_size(drops); i++)
        if (fixture.verdicts[i].why & IMPAIR_WHY(IMPAIR_CODEL))
            drops[count++] = fixture.verdicts[i].due_ns - FIXTURE_START;
    /* Above the target from 5 ms on; packets leave at whole milliseconds. */
    assert_int_equal(drops[0], 105 * FIXTURE_MS);
    assert_int_equal(drops[1], 205 * FIXTURE_MS);
    assert_int_equal(drops[2], 276 * FIXTURE_MS); /* 205 + 100 / sqrt(2) = 275.7 */
    assert_int_equal(drops[3], 334 * FIXTURE_MS); /* 275.7 + 100 / sqrt(3) = 333.4 */
    fixture_free(&fixture);
}

/* Switched off and on again it waits for an interval, as if it had never dropped. */
static void codel_forgets_when_it_is_switched_off(void **state)
{
    struct impair_settings settings = ten_mbit;
    struct fixture fixture;
    uint64_t again_ns;
    size_t before;
    (void)state;

    settings.queue.codel = true;
    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    send_many(&fixture, 2000);
    fixture_run(&fixture, fixture.now_ns + 500 * FIXTURE_MS);
    assert_in_range(fixture_count(&fixture, IMPAIR_CODEL), 4, 20);
    settings.queue.codel = false;
    fixture_set(&fixture, &settings);
    fixture_run(&fixture, fixture.now_ns + FIXTURE_MS);
    settings.queue.codel = true;
    fixture_set(&fixture, &settings);
    before = fixture.count;
    again_ns = fixture.now_ns;
    fixture_run(&fixture, again_ns + 300 * FIXTURE_MS);
    while (!(fixture.verdicts[before].why & IMPAIR_WHY(IMPAIR_CODEL)))
        before++;
    assert_in_range(fixture.verdicts[before].due_ns - again_ns, 100 * FIXTURE_MS, 102 * FIXTURE_MS);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_leave_one_after_another),
        cmocka_unit_test(the_rate_does_not_depend_on_who_looks_when),
        cmocka_unit_test(idle_time_is_not_saved_up),
        cmocka_unit_test(no_fraction_of_a_nanosecond_is_lost),
        cmocka_unit_test(a_burst_goes_at_once_and_is_earned_again),
        cmocka_unit_test(overhead_and_cells_are_netems),
        cmocka_unit_test(the_delay_comes_behind_the_rate),
        cmocka_unit_test(a_new_rate_holds_for_what_waits),
        cmocka_unit_test(without_a_rate_the_queue_is_left_in_order),
        cmocka_unit_test(a_latecomer_does_not_overtake_the_queue),
        cmocka_unit_test(a_limit_of_packets_is_of_those_that_wait),
        cmocka_unit_test(a_limit_of_bytes_counts_bytes),
        cmocka_unit_test(a_limit_of_time_is_the_longest_wait),
        cmocka_unit_test(a_wait_for_a_long_packet_may_be_too_long),
        cmocka_unit_test(a_flushed_queue_has_all_its_room),
        cmocka_unit_test(what_is_on_the_wire_takes_no_room_in_the_queue),
        cmocka_unit_test(overload_gets_through_at_the_rate),
        cmocka_unit_test(codel_drops_what_the_rfc_drops),
        cmocka_unit_test(codel_leaves_a_short_queue_alone),
        cmocka_unit_test(codel_drops_by_its_law),
        cmocka_unit_test(codel_forgets_when_it_is_switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
