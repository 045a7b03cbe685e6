/* Impairments one by one, on a link under a test's own time: what each does to packets, that the
 * same seed gives the same verdicts whatever else is asked, and that zero is nothing. */
#include "net/checksum.h"

#include "tests/unit/impair_fixture.h"

enum { STREAM = 20000 };

/* -- Nothing ----------------------------------------------------------------------------------- */

static void without_settings_packets_go_as_they_came(void **state)
{
    struct fixture fixture;
    struct packet *in[8], *out[16];
    (void)state;

    fixture_init(&fixture, 1);
    for (size_t i = 0; i < array_size(in); i++)
        in[i] = fixture_packet_of(&fixture, 100);
    assert_int_equal(impair_next_ns(fixture.impair), IMPAIR_NEVER);
    impair_take(fixture.impair, fixture.now_ns, in, array_size(in));
    assert_true(impair_next_ns(fixture.impair) <= fixture.now_ns);
    assert_int_equal(impair_in_flight(fixture.impair), array_size(in));
    assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 3), 3);
    assert_int_equal(fixture_due(&fixture, fixture.now_ns, out + 3, 13), 5);
    assert_memory_equal(in, out, sizeof in);
    assert_int_equal(impair_next_ns(fixture.impair), IMPAIR_NEVER);
    for (size_t i = 0; i < fixture.count; i++) {
        assert_int_equal(fixture.verdicts[i].number, i);
        assert_int_equal(fixture.verdicts[i].why, 0);
        assert_int_equal(fixture.verdicts[i].in_ns, fixture.now_ns);
        assert_int_equal(fixture.verdicts[i].out_ns, fixture.now_ns);
        assert_int_equal(fixture.verdicts[i].due_ns, fixture.now_ns);
    }
    assert_int_equal(impair_counters(fixture.impair)->packets_in, 8);
    assert_int_equal(impair_counters(fixture.impair)->bytes_in, 800);
    assert_int_equal(impair_counters(fixture.impair)->packets_out, 8);
    assert_int_equal(impair_counters(fixture.impair)->bytes_out, 800);
    pool_give(&fixture.pool, out, 8);
    fixture_free(&fixture);
}

/* -- Delay ------------------------------------------------------------------------------------- */

static void a_delay_is_kept_to_the_nanosecond(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 25 * FIXTURE_MS}};
    struct packet *out[4];
    struct fixture fixture;
    uint64_t sent_ns;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    sent_ns = fixture.now_ns;
    fixture_send(&fixture, 100);
    assert_int_equal(impair_next_ns(fixture.impair), sent_ns + 25 * FIXTURE_MS);
    assert_int_equal(fixture_due(&fixture, sent_ns + 25 * FIXTURE_MS - 1, out, 4), 0);
    assert_int_equal(fixture_due(&fixture, sent_ns + 25 * FIXTURE_MS, out, 4), 1);
    assert_int_equal(out[0]->due_ns, sent_ns + 25 * FIXTURE_MS);
    pool_give(&fixture.pool, out, 1);
    fixture_free(&fixture);
}

/* A packet that waited in a ring before it was taken is not delayed by that as well. */
static void a_delay_begins_when_the_packet_came(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 10 * FIXTURE_MS}};
    struct packet *packet;
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture.now_ns += FIXTURE_S;
    packet = fixture_packet_of(&fixture, 100);
    packet->time_ns = fixture.now_ns - FIXTURE_MS;
    fixture_take(&fixture, packet);
    assert_int_equal(impair_next_ns(fixture.impair), fixture.now_ns + 9 * FIXTURE_MS);
    packet = fixture_packet_of(&fixture, 100);
    packet->time_ns = fixture.now_ns + FIXTURE_S; /* not yet, says our clock */
    fixture_take(&fixture, packet);
    packet = fixture_packet_of(&fixture, 100);
    packet->time_ns = fixture.now_ns - 1; /* before the one before it */
    fixture_take(&fixture, packet);
    fixture_finish(&fixture);
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(fixture.verdicts[i].in_ns, FIXTURE_START + FIXTURE_S);
        assert_int_equal(fixture.verdicts[i].due_ns, FIXTURE_START + FIXTURE_S + 10 * FIXTURE_MS);
    }
    fixture_free(&fixture);
}

static void jitter_lets_packets_overtake(void **state)
{
    struct impair_settings settings = {
        .delay = {.mean_ns = 10 * FIXTURE_MS, .jitter_ns = 10 * FIXTURE_MS}};
    struct fixture fixture;
    uint64_t overtaken = 0;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, STREAM, 100, FIXTURE_MS);
    fixture_finish(&fixture);
    assert_int_equal(fixture.count, STREAM);
    for (size_t i = 1; i < fixture.count; i++) {
        assert_true(fixture.verdicts[i].due_ns >= fixture.verdicts[i - 1].due_ns);
        overtaken += fixture.verdicts[i].number < fixture.verdicts[i - 1].number;
        assert_in_range(fixture.verdicts[i].due_ns - fixture.verdicts[i].in_ns, 0, 20 * FIXTURE_MS);
    }
    assert_in_range(overtaken, STREAM / 4, STREAM / 2);
    fixture_free(&fixture);
}

static void those_due_together_leave_in_the_order_they_came(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 10 * FIXTURE_MS}};
    struct packet *out[64];
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    /* Some wait for long, so that those behind them go through the heap. */
    fixture_set(&fixture, &settings);
    for (int i = 0; i < 8; i++)
        fixture_send(&fixture, 100);
    settings.delay.mean_ns = 5 * FIXTURE_MS;
    fixture_set(&fixture, &settings);
    for (int i = 0; i < 8; i++)
        fixture_send(&fixture, 100);
    fixture.now_ns += 5 * FIXTURE_MS;
    for (int i = 0; i < 8; i++)
        fixture_send(&fixture, 100);
    assert_int_equal(fixture_due(&fixture, fixture.now_ns + FIXTURE_S, out, 64), 24);
    for (uint32_t i = 0; i < 24; i++)
        assert_int_equal(fixture_number(out[i]), i < 8 ? i + 8 : i < 16 ? i - 8 : i);
    pool_give(&fixture.pool, out, 24);
    fixture_free(&fixture);
}

/* -- Loss, duplication, corruption ---------------------------------------------------------------
 */

static void loss_loses_its_share_and_says_so(void **state)
{
    struct impair_settings settings = {.loss = {.random = {.ppb = percent(10)}}};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 3);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, STREAM, 100, FIXTURE_MS);
    assert_share(fixture_count(&fixture, IMPAIR_LOSS), STREAM, 0.1);
    assert_int_equal(impair_counters(fixture.impair)->packets_out +
                         fixture_count(&fixture, IMPAIR_LOSS),
                     STREAM);
    fixture_free(&fixture);
}

static void a_duplicate_is_the_same_packet_again(void **state)
{
    struct impair_settings settings = {.duplicate = {.ppb = RANDOM_PPB}};
    struct packet *out[4];
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 200);
    assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 4), 2);
    assert_int_equal(out[0]->length, out[1]->length);
    assert_memory_equal(out[0]->bytes, out[1]->bytes, out[0]->length);
    assert_ptr_not_equal(out[0]->bytes, out[1]->bytes);
    assert_int_equal(fixture.verdicts[0].copy, 0);
    assert_int_equal(fixture.verdicts[0].why, 0);
    assert_int_equal(fixture.verdicts[1].number, 0);
    assert_int_equal(fixture.verdicts[1].copy, 1);
    assert_int_equal(fixture.verdicts[1].why, IMPAIR_WHY(IMPAIR_COPY));
    pool_give(&fixture.pool, out, 2);
    fixture_free(&fixture);
}

static void duplication_has_its_share_and_takes_nothing_from_loss(void **state)
{
    struct impair_settings settings = {.duplicate = {.ppb = percent(20)},
                                       .loss = {.random = {.ppb = percent(10)}}};
    struct fixture fixture;
    uint64_t lost;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, STREAM, 100, FIXTURE_MS);
    lost = fixture_count(&fixture, IMPAIR_LOSS);
    assert_share(lost, STREAM, 0.1);
    assert_share(fixture_count(&fixture, IMPAIR_COPY), STREAM - lost, 0.2);
    fixture_free(&fixture);
}

static void a_duplicate_has_a_delay_of_its_own(void **state)
{
    struct impair_settings settings = {
        .duplicate = {.ppb = RANDOM_PPB},
        .delay = {.mean_ns = 10 * FIXTURE_MS, .jitter_ns = 10 * FIXTURE_MS}};
    struct fixture fixture;
    uint64_t before = 0;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 1000, 100, 100 * FIXTURE_MS);
    fixture_finish(&fixture);
    assert_int_equal(fixture.count, 2000);
    for (size_t i = 0; i < fixture.count; i += 2) {
        assert_int_equal(fixture.verdicts[i].number, fixture.verdicts[i + 1].number);
        assert_true(fixture.verdicts[i].due_ns != fixture.verdicts[i + 1].due_ns);
        before += fixture.verdicts[i].copy;
    }
    assert_share(before, 1000, 0.5);
    fixture_free(&fixture);
}

static unsigned flipped_bits(const struct packet *packet, const struct packet *clean, size_t from,
                             size_t to)
{
    unsigned flipped = 0;

    for (size_t i = from; i < to; i++)
        flipped += (unsigned)__builtin_popcount(packet->bytes[i] ^ clean->bytes[i]);
    return flipped;
}

static void corruption_flips_as_many_bits_as_asked(void **state)
{
    struct impair_settings settings = {.corrupt = {.chance = {.ppb = RANDOM_PPB}}};
    struct packet *packet, *clean, *out[1];
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    for (uint32_t flips = 0; flips <= IMPAIR_FLIPS_MAX; flips++) {
        settings.corrupt.flips = flips;
        fixture_set(&fixture, &settings);
        packet = fixture_packet_of(&fixture, 100);
        clean = pool_copy(&fixture.pool, packet);
        fixture_take(&fixture, packet);
        assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 1), 1);
        assert_int_equal(flipped_bits(out[0], clean, 0, 100), flips ? flips : 1);
        pool_give(&fixture.pool, out, 1);
        pool_give(&fixture.pool, &clean, 1);
    }
    assert_int_equal(fixture_count(&fixture, IMPAIR_CORRUPTED), fixture.count);
    fixture_free(&fixture);
}

static void as_many_bits_as_there_are_are_each_flipped_once(void **state)
{
    struct impair_settings settings = {
        .corrupt = {
            .chance = {.ppb = RANDOM_PPB}, .flips = 16, .first_bit = 40 * 8, .bit_count = 16}};
    struct packet *out[1];
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 100);
    assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 1), 1);
    assert_memory_equal(out[0]->bytes + 39, "\0\xff\xff\0", 4);
    pool_give(&fixture.pool, out, 1);
    fixture_free(&fixture);
}

/* Whether hardware was to compute the checksum, or had found it right: a wrong bit stays wrong. */
static void no_offload_mends_what_was_corrupted(void **state)
{
    struct impair_settings settings = {
        .corrupt = {.chance = {.ppb = RANDOM_PPB}, .first_bit = 40 * 8, .bit_count = 8}};
    static const enum packet_checksum states[] = {PACKET_CHECKSUM_PARTIAL, PACKET_CHECKSUM_VALID};
    struct packet *packet, *out[1];
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    for (size_t i = 0; i < array_size(states); i++) {
        packet = fixture_packet_of(&fixture, 100);
        packet->checksum = (uint8_t)states[i];
        if (states[i] == PACKET_CHECKSUM_PARTIAL) {
            uint16_t sum = (uint16_t)~checksum_fold(checksum_pseudo(packet, IPPROTO_UDP, 100 - 20));

            packet->checksum_start = 20;
            packet->checksum_at = 26;
            memcpy(packet->bytes + 26, &sum, sizeof sum);
        }
        fixture_take(&fixture, packet);
        assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 1), 1);
        assert_int_equal(out[0]->checksum, PACKET_CHECKSUM_WHOLE);
        assert_false(checksum_right(out[0]));
        out[0]->bytes[40] = 0; /* as it was */
        assert_true(checksum_right(out[0]));
        pool_give(&fixture.pool, out, 1);
    }
    fixture_free(&fixture);
}

/* Each of 72 bits 1/72 of the time, when bytes 28 to 36 are the range. */
static void corrupted_bits_are_chosen_evenly_from_the_range(void **state)
{
    struct impair_settings settings = {
        .corrupt = {.chance = {.ppb = RANDOM_PPB}, .first_bit = 28 * 8, .bit_count = 72}};
    struct fixture fixture;
    uint64_t hits[72] = {0};
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    for (int i = 0; i < STREAM; i++) {
        struct packet *packet = fixture_packet_of(&fixture, 64), *out[1];
        struct packet *clean = pool_copy(&fixture.pool, packet);

        fixture_take(&fixture, packet);
        assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 1), 1);
        for (size_t bit = 0; bit < 72; bit++)
            hits[bit] +=
                (out[0]->bytes[28 + bit / 8] ^ clean->bytes[28 + bit / 8]) >> (7 - bit % 8) & 1;
        assert_int_equal(flipped_bits(out[0], clean, 28, 37), 1);
        pool_give(&fixture.pool, out, 1);
        pool_give(&fixture.pool, &clean, 1);
    }
    for (size_t bit = 0; bit < 72; bit++)
        assert_share(hits[bit], STREAM, 1.0 / 72);
    fixture_free(&fixture);
}

static void one_chosen_bit_is_that_bit(void **state)
{
    struct impair_settings settings = {
        .corrupt = {.chance = {.ppb = RANDOM_PPB}, .first_bit = 12 * 8 + 3, .bit_count = 1}};
    struct packet *out[1];
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 100);
    assert_int_equal(fixture_due(&fixture, fixture.now_ns, out, 1), 1);
    assert_int_equal(out[0]->bytes[12], 10 ^ 0x10);
    /* What is noted of the packet is what it is now. */
    assert_int_equal(out[0]->flaw, PACKET_IPV4_CHECKSUM);
    pool_give(&fixture.pool, out, 1);
    fixture_free(&fixture);
}

static void a_range_behind_the_packet_corrupts_nothing(void **state)
{
    struct impair_settings settings = {
        .corrupt = {.chance = {.ppb = RANDOM_PPB}, .first_bit = 1000 * 8}};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 1000);
    fixture_send(&fixture, 1001);
    fixture_finish(&fixture);
    assert_int_equal(fixture.verdicts[0].why, 0);
    assert_int_equal(fixture.verdicts[1].why, IMPAIR_WHY(IMPAIR_CORRUPTED));
    fixture_free(&fixture);
}

/* -- Reordering -------------------------------------------------------------------------------- */

/* As tc-netem(8): "every 5th (10th, 15th) packet is sent immediately". */
static void a_gap_sends_every_nth_at_once(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 10 * FIXTURE_MS},
                                       .reorder = {.gap = 5}};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 100, 100, FIXTURE_MS);
    fixture_finish(&fixture);
    for (size_t i = 0; i < fixture.count; i++) {
        const struct impair_verdict *verdict = &fixture.verdicts[i];
        bool reordered = verdict->number % 5 == 4;

        assert_int_equal(verdict->why, reordered ? IMPAIR_WHY(IMPAIR_REORDERED) : 0);
        assert_int_equal(verdict->due_ns - verdict->in_ns, reordered ? 0 : 10 * FIXTURE_MS);
    }
    fixture_free(&fixture);
}

static void a_share_is_reordered_without_a_gap(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 10 * FIXTURE_MS},
                                       .reorder = {.chance = {.ppb = percent(25)}}};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, STREAM, 100, FIXTURE_MS);
    fixture_finish(&fixture);
    assert_share(fixture_count(&fixture, IMPAIR_REORDERED), STREAM, 0.25);
    fixture_free(&fixture);
}

/* After four that are delayed, each has its chance until one is: 1 in 4 + 1 / 0.5 packets. */
static void a_gap_and_a_share_are_both_kept(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 10 * FIXTURE_MS},
                                       .reorder = {.chance = {.ppb = percent(50)}, .gap = 5}};
    struct fixture fixture;
    uint64_t last = 0;
    bool any = false;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, STREAM, 100, 20 * FIXTURE_MS);
    fixture_finish(&fixture);
    for (size_t i = 0; i < fixture.count; i++)
        if (fixture.verdicts[i].why) {
            assert_true(!any || fixture.verdicts[i].number >= last + 5);
            last = fixture.verdicts[i].number;
            any = true;
        }
    assert_in_range(fixture_count(&fixture, IMPAIR_REORDERED), STREAM / 6 - 200, STREAM / 6 + 200);
    fixture_free(&fixture);
}

/* -- Down, blackhole, MTU ---------------------------------------------------------------------- */

static void a_link_that_is_down_loses_what_arrives_and_keeps_what_is_on_its_way(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 10 * FIXTURE_MS}};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 100);
    settings.down = true;
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 100);
    settings.down = false;
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 100);
    fixture_finish(&fixture);
    assert_int_equal(fixture.count, 3);
    assert_int_equal(fixture.verdicts[0].number, 1);
    assert_int_equal(fixture.verdicts[0].why, IMPAIR_WHY(IMPAIR_DOWN));
    assert_int_equal(fixture.verdicts[1].number, 0);
    assert_int_equal(fixture.verdicts[2].number, 2);
    assert_int_equal(fixture_count(&fixture, IMPAIR_DOWN), 1);
    fixture_free(&fixture);
}

static void a_blackhole_swallows_everything(void **state)
{
    struct impair_settings settings = {.blackhole = true};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 10, 100, FIXTURE_MS);
    assert_int_equal(fixture_count(&fixture, IMPAIR_BLACKHOLE), 10);
    assert_int_equal(impair_counters(fixture.impair)->packets_out, 0);
    fixture_free(&fixture);
}

static void the_mtu_is_that_of_the_network(void **state)
{
    static const struct ethernet_header ethernet = {.ethertype = ETHERTYPE_OF_IPV4};
    static const struct ipv4_header ipv4 = {.hops = 1, .protocol = IPPROTO_UDP};
    static const uint8_t zeros[1480];
    struct impair_settings settings = {.mtu = 1280};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 1280);
    fixture_send(&fixture, 1281);
    for (size_t bytes = 1280; bytes <= 1281; bytes++) {
        struct packet *packet;
        struct build build;

        assert_int_equal(pool_take(&fixture.pool, &packet, 1), 1);
        packet->link = PACKET_LINK_ETHERNET;
        build_start(&build, packet->bytes, fixture.pool.room);
        build_ethernet(&build, &ethernet);
        build_ipv4(&build, &ipv4);
        build_bytes(&build, zeros, bytes - 20);
        packet->length = (uint32_t)build_finish(&build);
        packet_parse(packet);
        assert_int_equal(packet->length, bytes + 14);
        fixture_take(&fixture, packet);
    }
    fixture_finish(&fixture);
    assert_int_equal(fixture_count(&fixture, IMPAIR_MTU), 2);
    assert_int_equal(fixture.verdicts[0].number, 1);
    assert_int_equal(fixture.verdicts[1].number, 3);
    fixture_free(&fixture);
}

/* -- Slots ------------------------------------------------------------------------------------- */

static void packets_leave_in_slots(void **state)
{
    struct impair_settings settings = {
        .slot = {.interval = {.mean_ns = 10 * FIXTURE_MS}, .packets = 3}};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    for (int i = 0; i < 8; i++)
        fixture_send(&fixture, 100);
    fixture_finish(&fixture);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(fixture.verdicts[i].number, i);
        assert_int_equal(fixture.verdicts[i].due_ns, FIXTURE_START + (1 + i / 3) * 10 * FIXTURE_MS);
        assert_int_equal(fixture.verdicts[i].out_ns, fixture.verdicts[i].due_ns);
    }
    fixture_free(&fixture);
}

/* As netem has it: a slot that opened before a packet came is over, one that opens then is not. */
static void a_packet_that_comes_as_a_slot_opens_is_in_it(void **state)
{
    struct impair_settings settings = {.slot = {.interval = {.mean_ns = 10 * FIXTURE_MS}}};
    static const uint64_t due[] = {10, 10, 21};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_send(&fixture, 100);
    fixture_run(&fixture, FIXTURE_START + 10 * FIXTURE_MS - 1);
    fixture.now_ns++;
    fixture_send(&fixture, 100);
    fixture_run(&fixture, FIXTURE_START + 11 * FIXTURE_MS);
    fixture_send(&fixture, 100);
    fixture_finish(&fixture);
    for (size_t i = 0; i < array_size(due); i++)
        assert_int_equal(fixture.verdicts[i].due_ns, FIXTURE_START + due[i] * FIXTURE_MS);
    fixture_free(&fixture);
}

static void a_slot_ends_with_the_packet_that_fills_it(void **state)
{
    struct impair_settings settings = {
        .slot = {.interval = {.mean_ns = 10 * FIXTURE_MS}, .bytes = 1500}};
    static const uint32_t sizes[] = {1000, 499, 1000, 1500, 1500};
    static const uint64_t slots[] = {1, 1, 1, 2, 3};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    for (size_t i = 0; i < array_size(sizes); i++)
        fixture_send(&fixture, sizes[i]);
    fixture_finish(&fixture);
    for (size_t i = 0; i < array_size(sizes); i++)
        assert_int_equal(fixture.verdicts[i].due_ns, FIXTURE_START + slots[i] * 10 * FIXTURE_MS);
    fixture_free(&fixture);
}

static void giving_slots_up_keeps_the_order_of_those_that_wait(void **state)
{
    struct impair_settings slots = {
        .slot = {.interval = {.mean_ns = 10 * FIXTURE_MS}, .packets = 1}};
    static const struct impair_settings nothing;
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &slots);
    for (int i = 0; i < 3; i++)
        fixture_send(&fixture, 100);
    fixture_run(&fixture, FIXTURE_START + 1);
    fixture_set(&fixture, &nothing);
    fixture_send(&fixture, 100);
    fixture_finish(&fixture);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(fixture.verdicts[i].number, i);
    assert_int_equal(fixture.verdicts[3].due_ns, FIXTURE_START + 30 * FIXTURE_MS);
    fixture_free(&fixture);
}

/* -- Bounds and clocks ------------------------------------------------------------------------- */

static void more_than_there_is_room_for_is_lost_and_counted(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = FIXTURE_S}};
    struct fixture fixture;
    (void)state;

    fixture_init_with(&fixture, (struct impair_options){.flight = 4});
    fixture_set(&fixture, &settings);
    for (int i = 0; i < 6; i++)
        fixture_send(&fixture, 100);
    assert_int_equal(impair_in_flight(fixture.impair), 4);
    assert_int_equal(fixture_count(&fixture, IMPAIR_FULL), 2);
    fixture_run(&fixture, FIXTURE_START + FIXTURE_S);
    fixture_send(&fixture, 100);
    assert_int_equal(impair_in_flight(fixture.impair), 1);
    fixture_free(&fixture);
}

static void a_duplicate_that_cannot_be_made_is_missed(void **state)
{
    struct impair_settings settings = {.duplicate = {.ppb = RANDOM_PPB}};
    struct packet *packets[FIXTURE_FLIGHT + 64], *packet;
    struct fixture fixture;
    size_t taken;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    packet = fixture_packet_of(&fixture, 100);
    taken = pool_take(&fixture.pool, packets, array_size(packets));
    fixture_take(&fixture, packet);
    fixture_finish(&fixture);
    assert_int_equal(fixture.count, 1);
    assert_int_equal(fixture.verdicts[0].why, IMPAIR_WHY(IMPAIR_UNMADE));
    pool_give(&fixture.pool, packets, taken);
    fixture_free(&fixture);
}

static void a_clock_that_goes_backwards_stands_still(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 10 * FIXTURE_MS}};
    struct packet *packet, *out[2];
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    packet = fixture_packet_of(&fixture, 100);
    impair_take(fixture.impair, FIXTURE_START - FIXTURE_S, &packet, 1);
    assert_int_equal(impair_counters(fixture.impair)->clock_back, 1);
    assert_int_equal(impair_next_ns(fixture.impair), FIXTURE_START + 10 * FIXTURE_MS);
    assert_int_equal(impair_due(fixture.impair, 0, out, 2), 0);
    assert_int_equal(impair_due(fixture.impair, IMPAIR_NEVER, out, 2), 1);
    assert_int_equal(impair_due(fixture.impair, 1, out + 1, 1), 0);
    pool_give(&fixture.pool, out, 1);
    packet = fixture_packet_of(&fixture, 100);
    impair_take(fixture.impair, IMPAIR_NEVER, &packet, 1);
    assert_int_equal(impair_next_ns(fixture.impair), IMPAIR_NEVER - 1);
    fixture_free(&fixture);
}

static void the_last_moment_there_is_is_a_moment(void **state)
{
    struct impair_settings settings = {.slot = {.interval = {.mean_ns = FIXTURE_MS}}};
    struct packet *out[2];
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    assert_int_equal(impair_due(fixture.impair, IMPAIR_NEVER, out, 2), 0);
    fixture_send(&fixture, 100);
    assert_int_equal(impair_next_ns(fixture.impair), IMPAIR_NEVER - 1);
    assert_int_equal(impair_due(fixture.impair, IMPAIR_NEVER, out, 2), 1);
    pool_give(&fixture.pool, out, 1);
    assert_int_equal(impair_next_ns(fixture.impair), IMPAIR_NEVER);
    fixture_free(&fixture);
}

static void a_flush_gives_all_back_and_says_so(void **state)
{
    struct impair_settings settings = {.delay = {.mean_ns = 10 * FIXTURE_MS},
                                       .rate = {.bps = 1000000},
                                       .slot = {.interval = {.mean_ns = FIXTURE_S}}};
    struct fixture fixture;
    (void)state;

    fixture_init(&fixture, 1);
    fixture_set(&fixture, &settings);
    fixture_stream(&fixture, 10, 1250, 5 * FIXTURE_MS);
    assert_int_equal(impair_in_flight(fixture.impair), 10);
    impair_flush(fixture.impair, fixture.now_ns);
    assert_int_equal(fixture_count(&fixture, IMPAIR_FLUSHED), 10);
    assert_int_equal(impair_next_ns(fixture.impair), IMPAIR_NEVER);
    fixture_free(&fixture);
}

static void sizes_outside_the_limits_are_refused(void **state)
{
    (void)state;

    assert_int_equal(impair_size(&(struct impair_options){.flight = IMPAIR_FLIGHT_MAX + 1}), 0);
    assert_int_equal(impair_size(&(struct impair_options){.flows = IMPAIR_FLOWS_MAX + 1}), 0);
    assert_true(impair_size(&(struct impair_options){.flight = IMPAIR_FLIGHT_MAX}) >
                impair_size(&(struct impair_options){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_settings_packets_go_as_they_came),
        cmocka_unit_test(a_delay_is_kept_to_the_nanosecond),
        cmocka_unit_test(a_delay_begins_when_the_packet_came),
        cmocka_unit_test(jitter_lets_packets_overtake),
        cmocka_unit_test(those_due_together_leave_in_the_order_they_came),
        cmocka_unit_test(loss_loses_its_share_and_says_so),
        cmocka_unit_test(a_duplicate_is_the_same_packet_again),
        cmocka_unit_test(duplication_has_its_share_and_takes_nothing_from_loss),
        cmocka_unit_test(a_duplicate_has_a_delay_of_its_own),
        cmocka_unit_test(corruption_flips_as_many_bits_as_asked),
        cmocka_unit_test(as_many_bits_as_there_are_are_each_flipped_once),
        cmocka_unit_test(no_offload_mends_what_was_corrupted),
        cmocka_unit_test(corrupted_bits_are_chosen_evenly_from_the_range),
        cmocka_unit_test(one_chosen_bit_is_that_bit),
        cmocka_unit_test(a_range_behind_the_packet_corrupts_nothing),
        cmocka_unit_test(a_gap_sends_every_nth_at_once),
        cmocka_unit_test(a_share_is_reordered_without_a_gap),
        cmocka_unit_test(a_gap_and_a_share_are_both_kept),
        cmocka_unit_test(a_link_that_is_down_loses_what_arrives_and_keeps_what_is_on_its_way),
        cmocka_unit_test(a_blackhole_swallows_everything),
        cmocka_unit_test(the_mtu_is_that_of_the_network),
        cmocka_unit_test(packets_leave_in_slots),
        cmocka_unit_test(a_packet_that_comes_as_a_slot_opens_is_in_it),
        cmocka_unit_test(a_slot_ends_with_the_packet_that_fills_it),
        cmocka_unit_test(giving_slots_up_keeps_the_order_of_those_that_wait),
        cmocka_unit_test(more_than_there_is_room_for_is_lost_and_counted),
        cmocka_unit_test(a_duplicate_that_cannot_be_made_is_missed),
        cmocka_unit_test(a_clock_that_goes_backwards_stands_still),
        cmocka_unit_test(the_last_moment_there_is_is_a_moment),
        cmocka_unit_test(a_flush_gives_all_back_and_says_so),
        cmocka_unit_test(sizes_outside_the_limits_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
